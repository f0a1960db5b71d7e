import type { Gate } from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { open, rules } from "../gate/open.js";
import { ask, handlerFor } from "./ask.js";

const POLICY = rules(`
- { id: pay, match: { topics: ["pay.out"] }, decision: require_approval, reason: a person looks }
- { id: two, match: { topics: ["pay.two"] }, decision: require_approval, reason: two look, approval: { quorum: 2, confirm_view: true } }
- { id: sure, match: { topics: ["pay.sure"] }, decision: require_approval, reason: a token, approval: { assurance: token } }
`);

const openGate = (): Promise<Gate> =>
  open({ policy: POLICY, store: createMemoryStore(), dispatch: (job) => ({ ran: job.id }) });

async function held(
  topic = "pay.out",
): Promise<{ readonly gate: Gate; readonly handler: ReturnType<typeof handlerFor> }> {
  const gate = await openGate();
  const handler = handlerFor(gate);
  await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "job-1", topic, payload: { to: "NL91" } } });
  return { gate, handler };
}

describe("the queue", () => {
  test("lists what waits, the oldest first, in pages", async () => {
    const { handler } = await held();
    for (const id of ["job-2", "job-3"]) {
      await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id, topic: "pay.out", payload: { id } } });
    }
    const first = await ask(handler, "GET /api/v1/approvals?limit=2");
    expect(first.json.items.map((item: { job_id: string }) => item.job_id)).toEqual(["job-1", "job-2"]);
    const rest = await ask(handler, `GET /api/v1/approvals?limit=2&after=${encodeURIComponent(first.json.next)}`);
    expect(rest.json.items.map((item: { job_id: string }) => item.job_id)).toEqual(["job-3"]);
    expect(rest.json.next).toBeNull();
  });

  test("lists what has ended only where that is asked for", async () => {
    const { handler } = await held();
    await ask(handler, "POST /api/v1/approvals/job-1/reject", { body: { note: "not today" } });
    expect((await ask(handler, "GET /api/v1/approvals?include_resolved=false")).json.items).toEqual([]);
    const { json } = await ask(handler, "GET /api/v1/approvals?include_resolved=true");
    expect(json.items).toMatchObject([{ job_id: "job-1", state: "rejected", votes: [{ note: "not today" }] }]);
  });

  test("is of one's own tenant, or of those that one has a part in", async () => {
    const { handler } = await held();
    await ask(handler, "POST /api/v1/jobs", { as: "other", body: { id: "theirs", topic: "pay.out" } });
    const ids = async (as: string, query = ""): Promise<readonly string[]> =>
      (await ask(handler, `GET /api/v1/approvals${query}`, { as })).json.items.map(
        (item: { job_id: string }) => item.job_id,
      );
    expect(await ids("ann")).toEqual(["job-1"]);
    expect(await ids("all")).toEqual(["job-1", "theirs"]);
    expect(await ids("all", "?tenant_id=other")).toEqual(["theirs"]);
    expect((await ask(handler, "GET /api/v1/approvals?tenant_id=other")).json.code).toBe("tenant_foreign");
  });
});

describe("a request", () => {
  test("is shown with all that a reviewer needs, also as text", async () => {
    const { gate, handler } = await held();
    const { status, json } = await ask(handler, "GET /api/v1/approvals/job-1");
    const shown = await gate.approvals.get({ jobId: "job-1" });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      view: shown?.view,
      text: shown?.text,
      job: { payload: { to: "NL91" } },
      state: "pending",
    });
  });

  test("keeps the caller's own keys as they are", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const body = { id: "j", topic: "pay.out", payload: { camelCase: { aB: 1 } }, labels: { "mcp.actionKind": "x" } };
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body });
    const { json } = await ask(handler, "GET /api/v1/approvals/j");
    expect([json.job.payload, json.job.labels]).toEqual([body.payload, body.labels]);
  });

  test("is approved with a note by a person, which runs nothing by itself", async () => {
    const { gate, handler } = await held();
    const { status, json } = await ask(handler, "POST /api/v1/approvals/job-1/approve", {
      body: { note: "looked at it" },
    });
    expect([status, json.state]).toEqual([200, "approved"]);
    expect(json.votes).toMatchObject([
      { approver: { id: "ann@example.com", kind: "human", roles: ["sre"], assurance: "token" }, note: "looked at it" },
    ]);
    expect((await gate.jobs.get("job-1"))?.status).toBe("PENDING_APPROVAL");
    expect((await gate.resume("job-1")).status).toBe("SUCCEEDED");
  });

  test("that needs a view takes no vote without it, nor with another", async () => {
    const { handler } = await held("pay.two");
    const { json: shown } = await ask(handler, "GET /api/v1/approvals/job-1");
    const vote = async (as: string, body: object): Promise<readonly unknown[]> => {
      const { status, json } = await ask(handler, "POST /api/v1/approvals/job-1/approve", { as, body });
      return [status, json.code ?? json.state];
    };
    expect(await vote("ann", {})).toEqual([409, "approver_view_required"]);
    expect(await vote("ann", { view: "0".repeat(64) })).toEqual([409, "approval_view_mismatch"]);
    expect(await vote("ann", { view: shown.view })).toEqual([200, "pending"]);
    expect(await vote("ann", { view: shown.view })).toEqual([409, "approver_already_voted"]);
    expect(await vote("bob", { view: shown.view })).toEqual([200, "approved"]);
  });

  test("takes the same vote once more under an idempotency key, and no other", async () => {
    const { handler } = await held();
    const sent = { body: { note: "yes" }, headers: { "idempotency-key": "vote-1" } };
    const first = await ask(handler, "POST /api/v1/approvals/job-1/approve", sent);
    const again = await ask(handler, "POST /api/v1/approvals/job-1/approve", sent);
    expect([again.status, again.json.votes]).toEqual([200, first.json.votes]);
    expect((await ask(handler, "POST /api/v1/approvals/job-1/approve", { ...sent, as: "bob" })).status).toBe(409);
  });

  test.each([
    ["an agent", "agent", 403, "approver_is_agent"],
    ["somebody of another tenant", "eve", 404, "approval_unknown"],
    ["somebody with the host's word where a token is asked for", "all", 403, "approver_not_eligible"],
  ])("is not decided by %s", async (_, as, status, code) => {
    const { gate, handler } = await held("pay.sure");
    const told = await ask(handler, "POST /api/v1/approvals/job-1/approve", { as, body: {} });
    expect([told.status, told.json.code]).toEqual([status, code]);
    expect((await gate.approvals.get({ jobId: "job-1" }))?.state).toBe("pending");
  });

  test("that is unknown is a 404, and one that was decided a 409", async () => {
    const { handler } = await held();
    expect((await ask(handler, "GET /api/v1/approvals/none")).status).toBe(404);
    expect((await ask(handler, "POST /api/v1/approvals/none/approve", { body: {} })).status).toBe(404);
    await ask(handler, "POST /api/v1/approvals/job-1/reject", { body: {} });
    const { status, json } = await ask(handler, "POST /api/v1/approvals/job-1/approve", { as: "bob", body: {} });
    expect([status, json.code]).toEqual([409, "approval_rejected"]);
  });

  test("of two tenants is named with its tenant by who may decide for both", async () => {
    const { handler } = await held();
    await ask(handler, "POST /api/v1/jobs", { as: "other", body: { id: "job-1", topic: "pay.out" } });
    const both = await ask(handler, "POST /api/v1/approvals/job-1/approve", { as: "all", body: {} });
    expect([both.status, both.json.code]).toEqual([409, "job_id_ambiguous"]);
    const one = await ask(handler, "POST /api/v1/approvals/job-1/approve?tenant_id=other", { as: "all", body: {} });
    expect([one.status, one.json.tenant_id]).toEqual([200, "other"]);
  });
});
