import type { Gate, GateOptions, Job, Store } from "dispatch-gate";
import { createFakeClock, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test } from "vitest";
import { open, rules, STORES } from "./open.js";
import { typesOf } from "./workers.js";

const POLICY = rules(`
- { id: all, match: { topics: ["**"] }, decision: allow_with_constraints, constraints: { max_concurrent: 2 } }
- { id: slow, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 3, window_sec: 3600 } }
`);
const JOB = { topic: "job.a", payload: { amount: 5 }, traceId: "t-1" } as const satisfies Job;

const ends: ((value: unknown) => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end("too late");
});

interface World {
  /** Opens another gate, after the lease of the one that died. */
  readonly next: (options?: Partial<GateOptions>) => Promise<Gate>;
  readonly ids: readonly string[];
  /** What was called again: nothing may be. */
  readonly calls: () => number;
}

/** A store on which a gate went silent while it ran two jobs. */
async function lostClaims(store: Store): Promise<World> {
  const clock = createFakeClock();
  let calls = 0;
  const options = { store, policy: POLICY, now: clock.now };
  const dead = await open({ ...options, dispatch: () => new Promise((resolve) => ends.push(resolve)) });
  const ids = ["j-1", "j-2"];
  for (const id of ids) void dead.evaluateAndDispatch({ ...JOB, id });
  await expect.poll(async () => (await dead.jobs.get("j-2"))?.status).toBe("RUNNING");
  clock.advance(31_000);
  return { ids, calls: () => calls, next: (more) => open({ ...options, dispatch: () => ++calls, ...more }) };
}

describe.each(STORES)("a job whose process died, %s", (_name, openStore) => {
  test("is UNKNOWN, its slot is free again, and its place in a limit is not", async () => {
    const world = await lostClaims(await openStore());
    const gate = await world.next();
    expectOutcome(await gate.evaluateAndDispatch({ ...JOB, id: "j-3" }), { status: "SUCCEEDED" });
    expectOutcome(await gate.evaluateAndDispatch({ ...JOB, id: "j-4" }), { status: "THROTTLED", code: "rate_limited" });
    for (const id of world.ids) expect((await gate.jobs.get(id))?.status).toBe("UNKNOWN");
    const types = await typesOf(gate);
    expect(types.filter((type) => type === "gate.recovered")).toHaveLength(3);
    expect((await gate.audit.verify()).problems).toEqual([]);
  });

  test("is settled by what the host finds out, and never run again", async () => {
    const world = await lostClaims(await openStore());
    const asked: unknown[] = [];
    const gate = await world.next({
      reconcile: async (job, { dispatcher, idempotencyKey, signal }) => {
        asked.push([job.payload, dispatcher, idempotencyKey, signal.aborted]);
        return job.id === "j-1" ? "happened" : "not_happened";
      },
    });
    await expect.poll(async () => (await gate.jobs.get("j-2"))?.status).toBe("FAILED");
    const happened = await gate.evaluateAndDispatch({ ...JOB, id: "j-1" });
    expectOutcome(happened, { status: "SUCCEEDED", code: "effect_confirmed", dispatched: true, replayed: true });
    expect(happened).toMatchObject({ output: undefined });
    const not = await gate.evaluateAndDispatch({ ...JOB, id: "j-2" });
    expectOutcome(not, { status: "FAILED", code: "effect_ruled_out", dispatched: false, replayed: true });
    expect(asked).toEqual(world.ids.map((id) => [{ amount: 5 }, "default", `default/${id}`, false]));
    expect(world.calls()).toBe(0);
    const { entries } = await gate.audit.timeline("t-1");
    expect(entries.map(({ type }) => type).filter((type) => type === "job.reconciled")).toHaveLength(2);
    expect((await gate.audit.verify()).problems).toEqual([]);
  });

  test.each([
    ["says that it does not know", () => "unknown" as const],
    ["throws", () => Promise.reject(new Error("planted"))],
    ["answers something else", () => true as never],
  ])("stays UNKNOWN where the host %s, and is asked about again", async (_title, reconcile) => {
    const world = await lostClaims(await openStore());
    let knows = false;
    const gate = await world.next({ reconcile: () => (knows ? "happened" : reconcile()) });
    await gate.recover();
    expect((await gate.jobs.get("j-1"))?.status).toBe("UNKNOWN");
    knows = true;
    expect(await gate.recover()).toBe(0);
    expect((await gate.jobs.get("j-1"))?.status).toBe("SUCCEEDED");
  });
});

test("the host is not asked about a job whose owner lives, though it gave the job up itself", async () => {
  const [, openStore] = STORES[0] as (typeof STORES)[number];
  const store = await openStore();
  let failing = true;
  const { defineStore } = await import("../../src/store/port.js");
  const settle: Store["settle"] = (request) =>
    failing && request.status === "SUCCEEDED" ? Promise.reject(new Error("planted")) : store.settle(request);
  const options = { policy: POLICY, dispatch: () => ({ big: 1n }) };
  const owner = await open({ ...options, store: defineStore({ ...store, settle }) });
  await owner.evaluateAndDispatch({ ...JOB, id: "j-1" });
  const asked: string[] = [];
  const other = await open({
    ...options,
    store,
    reconcile: ({ id }) => {
      asked.push(id);
      return "not_happened";
    },
  });
  await other.recover();
  expect(asked).toEqual([]);
  failing = false;
});

test("only a function can be asked", async () => {
  await expect(open({ policy: POLICY, reconcile: "no" as never })).rejects.toThrow("`reconcile` must be a function");
});
