import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { StoreError } from "../../errors.js";
import { createGate, type Gate } from "../../gate.js";
import { createHttpHandler } from "../../http/handler.js";
import { toNodeListener } from "../../http/node.js";
import type { Policy } from "../../policy/policy.js";
import { CannotRun } from "../io.js";
import { type Approved, runApproved } from "./approved.js";
import type { FromModule } from "./dispatch-module.js";
import type { Who } from "./who.js";

/** What a service is made of. */
export interface ServiceOptions {
  readonly policy: Policy;
  readonly store: string;
  /** Null: jobs are recorded, and nothing runs. */
  readonly module: FromModule | null;
  readonly who: Who;
  readonly address: string;
  readonly port: number;
  /** Names that it goes by besides those of this machine and its address. */
  readonly names: readonly string[];
}

/** A service that listens. */
export interface Service {
  readonly gate: Gate;
  readonly url: string;
  /** Takes no more requests, answers those that are there, waits for jobs that run, and lets go of the store. */
  readonly close: () => Promise<void>;
}

/** What a client may take to send the head of a request, and all of it, in milliseconds. */
const HEAD_MS = 10_000;
const REQUEST_MS = 30_000;

/** How often that is looked at, in milliseconds. */
const CHECK_MS = 1_000;

/** Connections at the same time. */
const MOST_CONNECTIONS = 1_024;

/** Opens a gate and serves it. @throws CannotRun where either cannot be done; then nothing is left open. */
export async function openService(options: ServiceOptions): Promise<Service> {
  let approved: Approved | null = null;
  const gate = await createGate({
    policy: options.policy,
    store: options.store,
    ...options.module,
    onEvent: ({ state }) => {
      if (state === "approved") approved?.look();
    },
  }).catch((error: unknown) => {
    throw error instanceof StoreError ? new CannotRun(error.code, error.message, error.help) : error;
  });
  try {
    const server = serverOf(gate, options);
    await listening(server, options);
    approved = options.module === null ? null : runApproved(gate);
    return { gate, url: urlOf(server), close: () => close(server, gate, approved) };
  } catch (error) {
    await gate.close();
    throw error;
  }
}

function serverOf(gate: Gate, { who, module, address, names }: ServiceOptions): Server {
  const { everybody: _, ...asked } = who;
  const handler = createHttpHandler(gate, {
    ...asked,
    hosts: [...new Set(["localhost", "127.0.0.1", "[::1]", bracketed(address), ...names])],
    jobs: module === null ? "record" : "dispatch",
  });
  const limits = { headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS };
  const server = createServer(limits, toNodeListener(handler));
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

async function listening(server: Server, { address, port }: ServiceOptions): Promise<void> {
  server.listen(port, address);
  await once(server, "listening").catch(({ code, message }: NodeJS.ErrnoException) => {
    const where = `${bracketed(address)}:${port}`;
    if (code === "EADDRINUSE") {
      throw new CannotRun("port_taken", `something listens on ${where} already`, "choose another with `--port`");
    }
    throw new CannotRun("address_unusable", `${where} cannot be listened on: ${code ?? message}`);
  });
}

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${bracketed(address)}:${port}`;
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

async function close(server: Server, gate: Gate, approved: Approved | null): Promise<void> {
  approved?.stop();
  const closed = once(server, "close");
  server.close();
  // From here a request that is still under way is answered that the gate is closed.
  await gate.close();
  server.closeAllConnections();
  await closed;
}
