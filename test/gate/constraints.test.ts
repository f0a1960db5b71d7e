import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createGate,
  type Dispatch,
  type DispatchContext,
  defineStore,
  type Gate,
  type GateOptions,
  type GuardError,
  type Job,
  NoEffectError,
} from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ALLOW_ALL, freshFolder, held, open, rules, STORES } from "./open.js";

const JOB: Job = { topic: "a", actor: { id: "bot", type: "agent" } };

afterEach(() => {
  vi.useRealTimers();
});

/** A promise that somebody else ends. */
function later<T>(): { readonly promise: Promise<T>; readonly end: (value: T) => void } {
  let end: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    end = resolve;
  });
  return { promise, end };
}

describe.each(STORES)("pools, %s", (_name, openStore) => {
  test("no more run at a time than may, a refusal takes nothing, and a place comes free when a function has ended", async () => {
    const ends: ((value: number) => void)[] = [];
    const dispatch = (): Promise<number> => {
      const { promise, end } = later<number>();
      ends.push(end);
      return promise;
    };
    const gate = await open({ policy: held("max_concurrent: 2"), store: await openStore(), dispatch });
    const running = [gate.evaluateAndDispatch(JOB), gate.evaluateAndDispatch(JOB)];
    while (ends.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    for (let n = 0; n < 20; n += 1) {
      const full = expectOutcome(await gate.evaluateAndDispatch(JOB), {
        status: "THROTTLED",
        code: "concurrency_limited",
      });
      expect([full.reason.ruleId, full.retryAfterMs, full.dispatched]).toEqual(["held", 1_000, false]);
    }
    ends[0]?.(1);
    expectOutcome(await (running[0] as Promise<never>), { status: "SUCCEEDED" });
    const next = gate.evaluateAndDispatch(JOB);
    while (ends.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "THROTTLED" });
    for (const end of ends) end(1);
    expectOutcome(await next, { status: "SUCCEEDED" });
  });

  test("a function that is no longer waited for keeps its place until it ends, and one of a dead owner does not", async () => {
    const { promise, end } = later<string>();
    const store = await openStore();
    const clock = createFakeClock();
    const policy = held("max_concurrent: 1, max_runtime_sec: 0.02");
    const gate = await open({ policy, store, now: clock.now, dispatch: () => promise });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "TIMED_OUT" });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "THROTTLED", code: "concurrency_limited" });
    const other = await open({ activate: "never", store, now: clock.now, dispatch: () => "other" });
    expectOutcome(await other.evaluateAndDispatch(JOB), { status: "THROTTLED", code: "concurrency_limited" });
    end("late");
    await expect.poll(async () => (await other.evaluateAndDispatch(JOB)).status).toBe("SUCCEEDED");

    const stuckOn = later<string>();
    const stuck = await open({ activate: "never", store, now: clock.now, dispatch: () => stuckOn.promise });
    expectOutcome(await stuck.evaluateAndDispatch(JOB), { status: "TIMED_OUT" });
    expectOutcome(await other.evaluateAndDispatch(JOB), { status: "THROTTLED" });
    // Nothing renews that owner's lease here but its own beat, and it is told nothing of this clock.
    clock.advance(31_000);
    expectOutcome(await other.evaluateAndDispatch(JOB), { status: "SUCCEEDED" });
    // Closing the gate would wait for it.
    stuckOn.end("later still");
  });

  test("closing a gate frees no place of a function that runs on", async () => {
    const { promise, end } = later<string>();
    const store = await openStore();
    const policy = held("max_concurrent: 1, max_runtime_sec: 0.02");
    const gate = await createGate({ policy, store, dispatch: () => promise });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "TIMED_OUT" });
    let closed = false;
    const closing = gate.close().then(() => {
      closed = true;
    });
    const other = await open({ activate: "never", store, dispatch: () => "other" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expectOutcome(await other.evaluateAndDispatch(JOB), { status: "THROTTLED", code: "concurrency_limited" });
    expect(closed).toBe(false);
    end("late");
    await closing;
    expectOutcome(await other.evaluateAndDispatch(JOB), { status: "SUCCEEDED" });
    const { items } = await other.audit.events({ limit: 100 });
    expect(items.map(({ type }) => type)).toContain("job.late");
  });

  test("a function that outlasts even the closing of its gate keeps its place, until its process is believed dead", async () => {
    const store = await openStore();
    const clock = createFakeClock();
    const policy = held("max_concurrent: 1, max_runtime_sec: 0.02");
    const gate = await createGate({ policy, store, now: clock.now, dispatch: () => new Promise(() => undefined) });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "TIMED_OUT" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const closing = gate.close();
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
    await closing;
    clock.advance(59 * 60_000);
    const other = await open({ activate: "never", store, now: clock.now, dispatch: () => "other" });
    await other.recover();
    expectOutcome(await other.evaluateAndDispatch(JOB), { status: "THROTTLED", code: "concurrency_limited" });
    clock.advance(2 * 60_000);
    const next = await open({ activate: "never", store, now: clock.now, dispatch: () => "next" });
    expectOutcome(await next.evaluateAndDispatch(JOB), { status: "SUCCEEDED" });
  });

  test("a pool without places lets nothing run, and each rule has its own", async () => {
    const none = await open({ policy: held("max_concurrent: 0"), store: await openStore(), dispatch: () => 1 });
    const refused = expectOutcome(await none.evaluateAndDispatch(JOB), {
      status: "THROTTLED",
      code: "concurrency_limited",
    });
    expect(refused.retryAfterMs).toBe(null);
    const { promise, end } = later<number>();
    const policy = rules(`
- { id: a, match: { topics: [a] }, decision: allow_with_constraints, constraints: { max_concurrent: 1 } }
- { id: b, match: { topics: [b] }, decision: allow_with_constraints, constraints: { max_concurrent: 1 } }`);
    const gate = await open({
      policy,
      store: await openStore(),
      dispatch: ({ topic }) => (topic === "a" ? promise : 1),
    });
    const running = gate.evaluateAndDispatch(JOB);
    expectOutcome(await gate.evaluateAndDispatch({ ...JOB, topic: "b" }), { status: "SUCCEEDED" });
    end(1);
    expectOutcome(await running, { status: "SUCCEEDED" });
  });

  test("a job that waits for room keeps its approval, and takes its place with the claim", async () => {
    const { promise, end } = later<number>();
    const policy = rules(`
- { id: ask, match: { topics: ["**"] }, decision: require_approval, constraints: { max_concurrent: 1 } }`);
    const gate = await open({ policy, store: await openStore(), dispatch: () => promise });
    for (const id of ["j", "k"]) {
      await gate.evaluateAndDispatch({ ...JOB, id, payload: id });
      await gate.approvals.approve({ jobId: id }, { by: { id: "ann" } });
    }
    const running = gate.resume("j");
    await expect.poll(async () => (await gate.jobs.get("j"))?.status).toBe("RUNNING");
    expectOutcome(await gate.resume("k"), { status: "THROTTLED", code: "concurrency_limited" });
    expect((await gate.approvals.get({ jobId: "k" }))?.state).toBe("approved");
    end(1);
    expectOutcome(await running, { status: "SUCCEEDED" });
    expectOutcome(await gate.resume("k"), { status: "SUCCEEDED" });
  });
});

describe("output bytes", () => {
  const run = async (limit: number, dispatch: NonNullable<GateOptions["dispatch"]>) => {
    const gate = await open({ policy: held(`max_output_bytes: ${limit}`), store: createMemoryStore(), dispatch });
    return gate.evaluateAndDispatch(JOB);
  };

  test("more than may come back is withheld, results and errors alike", async () => {
    expectOutcome(await run(6, () => "1234"), { status: "SUCCEEDED" });
    const large = expectOutcome(await run(6, () => "12345"), { status: "QUARANTINED", code: "output_quarantined" });
    expect(large.reason.message).toBe("the output is larger than 6 bytes");
    // Bytes, not characters.
    expectOutcome(await run(6, () => "éé"), { status: "SUCCEEDED" });
    expectOutcome(await run(6, () => "ééé"), { status: "QUARANTINED" });
    expectOutcome(await run(0, () => undefined), { status: "SUCCEEDED" });
    expectOutcome(await run(0, () => null), { status: "QUARANTINED" });
    const failed = expectOutcome(
      await run(60, () => {
        throw new Error("x".repeat(100));
      }),
      { status: "FAILED" },
    );
    expect(failed.error.message).toBe("the error was withheld: it is larger than `max_output_bytes`");
  });
});

describe("further attempts", () => {
  test("follow an error that the host says had no effect, and no other; a predicate that fails says nothing", async () => {
    const attempts = async (isWithoutEffect: NonNullable<GateOptions["isWithoutEffect"]>): Promise<number> => {
      let calls = 0;
      const dispatch = (): never => {
        calls += 1;
        throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
      };
      const gate = await open({
        policy: held("max_retries: 2"),
        store: createMemoryStore(),
        dispatch,
        isWithoutEffect,
      });
      expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "FAILED" });
      return calls;
    };
    expect(await attempts((error) => (error as { code?: string }).code === "ECONNREFUSED")).toBe(3);
    expect(await attempts((error) => (error as { code?: string }).code === "ETIMEDOUT")).toBe(1);
    expect(
      await attempts(() => {
        throw new Error("the predicate is broken");
      }),
    ).toBe(1);
    expect(await attempts(() => "yes" as never)).toBe(1);
  });
});

describe.each(STORES)("no further attempt, %s", (_name, openStore) => {
  test("begins for a claim that others gave up, whatever it would bring", async () => {
    const store = await openStore();
    const clock = createFakeClock();
    const { promise, end } = later<void>();
    let calls = 0;
    const dispatch = async (): Promise<never> => {
      calls += 1;
      await promise;
      throw new NoEffectError("nothing happened");
    };
    const gate = await open({ policy: held("max_retries: 3"), store, now: clock.now, dispatch });
    const running = gate.evaluateAndDispatch({ ...JOB, id: "j" });
    await expect.poll(() => calls).toBe(1);
    clock.advance(31_000);
    const other = await open({ activate: "never", store, now: clock.now, dispatch: () => "other" });
    expect((await other.jobs.get("j"))?.status).toBe("UNKNOWN");
    end();
    expectOutcome(await running, { status: "FAILED" });
    expect(calls).toBe(1);
  });

  test("begins once the caller gave up or the time is over, however long the store took to answer", async () => {
    for (const [constraints, aborts] of [
      ["max_retries: 1", true],
      ["max_retries: 1, max_runtime_sec: 0.3", false],
    ] as const) {
      const stop = new AbortController();
      const whole = await openStore();
      const store = defineStore({
        ...whole,
        change: async (step) => {
          if (step.kind === "retry") {
            if (aborts) stop.abort();
            else await new Promise((resolve) => setTimeout(resolve, 320));
          }
          return whole.change(step);
        },
      });
      let calls = 0;
      const dispatch = (): never => {
        calls += 1;
        throw new NoEffectError("nothing happened");
      };
      const gate = await open({ policy: held(constraints), store, dispatch });
      expectOutcome(await gate.evaluateAndDispatch(JOB, undefined, { signal: stop.signal }), { status: "FAILED" });
      expect(calls).toBe(1);
    }
  });

  test.each([
    ["a pool", "max_retries: 1, max_concurrent: 5", ""],
    [
      "a rate limit",
      "max_retries: 1",
      '\n  - { id: rate, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 5, window_sec: 60 } }',
    ],
  ])("begins under a policy that asks for %s that the claim did not take", async (_what, constraints, more) => {
    let calls = 0;
    const gate: Gate = await open({
      policy: held("max_retries: 1"),
      store: await openStore(),
      dispatch: async () => {
        calls += 1;
        await gate.reload({ yaml: `${held(constraints).yaml}${more}` });
        throw new NoEffectError("nothing happened");
      },
    });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "FAILED" });
    expect(calls).toBe(1);
  });
});

describe("what the gate cannot hold a function to itself", () => {
  const PATHS = 'paths: { read: ["/data"] }';

  test("is refused where nobody does, and runs where the guard, the host or the dispatcher's own does", async () => {
    const policy = held(PATHS);
    const asks = async (_job: unknown, { guard }: DispatchContext): Promise<string> => {
      guard.url("https://a.example/");
      return "done";
    };
    const options = { policy, store: createMemoryStore(), dispatch: () => "plain" };
    const own = { name: "own", enforces: ["paths"] as const };
    const gate = await open({
      ...options,
      enforcers: [{ name: "jail", enforces: ["paths", "network"] }],
      dispatchers: {
        guarded: { dispatch: asks, enforcers: ["guard"] },
        jailed: { dispatch: () => "jailed", enforcers: ["jail"] },
        own: { dispatch: () => "own", enforcers: [own] },
      },
    });
    const plain = expectOutcome(await gate.evaluateAndDispatch(JOB), {
      status: "DENIED",
      code: "constraint_unenforceable",
    });
    expect(plain.reason.message).toBe("nothing here enforces `paths`, which the constraints ask for");
    for (const name of ["guarded", "jailed", "own"]) {
      const done = expectOutcome(await gate.evaluateAndDispatch(JOB, name), { status: "SUCCEEDED" });
      expect(done.constraints).toEqual({ maxRuntimeSec: 900, paths: { read: [["/data"]] } });
      const { entries } = await gate.audit.timeline(done.traceId ?? "");
      expect(entries[0]?.body).toMatchObject({
        constraints: { paths: [{ read: ["/data"] }] },
        constraints_by: { max_runtime_sec: ["@gate"], paths: ["held"] },
      });
      expect(entries[1]?.body).toMatchObject({
        enforced_by: { paths: [name === "guarded" ? "guard" : name === "jailed" ? "jail" : "own"] },
      });
    }
    const named = { name: "late", dispatch: () => 1, enforcers: ["jial"] };
    await expect(gate.evaluateAndDispatch(JOB, named)).rejects.toThrow(
      "there is no enforcer `jial`: did you mean `jail`?",
    );
    await expect(open({ ...options, enforcers: [{ name: "guard", enforces: [] }] })).rejects.toThrow(
      "is the gate's own",
    );
    await expect(open({ ...options, enforcers: [{ name: "x", enforces: ["disk"] } as never] })).rejects.toThrow(
      "the enforcer `x` must say what it `enforces`",
    );
  });

  test("a dispatcher that states that it asks its guard, and never does, is not believed", async () => {
    const gate = await open({
      policy: held(PATHS),
      store: createMemoryStore(),
      dispatch: { dispatch: () => "I asked nobody", enforcers: ["guard"] },
    });
    const outcome = expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "QUARANTINED", dispatched: true });
    expect(outcome.reason.message).toBe("the dispatcher states that it does all through its guard, and never asked it");
    const { entries } = await gate.audit.timeline(outcome.traceId ?? "");
    expect(entries.at(-1)?.body).toMatchObject({ status: "QUARANTINED", guard: { asked: 0, refused: 0 } });
  });

  test("nor is one that throws, asks in another attempt, or says so twice", async () => {
    const read = (): string => "what it should not have read";
    const ways: readonly (readonly [Dispatch, readonly string[]])[] = [
      [
        () => {
          throw new Error(read());
        },
        ["guard"],
      ],
      [
        (_job, { guard, attempt }) => {
          if (attempt > 1) return read();
          guard.url("https://a.example/");
          throw new NoEffectError("again");
        },
        ["guard"],
      ],
      [read, ["guard", "guard"]],
    ];
    const gate = await open({ policy: held(`${PATHS}, max_retries: 1`), store: createMemoryStore() });
    for (const [dispatch, enforcers] of ways) {
      const outcome = await gate.evaluateAndDispatch(JOB, { name: "d", dispatch, enforcers });
      expectOutcome(outcome, { status: "QUARANTINED" });
      expect(JSON.stringify(outcome)).not.toContain("should not have read");
    }
  });

  test("the guard holds to where links lead, and what it refuses is counted", async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "secret"), "s");
    symlinkSync(join(folder, "secret"), join(folder, "data/link"));
    writeFileSync(join(folder, "data/a"), "a");
    const policy = held(`paths: { read: ["${folder}/data"], write: [] }`);
    const codes: string[] = [];
    const codeOf = async (asked: Promise<string>): Promise<void> => {
      codes.push(
        await asked.then(
          () => "ok",
          (error: GuardError) => error.code,
        ),
      );
    };
    const dispatch = async (_job: unknown, { guard }: DispatchContext): Promise<string> => {
      await codeOf(guard.path(join(folder, "data/a"), "read"));
      await codeOf(guard.path(join(folder, "data/link"), "read"));
      await codeOf(guard.path(join(folder, "data/a"), "write"));
      return guard.path(join(folder, "secret"), "read");
    };
    const gate = await open({ policy, store: createMemoryStore(), dispatch: { dispatch, enforcers: ["guard"] } });
    const outcome = expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "FAILED" });
    expect(codes).toEqual(["ok", "path_denied", "path_denied"]);
    expect(outcome.error.name).toBe("GuardError");
    const { entries } = await gate.audit.timeline(outcome.traceId ?? "");
    expect(entries.at(-1)?.body).toMatchObject({ guard: { asked: 4, refused: 3 } });
  });

  test("what a job declares is looked at before it runs, by what it is held to itself too", async () => {
    const dispatch = async (_job: unknown, { guard }: DispatchContext): Promise<string> => {
      guard.url("https://a.example/");
      return "done";
    };
    const policy = held(
      'paths: { read: ["/data"], write: ["/out"], deny: ["/data/x"] }, network: { allow: ["a.example"] }',
    );
    const gate: Gate = await open({ policy, store: createMemoryStore(), dispatch: { dispatch, enforcers: ["guard"] } });
    const declared = async (resources: NonNullable<Job["resources"]>, more: Partial<Job> = {}): Promise<string> => {
      const { status, reason } = await gate.evaluateAndDispatch({ ...JOB, resources, ...more });
      return status === "SUCCEEDED" ? status : reason.code;
    };
    expect(await declared({ paths: ["/data/a", "/out/b"], hosts: ["a.example"] })).toBe("SUCCEEDED");
    expect(await declared({ paths: ["/data/x/y"] })).toBe("resource_denied");
    expect(await declared({ paths: ["/data/../etc"] })).toBe("resource_denied");
    expect(await declared({ paths: ["/database"] })).toBe("resource_denied");
    expect(await declared({ hosts: ["b.example"] })).toBe("resource_denied");
    expect(await declared({})).toBe("SUCCEEDED");
    expect(await declared({ paths: ["/data/a"] }, { constraints: { paths: { read: ["/data/b"], write: [] } } })).toBe(
      "resource_denied",
    );
    const apart = { paths: { read: ["/elsewhere"] } };
    expect(await declared({}, { constraints: apart })).toBe("constraint_conflict");
  });

  test("a job's own limits that are none are no job", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch: () => 1 });
    const wrong: readonly (readonly [object, string])[] = [
      [{ maxOutputBytes: -1 }, "/constraints/maxOutputBytes"],
      [{ maxOutputBytes: 1.5 }, "/constraints/maxOutputBytes"],
      [{ maxRetries: -1 }, "/constraints/maxRetries"],
      [{ maxRuntimeSec: 0 }, "/constraints/maxRuntimeSec"],
      [{ paths: { read: ["relative"] } }, "/constraints/paths/read/0"],
      [{ paths: { read: ["/a/../b"] } }, "/constraints/paths/read/0"],
      [
        { paths: { reed: [] } },
        "/constraints/paths: `constraints.paths` has an unknown key `reed` (did you mean `read`?)",
      ],
      [{ network: { allow: "a.example" } }, "/constraints/network/allow"],
      [{ network: { allow: ["a b"] } }, "/constraints/network/allow/0"],
    ];
    for (const [constraints, place] of wrong) {
      const outcome = expectOutcome(await gate.evaluateAndDispatch({ ...JOB, constraints } as Job), {
        status: "DENIED",
        code: "job_invalid",
      });
      expect(outcome.reason.message).toContain(place);
    }
  });
});
