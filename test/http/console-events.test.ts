import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Gate, Store } from "dispatch-gate";
import { type HttpHandler, toNodeListener } from "dispatch-gate/http";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test, vi } from "vitest";
import { MOST_STREAMS } from "../../src/http/console/live.js";
import { openStream } from "../../src/http/console/stream.js";
import { afterwards } from "../endings.js";
import { ASK_ALL, freshFolder, open } from "../gate/open.js";
import { ask, handlerFor } from "./ask.js";

const openGate = (store: Store = createMemoryStore()): Promise<Gate> =>
  open({ policy: ASK_ALL, store, dispatch: () => "ran" });

const submit = (handler: HttpHandler, id: string, as = "agent"): Promise<unknown> =>
  ask(handler, "POST /api/v1/jobs", { as, body: { id, topic: "pay.out", payload: id } });

/** Answers the origin of a server with the handler. */
async function listening(handler: HttpHandler): Promise<string> {
  const server = createServer(toNodeListener(handler)).listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Opened {
  readonly response: Response;
  /** The next event; null at the end. */
  readonly next: () => Promise<string | null>;
  readonly leave: () => void;
}

/** Opens a stream over a real connection. */
async function openEvents(origin: string, as = "ann"): Promise<Opened> {
  const gone = new AbortController();
  afterwards(() => gone.abort());
  const headers = { authorization: `Bearer ${as}` };
  const response = await fetch(`${origin}/console/events`, { headers, signal: gone.signal });
  const reader = response.ok ? response.body?.getReader() : undefined;
  const decoder = new TextDecoder();
  let text = "";
  const next = async (): Promise<string | null> => {
    for (;;) {
      const [event, ...rest] = text.split("\n\n");
      if (event !== undefined && rest.length > 0) {
        text = rest.join("\n\n");
        return event;
      }
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) return null;
      text += decoder.decode(value, { stream: true });
    }
  };
  return { response, next, leave: () => gone.abort() };
}

const EVENT = /^event: queue\ndata: [0-9a-f]{64}$/;

describe("the stream of a queue", () => {
  test("tells at once how it stands, and whenever a request is opened, voted on or resolved", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const { response, next } = await openEvents(await listening(handler));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    const told = new Set([await next()]);
    await submit(handler, "j");
    told.add(await next());
    await ask(handler, "POST /api/v1/approvals/j/approve", { body: {} });
    told.add(await next());
    await gate.resume("j");
    told.add(await next());
    // The last is like the first: nothing waits.
    expect(told.size).toBe(3);
    for (const event of told) expect(event).toMatch(EVENT);
  });

  test("tells what another gate on the store does", async () => {
    const file = join(freshFolder(), "gate.db");
    const [here, there] = [await openGate(await openSqliteStore(file)), await openGate(await openSqliteStore(file))];
    const { next } = await openEvents(await listening(handlerFor(here)));
    const first = await next();
    await submit(handlerFor(there), "j");
    const second = await next();
    expect(second).toMatch(EVENT);
    expect(second).not.toBe(first);
  });

  test("tells nothing of other tenants", async () => {
    const handler = handlerFor(await openGate());
    const origin = await listening(handler);
    const { next } = await openEvents(origin);
    const before = await next();
    await submit(handler, "theirs", "other");
    await submit(handler, "ours");
    expect(await next()).not.toBe(before);
    await ask(handler, "POST /api/v1/approvals/ours/reject", { body: {} });
    // Theirs waits still: nothing of it is in what ann is told.
    expect(await next()).toBe(before);
    const every = await openEvents(origin, "all");
    expect(await every.next()).not.toBe(before);
  });

  test("ends with the gate", async () => {
    const gate = await openGate();
    const { next } = await openEvents(await listening(handlerFor(gate)));
    await next();
    await gate.close();
    expect(await next()).toBeNull();
  });

  test("is one of a bounded number, and makes room when its reader goes", async () => {
    const origin = await listening(handlerFor(await openGate()));
    const streams = await Promise.all(Array.from({ length: MOST_STREAMS }, () => openEvents(origin)));
    expect(new Set(streams.map(({ response }) => response.status))).toEqual(new Set([200]));
    const { response } = await openEvents(origin);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await response.json()).toMatchObject({ code: "streams_exhausted" });
    streams[0]?.leave();
    await vi.waitFor(async () => expect((await openEvents(origin)).response.status).toBe(200), 10_000);
  });

  test("is not for pages of other sites, and HEAD opens none", async () => {
    const handler = handlerFor(await openGate());
    const asked = (headers: Record<string, string>, method = "GET"): Promise<Response> =>
      handler(
        new Request("http://localhost/console/events", {
          method,
          headers: { authorization: "Bearer ann", ...headers },
        }),
      );
    expect((await asked({ origin: "https://evil.example" })).status).toBe(403);
    expect((await asked({ "sec-fetch-site": "cross-site" })).status).toBe(403);
    for (let n = 0; n <= MOST_STREAMS; n += 1) {
      const head = await asked({}, "HEAD");
      expect([head.status, await head.text()]).toEqual([200, ""]);
    }
  });
});

describe("a slow reader", () => {
  test("is kept one message, and gets the latest of what it left", async () => {
    const { stream, readable } = openStream(() => undefined);
    for (let n = 0; n < 10_000; n += 1) stream.tell(String(n));
    stream.end();
    const told = await new Response(readable).text();
    expect(told).toBe("event: queue\ndata: 0\n\n");
  });

  test("that reads again is told how it stands now", async () => {
    const { stream, readable } = openStream(() => undefined);
    for (let n = 0; n < 10_000; n += 1) stream.tell(String(n));
    const reader = readable.getReader();
    const read = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    expect([await read(), await read()]).toEqual(["event: queue\ndata: 0\n\n", "event: queue\ndata: 9999\n\n"]);
    await reader.cancel();
  });

  test("is let go after four heartbeats, and who reads lives until it is to say again who it is", async () => {
    vi.useFakeTimers();
    afterwards(() => vi.useRealTimers());
    const ended: string[] = [];
    const slow = openStream(() => ended.push("slow"));
    slow.stream.tell("x");
    const reading = openStream(() => ended.push("reading"));
    const text = new Response(reading.readable).text();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ended).toEqual(["slow"]);
    await vi.advanceTimersByTimeAsync(540_000);
    expect(ended).toEqual(["slow", "reading"]);
    expect(await text).toMatch(/^(?:: \n\n){39,40}$/);
  });
});
