import type { Gate, GateEvent } from "dispatch-gate";
import { createFakeClock, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { codeOf, DENY_ALL, open, rules, STORES } from "./open.js";

const ann = { id: "ann" };

const wide = `queue: { max_pending: 5000, max_pending_per_actor: 5000, max_requests_per_actor: { limit: 10000, window_sec: 1 } }\n`;
const ask = (head = "", more = ""): { readonly yaml: string } => ({
  yaml: `version: v1\n${head}rules:\n  - { id: ask, match: { topics: ["**"] }, decision: require_approval${more} }\n`,
});

const stateOf = async (gate: Gate, id: string): Promise<string | undefined> => (await gate.approvals.get(id))?.state;

describe.each(STORES)("the queue of requests, %s", (_name, openStore) => {
  test("1,000 equal submissions with ids of their own give 1 request, 1 run and 999 approval_used, each trace complete", async () => {
    let ran = 0;
    // All at once: on a busy machine the last ones wait for long.
    const deadlineMs = 60_000;
    const gate = await open({ policy: ask(wide), store: await openStore(), deadlineMs, dispatch: () => (ran += 1) });
    const jobs = Array.from({ length: 1_000 }, (_, n) => ({ id: `j-${n}`, traceId: `t-${n}`, topic: "a", payload: 7 }));
    const held = await Promise.all(jobs.map((job) => gate.evaluateAndDispatch(job)));
    expect(new Set(held.map(({ status, approval }) => `${status} ${approval?.id}`)).size).toBe(1);
    expect((await gate.approvals.list({ includeResolved: true })).items).toHaveLength(1);
    await gate.approvals.approve({ jobId: "j-500" }, { by: ann });
    const done = await Promise.all(jobs.map(({ id }) => gate.resume(id)));
    expect(ran).toBe(1);
    const codes = done.map(({ status, reason }) => `${status} ${reason.code}`).sort();
    expect(codes.filter((code) => code === "DENIED approval_used")).toHaveLength(999);
    expect(codes.at(-1)).toBe("SUCCEEDED completed");
    // Under its id a job stays ended: whoever polls asks nobody again.
    const again = await Promise.all(jobs.map((job) => gate.evaluateAndDispatch(job)));
    expect(again.every(({ replayed }) => replayed)).toBe(true);
    expect((await gate.approvals.list({ includeResolved: true })).items).toHaveLength(1);
    expect(ran).toBe(1);
    const winner = done.findIndex(({ status }) => status === "SUCCEEDED");
    for (const n of [winner, winner === 0 ? 1 : 0, winner === 999 ? 998 : 999]) {
      const { entries } = await gate.audit.timeline(`t-${n}`);
      // The story of a job that lost is that of its request: asked, joined, voted, and which job used it.
      expect(entries.filter(({ type }) => type !== "approval.joined").map(({ type }) => type)).toEqual([
        "approval.requested",
        "approval.voted",
        "job.dispatching",
        "job.settled",
      ]);
      expect(entries.some(({ type, traceId }) => type === "approval.joined" && traceId === `t-${n}`)).toBe(n !== 0);
      expect(entries.find(({ type }) => type === "job.dispatching")?.body.job_id).toBe(`j-${winner}`);
    }
    // An id that is new may ask anew.
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a", payload: 7 }), { status: "PENDING_APPROVAL" });
  });

  test("request number max_pending + 1 is refused, and there is room again however one is resolved", async () => {
    const clock = createFakeClock();
    const gate = await open({
      policy: ask("queue: { max_pending: 3 }\napprovals: { rejection_stands_sec: 0 }\n"),
      store: await openStore(),
      now: clock.now,
      dispatch: () => 1,
    });
    const submit = (n: number) => gate.evaluateAndDispatch({ id: `j-${n}`, topic: "a", payload: n, actor: bot });
    const bot = { id: "bot", type: "agent" } as const;
    for (const n of [1, 2, 3]) expectOutcome(await submit(n), { status: "PENDING_APPROVAL" });
    const full = await submit(4);
    expectOutcome(full, { status: "DENIED", code: "approval_queue_full", dispatched: false });
    expect(full.reason.message).toBe("3 requests wait for approval already");
    expect(full.approval).toBeUndefined();
    // Equal content asks for no room.
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a", payload: 3, actor: bot }), {
      status: "PENDING_APPROVAL",
    });

    const resolutions: readonly ((jobId: string) => Promise<unknown>)[] = [
      (jobId) => gate.approvals.approve({ jobId }, { by: ann }),
      (jobId) => gate.approvals.reject({ jobId }, { by: ann }),
      (jobId) => gate.approvals.cancel({ jobId }, { by: { id: "bot" } }),
    ];
    for (const [index, resolve] of resolutions.entries()) {
      await resolve(`j-${index + 1}`);
      const next = 4 + index;
      expectOutcome(await submit(next), { status: "PENDING_APPROVAL" });
      expectOutcome(await submit(99), { status: "DENIED", code: "approval_queue_full" });
    }
    clock.advance(86_400_000);
    expectOutcome(await submit(7), { status: "PENDING_APPROVAL" });
    expect((await gate.approvals.stats()).depth).toBe(1);
    await gate.reload(DENY_ALL);
    expectOutcome(await gate.resume("j-7"), { status: "DENIED", code: "rule_matched" });
    await gate.reload(ask("queue: { max_pending: 1 }\n"));
    expectOutcome(await submit(8), { status: "PENDING_APPROVAL" });
    expectOutcome(await submit(9), { status: "DENIED", code: "approval_queue_full" });
  });

  test("an actor has bounds of its own, in its tenant, of what waits and of what it asks for in any window", async () => {
    const clock = createFakeClock();
    const policy = ask("queue: { max_pending_per_actor: 2, max_requests_per_actor: { limit: 3, window_sec: 60 } }\n");
    const gate = await open({ policy, store: await openStore(), now: clock.now, dispatch: () => 1 });
    let n = 0;
    const submit = (id = "bot", tenantId = "acme") => {
      n += 1;
      return gate.evaluateAndDispatch({ id: `j-${n}`, topic: "a", payload: n, tenantId, actor: { id, type: "agent" } });
    };
    await submit();
    await submit();
    const full = await submit();
    expect(full.reason.message).toBe("2 requests of this actor wait for approval already");
    expectOutcome(await submit("cat"), { status: "PENDING_APPROVAL" });
    expectOutcome(await submit("BOT"), { status: "DENIED", code: "approval_queue_full" });
    expectOutcome(await submit("bot", "other"), { status: "PENDING_APPROVAL" });
    await gate.approvals.approve({ jobId: "j-1" }, { by: ann });
    clock.advance(1);
    expectOutcome(await submit(), { status: "PENDING_APPROVAL" });
    await gate.approvals.approve({ jobId: "j-2" }, { by: ann });
    const often = await submit();
    expect(often.reason).toMatchObject({
      code: "approval_queue_full",
      message: "this actor asked for approval 3 times within 60 s",
    });
    clock.advance(59_998);
    expectOutcome(await submit(), { status: "DENIED", code: "approval_queue_full" });
    clock.advance(1);
    expectOutcome(await submit(), { status: "PENDING_APPROVAL" });
  });

  test("bounds change by reload, supersede nothing, and count at once; the gate's own tighten and never widen", async () => {
    const store = await openStore();
    const gate = await open({ policy: ask(wide), store, dispatch: () => 1 });
    const other = await open({ store, activate: "never", queue: { maxPending: 2 }, dispatch: () => 1 });
    const submit = (on: Gate, payload: number) => on.evaluateAndDispatch({ topic: "a", payload });
    const first = await submit(gate, 1);
    const { snapshot } = gate.policy;
    await submit(other, 2);
    expectOutcome(await submit(other, 3), { status: "DENIED", code: "approval_queue_full" });
    expectOutcome(await submit(gate, 3), { status: "PENDING_APPROVAL" });
    await gate.reload(ask("queue: { max_pending: 3 }\n"));
    expect(gate.policy.snapshot).toBe(snapshot);
    expectOutcome(await submit(gate, 4), { status: "DENIED", code: "approval_queue_full" });
    expect(await stateOf(gate, first.approval?.id ?? "")).toBe("pending");
    await gate.reload(ask("queue: { max_pending: 4 }\n"));
    expectOutcome(await submit(gate, 4), { status: "PENDING_APPROVAL" });
    expectOutcome(await submit(other, 5), { status: "DENIED", code: "approval_queue_full" });
    const types = (await gate.audit.events({ limit: 1_000 })).items.map(({ type }) => type);
    expect(types.filter((type) => type === "approval.resolved")).toEqual([]);
    expect(types.filter((type) => type === "policy.activated")).toHaveLength(3);
    await expect(open({ policy: ask(), store, queue: { maxPending: 0 } })).rejects.toThrow(
      "`queue.maxPending` must be an integer from 1 to 1000000",
    );
  });

  test("a rejected job submitted 1,000 times opens no request and tells nobody, until the rejection lapses or is lifted", async () => {
    const clock = createFakeClock();
    const told: GateEvent[] = [];
    const gate = await open({
      policy: ask(`${wide}approvals: { rejection_stands_sec: 60 }\n`),
      store: await openStore(),
      now: clock.now,
      onEvent: (event) => told.push(event),
      dispatch: () => 1,
    });
    const submit = () => gate.evaluateAndDispatch({ topic: "a", payload: "again" });
    const held = await submit();
    await gate.approvals.reject(held.approval?.id ?? "", { by: ann });
    told.length = 0;
    for (let n = 0; n < 1_000; n += 1) {
      expectOutcome(await submit(), { status: "DENIED", code: "approval_rejected" });
    }
    expect(told).toEqual([]);
    expect((await gate.approvals.list({ includeResolved: true })).items).toHaveLength(1);
    clock.advance(59_999);
    expectOutcome(await submit(), { status: "DENIED", code: "approval_rejected" });
    clock.advance(1);
    const anew = await submit();
    expectOutcome(anew, { status: "PENDING_APPROVAL" });
    await gate.approvals.reject(anew.approval?.id ?? "", { by: ann });
    expectOutcome(await submit(), { status: "DENIED", code: "approval_rejected" });
    expect((await gate.approvals.get(anew.approval?.id ?? ""))?.standsUntil).toBe(clock.now() + 60_000);
    await gate.approvals.lift(anew.approval?.id ?? "", { by: { id: "bob" }, note: "a mistake" });
    expectOutcome(await submit(), { status: "PENDING_APPROVAL" });
    expect(told.map(({ type, state }) => `${type} ${state}`)).toEqual([
      "approval.requested pending",
      "approval.voted rejected",
      "approval.lifted rejected",
      "approval.requested pending",
    ]);
    const { entries } = await gate.audit.timeline(anew.traceId ?? "");
    expect(entries.find(({ type }) => type === "approval.lifted")?.note).toBe("a mistake");
  });

  test("a rejection stands however quickly one request followed another", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: ask(wide), store: await openStore(), now: clock.now, dispatch: () => 1 });
    const actor = { id: "bot", type: "agent" } as const;
    for (let n = 0; n < 40; n += 1) {
      const submit = () => gate.evaluateAndDispatch({ id: `j-${n}`, topic: "a", payload: n, actor });
      await submit();
      await gate.approvals.cancel({ jobId: `j-${n}` }, { by: { id: "bot" } });
      await submit();
      await gate.approvals.reject({ jobId: `j-${n}` }, { by: ann });
      // All within one millisecond.
      const again = await submit();
      expectOutcome(again, { status: "DENIED", code: "approval_rejected" });
      expect(again.approval?.state).toBe("rejected");
    }
    const { items } = await gate.audit.events({ limit: 1_000 });
    const refused = items.filter(({ type }) => type === "job.refused");
    expect(refused.every(({ body }) => typeof body.behind === "string")).toBe(true);
  });

  test("a request keeps counting for who opened it, whoever decides it anew", async () => {
    const bounded = (reason: string) => ask("queue: { max_pending_per_actor: 2 }\n", `, reason: ${reason}`);
    const gate = await open({ policy: bounded("one"), store: await openStore(), dispatch: () => 1 });
    const submit = (n: number, submitter?: string) =>
      gate.evaluateAndDispatch(
        { id: `j-${n}`, topic: "a", payload: n },
        undefined,
        submitter === undefined ? {} : { submitter },
      );
    await submit(1, "sam");
    await submit(2, "sam");
    await gate.reload(bounded("two"));
    for (const n of [1, 2]) await gate.resume(`j-${n}`);
    expectOutcome(await submit(3, "sam"), { status: "DENIED", code: "approval_queue_full" });
    expectOutcome(await submit(4), { status: "PENDING_APPROVAL" });
  });

  test("a job that lapsed does not look as if it waited, whoever looked at it since", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: ask(wide), store: await openStore(), now: clock.now, dispatch: () => 1 });
    await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    await gate.reload({ yaml: `version: v1\nrules: [{ id: ok, match: { topics: ["**"] }, decision: allow }]\n` });
    clock.advance(86_400_000);
    expect((await gate.evaluate({ id: "j", topic: "a" })).next).toBe("dispatch");
    expect((await gate.jobs.get("j"))?.reason.code).toBe("approval_expired");
    expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), { status: "SUCCEEDED" });
  });

  test("what lapsed by the log stays lapsed for who comes with a clock that is behind, whatever it logs first", async () => {
    const clock = createFakeClock();
    const store = await openStore();
    const gate = await open({ policy: ask(wide), store, now: clock.now, dispatch: () => 1 });
    await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    const behind = await open({ store, activate: "never", now: createFakeClock(clock.now()).now, dispatch: () => 1 });
    clock.advance(1_000_000);
    await gate.evaluateAndDispatch({ id: "k", topic: "b" });
    await behind.evaluateAndDispatch({ id: "l", topic: "c" });
    expectOutcome(await behind.resume("j"), { status: "DENIED", code: "approval_expired" });
    const { items } = await gate.audit.events({ limit: 1_000 });
    expect(items.every(({ at, body }) => at === body.at)).toBe(true);
  });

  test("a clock that answers no number stands still", async () => {
    let now = 1_000_000;
    const gate = await open({ policy: ask(wide), store: await openStore(), now: () => now, dispatch: () => 1 });
    now = Number.NaN;
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "PENDING_APPROVAL" });
  });

  test("two requirements are met each on its own", async () => {
    const policy = rules(`
- { id: pay, match: { topics: ["a"] }, decision: require_approval, approval: { quorum: 2, roles: [finance] } }
- { id: safe, match: { topics: ["a"] }, decision: require_approval, approval: { quorum: 1, roles: [security] } }`);
    const cases: readonly (readonly [string, readonly (readonly string[])[], string])[] = [
      ["one of each", [["finance"], ["security"]], "pending"],
      ["two finance", [["finance"], ["finance"]], "pending"],
      ["two finance and one security", [["finance"], ["finance"], ["security"]], "approved"],
      ["one in both roles and one finance", [["finance", "security"], ["finance"]], "approved"],
      ["one in both roles", [["finance", "security"]], "pending"],
    ];
    for (const [title, votes, state] of cases) {
      const gate = await open({ policy, store: await openStore(), dispatch: () => 1 });
      const held = await gate.evaluateAndDispatch({ topic: "a" });
      const id = held.approval?.id ?? "";
      for (const [n, roles] of votes.entries()) await gate.approvals.approve(id, { by: { id: `p${n}`, roles } });
      expect([title, await stateOf(gate, id)]).toEqual([title, state]);
      if (state === "pending") {
        expect(await codeOf(gate.approvals.approve(id, { by: { id: "P0", roles: ["finance", "security"] } }))).toBe(
          "approver_already_voted",
        );
        expectOutcome(await gate.resume(held.jobId ?? ""), { status: "PENDING_APPROVAL" });
      }
    }
  });

  test("a request superseded while a reviewer looks at it is not what he approves", async () => {
    let ran = 0;
    const clock = createFakeClock();
    const gate = await open({
      policy: ask(),
      store: await openStore(),
      now: clock.now,
      dispatch: () => (ran += 1),
    });
    const held = await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    clock.advance(1_000);
    await gate.evaluateAndDispatch({ id: "later", topic: "b" });
    const looking = await gate.approvals.get(held.approval?.id ?? "");
    clock.advance(1_000);
    await gate.reload(ask("", ", reason: now with a reason, approval: { quorum: 2 }"));
    const vote = gate.approvals.approve(looking?.id ?? "", { by: ann, view: looking?.view ?? "" });
    const refusal = await vote.then(
      () => null,
      (error: unknown) => error as { readonly code: string; readonly approvalId: string },
    );
    expect(refusal?.code).toBe("approval_superseded");
    expect(await codeOf(gate.approvals.approve({ jobId: "j" }, { by: ann, view: looking?.view ?? "" }))).toBe(
      "approval_view_mismatch",
    );
    expectOutcome(await gate.resume("j"), { status: "PENDING_APPROVAL" });
    expect(ran).toBe(0);
    const fresh = await gate.approvals.get({ jobId: "j" });
    expect(fresh).toMatchObject({
      id: refusal?.approvalId,
      supersedes: looking?.id,
      queuedSince: looking?.requestedAt,
      requestedAt: clock.now(),
      ageMs: 2_000,
      votes: [],
    });
    expect(fresh?.changes.map(({ field }) => field)).toEqual(["decision.reason", "requirements", "snapshot"]);
    expect(await gate.approvals.get(looking?.id ?? "")).toMatchObject({ state: "superseded", supersededBy: fresh?.id });
    const { items } = await gate.approvals.list();
    expect(items[0]?.id).toBe(fresh?.id);
    await gate.approvals.approve(fresh?.id ?? "", { by: ann, view: fresh?.view ?? "" });
    await gate.approvals.approve(fresh?.id ?? "", { by: { id: "bob" } });
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
    expect(ran).toBe(1);
  });

  test("stats count what waits, since when, what lapsed, and how long decisions took", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: ask(wide), store: await openStore(), now: clock.now, dispatch: () => 1 });
    const empty = { depth: 0, capacity: 5_000, oldestAgeMs: null, approvedNotDispatched: 0, expired: 0, decided: 0 };
    expect(await gate.approvals.stats()).toEqual({
      ...empty,
      medianDecisionMs: null,
      p95DecisionMs: null,
      windowSec: 86_400,
    });
    for (let n = 0; n < 20; n += 1) await gate.evaluateAndDispatch({ id: `j-${n}`, topic: "a", payload: n });
    for (let n = 0; n < 10; n += 1) {
      clock.advance(1_000);
      const by = { by: ann };
      await (n === 3
        ? gate.approvals.reject({ jobId: `j-${n}` }, by)
        : gate.approvals.approve({ jobId: `j-${n}` }, by));
    }
    await gate.resume("j-0");
    expect(await gate.approvals.stats({ windowSec: 3_600 })).toEqual({
      depth: 10,
      capacity: 5_000,
      oldestAgeMs: 10_000,
      approvedNotDispatched: 8,
      expired: 0,
      decided: 10,
      medianDecisionMs: 5_000,
      p95DecisionMs: 10_000,
      windowSec: 3_600,
    });
    clock.advance(900_000);
    expect(await gate.approvals.stats()).toMatchObject({ depth: 10, approvedNotDispatched: 0, expired: 8 });
    expect(await gate.approvals.stats({ tenantId: "other" })).toMatchObject({ depth: 0, decided: 0 });
    await expect(gate.approvals.stats({ windowSec: 0 })).rejects.toThrow("`windowSec` must be a number");
  });
});
