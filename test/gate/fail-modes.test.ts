import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createGate, type Gate, type GateOptions, type Job } from "dispatch-gate";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test } from "vitest";
import { type Fault, type FaultyStore, faulty } from "./faulty-store.js";
import { freshFolder, open, rules } from "./open.js";
import { eventsOf, typesOf } from "./workers.js";

/** A topic for each decision. */
const POLICY = rules(`
- { id: allow, match: { topics: ["allow.*"] }, decision: allow }
- { id: held, match: { topics: ["held.*"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 9 } }
- { id: ask, match: { topics: ["ask.*"] }, decision: require_approval }
- { id: slow, match: { topics: ["slow.*"] }, decision: throttle }
- { id: none, match: { topics: ["none.*"] }, decision: deny }
- { id: limited, match: { topics: ["allow.limited"] }, decision: throttle, throttle: { limit: 5, window_sec: 60 } }
- { id: pooled, match: { topics: ["held.pooled"] }, decision: allow_with_constraints, constraints: { max_concurrent: 5 } }
`);

const worlds: FaultyStore[] = [];
afterEach(() => {
  // A gate says that it goes to a store that works.
  for (const made of worlds.splice(0)) made.fault = "none";
});

interface World extends FaultyStore {
  readonly gate: Gate;
  readonly calls: () => number;
  readonly folder: string;
}

async function world(failMode: "closed" | "open", more: Partial<GateOptions> = {}): Promise<World> {
  const made = faulty(createMemoryStore());
  worlds.push(made);
  const folder = freshFolder();
  let calls = 0;
  const gate = await open({
    policy: POLICY,
    store: made.store,
    failMode,
    deadlineMs: 20_000,
    dispatch: () => ++calls,
    ...(failMode === "open" ? { spool: { path: join(folder, "gate.spool"), maxBytes: 262_144 } } : {}),
    ...more,
  });
  return Object.assign(made, { gate, calls: () => calls, folder });
}

const DECISIONS = ["allow", "held", "ask", "slow", "none"] as const;

/** What the store is like, and the code of a refusal for that. */
const FAULTS: readonly (readonly [cause: string, fault: Fault, code: string])[] = [
  ["store down", "down", "store_unavailable"],
  ["disk full", "full", "store_unavailable"],
  ["locked", "locked", "deadline_exceeded"],
  ["deadline", "silent", "deadline_exceeded"],
  ["internal error", "internal", "internal_error"],
];

/** All that runs without its store. */
const DEGRADED = new Set(["open allow down", "open allow full", "open held down", "open held full"]);

const CELLS = (["closed", "open"] as const).flatMap((mode) =>
  FAULTS.flatMap(([cause, fault, code]) => DECISIONS.map((decision) => ({ mode, cause, fault, code, decision }))),
);

test.each(CELLS)("$mode, $cause: a job that is $decision", async ({ mode, fault, code, decision }) => {
  // A short deadline only where it is what ends the call: on a busy machine everything else may take longer.
  const made = await world(mode, code === "deadline_exceeded" ? { deadlineMs: 80 } : {});
  made.fault = fault;
  const outcome = await made.gate.evaluateAndDispatch({ topic: `${decision}.a` });
  if (DEGRADED.has(`${mode} ${decision} ${fault}`)) {
    expectOutcome(outcome, { status: "SUCCEEDED", dispatched: true, degraded: true });
    expect(made.calls()).toBe(1);
  } else {
    expectOutcome(outcome, { status: "DENIED", code: code as "internal_error", dispatched: false, degraded: false });
    expect(made.calls()).toBe(0);
  }
  made.fault = "none";
});

test.each((["closed", "open"] as const).flatMap((mode) => DECISIONS.map((decision) => [mode, decision] as const)))(
  "%s, policy missing: there is no gate, so no job that is %s runs",
  async (failMode, decision) => {
    const folder = freshFolder();
    let calls = 0;
    const options: GateOptions = {
      store: join(folder, "gate.db"),
      failMode,
      dispatch: () => ++calls,
    };
    const run = async (more: Partial<GateOptions>): Promise<unknown> => {
      const gate = await createGate({ ...options, ...more });
      return gate.evaluateAndDispatch({ topic: `${decision}.a` });
    };
    await expect(run({ activate: "never" })).rejects.toMatchObject({ issues: [{ code: "policy_missing" }] });
    await expect(run({ policy: join(folder, "nowhere.yaml") })).rejects.toMatchObject({ code: "policy_invalid" });
    expect(calls).toBe(0);
  },
);

describe("in fail mode open a job that is allowed", () => {
  const closed = { status: "DENIED", code: "store_unavailable", dispatched: false } as const;

  test.each<[string, Job]>([
    ["has an id of its own", { id: "j-1", topic: "allow.a" }],
    ["is limited", { topic: "allow.limited" }],
    ["holds a place in a pool", { topic: "held.pooled" }],
  ])("does not run without the store where it %s", async (_why, job) => {
    const made = await world("open");
    made.fault = "down";
    expectOutcome(await made.gate.evaluateAndDispatch(job), closed);
    expect(made.calls()).toBe(0);
  });

  test("does not run where its claim may be committed: that is the last one whose store is asked", async () => {
    const made = await world("open");
    made.fault = "commit";
    expectOutcome(await made.gate.evaluateAndDispatch({ topic: "allow.a" }), closed);
    expect(made.calls()).toBe(0);
    expectOutcome(await made.gate.evaluateAndDispatch({ topic: "allow.a" }), { status: "SUCCEEDED", degraded: true });
  });

  test("does not run on a gate that was halted when it was last heard of", async () => {
    const made = await world("open");
    await made.gate.halt({ by: "ann", reason: "stop" });
    made.fault = "down";
    expectOutcome(await made.gate.evaluateAndDispatch({ topic: "allow.a" }), closed);
  });

  test("does not run once the spool is full, and every one that ran is in the log afterwards", async () => {
    const made = await world("open", { spool: { path: join(freshFolder(), "s"), maxBytes: 65_536 } });
    made.fault = "down";
    const outcomes = [];
    for (let n = 0; n < 40; n += 1)
      outcomes.push(await made.gate.evaluateAndDispatch({ topic: "allow.a", payload: n }));
    const ran = outcomes.filter(({ status }) => status === "SUCCEEDED");
    expect(ran.length).toBeGreaterThan(5);
    expect(ran.length).toBeLessThan(40);
    expect(made.calls()).toBe(ran.length);
    expectOutcome(outcomes.at(-1) as never, closed);
    made.fault = "none";
    await expect.poll(() => typesOf(made.gate), { timeout: 10_000 }).toContain("gate.degraded");
    const events = await eventsOf(made.gate);
    const degraded = events.filter(({ body }) => body.degraded === true);
    expect(degraded.map(({ type }) => type).sort()).toEqual([
      ...ran.map(() => "job.dispatching"),
      ...ran.map(() => "job.settled"),
    ]);
  });

  test("is in the log with its end once the store is back, as one that ran without it", async () => {
    const made = await world("open");
    made.fault = "down";
    const job = { topic: "held.a", payload: { amount: 5 }, traceId: "t-1", annotations: { note: "n" } };
    const outcome = await made.gate.evaluateAndDispatch(job);
    expectOutcome(outcome, { status: "SUCCEEDED", degraded: true, dispatched: true });
    expect(outcome).toMatchObject({ output: 1, constraints: { maxRuntimeSec: 9 }, decision: { ruleId: "held" } });
    made.fault = "none";
    await expect.poll(() => typesOf(made.gate), { timeout: 10_000 }).toContain("gate.degraded");
    const stored = await made.gate.jobs.get(outcome.jobId ?? "");
    expect(stored).toMatchObject({ status: "SUCCEEDED", output: 1, degraded: true, traceId: "t-1" });
    const { entries } = await made.gate.audit.timeline("t-1");
    expect(entries.map(({ type, body }) => [type, body.degraded])).toEqual([
      ["job.dispatching", true],
      ["job.settled", true],
    ]);
    const told = (await eventsOf(made.gate)).find(({ type }) => type === "gate.degraded");
    expect(told?.body).toMatchObject({ entered: 1, lost: 0, reason: { code: "store_io" } });
    expect(Number(told?.body.until)).toBeGreaterThanOrEqual(Number(told?.body.since));
    expect((await made.gate.audit.verify()).problems).toEqual([]);
    expectOutcome(await made.gate.evaluateAndDispatch(job), { status: "SUCCEEDED", degraded: false });
  });

  test("ends in the store where that came back while it ran", async () => {
    let end: (value: string) => void = () => undefined;
    const made = await world("open", { dispatch: () => new Promise<string>((resolve) => (end = resolve)) });
    made.fault = "down";
    const running = made.gate.evaluateAndDispatch({ topic: "allow.a", traceId: "t-1" });
    await expect.poll(() => readdirSync(made.folder).length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    made.fault = "none";
    await expect.poll(() => typesOf(made.gate), { timeout: 10_000 }).toContain("gate.degraded");
    end("at last");
    const outcome = await running;
    expectOutcome(outcome, { status: "SUCCEEDED", degraded: true });
    expect(await made.gate.jobs.get(outcome.jobId ?? "")).toMatchObject({ status: "SUCCEEDED", degraded: true });
    expect((await made.gate.audit.verify()).problems).toEqual([]);
  });
});

test("a store that is away costs a job no deadline, and is asked again in the background", async () => {
  const made = await world("closed", { deadlineMs: 5_000 });
  let asked = 0;
  const { claim } = made.store;
  const counting: typeof claim = (request) => {
    asked += 1;
    return claim(request);
  };
  Object.assign(made.store, { claim: counting });
  made.fault = "down";
  const began = performance.now();
  for (let n = 0; n < 200; n += 1) {
    expectOutcome(await made.gate.evaluateAndDispatch({ topic: "allow.a" }), {
      status: "DENIED",
      code: "store_unavailable",
    });
  }
  expect(performance.now() - began).toBeLessThan(2_500);
  expect(asked).toBeLessThanOrEqual(1);
  made.fault = "none";
  await expect
    .poll(async () => (await made.gate.evaluateAndDispatch({ topic: "allow.a" })).status, { timeout: 10_000 })
    .toBe("SUCCEEDED");
  expect(await typesOf(made.gate)).toContain("gate.degraded");
});

test("a store that never answers is given up soon after the first deadline", async () => {
  const made = await world("open", { deadlineMs: 80 });
  made.fault = "silent";
  expectOutcome(await made.gate.evaluateAndDispatch({ topic: "allow.a" }), {
    status: "DENIED",
    code: "deadline_exceeded",
  });
  await expect
    .poll(async () => (await made.gate.evaluateAndDispatch({ topic: "allow.a" })).reason.code, { timeout: 10_000 })
    .toBe("store_unavailable");
  expect(made.calls()).toBe(0);
  // Not even closing waits for it longer than for any other.
  made.fault = "none";
  await made.gate.close({ waitMs: 10 });
}, 60_000);

test("the spool is its owner's alone, all of its room is taken at once, and it is gone when the gate is", async () => {
  const made = await world("open");
  const [name = ""] = readdirSync(made.folder);
  const { mode, size } = statSync(join(made.folder, name));
  expect([mode & 0o777, size]).toEqual([0o600, 262_144]);
  await made.gate.close();
  expect(readdirSync(made.folder)).toEqual([]);
});

test("the mode in force is in the log, and closed where nobody says otherwise", async () => {
  const said = async (made: World): Promise<unknown> =>
    (await eventsOf(made.gate)).find(({ type }) => type === "gate.opened")?.body.fail_mode;
  expect(await said(await world("open"))).toBe("open");
  expect(await said(await world("closed"))).toBe("closed");
});

test("a spool needs the mode, and the mode a place for it", async () => {
  const store = createMemoryStore();
  await expect(open({ policy: POLICY, store, failMode: "open" })).rejects.toThrow(
    '`failMode: "open"` needs a `spool.path` where the store is no file',
  );
  await expect(open({ policy: POLICY, store, spool: { path: "x" } })).rejects.toThrow(
    '`spool` needs `failMode: "open"`',
  );
  await expect(open({ policy: POLICY, store, failMode: "ajar" as never })).rejects.toThrow(
    '`failMode` must be one of "closed", "open"',
  );
});

test("control: a gate that runs whatever it could not record runs what must not run", async () => {
  const made = await world("closed");
  made.fault = "down";
  const ran: string[] = [];
  for (const decision of DECISIONS) {
    const { status, reason } = await made.gate.evaluateAndDispatch({ topic: `${decision}.a` });
    // Failing to the caller's default: what shipped engines do.
    if (status === "SUCCEEDED" || reason.code === "store_unavailable") ran.push(decision);
  }
  expect(ran).toEqual(expect.arrayContaining(["none", "ask", "slow"]));
});
