import type { Gate, GateOptions } from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { open, rules } from "../gate/open.js";
import { ask, handlerFor, PEOPLE } from "./ask.js";

const POLICY = rules(`
- { id: read, match: { topics: ["read.*"] }, decision: allow }
- { id: drop, match: { topics: ["drop.*"] }, decision: deny, reason: nothing is dropped }
- { id: pay, match: { topics: ["pay.*"] }, decision: require_approval, reason: a person looks }
- { id: post, match: { topics: ["mail.*"] }, decision: allow }
- { id: mail, match: { topics: ["mail.*"] }, decision: throttle, throttle: { limit: 1, window_sec: 60 } }
`);

const openGate = (options: Partial<GateOptions> = {}): Promise<Gate> =>
  open({ policy: POLICY, store: createMemoryStore(), dispatch: (job) => ({ ran: job.topic }), ...options });

describe("a job that is submitted", () => {
  test("runs where the policy permits it, and is of its submitter", async () => {
    const handler = handlerFor(await openGate({ dispatch: (job) => ({ by: job.actor, tenant: job.tenantId }) }));
    const { status, json } = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.file" } });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: "SUCCEEDED",
      output: { by: { id: "agent-7", type: "agent" }, tenant: "default" },
      dispatched: true,
    });
    const again = await ask(handler, `GET /api/v1/jobs/${json.job_id}`, { as: "agent" });
    expect(again.json).toEqual({ ...json, replayed: true });
  });

  test("is 202 while it waits for approval, and says where it is asked for", async () => {
    const handler = handlerFor(await openGate());
    const { status, headers, json } = await ask(handler, "POST /api/v1/jobs", {
      as: "agent",
      body: { topic: "pay.out" },
    });
    expect([status, json.status, json.dispatched]).toEqual([202, "PENDING_APPROVAL", false]);
    expect(headers.get("location")).toBe(`jobs/${json.job_id}`);
    expect(json.trace_id).toMatch(/^[0-9a-f]{32}$/);
  });

  test("is a 403 problem where the policy forbids it, with no more of the decision than what it came to", async () => {
    const handler = handlerFor(await openGate());
    const { status, headers, json } = await ask(handler, "POST /api/v1/jobs", {
      as: "agent",
      body: { topic: "drop.all" },
    });
    expect(status).toBe(403);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(json).toMatchObject({
      type: "urn:dispatch-gate:problem:rule_matched",
      title: "Forbidden",
      detail: "nothing is dropped",
      outcome: { status: "DENIED", decision: { type: "DENY", rule_id: "drop" }, reason: { rule_id: "drop" } },
    });
    expect(Object.keys(json.outcome.decision).sort()).toEqual([
      "reason",
      "remediations",
      "rule_id",
      "snapshot",
      "type",
    ]);
  });

  test("is 429 over a limit, and says after how many whole seconds there is room", async () => {
    const handler = handlerFor(await openGate());
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "mail.out" } });
    const { status, headers, json } = await ask(handler, "POST /api/v1/jobs", {
      as: "agent",
      body: { topic: "mail.out" },
    });
    expect([status, json.code, json.outcome.status]).toEqual([429, "rate_limited", "THROTTLED"]);
    const seconds = Number(headers.get("retry-after"));
    expect(Number.isInteger(seconds) && seconds >= 59 && seconds <= 60).toBe(true);
  });

  test("is 409 where its id is another job's", async () => {
    const handler = handlerFor(await openGate());
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "one", topic: "read.file" } });
    const { status, json } = await ask(handler, "POST /api/v1/jobs", {
      as: "agent",
      body: { id: "one", topic: "read.x" },
    });
    expect([status, json.code]).toEqual([409, "job_id_reused"]);
  });

  test("is 503 while the gate is halted", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    await gate.halt({ by: "ann", reason: "an incident" });
    const { status, json } = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.file" } });
    expect([status, json.code]).toEqual([503, "gate_halted"]);
  });

  test("is 200 however it ended, since asking again would run nothing; of its error neither stack nor properties are told", async () => {
    const dispatch = (): never => {
      throw Object.assign(new Error("it went wrong"), { code: "E_WRONG", secret: 1 });
    };
    const handler = handlerFor(await openGate({ dispatch }));
    const { status, json } = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.file" } });
    expect([status, json.status]).toEqual([200, "FAILED"]);
    expect(json.error).toEqual({ name: "Error", message: "it went wrong", code: "E_WRONG" });
  });

  test("may have an output that is no JSON, which is told in the form that is recorded", async () => {
    const handler = handlerFor(await openGate({ dispatch: () => ({ at: new Date(0), n: 7n }) }));
    const { json } = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.file" } });
    expect(json.output).toEqual({
      at: { "$gate.date": "1970-01-01T00:00:00.000Z" },
      n: { "$gate.bigint": "7" },
    });
  });

  test("may wait for its approval, where the request prefers that", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const waiting = ask(handler, "POST /api/v1/jobs", {
      as: "agent",
      body: { id: "held", topic: "pay.out" },
      headers: { prefer: "wait=20" },
    });
    while ((await gate.approvals.get({ jobId: "held" })) === null) await new Promise((go) => setTimeout(go, 5));
    await ask(handler, "POST /api/v1/approvals/held/approve", { as: "ann", body: {} });
    expect((await waiting).json).toMatchObject({ status: "SUCCEEDED", approval: { state: "consumed" } });
  });
});

describe("who a job is of", () => {
  test("is the identity's word: another tenant or any actor in the body is refused, and nothing is recorded", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const before = (await gate.audit.events()).items.length;
    for (const [body, status, code] of [
      [{ topic: "read.file", tenant_id: "other" }, 403, "tenant_foreign"],
      [{ topic: "read.file", actor: { id: "ann@example.com", type: "human" } }, 400, "job_invalid"],
      [{ topic: "read.file", actor: null }, 400, "job_invalid"],
      [{ topic: "read.file", tenantId: "other" }, 400, "job_invalid"],
    ] as const) {
      const { status: told, json } = await ask(handler, "POST /api/v1/jobs", { as: "agent", body });
      expect([told, json.code]).toEqual([status, code]);
    }
    expect((await gate.audit.events()).items.length).toBe(before);
    const { status } = await ask(handler, "POST /api/v1/jobs", {
      as: "agent",
      body: { topic: "read.file", tenant_id: "default" },
    });
    expect(status).toBe(200);
  });

  test("another tenant's job is not there", async () => {
    const handler = handlerFor(await openGate());
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "mine", topic: "read.file" } });
    expect((await ask(handler, "GET /api/v1/jobs/mine", { as: "other" })).status).toBe(404);
    expect((await ask(handler, "GET /api/v1/jobs/mine?tenant_id=default", { as: "other" })).json.code).toBe(
      "tenant_foreign",
    );
    expect((await ask(handler, "GET /api/v1/jobs/mine", { as: "all" })).status).toBe(200);
  });

  test("an id that two tenants use is ambiguous for who may look at both", async () => {
    const handler = handlerFor(await openGate());
    for (const as of ["agent", "other"]) {
      await ask(handler, "POST /api/v1/jobs", { as, body: { id: "one", topic: "read.file" } });
    }
    expect((await ask(handler, "GET /api/v1/jobs/one", { as: "all" })).json.code).toBe("job_id_ambiguous");
    expect((await ask(handler, "GET /api/v1/jobs/one?tenant_id=other", { as: "all" })).status).toBe(200);
  });

  test("the host is told who asked for a job before it lets it be read", async () => {
    const asked: unknown[] = [];
    const handler = handlerFor(await openGate(), {
      authorize: (identity, what) => {
        asked.push(what);
        return what.action !== "jobs.read" || what.actors?.includes(identity.id) === true;
      },
    });
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "mine", topic: "read.file" } });
    expect((await ask(handler, "GET /api/v1/jobs/mine", { as: "ann" })).json.code).toBe("not_permitted");
    expect((await ask(handler, "GET /api/v1/jobs/none", { as: "ann" })).json.code).toBe("not_permitted");
    expect((await ask(handler, "GET /api/v1/jobs/mine", { as: "agent" })).status).toBe(200);
    expect(asked.at(-1)).toEqual({ action: "jobs.read", tenantId: "default", jobId: "mine", actors: ["agent-7"] });
  });

  test("who submits may not approve, also where nobody acts", async () => {
    const nobody = { id: "ann@example.com", type: "human", actor: null } as const;
    const handler = handlerFor(await openGate(), {
      authenticate: (request) => (request.headers.has("x-nobody") ? nobody : (PEOPLE.ann ?? null)),
    });
    await ask(handler, "POST /api/v1/jobs", { body: { id: "mine", topic: "pay.out" } });
    expect((await ask(handler, "POST /api/v1/approvals/mine/approve", { body: {} })).json.code).toBe(
      "approver_is_requester",
    );
    await ask(handler, "POST /api/v1/jobs", { body: { id: "free", topic: "pay.in" }, headers: { "x-nobody": "1" } });
    expect((await ask(handler, "POST /api/v1/approvals/free/approve", { body: {} })).status).toBe(200);
  });
});

describe("an idempotency key", () => {
  test("makes the same request the same job, whoever of the processes is asked", async () => {
    const ran: string[] = [];
    const gate = await openGate({ dispatch: (job) => ran.push(job.id) });
    const [one, two] = [handlerFor(gate), handlerFor(gate)];
    const sent = { as: "agent", body: { topic: "read.file" }, headers: { "idempotency-key": "k-1" } };
    const first = await ask(one, "POST /api/v1/jobs", sent);
    const second = await ask(two, "POST /api/v1/jobs", sent);
    expect(second.json).toEqual({ ...first.json, replayed: true });
    expect(ran).toHaveLength(1);
  });

  test("is of its identity, and names one content", async () => {
    const handler = handlerFor(await openGate());
    const headers = { "idempotency-key": "k-1" };
    const first = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.file" }, headers });
    const other = await ask(handler, "POST /api/v1/jobs", { as: "ann", body: { topic: "read.file" }, headers });
    expect(other.json.job_id).not.toBe(first.json.job_id);
    const changed = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.x" }, headers });
    expect([changed.status, changed.json.code]).toEqual([409, "job_id_reused"]);
    const both = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "x", topic: "read.x" }, headers });
    expect(both.json.code).toBe("job_invalid");
  });
});

describe("a service that only records", () => {
  test("dispatches nothing, and says so with every answer", async () => {
    let ran = 0;
    const dispatch = (): number => {
      ran += 1;
      return ran;
    };
    const handler = handlerFor(await openGate({ dispatch }), { jobs: "record" });
    const allowed = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "read.file" } });
    expect([allowed.status, allowed.json.status, allowed.json.recorded_only]).toEqual([200, "RECORDED", true]);
    expect(allowed.json.note).toBe("this service records what it decides, and dispatches nothing");
    const held = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "pay.out" } });
    expect([held.status, held.json.status, held.json.recorded_only]).toEqual([202, "PENDING_APPROVAL", true]);
    const denied = await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic: "drop.all" } });
    expect([denied.status, denied.json.outcome.status]).toEqual([403, "DENIED"]);
    expect(ran).toBe(0);
  });
});
