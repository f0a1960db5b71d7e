import type { Gate } from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { repeatsName } from "../../src/http/read-json.js";
import { open, rules } from "../gate/open.js";
import { ask, handlerFor } from "./ask.js";

const POLICY = rules(`
- { id: read, match: { topics: ["read.*"] }, decision: allow }
- { id: pay, match: { topics: ["pay.*"] }, decision: require_approval, reason: a person looks }
`);

const openGate = (): Promise<Gate> => open({ policy: POLICY, store: createMemoryStore(), dispatch: () => "ran" });

/** Everything that a request may change. */
const eventsOf = async (gate: Gate): Promise<number> => (await gate.audit.events({ limit: 1_000 })).items.length;

describe("a body that is none", () => {
  test.each([
    ["nothing", "", 400, "body_invalid"],
    ["no JSON", "{", 400, "body_invalid"],
    ["a list", "[]", 400, "body_invalid"],
    ["null", "null", 400, "body_invalid"],
    ["a name twice", '{"topic":"read.a","topic":"pay.a"}', 400, "body_invalid"],
    ["a name twice, once escaped", '{"topic":"read.a","\\u0074opic":"pay.a"}', 400, "body_invalid"],
    ["a name twice inside", '{"topic":"read.a","payload":[{"a":1,"a":2}]}', 400, "body_invalid"],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, "body_invalid"],
    ["a byte order mark", '\ufeff{"topic":"read.a"}', 400, "body_invalid"],
    ["an unknown field", { topic: "read.a", priority: 1 }, 400, "job_invalid"],
    ["a field in another spelling", { topic: "read.a", riskTags: [] }, 400, "job_invalid"],
    ["a limit in another spelling", { topic: "read.a", constraints: { maxRetries: 1 } }, 400, "job_invalid"],
    ["no topic", {}, 400, "job_invalid"],
    ["a topic of the wrong type", { topic: 7 }, 400, "job_invalid"],
    ["tags of the wrong type", { topic: "read.a", risk_tags: "prod" }, 400, "job_invalid"],
    ["a prototype", '{"topic":"read.a","__proto__":{"topic":"pay.a"}}', 400, "job_invalid"],
    ["a lone surrogate", '{"topic":"read.a","payload":"\\ud800"}', 400, "job_invalid"],
    ["a number that is none of JSON's", '{"topic":"read.a","payload":1e999}', 400, "job_invalid"],
    ["very deep", `{"topic":"read.a","payload":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, 400, "job_invalid"],
  ])("%s is told as such, and runs nothing", async (_, body, status, code) => {
    const gate = await openGate();
    const told = await ask(handlerFor(gate), "POST /api/v1/jobs", { as: "agent", body });
    expect([told.status, told.json.code]).toEqual([status, code]);
    expect(told.text).not.toMatch(/at .*\.(ts|js)/);
    expect((await gate.jobs.list()).items).toEqual([]);
  });

  test("the field that was meant is named", async () => {
    const { json } = await ask(handlerFor(await openGate()), "POST /api/v1/jobs", {
      body: { topic: "read.a", risktags: [] },
    });
    expect([json.detail, json.help]).toEqual(["a job has no field `risktags`", "did you mean `risk_tags`?"]);
  });

  test("10 MB are not read to their end, announced or not", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const announced = await ask(handler, "POST /api/v1/jobs", {
      body: "{}",
      headers: { "content-length": "10000000" },
    });
    expect([announced.status, announced.json.code]).toEqual([413, "body_too_large"]);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
        if (sent >= 10_000_000) controller.close();
      },
    });
    const request = new Request("http://localhost/api/v1/jobs", {
      method: "POST",
      headers: { authorization: "Bearer agent", "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit);
    const response = await handler(request);
    expect([response.status, response.headers.get("connection")]).toEqual([413, "close"]);
    expect(sent).toBeLessThan(1_500_000);
  });

  test("a vote with unknown fields, of the wrong type or too long is told as such, and counts for nothing", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "j", topic: "pay.a" } });
    for (const body of [{ by: "ann" }, { note: 1 }, { note: "x".repeat(4_097) }, { view: null }]) {
      const { status, json } = await ask(handler, "POST /api/v1/approvals/j/approve", { body });
      expect([status, json.code]).toEqual([400, "vote_invalid"]);
    }
    expect((await gate.approvals.get({ jobId: "j" }))?.votes).toEqual([]);
  });
});

describe("who asks", () => {
  const lines = [
    ...["POST /api/v1/jobs", "GET /api/v1/jobs/j", "GET /api/v1/approvals", "GET /api/v1/approvals/j"],
    ...["POST /api/v1/approvals/j/approve", "POST /api/v1/approvals/j/reject", "GET /api/v1/traces/t"],
    ...["GET /api/v1/policy", "POST /api/v1/policy/simulate", "GET /api/v1/audit/checkpoint", "GET /metrics"],
  ];

  test.each(lines)("%s needs somebody who is known", async (line) => {
    const gate = await openGate();
    const before = await eventsOf(gate);
    const body = line.startsWith("POST") ? { body: { topic: "read.a" } } : {};
    for (const as of [null, "nobody"]) {
      const { status, headers, json } = await ask(handlerFor(gate), line, { as, ...body });
      expect([status, json.code, headers.get("www-authenticate")]).toEqual([401, "identity_required", "Bearer"]);
    }
    expect(await eventsOf(gate)).toBe(before);
  });

  test.each(lines)("%s needs somebody who may", async (line) => {
    const gate = await openGate();
    const before = await eventsOf(gate);
    const body = line.startsWith("POST") ? { body: {} } : {};
    const refusing: readonly ((() => boolean) | (() => never))[] = [
      () => false,
      () => "yes" as never,
      () => {
        throw new Error("the directory is down");
      },
    ];
    for (const authorize of refusing) {
      const { status, json } = await ask(handlerFor(gate, { authorize }), line, body);
      expect([status, json.code]).toEqual([403, "not_permitted"]);
    }
    expect(await eventsOf(gate)).toBe(before);
  });

  test("a login that fails lets nobody in, and says nothing of why", async () => {
    const authenticate = (): never => {
      throw new Error("ldap://internal is down");
    };
    const { status, json, text } = await ask(handlerFor(await openGate(), { authenticate }), "GET /api/v1/approvals");
    expect([status, json.code]).toEqual([503, "identity_unavailable"]);
    expect(text).not.toContain("ldap");
  });
});

describe("what a browser was tricked into", () => {
  const sent = { body: { topic: "read.a" } };

  test.each([
    ["a form's type", { "content-type": "application/x-www-form-urlencoded" }, 415, "content_type_unsupported"],
    ["a text's type", { "content-type": "text/plain" }, 415, "content_type_unsupported"],
    ["another site", { origin: "https://evil.example" }, 403, "origin_foreign"],
    ["an opaque origin", { origin: "null" }, 403, "origin_foreign"],
    ["another port", { origin: "http://localhost:9" }, 403, "origin_foreign"],
    ["another site, as the browser says", { "sec-fetch-site": "cross-site" }, 403, "origin_foreign"],
    ["a subdomain, as the browser says", { "sec-fetch-site": "same-site" }, 403, "origin_foreign"],
    ["a name that leads here", { host: "evil.example" }, 421, "host_unknown"],
    ["a name that begins alike", { host: "localhost.evil.example" }, 421, "host_unknown"],
    ["a name that ends alike", { host: "evil-localhost" }, 421, "host_unknown"],
  ])("%s changes nothing", async (_, headers, status, code) => {
    const gate = await openGate();
    const before = await eventsOf(gate);
    const told = await ask(handlerFor(gate), "POST /api/v1/jobs", { ...sent, headers });
    expect([told.status, told.json.code]).toEqual([status, code]);
    expect(await eventsOf(gate)).toBe(before);
  });

  test("the page of this very origin may", async () => {
    const headers = { origin: "http://localhost:8081", host: "localhost:8081", "sec-fetch-site": "same-origin" };
    expect((await ask(handlerFor(await openGate()), "POST /api/v1/jobs", { ...sent, headers })).status).toBe(200);
  });

  test("what is read needs a name of this service as well, and health does not", async () => {
    const handler = handlerFor(await openGate());
    const headers = { host: "10.0.0.7:8081" };
    expect((await ask(handler, "GET /api/v1/approvals", { headers })).status).toBe(421);
    expect((await ask(handler, "GET /healthz", { headers, as: null })).status).toBe(200);
    const named = handlerFor(await openGate(), { hosts: ["10.0.0.7"] });
    expect((await ask(named, "GET /api/v1/approvals", { headers })).status).toBe(200);
  });

  test("no answer is kept, framed or taken for another type", async () => {
    const handler = handlerFor(await openGate());
    for (const line of ["GET /healthz", "GET /nowhere", "GET /api/v1/approvals", "DELETE /api/v1/jobs"]) {
      const { headers } = await ask(handler, line);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }
  });
});

describe("what is asked", () => {
  test.each([
    ["DELETE /api/v1/jobs", 405, "POST"],
    ["GET /api/v1/jobs", 405, "POST"],
    ["POST /api/v1/approvals", 405, "GET, HEAD"],
    ["GET /api/v1/approvals/j/approve", 405, "POST"],
    ["PUT /healthz", 405, "GET, HEAD"],
  ])("%s is not how it is asked", async (line, status, allow) => {
    const told = await ask(handlerFor(await openGate()), line);
    expect([told.status, told.json.code, told.headers.get("allow")]).toEqual([status, "method_not_allowed", allow]);
  });

  test.each([
    "GET /api",
    "GET /api/v1",
    "GET /api/v1/jobs/a/b",
    "GET /api/v1/approvals/j/approve/x",
    "GET /api/v1//approvals",
    "GET /API/v1/approvals",
    "GET /api/v1/approvals/",
    "GET /..%2fapi/v1/approvals",
    "GET /api/v1/jobs/..%2f..%2fpolicy",
    "GET /api/v1/jobs/%00",
    "GET /api/v1/jobs/%ff",
    `GET /api/v1/jobs/${"x".repeat(4_000)}`,
    "GET /api/v1/traces/%0d%0aset-cookie:%20a=b",
  ])("%s leads nowhere", async (line) => {
    const { status, headers } = await ask(handlerFor(await openGate()), line);
    expect(status).toBe(404);
    expect(headers.has("set-cookie")).toBe(false);
  });

  test.each([
    ["GET /api/v1/approvals?limit=0", "`limit` is a whole number from 1 to 1,000"],
    ["GET /api/v1/approvals?limit=1e3", "`limit` is a whole number from 1 to 1,000"],
    ["GET /api/v1/approvals?limit=1&limit=2", "the query parameter `limit` is given twice"],
    ["GET /api/v1/approvals?include_resolved=yes", "`include_resolved` is true or false"],
    ["GET /api/v1/approvals?includeResolved=true", "there is no query parameter `includeResolved` here"],
    ["GET /healthz?verbose", "there is no query parameter `verbose` here"],
  ])("%s says what is wrong with it", async (line, detail) => {
    const { status, json } = await ask(handlerFor(await openGate()), line);
    expect([status, json.code, json.detail]).toEqual([400, "query_invalid", detail]);
  });

  test("a page that was never answered is told as such", async () => {
    const { status, json } = await ask(handlerFor(await openGate()), "GET /api/v1/approvals?after=nonsense");
    expect([status, json.code ?? json.items]).toEqual([400, "query_invalid"]);
  });
});

describe("options that are none", () => {
  test.each([
    [{}, "createHttpHandler needs `authenticate` and `authorize`: who somebody is, and what they may"],
    [{ authorise: () => true }, "createHttpHandler has no option `authorise`: did you mean `authorize`?"],
    [
      { hosts: ["https://gate.example.com/"] },
      "`hosts` must be a list of names as in a `Host` header, such as `gate.example.com`",
    ],
    [{ jobs: "none" }, '`jobs` must be one of "dispatch", "record"'],
    [{ maxBodyBytes: 10 }, "`maxBodyBytes` must be an integer from 1,024 to 16,777,216"],
    [{ challenge: "Basic\r\nset-cookie: a=b" }, "`challenge` must be a `WWW-Authenticate` header"],
  ])("%o are refused", async (options, message) => {
    const gate = await openGate();
    const whole =
      Object.keys(options).length === 0 ? {} : { authenticate: () => null, authorize: () => true, ...options };
    const { createHttpHandler } = await import("dispatch-gate/http");
    expect(() => createHttpHandler(gate, whole as never)).toThrow(message);
  });
});

test("a name that stands twice in one object is found, and in none else", () => {
  expect(repeatsName('{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}],"d":"a","e":"\\"a\\":"}')).toBe(false);
  expect(repeatsName('{"a":{"b":1,"c":[],"b" \n:2}}')).toBe(true);
  expect(repeatsName('{"__proto__":1,"__proto__":2}')).toBe(true);
});
