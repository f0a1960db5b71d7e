import { type DispatchContext, type Job, NoEffectError } from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALLOW_ALL, DENY_ALL, open, rules, STORES } from "./open.js";

const typesOf = async (gate: Awaited<ReturnType<typeof open>>, traceId: string | null): Promise<readonly string[]> =>
  (await gate.audit.timeline(traceId ?? "")).entries.map(({ type }) => type);

describe.each(STORES)("the line, %s", (_name, openStore) => {
  test("an allowed job runs once, answers what the function answered, and writes two events", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: (job) => ({ echo: job.payload }),
    });
    const outcome = await gate.evaluateAndDispatch({ topic: "job.a", payload: { x: 1 } });
    const { output, traceId } = expectOutcome(outcome, { status: "SUCCEEDED", code: "completed", dispatched: true });
    expect(output).toEqual({ echo: { x: 1 } });
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(await typesOf(gate, traceId)).toEqual(["job.dispatching", "job.settled"]);
  });

  test("a job that is not a job is refused with its place and recorded, and nothing is dispatched", async () => {
    let calls = 0;
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => ++calls });
    const hostile = { topic: "job.a", traceId: "t-1", risk_tags: ["prod"] } as unknown as Job;
    const outcome = await gate.evaluateAndDispatch(hostile);
    expectOutcome(outcome, { status: "DENIED", code: "job_invalid", dispatched: false });
    expect(outcome.reason).toMatchObject({
      message: "/risk_tags: unknown job field `risk_tags`",
      help: "did you mean `riskTags`?",
    });
    expect([outcome.jobHash, outcome.decision, calls]).toEqual([null, null, 0]);
    expect(await typesOf(gate, "t-1")).toEqual(["job.refused"]);
    for (const input of [
      null,
      undefined,
      7,
      "x",
      [],
      new Proxy({}, {}),
      { topic: "x", payload: { toJSON: () => 1 } },
    ]) {
      expectOutcome(await gate.evaluateAndDispatch(input as Job), { status: "DENIED", code: "job_invalid" });
    }
    expect(calls).toBe(0);
  });

  test("the same id and content is told its recorded outcome, other content under the id is refused", async () => {
    let calls = 0;
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => ({ n: ++calls }) });
    const job = { id: "j-1", topic: "job.a", payload: 1 };
    const first = expectOutcome(await gate.evaluateAndDispatch(job), { status: "SUCCEEDED", replayed: false });
    const again = expectOutcome(await gate.evaluateAndDispatch(job), { status: "SUCCEEDED", replayed: true });
    expect(again.output).toEqual(first.output);
    const other = await gate.evaluateAndDispatch({ ...job, payload: 2 });
    expectOutcome(other, { status: "DENIED", code: "job_id_reused", dispatched: false });
    expect(calls).toBe(1);
    expectOutcome((await gate.jobs.get("j-1")) ?? other, { status: "SUCCEEDED", replayed: true });
  });

  test("an equal call of this process is joined while it runs; another process would be told RUNNING", async () => {
    let calls = 0;
    let finish = (_value: unknown): void => undefined;
    const store = await openStore();
    const dispatch = () => {
      calls += 1;
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const gate = await open({ policy: ALLOW_ALL, store, dispatch });
    const elsewhere = await open({ policy: ALLOW_ALL, store, dispatch });
    const job = { id: "j-1", topic: "job.a" };
    const first = gate.evaluateAndDispatch(job);
    await until(() => calls === 1);
    const joined = gate.evaluateAndDispatch(job);
    expectOutcome(await elsewhere.evaluateAndDispatch(job), { status: "RUNNING", dispatched: true });
    finish("done");
    expectOutcome(await first, { status: "SUCCEEDED", replayed: false });
    expectOutcome(await joined, { status: "SUCCEEDED", replayed: true });
    expect(calls).toBe(1);
  });

  test("a refused id is not spent: under another policy the same job may run", async () => {
    const gate = await open({ policy: DENY_ALL, store: await openStore(), dispatch: () => "ran" });
    const job = { id: "j-1", topic: "job.a" };
    const denied = await gate.evaluateAndDispatch(job);
    expectOutcome(denied, { status: "DENIED", code: "rule_matched", ruleId: "none" });
    expect(denied.reason.message).toBe("closed for the day");
    await gate.reload(ALLOW_ALL);
    expectOutcome(await gate.evaluateAndDispatch(job), { status: "SUCCEEDED" });
  });

  test("jobs go to the dispatcher they name, to a function given with the call, and nowhere else", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: () => "default",
      dispatchers: { refund: () => "refund" },
    });
    const answer = async (choice?: Parameters<typeof gate.evaluateAndDispatch>[1]): Promise<unknown> =>
      expectOutcome(await gate.evaluateAndDispatch({ topic: "job.a" }, choice), { status: "SUCCEEDED" }).output;
    expect([await answer(), await answer("refund"), await answer(() => "call")]).toEqual(["default", "refund", "call"]);
    expect(await answer({ name: "own", dispatch: () => "own" })).toBe("own");
    const missing = await gate.evaluateAndDispatch({ topic: "job.a" }, "refnud");
    expectOutcome(missing, { status: "DENIED", code: "dispatcher_missing", dispatched: false });
    expect(missing.reason.help).toBe("did you mean `refund`?");
    for (const name of ["constructor", "__proto__", "toString"]) {
      expectOutcome(await gate.evaluateAndDispatch({ topic: "job.a" }, name), {
        status: "DENIED",
        code: "dispatcher_missing",
      });
    }
  });

  test("derived tags count for the decision and are recorded apart from the declared ones", async () => {
    const policy = rules(`
- id: all
  match: { topics: ["**"] }
  decision: allow
- id: no-prod
  match: { risk_tags: [prod] }
  decision: deny`);
    const gate = await open({
      policy,
      store: await openStore(),
      dispatch: () => "ran",
      deriveTags: async (job) => (job.labels.env === "production" ? ["prod"] : []),
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a", labels: { env: "test" } }), { status: "SUCCEEDED" });
    const denied = await gate.evaluateAndDispatch({ topic: "a", labels: { env: "production" }, riskTags: ["x"] });
    expectOutcome(denied, { status: "DENIED", ruleId: "no-prod" });
    const { entries } = await gate.audit.timeline(denied.traceId ?? "");
    expect(entries[0]?.body).toMatchObject({ risk_tags: ["x"], derived_tags: ["prod"] });
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["answers something else", () => "prod" as unknown as string[]],
    ["answers a malformed tag", () => ["Prod!"]],
  ])("a deriveTags that %s refuses the job", async (_how, deriveTags) => {
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => "ran", deriveTags });
    const outcome = await gate.evaluateAndDispatch({ topic: "a" });
    expectOutcome(outcome, { status: "DENIED", code: "derive_tags_failed", dispatched: false });
    expect(outcome.decision).toBeNull();
  });

  test("a deriveTags that never answers refuses the job at the deadline", async () => {
    const deriveTags = (): Promise<string[]> => new Promise(() => undefined);
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: () => "ran",
      deriveTags,
      deadlineMs: 30,
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", dispatched: false });
  });

  test("under restrict_only a declared tag tightens and never satisfies a permission", async () => {
    const policy = rules(`
- id: tagged
  match: { risk_tags: [reviewed] }
  decision: allow`);
    const store = await openStore();
    const gate = await open({ policy, store, dispatch: () => "ran", declaredTags: "restrict_only" });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a", riskTags: ["reviewed"] }), {
      status: "DENIED",
      code: "no_rule_matched",
    });
    const trusting = await open({ policy, store, dispatch: () => "ran" });
    expectOutcome(await trusting.evaluateAndDispatch({ topic: "a", riskTags: ["reviewed"] }), { status: "SUCCEEDED" });
  });

  test("an evaluation records the decision and dispatches nothing, however often it is asked", async () => {
    let calls = 0;
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => ++calls });
    const job = { id: "j-1", traceId: "t-1", topic: "a" };
    for (let n = 0; n < 3; n += 1) expect((await gate.evaluate(job)).next).toBe("dispatch");
    expect(calls).toBe(0);
    expectOutcome(await gate.evaluateAndDispatch(job), { status: "SUCCEEDED", replayed: false });
    expect((await gate.evaluate(job)).next).toBe("finished");
    expect(calls).toBe(1);
  });

  test("what the caller does to its object at any moment changes nothing that is dispatched (property)", async () => {
    const store = await openStore();
    const job = { topic: "a", payload: { list: [1, 2, { deep: "x" }] }, labels: { env: "test" } };
    const pristine = JSON.stringify(job.payload);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3 }), async (moment) => {
        const input = structuredClone(job);
        const tamper = (): void => {
          input.topic = "evil";
          input.labels.env = "evil";
          input.payload.list.push(666);
        };
        let seen: unknown;
        const gate = await open({
          policy: ALLOW_ALL,
          store,
          deriveTags: () => {
            if (moment === 1) tamper();
            return [];
          },
          dispatch: async (admitted) => {
            if (moment === 2) tamper();
            expect(() => (admitted.payload as { list: number[] }).list.push(1)).toThrow(TypeError);
            await Promise.resolve();
            seen = { topic: admitted.topic, payload: JSON.stringify(admitted.payload), labels: admitted.labels };
          },
        });
        const running = gate.evaluateAndDispatch(input);
        if (moment === 0) tamper();
        if (moment === 3) setImmediate(tamper);
        expectOutcome(await running, { status: "SUCCEEDED" });
        expect(seen).toEqual({ topic: "a", payload: pristine, labels: { env: "test" } });
      }),
      { numRuns: 24 },
    );
  });
});

describe("a dispatch function that misbehaves", () => {
  const run = async (dispatch: (job: unknown, context: DispatchContext) => unknown, maxRuntimeSec = 5) => {
    const gate = await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch, maxRuntimeSec });
    return { gate, outcome: await gate.evaluateAndDispatch({ topic: "a", traceId: "t-1" }) };
  };

  test.each([
    ["an error", new Error("boom"), { name: "Error", message: "boom" }],
    ["a string", "boom", { message: "boom" }],
    ["null", null, {}],
    ["undefined", undefined, {}],
    ["an object", { code: 7 }, {}],
  ])("throwing %s ends as FAILED, inspected and recorded", async (_what, thrown, error) => {
    const { gate, outcome } = await run(() => {
      throw thrown;
    });
    const failed = expectOutcome(outcome, { status: "FAILED", code: "dispatch_failed", dispatched: true });
    expect(failed.error).toMatchObject(error);
    expect(typeof failed.error.message).toBe("string");
    expect(await typesOf(gate, "t-1")).toEqual(["job.dispatching", "job.settled"]);
  });

  test("never resolving ends at the run time, and the signal says so first", async () => {
    let reason: unknown;
    const { outcome } = await run((_job, { signal }) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return new Promise(() => undefined);
    }, 0.05);
    expectOutcome(outcome, { status: "TIMED_OUT", code: "runtime_exceeded", dispatched: true });
    expect((reason as DOMException).name).toBe("TimeoutError");
  });

  test("resolving twice answers the first, a thenable that calls back twice as well", async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: the misbehaviour under test
      then: (resolve: (value: unknown) => void): void => {
        resolve("first");
        resolve("second");
      },
    };
    const { outcome } = await run(() => thenable);
    expect(expectOutcome(outcome, { status: "SUCCEEDED" }).output).toBe("first");
  });

  test("a late result is inspected and recorded, and released to nobody", async () => {
    let finish = (_value: unknown): void => undefined;
    const { gate, outcome } = await run(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
      0.05,
    );
    expectOutcome(outcome, { status: "TIMED_OUT" });
    finish({ late: "secret result" });
    await until(async () => (await typesOf(gate, "t-1")).includes("job.late"));
    const { entries } = await gate.audit.timeline("t-1");
    expect(JSON.stringify(entries)).not.toContain("secret result");
    expectOutcome((await gate.jobs.get(outcome.jobId ?? "")) ?? outcome, { status: "TIMED_OUT" });
  });

  test("holding the event loop past the run time is a timeout as well, and its result is late", async () => {
    const { outcome } = await run(() => {
      const end = performance.now() + 80;
      while (performance.now() < end);
      return "too late";
    }, 0.02);
    expectOutcome(outcome, { status: "TIMED_OUT" });
    expect(JSON.stringify(outcome)).not.toContain("too late");
  });
});

describe("retries", () => {
  const policy = rules(`
- id: some
  match: { topics: ["**"] }
  decision: allow_with_constraints
  constraints: { max_retries: 2, max_runtime_sec: 10 }`);

  test("happen after an error that says it had no effect, each with its own permit and event, at most so often", async () => {
    const attempts: number[] = [];
    const keys = new Set<string>();
    const gate = await open({
      policy,
      store: createMemoryStore(),
      dispatch: (_job, { attempt, permit, idempotencyKey }) => {
        attempts.push(permit.attempt);
        expect(permit.attempt).toBe(attempt);
        keys.add(idempotencyKey);
        throw new NoEffectError("not yet");
      },
    });
    const outcome = await gate.evaluateAndDispatch({ topic: "a" });
    expectOutcome(outcome, { status: "FAILED" });
    expect(attempts).toEqual([1, 2, 3]);
    expect(keys.size).toBe(1);
    const { entries } = await gate.audit.timeline(outcome.traceId ?? "");
    expect(entries.map(({ type }) => type)).toEqual(["job.dispatching", "job.retried", "job.retried", "job.settled"]);
    expect(entries.at(-1)?.body.attempts).toMatchObject([
      { attempt: 1, ended: "no_effect" },
      { attempt: 2, ended: "no_effect" },
      { attempt: 3, ended: "no_effect" },
    ]);
  });

  test("do not happen after any other error, with max_retries 0, or without max_retries", async () => {
    const count = async (constraints: Job["constraints"], error: Error, source = policy): Promise<number> => {
      let calls = 0;
      const gate = await open({
        policy: source,
        store: createMemoryStore(),
        dispatch: () => {
          calls += 1;
          throw error;
        },
      });
      expectOutcome(await gate.evaluateAndDispatch({ topic: "a", constraints }), { status: "FAILED" });
      return calls;
    };
    expect(await count(undefined, new Error("effect unknown"))).toBe(1);
    expect(await count({ maxRetries: 0 }, new NoEffectError("none"))).toBe(1);
    expect(await count(undefined, new NoEffectError("none"), ALLOW_ALL)).toBe(1);
    expect(await count({ maxRetries: 9 }, new NoEffectError("none"), ALLOW_ALL)).toBe(1);
    expect(await count({ maxRetries: 1 }, new NoEffectError("none"))).toBe(2);
  });

  test("stop when the policy in force refuses the job meanwhile", async () => {
    let calls = 0;
    const gate = await open({
      policy,
      store: createMemoryStore(),
      dispatch: async () => {
        calls += 1;
        await gate.reload(DENY_ALL);
        throw new NoEffectError("none");
      },
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "FAILED" });
    expect(calls).toBe(1);
  });

  test("stop when the caller gives up", async () => {
    const stop = new AbortController();
    let calls = 0;
    const gate = await open({
      policy,
      store: createMemoryStore(),
      dispatch: () => {
        calls += 1;
        stop.abort();
        throw new NoEffectError("none");
      },
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }, undefined, { signal: stop.signal }), {
      status: "FAILED",
    });
    expect(calls).toBe(1);
  });
});

describe("what binds or refuses", () => {
  test.each(["paths: { read: [/tmp] }", "network: { allow: [example.com] }"])(
    "a constraint that nothing enforces refuses the job: %s",
    async (constraint) => {
      const policy = rules(`
- id: bound
  match: { topics: ["**"] }
  decision: allow_with_constraints
  constraints: { ${constraint} }`);
      let calls = 0;
      const gate = await open({ policy, store: createMemoryStore(), dispatch: () => ++calls });
      const outcome = await gate.evaluateAndDispatch({ topic: "a" });
      expectOutcome(outcome, { status: "DENIED", code: "constraint_unenforceable", dispatched: false });
      expect(outcome.reason.message).toBe(
        `nothing here enforces \`${constraint.split(":")[0]}\`, which the constraints ask for`,
      );
      expect(calls).toBe(0);
    },
  );

  test("the job's own limits tighten and never widen", async () => {
    const policy = rules(`
- id: bound
  match: { topics: ["**"] }
  decision: allow_with_constraints
  constraints: { max_runtime_sec: 45, max_retries: 1 }`);
    const seen: unknown[] = [];
    const gate = await open({
      policy,
      store: createMemoryStore(),
      dispatch: (_job, { constraints }) => {
        seen.push(constraints);
      },
    });
    await gate.evaluateAndDispatch({ topic: "a", constraints: { maxRuntimeSec: 5, maxRetries: 0 } });
    await gate.evaluateAndDispatch({ topic: "a", constraints: { maxRuntimeSec: 500, maxRetries: 9 } });
    expect(seen).toEqual([
      { maxRuntimeSec: 5, maxRetries: 0 },
      { maxRuntimeSec: 45, maxRetries: 1 },
    ]);
  });

  test("a rule that always throttles refuses, and waiting does not help", async () => {
    const policy = rules(`- id: closed\n  match: { topics: ["**"] }\n  decision: throttle`);
    const gate = await open({ policy, store: createMemoryStore(), dispatch: () => "ran" });
    const outcome = await gate.evaluateAndDispatch({ topic: "a" });
    expect(expectOutcome(outcome, { status: "THROTTLED", dispatched: false }).retryAfterMs).toBeNull();
  });
});

describe.each(STORES)("limits, %s", (_name, openStore) => {
  const policy = rules(`
- id: all
  match: { topics: ["**"] }
  decision: allow
- id: slow
  match: { topics: ["job.slow"] }
  decision: throttle
  throttle: { limit: 2, window_sec: 10, per: [tenant, actor, "label:env"] }`);

  test("grant so many claims in any window, name the exact wait, and count by what `per` says", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy, store: await openStore(), dispatch: () => "ran", now: clock.now });
    const send = (env: string | undefined, actor = "bot") =>
      gate.evaluateAndDispatch({
        topic: "job.slow",
        actor: { id: actor, type: "agent" },
        ...(env === undefined ? {} : { labels: { env } }),
      });
    expectOutcome(await send("a"), { status: "SUCCEEDED" });
    clock.advance(4_000);
    expectOutcome(await send("a"), { status: "SUCCEEDED" });
    const refused = expectOutcome(await send("a"), { status: "THROTTLED", code: "rate_limited", dispatched: false });
    expect(refused.retryAfterMs).toBe(6_000);
    expect(refused.decision?.type).toBe("ALLOW");
    expect(refused.reason.ruleId).toBe("slow");
    expectOutcome(await send("b"), { status: "SUCCEEDED" });
    expectOutcome(await send("a", "other"), { status: "SUCCEEDED" });
    for (let n = 0; n < 20; n += 1) expectOutcome(await send("a"), { status: "THROTTLED" });
    clock.advance(5_999);
    expectOutcome(await send("a"), { status: "THROTTLED" });
    clock.advance(1);
    expectOutcome(await send("a"), { status: "SUCCEEDED" });
    expectOutcome(await send("a"), { status: "THROTTLED" });
  });

  test("give jobs that lack a key part one shared bucket, never none", async () => {
    const gate = await open({ policy, store: await openStore(), dispatch: () => "ran" });
    for (let n = 0; n < 2; n += 1)
      expectOutcome(await gate.evaluateAndDispatch({ topic: "job.slow" }), { status: "SUCCEEDED" });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "job.slow" }), { status: "THROTTLED" });
  });
});

/** Waits until something holds, between turns of the event loop; the test's own time limit bounds it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
