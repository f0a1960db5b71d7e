import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALLOW_ALL, ASK_ALL, codeOf, DENY_ALL, open, rules, SEED_POLICY, STORES } from "./open.js";

const job = {
  topic: "job.mcp-bridge.write.update_ticket",
  tenantId: "default",
  riskTags: ["prod"],
  labels: { "mcp.action": "write" },
  payload: { ticket: 7, status: "closed" },
};
const ann = { id: "ann@example.com", roles: ["oncall"] };

describe.each(STORES)("approvals, %s", (_name, openStore) => {
  test("a held job is shown, approved with a note, resumed once, and its trace tells who, when and why", async () => {
    const ran: unknown[] = [];
    const clock = createFakeClock();
    const gate = await open({
      policy: { yaml: SEED_POLICY },
      store: await openStore(),
      now: clock.now,
      dispatch: (admitted) => {
        ran.push(admitted.payload);
        return "updated";
      },
    });
    const held = await gate.evaluateAndDispatch({ ...job, traceId: "t-1", actor: { id: "bot", type: "agent" } });
    expectOutcome(held, { status: "PENDING_APPROVAL", code: "approval_required", dispatched: false });
    expect(held.reason.message).toBe("Production writes require human review");
    expect(held.approval?.state).toBe("pending");
    const jobId = held.jobId ?? "";

    const { items } = await gate.approvals.list();
    expect(items.map(({ id }) => id)).toEqual([held.approval?.id]);
    const shown = await gate.approvals.get({ jobId });
    expect(shown).toMatchObject({
      jobHash: held.jobHash,
      snapshot: gate.policy.snapshot,
      state: "pending",
      dispatcher: "default",
    });
    expect(shown?.job).toMatchObject({ topic: job.topic, payload: job.payload, riskTags: ["prod"] });

    expectOutcome(await gate.resume(jobId), { status: "PENDING_APPROVAL" });
    expect(ran).toEqual([]);
    clock.advance(60_000);
    const approved = await gate.approvals.approve({ jobId }, { by: ann, note: "approved after policy review" });
    expect(approved.state).toBe("approved");
    expect(approved.votes).toEqual([
      {
        approver: { id: "ann@example.com", kind: "human", roles: ["oncall"], assurance: "host" },
        vote: "approve",
        at: clock.now(),
        note: "approved after policy review",
        confirmed: false,
      },
    ]);
    expect(ran).toEqual([]);

    const done = expectOutcome(await gate.resume(jobId), { status: "SUCCEEDED", replayed: false });
    expect(done.approval?.state).toBe("consumed");
    expect(ran).toEqual([job.payload]);
    expectOutcome(await gate.resume(jobId), { status: "SUCCEEDED", replayed: true });
    expect(ran.length).toBe(1);
    expect((await gate.approvals.list()).items).toEqual([]);
    expect((await gate.approvals.list({ includeResolved: true })).items.length).toBe(1);

    const { entries } = await gate.audit.timeline("t-1");
    expect(entries.map(({ type }) => type)).toEqual([
      "approval.requested",
      "approval.voted",
      "job.dispatching",
      "job.settled",
    ]);
    expect(entries[0]?.body).toMatchObject({
      actor: { id: "bot", type: "agent" },
      decision: { rule_id: "require-approval-prod-write" },
    });
    expect(entries[1]?.body).toMatchObject({ approver: { id: "ann@example.com" }, vote: "approve", state: "approved" });
    expect(entries[1]?.note).toBe("approved after policy review");
    expect(entries[2]?.approvalId).toBe(approved.id);
    expect(entries[3]?.body).toMatchObject({ status: "SUCCEEDED" });
  });

  test("payloads, labels, notes, outputs and the job hash stand in no event", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "needle-output" });
    const outcome = await gate.evaluateAndDispatch({
      topic: "a",
      payload: "needle-payload",
      labels: { k: "needle-label" },
    });
    await gate.approvals.approve({ jobId: outcome.jobId ?? "" }, { by: ann, note: "needle-note" });
    expectOutcome(await gate.resume(outcome.jobId ?? ""), { status: "SUCCEEDED" });
    const log = (await gate.audit.events()).items.map(({ text }) => text).join("\n");
    expect(log).not.toContain("needle");
    expect(log).not.toContain(outcome.jobHash);
  });

  test("submitting the same job again after its approval runs it, with or without an id", async () => {
    for (const id of [undefined, "j-1"]) {
      let calls = 0;
      const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => ++calls });
      const again = { topic: "job.a", payload: { n: 1 }, ...(id === undefined ? {} : { id }) };
      const first = await gate.evaluateAndDispatch(again);
      const second = await gate.evaluateAndDispatch(again);
      expect(second.jobId).toBe(first.jobId);
      await gate.approvals.approve(first.approval?.id ?? "", { by: ann });
      const done = expectOutcome(await gate.evaluateAndDispatch(again), { status: "SUCCEEDED" });
      expect([done.jobId, done.traceId, calls]).toEqual([first.jobId, first.traceId, 1]);
    }
  });

  test("a job that differs in any field does not get the approval", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
    const held = await gate.evaluateAndDispatch(job);
    await gate.approvals.approve(held.approval?.id ?? "", { by: ann });
    const changes: readonly object[] = [
      { payload: { ticket: 8, status: "closed" } },
      { topic: "job.mcp-bridge.write.delete_ticket" },
      { tenantId: "other" },
      { riskTags: [] },
      { labels: {} },
      { actor: { id: "x", type: "agent" } },
      { capability: "c" },
      { requires: ["r"] },
      { resources: { paths: ["/x"] } },
      { constraints: { maxRuntimeSec: 1 } },
    ];
    for (const change of changes) {
      expectOutcome(await gate.evaluateAndDispatch({ ...job, ...change }), {
        status: "PENDING_APPROVAL",
        dispatched: false,
      });
    }
    expectOutcome(await gate.evaluateAndDispatch(job, () => "other function"), { status: "PENDING_APPROVAL" });
    expectOutcome(await gate.evaluateAndDispatch(job), { status: "SUCCEEDED" });
  });

  test("a rejection ends the job, stands against the same content, and nothing runs", async () => {
    let calls = 0;
    const clock = createFakeClock();
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => ++calls, now: clock.now });
    const held = await gate.evaluateAndDispatch({ topic: "a", traceId: "t-1" });
    const rejected = await gate.approvals.reject({ jobId: held.jobId ?? "" }, { by: ann, note: "not today" });
    expect(rejected).toMatchObject({ state: "rejected", resolvedBy: "ann@example.com" });
    expectOutcome(await gate.resume(held.jobId ?? ""), { status: "DENIED", code: "approval_rejected" });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", code: "approval_rejected" });
    expect((await gate.approvals.list()).items).toEqual([]);
    clock.advance(86_400_000);
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "PENDING_APPROVAL" });
    expect(calls).toBe(0);
  });

  test("a vote that does not count is refused with its code, and the request is as it was", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
    const actor = { id: "bot", type: "agent", onBehalfOf: "boss" } as const;
    const held = await gate.evaluateAndDispatch({ topic: "a", actor });
    const id = held.approval?.id ?? "";
    const approve = (by: object, ref = id): Promise<string> =>
      codeOf(gate.approvals.approve(ref, { by: by as typeof ann }));
    expect(await approve(ann, "nothing")).toBe("approval_unknown");
    expect(await approve({ id: "  " })).toBe("approver_invalid");
    expect(await approve({ id: "x", kind: "agent" })).toBe("approver_invalid");
    expect(await approve({ id: "bot" })).toBe("approver_is_requester");
    expect(await approve({ id: " Boss " })).toBe("approver_is_requester");
    expect(await approve({ id: "ｂｏｔ" })).toBe("approver_is_requester");
    expect(await approve({ id: "eve", tenants: ["other"] })).toBe("approver_tenant_mismatch");
    expect((await gate.approvals.get(id))?.state).toBe("pending");
    expect((await gate.approvals.get(id))?.votes).toEqual([]);
    expect(await approve(ann)).toBe("no error");
    expect(await approve({ id: "bob" })).toBe("approval_resolved");
    await expect(gate.approvals.approve(id, {} as never)).rejects.toThrow(TypeError);
  });

  test("a request lapses, and so does an approval that is not used in time", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran", now: clock.now });
    const held = await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    clock.advance(86_400_000);
    expect((await gate.approvals.get({ jobId: "j" }))?.state).toBe("expired");
    expect(await codeOf(gate.approvals.approve(held.approval?.id ?? "", { by: ann }))).toBe("approval_expired");
    const again = await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    expect(again.approval?.id).not.toBe(held.approval?.id);
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    clock.advance(900_000);
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "approval_expired", dispatched: false });
    expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), { status: "PENDING_APPROVAL" });
  });

  test("after a change of policy the old approval opens nothing: a fresh request is asked, or the job is refused", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
    const held = await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    await gate.reload(
      rules(`- id: ask\n  match: { topics: ["**"] }\n  decision: require_approval\n  reason: stricter now`),
    );
    const again = await gate.resume("j");
    expectOutcome(again, { status: "PENDING_APPROVAL", dispatched: false });
    expect(again.approval?.id).not.toBe(held.approval?.id);
    expect((await gate.approvals.get(held.approval?.id ?? ""))?.state).toBe("superseded");
    await gate.reload(DENY_ALL);
    expect(await codeOf(gate.approvals.approve({ jobId: "j" }, { by: ann }))).toBe("approval_superseded");
    expect((await gate.approvals.get({ jobId: "j" }))?.state).toBe("superseded");
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "rule_matched", dispatched: false });
    await gate.reload(ALLOW_ALL);
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
  });

  test("a job made for one dispatcher never runs under another", async () => {
    const calls: string[] = [];
    const store = await openStore();
    const both = { dispatch: () => calls.push("default"), dispatchers: { refund: () => calls.push("refund") } };
    const gate = await open({ policy: ASK_ALL, store, ...both });
    await gate.evaluateAndDispatch({ id: "j", topic: "a" }, "refund");
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    const wrong = await gate.resume("j", "default");
    expectOutcome(wrong, { status: "DENIED", code: "dispatcher_missing", dispatched: false });
    expectOutcome(await gate.resume("j", () => calls.push("call")), { status: "DENIED", code: "dispatcher_missing" });
    const without = await open({ policy: ASK_ALL, store, dispatch: () => calls.push("other") });
    expectOutcome(await without.resume("j"), { status: "DENIED", code: "dispatcher_missing" });
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
    expect(calls).toEqual(["refund"]);
  });

  test("a limit without room leaves the approval unused", async () => {
    const policy = rules(`
- id: ask
  match: { topics: ["**"] }
  decision: require_approval
- id: slow
  match: { topics: ["**"] }
  decision: throttle
  throttle: { limit: 1, window_sec: 60 }`);
    const clock = createFakeClock();
    const gate = await open({ policy, store: await openStore(), dispatch: () => "ran", now: clock.now });
    for (const id of ["j-1", "j-2"]) {
      await gate.evaluateAndDispatch({ id, topic: "a", payload: id });
      await gate.approvals.approve({ jobId: id }, { by: ann });
    }
    expectOutcome(await gate.resume("j-1"), { status: "SUCCEEDED" });
    const refused = expectOutcome(await gate.resume("j-2"), { status: "THROTTLED", code: "rate_limited" });
    expect(refused.retryAfterMs).toBe(60_000);
    expect(refused.approval?.state).toBe("approved");
    expect((await gate.approvals.get({ jobId: "j-2" }))?.state).toBe("approved");
    clock.advance(60_000);
    expectOutcome(await gate.resume("j-2"), { status: "SUCCEEDED" });
  });

  test("an unknown job cannot be resumed, and an ambiguous one must name its tenant", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
    expectOutcome(await gate.resume("nothing"), { status: "DENIED", code: "job_unknown" });
    for (const tenantId of ["a", "b"]) await gate.evaluateAndDispatch({ id: "j", tenantId, topic: "t" });
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "job_unknown" });
    expect(await codeOf(gate.approvals.get({ jobId: "j" }))).toBe("job_id_ambiguous");
    await gate.approvals.approve({ jobId: "j", tenantId: "b" }, { by: ann });
    expectOutcome(await gate.resume("j", undefined, { tenantId: "b" }), { status: "SUCCEEDED" });
    expectOutcome(await gate.resume("j", undefined, { tenantId: "a" }), { status: "PENDING_APPROVAL" });
  });
});

test("an approved job of a wrapped function is resumed by its name", async () => {
  const gate = await open({ policy: ASK_ALL, store: createMemoryStore() });
  const close = gate.wrap(
    ({ payload }) => `closed ${(payload as { id: number }).id}`,
    (id: number) => ({ topic: "ticket.close", payload: { id } }),
    { name: "close-ticket" },
  );
  const held = await close(7);
  await gate.approvals.approve({ jobId: held.jobId ?? "" }, { by: ann });
  expect(expectOutcome(await gate.resume(held.jobId ?? ""), { status: "SUCCEEDED" }).output).toBe("closed 7");
});
