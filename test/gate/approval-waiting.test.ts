import { setTimeout as sleep } from "node:timers/promises";
import { type Gate, type GateEvent, openApprovals } from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ALLOW_ALL, ASK_ALL, codeOf, DENY_ALL, open, rules, STORES } from "./open.js";

const ann = { id: "ann" };
const TWO = rules(`- { id: ask, match: { topics: ["**"] }, decision: require_approval, approval: { quorum: 2 } }`);

afterEach(() => {
  vi.useRealTimers();
});

/** The request that somebody waits for, once it is there. */
async function asked(gate: Gate, topic = "a"): Promise<string> {
  for (;;) {
    const { items } = await gate.approvals.list();
    const found = items.find(({ job }) => job?.topic === topic);
    if (found !== undefined) return found.id;
    await sleep(1);
  }
}

describe.each(STORES)("waiting in place, %s", (_name, openStore) => {
  test("the job runs as soon as it is approved, in the call that waits", async () => {
    const ran: string[] = [];
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: ({ id }) => ran.push(id) });
    const waiting = gate.evaluateAndDispatch({ topic: "a" }, undefined, { waitForApprovalMs: 60_000 });
    await gate.approvals.approve(await asked(gate), { by: ann });
    const done = expectOutcome(await waiting, { status: "SUCCEEDED" });
    expect(done.approval?.state).toBe("consumed");
    expect(ran).toEqual([done.jobId]);
  });

  test("a call that waits is woken by the step itself, not by looking", async () => {
    const store = await openStore();
    const gate = await open({ policy: ASK_ALL, store, dispatch: () => "ran" });
    // A store that never tells of anything: only the step can wake.
    vi.spyOn(store, "watch").mockImplementation(() => new Promise(() => undefined));
    const waiting = gate.evaluateAndDispatch({ topic: "a" }, undefined, { waitForApprovalMs: 60_000 });
    await gate.approvals.approve(await asked(gate), { by: ann });
    expectOutcome(await waiting, { status: "SUCCEEDED" });
  });

  test("what ends the request ends the wait, with the reason", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: ASK_ALL, store: await openStore(), now: clock.now, dispatch: () => "ran" });
    const wait = (topic: string) =>
      gate.evaluateAndDispatch({ topic, actor: { id: "bot", type: "agent" } }, undefined, {
        waitForApprovalMs: 60_000,
      });
    const rejected = wait("r");
    await gate.approvals.reject(await asked(gate, "r"), { by: ann });
    expectOutcome(await rejected, { status: "DENIED", code: "approval_rejected" });
    const cancelled = wait("c");
    await gate.approvals.cancel(await asked(gate, "c"), { by: { id: "bot" } });
    expectOutcome(await cancelled, { status: "DENIED", code: "approval_cancelled" });
    const lapsed = wait("e");
    const id = await asked(gate, "e");
    clock.advance(86_400_000);
    expectOutcome(await lapsed, { status: "DENIED", code: "approval_expired" });
    expect((await gate.approvals.get(id))?.state).toBe("expired");
  });

  test("a request in another's place is waited for in its place", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
    const waiting = gate.evaluateAndDispatch({ topic: "a" }, undefined, { waitForApprovalMs: 60_000 });
    const first = await asked(gate);
    await gate.reload(TWO);
    expect(await codeOf(gate.approvals.approve(first, { by: ann }))).toBe("approval_superseded");
    const second = await asked(gate);
    expect(second).not.toBe(first);
    await gate.approvals.approve(second, { by: ann });
    await gate.approvals.approve(second, { by: { id: "bob" } });
    expectOutcome(await waiting, { status: "SUCCEEDED" });
  });

  test("where the policy comes to permit or to deny, the job that waits runs, or ends", async () => {
    for (const [policy, status] of [
      [ALLOW_ALL, "SUCCEEDED"],
      [DENY_ALL, "DENIED"],
    ] as const) {
      const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
      const waiting = gate.evaluateAndDispatch({ id: "j", topic: "a" }, undefined, { waitForApprovalMs: 60_000 });
      const id = await asked(gate);
      await gate.reload(policy);
      expect(await codeOf(gate.approvals.approve(id, { by: ann }))).toBe("approval_superseded");
      expect((await waiting).status).toBe(status);
    }
  });

  test("when the time is over, or the caller or the gate gives up, the job goes on waiting without it", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => "ran" });
    const job = { id: "j", topic: "a" };
    expectOutcome(await gate.evaluateAndDispatch(job, undefined, { waitForApprovalMs: 20 }), {
      status: "PENDING_APPROVAL",
    });
    const patience = new AbortController();
    const { signal } = patience;
    const given = gate.resume("j", undefined, { waitForApprovalMs: 60_000, signal });
    await sleep(5);
    patience.abort();
    expectOutcome(await given, { status: "DENIED", code: "aborted" });
    expect((await gate.jobs.get("j"))?.status).toBe("PENDING_APPROVAL");
    const last = gate.resume("j", undefined, { waitForApprovalMs: 60_000 });
    await sleep(5);
    const before = performance.now();
    await gate.close();
    expect(performance.now() - before).toBeLessThan(2_000);
    expectOutcome(await last, { status: "PENDING_APPROVAL" });
    await expect(gate.resume("j", undefined, { waitForApprovalMs: -1 })).rejects.toThrow("`waitForApprovalMs` must be");
  });

  test("settled tells when a request is decided, to whoever asks and however it was", async () => {
    const store = await openStore();
    const gate = await open({ policy: ASK_ALL, store, dispatch: () => "ran" });
    const desk = await openApprovals({ store });
    await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    const id = await asked(gate);
    const both = Promise.all([gate.approvals.settled(id), desk.settled(id)]);
    const patience = new AbortController();
    const given = desk.settled(id, { signal: patience.signal });
    patience.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    await desk.approve(id, { by: ann });
    expect((await both).map(({ state }) => state)).toEqual(["approved", "approved"]);
    expect((await gate.approvals.settled(id)).votes[0]?.approver.assurance).toBe("host");
    expect((await desk.settled({ jobId: "j" })).id).toBe(id);
    expect(await codeOf(desk.settled("none"))).toBe("approval_unknown");
    await gate.evaluateAndDispatch({ id: "k", topic: "b" });
    const left = desk.settled(await asked(gate, "b"));
    await sleep(5);
    await desk.close();
    expect(await codeOf(left)).toBe("approval_unknown");
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
  });

  test("settled by job waits as long as it takes, and one whose look at the store fails leaves nobody waiting", async () => {
    const store = await openStore();
    const gate = await open({ policy: ASK_ALL, store, dispatch: () => "ran" });
    await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    const waiting = gate.approvals.settled({ jobId: "j" });
    // Timers of others run meanwhile.
    await sleep(20);
    const { read } = store;
    let looks = 0;
    const failing = vi.spyOn(store, "read").mockImplementation((query) => {
      if (query.kind === "approval_marks") looks += 1;
      return query.kind === "approval_marks" ? Promise.reject(new Error("a hiccup")) : read(query);
    });
    await expect(gate.approvals.settled({ jobId: "j" })).rejects.toThrow("a hiccup");
    failing.mockRestore();
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    expect((await waiting).state).toBe("approved");
    await sleep(700);
    const counted = vi.spyOn(store, "read");
    await sleep(700);
    expect(looks).toBeGreaterThan(0);
    expect(counted.mock.calls.filter(([{ kind }]) => kind === "approval_marks")).toEqual([]);
    counted.mockRestore();
  });

  test("drain runs what is approved in the order of the queue, and what needs no approval any more", async () => {
    const clock = createFakeClock();
    const store = await openStore();
    const ran: string[] = [];
    const run = ({ id }: { readonly id: string }) => ran.push(id);
    const gate = await open({ policy: ASK_ALL, store, now: clock.now, dispatch: run });
    const names = ["e", "d", "c", "b", "a"];
    for (const id of names) {
      await gate.evaluateAndDispatch({ id, topic: id });
      clock.advance(1);
    }
    await gate.evaluateAndDispatch({ id: "r", topic: "r" }, { name: "refund", dispatch: run });
    for (const id of ["a", "c", "d", "e", "r"]) await gate.approvals.approve({ jobId: id }, { by: ann });
    expect((await gate.drain({ limit: 1 })).map(({ jobId }) => jobId)).toEqual(["e"]);
    const stopped = new AbortController();
    stopped.abort();
    expect(await gate.drain({ signal: stopped.signal })).toEqual([]);
    const leave = ({ jobId, tenantId }: { readonly jobId: string; readonly tenantId: string }): boolean =>
      tenantId !== "default" || jobId !== "c";
    expect((await gate.drain({ leave, limit: 1 })).map(({ jobId }) => jobId)).toEqual(["c"]);
    const outcomes = await gate.drain({ concurrency: 2 });
    expect(outcomes.map(({ jobId, status }) => `${jobId} ${status}`)).toEqual(["d SUCCEEDED", "a SUCCEEDED"]);
    expect(ran.sort()).toEqual(["a", "c", "d", "e"]);
    const other = await open({ store, activate: "never", now: clock.now, dispatchers: { refund: run } });
    expect((await other.drain()).map(({ jobId }) => jobId)).toEqual(["r"]);
    await gate.reload(ALLOW_ALL);
    await gate.evaluate({ id: "b", topic: "b" });
    expect((await gate.drain()).map(({ jobId, status }) => `${jobId} ${status}`)).toEqual(["b SUCCEEDED"]);
    expect(await gate.drain()).toEqual([]);
    await expect(gate.drain({ concurrency: 0 })).rejects.toThrow("`concurrency` must be an integer from 1 to 256");
    await expect(gate.drain({ leave: "all" as never })).rejects.toThrow("`leave` must be a function");
  });
});

describe("the hook", () => {
  test("is called once a transition, when the store has it already, and can change nothing by failing", async () => {
    const store = createMemoryStore();
    const told: GateEvent[] = [];
    const seen: Promise<string | undefined>[] = [];
    const gate: Gate = await open({
      policy: ASK_ALL,
      store,
      dispatch: () => "ran",
      onEvent: (event) => {
        told.push(event);
        seen.push(store.read({ kind: "approval", id: event.approvalId }).then((r) => r.approvals?.[0]?.row.state));
        if (told.length % 2 === 0) throw new Error("the hook is broken");
        return Promise.reject(new Error("the hook is broken"));
      },
    });
    const job = { id: "j", traceId: "t", topic: "a", actor: { id: "bot", type: "agent" } } as const;
    await gate.evaluateAndDispatch(job);
    await gate.evaluateAndDispatch({ ...job, id: "k" });
    await gate.evaluateAndDispatch({ ...job, id: "l" });
    await gate.approvals.cancel({ jobId: "l" }, { by: { id: "bot" } });
    await codeOf(gate.approvals.approve({ jobId: "j" }, { by: { id: "bot" } }));
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
    expect(told.map(({ type, state }) => `${type} ${state}`)).toEqual([
      "approval.requested pending",
      "approval.joined pending",
      "approval.joined pending",
      "approval.detached pending",
      "approval.refused pending",
      "approval.voted approved",
      "job.dispatching consumed",
    ]);
    expect(await Promise.all(seen)).toEqual([...Array.from({ length: 5 }, () => "pending"), "approved", "consumed"]);
    expect(told.every((event) => Object.isFrozen(event) && Object.isFrozen(event.body))).toBe(true);
  });

  test("a lapse is noticed by a timer, once, though two gates look; so is another policy", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const clock = createFakeClock();
    const store = createMemoryStore();
    const told: string[] = [];
    const onEvent = ({ type, state }: GateEvent) => told.push(`${type} ${state}`);
    const first = await open({ policy: ASK_ALL, store, now: clock.now, onEvent, dispatch: () => "ran" });
    const second = await open({ store, activate: "never", now: clock.now, onEvent, dispatch: () => "ran" });
    await first.evaluateAndDispatch({ id: "j", topic: "a" });
    await second.reload(TWO);
    const turn = async (): Promise<void> => {
      vi.advanceTimersByTime(5_000);
      await sleep(20);
    };
    await turn();
    await turn();
    expect(told).toEqual(["approval.requested pending", "approval.resolved superseded", "approval.requested pending"]);
    expect((await first.approvals.get({ jobId: "j" }))?.requirements[0]?.quorum).toBe(2);
    // The second request of a content stands at least a millisecond behind the first.
    clock.advance(86_400_001);
    await turn();
    await turn();
    expect(told.slice(3)).toEqual(["approval.resolved expired"]);
    expectOutcome(await first.resume("j"), { status: "DENIED", code: "approval_expired" });
  });

  test("the system's clock being set is an event, and no request lives longer for it", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    const store = createMemoryStore();
    const gate = await open({ policy: ASK_ALL, store, dispatch: () => "ran" });
    await gate.evaluateAndDispatch({ id: "j", topic: "a" });
    const { expiresAt = 0 } = (await gate.approvals.get({ jobId: "j" })) ?? {};
    const real = Date.now();
    vi.setSystemTime(expiresAt + 1_000);
    expect((await gate.approvals.get({ jobId: "j" }))?.state).toBe("expired");
    vi.setSystemTime(real);
    expect((await gate.approvals.get({ jobId: "j" }))?.state).toBe("expired");
    expect(await codeOf(gate.approvals.approve({ jobId: "j" }, { by: ann }))).toBe("approval_expired");
    vi.setSystemTime(real - 3_600_000);
    vi.advanceTimersByTime(5_000);
    await sleep(20);
    const { items } = await gate.audit.events({ limit: 1_000 });
    const jumps = items.filter(({ type }) => type === "clock.jumped");
    expect(jumps).toHaveLength(1);
    expect(Math.abs(Number(jumps[0]?.body.by_ms) + 3_600_000)).toBeLessThan(10_000);
  });

  test("a jump there and back is told, and so is one of a gate that is closed before it looks by itself", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    const store = createMemoryStore();
    const gate = await open({ policy: ASK_ALL, store, dispatch: () => "ran" });
    const real = Date.now();
    const set = async (time: number): Promise<void> => {
      vi.setSystemTime(time);
      await gate.approvals.stats();
    };
    await set(real + 86_400_000);
    await set(real);
    vi.advanceTimersByTime(5_000);
    await sleep(20);
    await set(real - 3_600_000);
    await gate.close();
    const { events = [] } = await store.page({ kind: "events", after: null, limit: 1_000 });
    const jumps = events.filter(({ type }) => type === "clock.jumped").map(({ body }) => Number(body.by_ms));
    expect(jumps).toHaveLength(2);
    const [still = Number.NaN, back = Number.NaN] = jumps;
    expect(Math.abs(still)).toBeLessThan(10_000);
    expect(Math.abs(back + 3_600_000)).toBeLessThan(15_000);
  });
});
