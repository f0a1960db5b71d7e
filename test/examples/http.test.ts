import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { onExpress } from "../../examples/http/on-express.js";
import { onFastify } from "../../examples/http/on-fastify.js";
import { onHono } from "../../examples/http/on-hono.js";
import { onNode } from "../../examples/http/on-node.js";
import { afterwards } from "../endings.js";
import { ASK_ALL, open } from "../gate/open.js";
import { handlerFor } from "../http/ask.js";

type Mount = (handler: ReturnType<typeof handlerFor>) => Server | Promise<Server>;

/** Answers the server's origin. */
async function listening(mount: Mount): Promise<string> {
  const gate = await open({ policy: ASK_ALL, store: createMemoryStore(), dispatch: () => "ran" });
  const server = await mount(handlerFor(gate));
  if (!server.listening) {
    if (server.address() === null) server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const post = (body: unknown, token: string): RequestInit => ({
  method: "POST",
  headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  body: JSON.stringify(body),
});

describe.each<readonly [string, Mount]>([
  ["Node's own server", (handler) => onNode(handler).listen(0, "127.0.0.1")],
  ["Express", onExpress],
  ["Fastify", onFastify],
  ["Hono", onHono],
])("mounted in %s", (_, mount) => {
  test("a job is held, listed and approved over a real connection", async () => {
    const origin = await listening(mount);
    const held = await fetch(`${origin}/api/v1/jobs`, post({ id: "j", topic: "pay.out" }, "agent"));
    expect(held.status).toBe(202);
    const where = new URL(held.headers.get("location") ?? "", `${origin}/api/v1/jobs`);
    const asked = await fetch(where, { headers: { authorization: "Bearer agent" } });
    expect(await asked.json()).toMatchObject({ job_id: "j", status: "PENDING_APPROVAL" });
    const voted = await fetch(`${origin}/api/v1/approvals/j/approve`, post({ note: "seen" }, "ann"));
    expect([voted.status, await voted.json()]).toMatchObject([200, { state: "approved", votes: [{ note: "seen" }] }]);
  });

  test("bodies that are too large, and answers to HEAD, are as they should be", async () => {
    const origin = await listening(mount);
    const large = await fetch(`${origin}/api/v1/jobs`, post({ topic: "a", payload: "x".repeat(2_000_000) }, "agent"));
    expect([large.status, large.headers.get("content-type")]).toEqual([413, "application/problem+json"]);
    const head = await fetch(`${origin}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});

test.each<readonly [string, Mount]>([
  ["Express", onExpress],
  ["Fastify", onFastify],
  ["Hono", onHono],
])("what is the host's own stays the host's in %s", async (_, mount) => {
  const origin = await listening(mount);
  expect(await (await fetch(`${origin}/hello`)).text()).toBe("hello");
});

test("a client that sends its body slowly is let go, and keeps nobody else waiting", { timeout: 30_000 }, async () => {
  const origin = await listening((handler) => onNode(handler).listen(0, "127.0.0.1"));
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  afterwards(() => socket.destroy());
  let told = "";
  socket.on("data", (data) => {
    told += String(data);
  });
  socket.write("POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer agent\r\n");
  socket.write("content-type: application/json\r\ncontent-length: 100\r\n\r\n{");
  const drip = setInterval(() => socket.write(" "), 500);
  afterwards(() => clearInterval(drip));
  expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  while (!told.includes("\r\n\r\n")) await sleep(50);
  expect(told).toContain("408 Request Timeout");
});
