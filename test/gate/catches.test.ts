import { defineStore } from "dispatch-gate";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ASK_ALL, open, rules } from "./open.js";

// Each step of the line is its own module, so a fault can be planted in any of them.
const fault = vi.hoisted(() => ({ at: "" }));
const plant = vi.hoisted(() => {
  return async (load: () => Promise<unknown>, names: readonly string[]): Promise<object> => {
    const real = (await load()) as Record<string, (...args: unknown[]) => unknown>;
    const planted = names.map((name) => [
      name,
      (...args: unknown[]): unknown => {
        if (fault.at === name) throw new Error(`planted in ${name}`);
        return real[name]?.(...args);
      },
    ]);
    return { ...real, ...Object.fromEntries(planted) };
  };
});
vi.mock("../../src/job/admit.js", (load) => plant(load as never, ["admit"]));
vi.mock("../../src/gate/tags.js", (load) => plant(load as never, ["deriveTags"]));
vi.mock("../../src/policy/policy.js", (load) => plant(load as never, ["decideAdmitted"]));
vi.mock("../../src/dispatch/constrain.js", (load) => plant(load as never, ["constrain"]));
vi.mock("../../src/dispatch/permit.js", (load) => plant(load as never, ["issuePermit"]));
vi.mock("../../src/dispatch/run.js", (load) => plant(load as never, ["runAttempts"]));
vi.mock("../../src/output/inspect.js", (load) => plant(load as never, ["inspectOutput", "inspectError"]));
vi.mock("../../src/evidence/event.js", (load) => plant(load as never, ["jobFacts", "findingFacts"]));

afterEach(() => {
  fault.at = "";
});

const policy = rules(`
- id: some
  match: { topics: ["**"] }
  decision: allow_with_constraints
  constraints: { max_runtime_sec: 5 }`);

describe("two catches, divided by the call of the dispatch function", () => {
  test.each(["admit", "deriveTags", "decideAdmitted", "constrain", "jobFacts", "issuePermit"])(
    "a throw in %s, before the call, is a refusal and nothing was dispatched",
    async (step) => {
      let calls = 0;
      const gate = await open({ policy, store: createMemoryStore(), dispatch: () => ++calls, deriveTags: () => [] });
      fault.at = step;
      const outcome = await gate.evaluateAndDispatch({ id: "j-1", topic: "a" });
      expectOutcome(outcome, { status: "DENIED", code: "internal_error", dispatched: false });
      expect(calls).toBe(0);
      expect(JSON.stringify(outcome)).not.toContain("planted");
      fault.at = "";
      expect((await gate.jobs.get("j-1"))?.status ?? "DENIED").toBe("DENIED");
    },
  );

  test.each(["inspectOutput", "findingFacts"])(
    "a throw in %s, after the call, is UNKNOWN, dispatched, without output",
    async (step) => {
      const gate = await open({ policy, store: createMemoryStore(), dispatch: () => "the output" });
      fault.at = step;
      const outcome = await gate.evaluateAndDispatch({ topic: "a" });
      expectOutcome(outcome, { status: "UNKNOWN", code: "settle_failed", dispatched: true });
      expect(JSON.stringify(outcome)).not.toContain("the output");
      fault.at = "";
      expect((await gate.jobs.get(outcome.jobId ?? ""))?.status).toBe("UNKNOWN");
    },
  );

  test("a throw while a thrown error is inspected is UNKNOWN as well", async () => {
    const gate = await open({
      policy,
      store: createMemoryStore(),
      dispatch: () => {
        throw new Error("the words");
      },
    });
    fault.at = "inspectError";
    const outcome = await gate.evaluateAndDispatch({ topic: "a" });
    expectOutcome(outcome, { status: "UNKNOWN", dispatched: true });
    expect(JSON.stringify(outcome)).not.toContain("the words");
  });

  test("of a late result that cannot be inspected nothing is recorded but that it came, and nothing rejects", async () => {
    let finish = (_value: string): void => undefined;
    const late = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const gate = await open({ policy, store: createMemoryStore(), dispatch: () => late, maxRuntimeSec: 0.02 });
    expectOutcome(await gate.evaluateAndDispatch({ id: "j-1", traceId: "t-1", topic: "a" }), { status: "TIMED_OUT" });
    fault.at = "inspectOutput";
    finish("the output");
    await gate.close();
    const { entries } = await gate.audit.timeline("t-1");
    expect(entries.map(({ type }) => type)).toEqual(["job.dispatching", "job.settled", "job.late"]);
    expect(entries.at(-1)?.body).toMatchObject({ ended: "QUARANTINED", output: null, findings: [] });
  });

  test.each(["claim"] as const)("a store that fails in %s refuses", async (verb) => {
    const store = createMemoryStore();
    const gate = await open({
      policy,
      store: defineStore({ ...store, [verb]: () => Promise.reject(new Error("planted")) }),
      dispatch: () => "ran",
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", dispatched: false });
  });

  test("a settle that fails withholds the output, answers UNKNOWN, and is recorded when the store answers again", async () => {
    const store = createMemoryStore();
    let failing = true;
    const settle: typeof store.settle = (request) =>
      failing ? Promise.reject(new Error("planted")) : store.settle(request);
    const gate = await open({ policy, store: defineStore({ ...store, settle }), dispatch: () => "the output" });
    const outcome = await gate.evaluateAndDispatch({ id: "j-1", topic: "a" });
    expectOutcome(outcome, { status: "UNKNOWN", code: "settle_failed", dispatched: true });
    expect(JSON.stringify(outcome)).not.toContain("the output");
    expectOutcome((await gate.jobs.get("j-1")) ?? outcome, { status: "RUNNING" });
    failing = false;
    await gate.close();
    const { jobs } = await store.read({ kind: "job", id: "j-1", tenantId: null });
    expect(jobs?.[0]?.row.status).toBe("SUCCEEDED");
  });

  test("an approval stands again after a claim that failed before the call, and is used once", async () => {
    let calls = 0;
    const gate = await open({ policy: ASK_ALL, store: createMemoryStore(), dispatch: () => ++calls });
    await gate.evaluateAndDispatch({ id: "j-1", topic: "a" });
    await gate.approvals.approve({ jobId: "j-1" }, { by: { id: "ann" } });
    fault.at = "issuePermit";
    expectOutcome(await gate.resume("j-1"), { status: "DENIED", dispatched: false });
    fault.at = "";
    expect((await gate.approvals.get({ jobId: "j-1" }))?.state).toBe("approved");
    expectOutcome(await gate.resume("j-1"), { status: "SUCCEEDED", dispatched: true });
    expectOutcome(await gate.resume("j-1"), { status: "SUCCEEDED", replayed: true });
    expect(calls).toBe(1);
  });

  test("control: one catch for both halves would call a job that ran refused", async () => {
    const naive = async (run: () => Promise<string>): Promise<{ dispatched: boolean }> => {
      try {
        await run();
        return { dispatched: true };
      } catch {
        return { dispatched: false };
      }
    };
    let effect = 0;
    const answer = await naive(async () => {
      effect += 1;
      throw new Error("planted after the call");
    });
    expect([answer.dispatched, effect]).toEqual([false, 1]);
  });
});
