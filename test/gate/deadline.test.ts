import { createGate, type Job } from "dispatch-gate";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { defineStore, type Store } from "../../src/store/port.js";
import { ASK_ALL, open, rules, STORES } from "./open.js";

const POLICY = rules(`
- { id: all, match: { topics: ["**"] }, decision: allow_with_constraints, constraints: { max_concurrent: 1 } }
- { id: slow, match: { topics: ["slow.*"] }, decision: throttle, throttle: { limit: 1, window_sec: 3600 } }
`);
const JOB: Job = { topic: "slow.a" };
const DEADLINE = { deadlineMs: 60 };

/** A store whose claims are made, and answered only when they are let go. */
function holding(inner: Store): { readonly store: Store; readonly hold: () => () => void } {
  let held: Promise<void> = Promise.resolve();
  const store = defineStore({
    ...inner,
    claim: async (request) => {
      const answer = await inner.claim(request);
      await held;
      return answer;
    },
  });
  const hold = (): (() => void) => {
    let release: () => void = () => undefined;
    held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  };
  return { store, hold };
}

describe.each(STORES)("a claim that is made after the deadline, %s", (_name, openStore) => {
  test("is given up: nothing is dispatched, and place and slot are free again", async () => {
    const { store, hold } = holding(await openStore());
    let calls = 0;
    const gate = await open({ store, policy: POLICY, dispatch: () => ++calls });
    const hasty = await open({ ...DEADLINE, store, policy: POLICY, dispatch: () => ++calls });
    const release = hold();
    const outcome = await hasty.evaluateAndDispatch({ ...JOB, id: "j-1", traceId: "t-1" });
    expectOutcome(outcome, { status: "DENIED", code: "deadline_exceeded", dispatched: false });
    expect(outcome.reason.message).toBe("the store did not answer within 60 ms");
    release();
    await expect
      .poll(async () => (await gate.audit.timeline("t-1")).entries.map(({ type }) => type))
      .toEqual(["job.dispatching", "claim.abandoned"]);
    expect(calls).toBe(0);
    expectOutcome((await gate.jobs.get("j-1")) ?? outcome, {
      status: "DENIED",
      code: "deadline_exceeded",
      dispatched: false,
    });
    expectOutcome(await gate.evaluateAndDispatch({ ...JOB, id: "j-1" }), { status: "SUCCEEDED" });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "THROTTLED", code: "rate_limited" });
    expect(calls).toBe(1);
    expect((await gate.audit.verify()).problems).toEqual([]);
  });

  test("gives its approval back", async () => {
    const { store, hold } = holding(await openStore());
    const gate = await open({ store, policy: ASK_ALL, dispatch: () => "ran" });
    const hasty = await open({ ...DEADLINE, store, policy: ASK_ALL, dispatch: () => "ran" });
    await gate.evaluateAndDispatch({ ...JOB, id: "j-1" });
    await gate.approvals.approve({ jobId: "j-1" }, { by: { id: "ann" } });
    const release = hold();
    expectOutcome(await hasty.resume("j-1"), { status: "DENIED", code: "deadline_exceeded" });
    release();
    await expect.poll(async () => (await gate.approvals.get({ jobId: "j-1" }))?.state).toBe("approved");
    expect((await gate.drain()).map(({ status }) => status)).toEqual(["SUCCEEDED"]);
    expect((await gate.audit.verify()).problems).toEqual([]);
  });
});

test("a gate that is closed waits for what came late, and gives it up", async () => {
  const inner = createMemoryStore();
  const { store, hold } = holding(inner);
  const gate = await createGate({ ...DEADLINE, store, policy: POLICY, dispatch: () => "ran" });
  const release = hold();
  expectOutcome(await gate.evaluateAndDispatch({ ...JOB, id: "j-1" }), { status: "DENIED", code: "deadline_exceeded" });
  const closed = gate.close();
  release();
  await closed;
  const { jobs } = await inner.read({ kind: "job", id: "j-1", tenantId: null });
  expect(jobs?.[0]?.row).toMatchObject({ status: "DENIED", owner: null });
});

test("a given up claim that the store cannot take back is given up later", async () => {
  const inner = createMemoryStore();
  let failing = true;
  const { store, hold } = holding(
    defineStore({
      ...inner,
      change: (change) =>
        change.kind === "abandon" && failing ? Promise.reject(new Error("planted")) : inner.change(change),
    }),
  );
  const gate = await createGate({ ...DEADLINE, store, policy: POLICY, dispatch: () => "ran" });
  const release = hold();
  expectOutcome(await gate.evaluateAndDispatch({ ...JOB, id: "j-1" }), { status: "DENIED", code: "deadline_exceeded" });
  release();
  await expect.poll(async () => (await gate.jobs.get("j-1"))?.status).toBe("RUNNING");
  failing = false;
  await gate.close();
  const { jobs } = await inner.read({ kind: "job", id: "j-1", tenantId: null });
  expect(jobs?.[0]?.row.status).toBe("DENIED");
});

test.each(["claim", "read", "change"] as const)(
  "a store that never answers a %s does not hold a job past its deadline",
  async (verb) => {
    const inner = createMemoryStore();
    let silent = false;
    const never = (): Promise<never> => new Promise(() => undefined);
    const store = defineStore({
      ...inner,
      claim: (request) => (silent && verb === "claim" ? never() : inner.claim(request)),
      read: (query) => (silent && verb === "read" ? never() : inner.read(query)),
      change: (change) => (silent && verb === "change" ? never() : inner.change(change)),
    });
    const gate = await createGate({ ...DEADLINE, store, policy: POLICY, dispatch: () => "ran" });
    await gate.evaluate({ ...JOB, id: "j-1" });
    silent = true;
    // One that reads the job first, and one whose refusal is written by a step of its own.
    const outcome =
      verb === "read" ? await gate.resume("j-1") : await gate.evaluateAndDispatch(verb === "claim" ? JOB : ({} as Job));
    expectOutcome(outcome, { status: "DENIED", code: "deadline_exceeded", dispatched: false });
  },
);

test("control: without the bound a job waits for as long as the store does", async () => {
  const inner = createMemoryStore();
  let silent = false;
  const claim: Store["claim"] = (request) => (silent ? new Promise(() => undefined) : inner.claim(request));
  const store = defineStore({ ...inner, claim });
  const gate = await createGate({ deadlineMs: 600_000, store, policy: POLICY, dispatch: () => "ran" });
  silent = true;
  const waited = new Promise<string>((resolve) => setTimeout(() => resolve("waits on"), 200));
  expect(await Promise.race([gate.evaluateAndDispatch(JOB).then(({ status }) => status), waited])).toBe("waits on");
});
