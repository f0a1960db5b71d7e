import {
  type DispatchContext,
  type Gate,
  NoEffectError,
  type Outcome,
  type Telemetry,
  type TelemetryCall,
  type TraceHeaders,
} from "dispatch-gate";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALLOW_ALL, ASK_ALL, held, open, rules } from "./open.js";

type Call = Partial<Record<keyof TelemetryCall, unknown>>;
type Attempt = Partial<Record<"headers" | "run" | "end" | "late", unknown>>;

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const HEADERS = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`, tracestate: "vendor=a,t@v=b" };

/** A telemetry that does what it should, but for what is put in its place. */
function telemetryWith(call: Call = {}, attempt: Attempt = {}): Telemetry {
  const nothing = (): void => undefined;
  const run = (work: () => void): void => work();
  const sound = { headers: HEADERS, run, end: nothing, late: nothing, ...attempt };
  return {
    begin: () => ({ traceId: TRACE_ID, run, decided: nothing, attempt: () => sound, end: nothing, ...call }) as never,
  };
}

const throwing = (): never => {
  throw new Error("the telemetry is broken");
};
const rejecting = async (): Promise<never> => throwing();
const silent = (): void => undefined;
const twice = (work: () => void): void => {
  work();
  work();
};
const later = (work: () => void): void => void setTimeout(work, 1);
const thenThrowing = (work: () => void): void => {
  work();
  throwing();
};

/** An object of which every property throws when it is read. */
const unreadable = new Proxy({}, { get: throwing });

const HOSTILE: readonly (readonly [name: string, telemetry: Telemetry])[] = [
  ["throws when a job comes in", { begin: throwing }],
  ["rejects when a job comes in", { begin: rejecting as never }],
  ["answers null", { begin: () => null }],
  ["answers a number", { begin: () => 7 as never }],
  ["answers an object without functions", { begin: () => ({}) as never }],
  ["answers what cannot be read", { begin: () => unreadable as never }],
  ["throws in every function", telemetryWith({ run: throwing, decided: throwing, attempt: throwing, end: throwing })],
  [
    "rejects in every function",
    telemetryWith({ run: rejecting, decided: rejecting, attempt: rejecting, end: rejecting }),
  ],
  ["calls the job never", telemetryWith({ run: silent })],
  ["calls the job twice", telemetryWith({ run: twice })],
  ["calls the job later", telemetryWith({ run: later })],
  ["throws after it called the job", telemetryWith({ run: thenThrowing })],
  ["answers an attempt that is none", telemetryWith({ attempt: () => "attempt" })],
  ["answers an attempt that cannot be read", telemetryWith({ attempt: () => unreadable })],
  ["throws in every function of an attempt", telemetryWith({}, { run: throwing, end: throwing, late: throwing })],
  ["rejects in every function of an attempt", telemetryWith({}, { run: rejecting, end: rejecting, late: rejecting })],
  ["calls the function never", telemetryWith({}, { run: silent })],
  ["calls the function twice", telemetryWith({}, { run: twice })],
  ["calls the function later", telemetryWith({}, { run: later })],
  ["throws after it called the function", telemetryWith({}, { run: thenThrowing })],
];

const policy = rules(`
- { id: no, match: { topics: ["no.*"] }, decision: deny }
- { id: ask, match: { topics: ["ask.*"] }, decision: require_approval }
- { id: go, match: { topics: ["go.*"] }, decision: allow_with_constraints, constraints: { max_retries: 1 } }
- { id: late, match: { topics: ["go.late"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 0.02 } }`);

/** What every kind of job comes to, and how often its function was called. */
async function witness(telemetry: Telemetry | undefined): Promise<readonly (readonly [string, string, number])[]> {
  let calls = 0;
  const dispatch = async ({ topic }: { readonly topic: string }, { attempt }: DispatchContext): Promise<unknown> => {
    calls += 1;
    if (topic === "go.fail") throw new Error("no");
    if (topic === "go.retry" && attempt === 1) throw new NoEffectError("not yet");
    if (topic === "go.late") await new Promise((resolve) => setTimeout(resolve, 40));
    return { attempt };
  };
  const gate = await open({
    policy,
    store: createMemoryStore(),
    dispatch,
    ...(telemetry === undefined ? {} : { telemetry }),
  });
  const seen: (readonly [string, string, number])[] = [];
  const note = ({ status, reason }: Outcome): void => void seen.push([status, reason.code, calls]);
  for (const topic of ["no.a", "go.a", "go.fail", "go.retry", "go.late"]) {
    note(await gate.evaluateAndDispatch({ topic }));
  }
  note(await gate.evaluateAndDispatch({ topic: "ask.a", id: "j" }));
  expect((await gate.evaluate({ topic: "go.a" })).next).toBe("dispatch");
  await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann" } });
  note(await gate.resume("j"));
  note(await gate.evaluateAndDispatch({ topic: 7 } as never));
  const { stream } = (await gate.evaluateAndDispatch({ topic: "go.s" }, streaming, { stream: true })) as never as {
    readonly stream: AsyncIterable<unknown> & { readonly outcome: Promise<Outcome> };
  };
  for await (const chunk of stream) expect(chunk).toBe("one");
  note(await stream.outcome);
  // Whatever is put off has come by then.
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(calls).toBe(6);
  return seen;
}

async function* streaming(): AsyncGenerator<string> {
  yield "one";
}

describe("telemetry that is broken or hostile", () => {
  test.each(HOSTILE)("changes no outcome and calls no function again: one that %s", async (_name, telemetry) => {
    expect(await witness(telemetry)).toEqual(await witness(undefined));
  });

  test("would change a gate that trusted it: each of these breaks one that does", async () => {
    // What the line would be without its guards.
    const naive = async (telemetry: Telemetry): Promise<boolean> => {
      let calls = 0;
      let answer: Promise<number> | undefined;
      try {
        const call = telemetry.begin("evaluate_and_dispatch") as TelemetryCall;
        call.run(() => {
          const attempt = call.attempt(1);
          attempt?.run(() => {
            calls += 1;
            answer = Promise.resolve(calls);
          });
        });
        const answered = await answer;
        call.end({} as never);
        return answered === 1 && calls === 1;
      } catch {
        return false;
      }
    };
    // A rejection that nobody handles ends the process, so those are not tried here.
    const tried = HOSTILE.filter(([name]) => !name.startsWith("rejects"));
    for (const [name, telemetry] of tried) expect([name, await naive(telemetry)]).toEqual([name, false]);
    expect(await naive(telemetryWith())).toBe(true);
  });
});

describe("the trace id that telemetry tells", () => {
  const traceOf = async (traceId: unknown, job: object = {}): Promise<string | null> => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: createMemoryStore(),
      dispatch: () => 1,
      telemetry: telemetryWith({ traceId }),
    });
    return (await gate.evaluateAndDispatch({ topic: "a", ...job })).traceId;
  };

  test("is that of a job which names none, refused or not", async () => {
    expect(await traceOf(TRACE_ID)).toBe(TRACE_ID);
    expect(await traceOf(TRACE_ID, { nonsense: 1 })).toBe(TRACE_ID);
  });

  test("never takes the place of the job's own", async () => {
    expect(await traceOf(TRACE_ID, { traceId: "ours" })).toBe("ours");
    expect(await traceOf(TRACE_ID, { traceId: "ours", nonsense: 1 })).toBe("ours");
  });

  test.each([
    ["0".repeat(32)],
    [TRACE_ID.toUpperCase()],
    [`${TRACE_ID}0`],
    [`${TRACE_ID}\n`],
    [7],
    [null],
    [{ toString: () => TRACE_ID }],
  ])("is not taken where it is %j", async (traceId) => {
    const taken = await traceOf(traceId);
    expect(taken).toMatch(/^[0-9a-f]{32}$/);
    expect(taken).not.toBe(TRACE_ID);
  });
});

describe("the headers that a dispatch function is given", () => {
  const headersOf = async (headers: unknown): Promise<TraceHeaders> => {
    let trace: TraceHeaders | undefined;
    const gate = await open({
      policy: ALLOW_ALL,
      store: createMemoryStore(),
      dispatch: (_job, context) => {
        trace = context.trace;
      },
      telemetry: telemetryWith({}, { headers }),
    });
    await gate.evaluateAndDispatch({ topic: "a" });
    expect(Object.isFrozen(trace)).toBe(true);
    return trace ?? {};
  };
  const { traceparent, tracestate } = HEADERS;

  test("are those of the telemetry, and nothing else that it has there", async () => {
    expect(await headersOf({ ...HEADERS, baggage: "user=ann" })).toEqual(HEADERS);
    expect(await headersOf({ traceparent })).toEqual({ traceparent });
  });

  test.each([
    ["no version 00", { traceparent: traceparent.replace("00-", "01-"), tracestate }],
    ["a trace of zeros", { traceparent: traceparent.replace(TRACE_ID, "0".repeat(32)) }],
    ["a parent of zeros", { traceparent: traceparent.replace("b7ad6b7169203331", "0".repeat(16)) }],
    ["a second line", { traceparent: `${traceparent}\r\nx-admin: 1` }],
    ["a state alone", { tracestate }],
    ["no text", { traceparent: 7 }],
  ])("are none where they hold %s", async (_name, headers) => {
    expect(await headersOf(headers)).toEqual({});
  });

  test.each([["a=b\r\nx-admin: 1"], ["a"], ["=b"], ["A=b"], ["a=b,,c=d"], ["a=b=c"], [`a=${"b".repeat(511)}`], [7]])(
    "leave out the state %j",
    async (state) => {
      expect(await headersOf({ traceparent, tracestate: state })).toEqual({ traceparent });
    },
  );
});

describe("what telemetry is told", () => {
  /** All that is told of the jobs that `use` submits, in order. */
  const toldOf = async (
    policy: { readonly yaml: string },
    use: (gate: Gate) => Promise<unknown>,
    dispatch: () => unknown = () => 1,
  ): Promise<readonly (readonly [string, Readonly<Record<string, unknown>>])[]> => {
    const told: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
    const tell = (name: string) => (facts: object) => void told.push([name, { ...facts }]);
    const telemetry = telemetryWith(
      { decided: tell("decided"), end: tell("end") },
      { end: tell("attempt"), late: tell("late") },
    );
    const gate = await open({ policy, store: createMemoryStore(), dispatch, telemetry });
    await use(gate);
    return told;
  };

  test("is the decision, each attempt and the end, in this order, after what it tells of is durable", async () => {
    const durable: string[] = [];
    const store = createMemoryStore();
    const types = async (): Promise<string> =>
      ((await store.page({ kind: "events", after: null, limit: 100 })).events ?? []).map(({ type }) => type).join();
    const looks: Promise<unknown>[] = [];
    const look = (name: string) => () =>
      void looks.push(types().then((events) => void durable.push(`${name}: ${events.split(",").at(-1)}`)));
    const gate = await open({
      policy: ALLOW_ALL,
      store,
      dispatch: () => 1,
      telemetry: telemetryWith({ decided: look("decided"), end: look("end") }),
    });
    await gate.evaluateAndDispatch({ topic: "a" });
    await Promise.all(looks);
    expect(durable).toEqual(["decided: job.dispatching", "end: job.settled"]);
  });

  test("says whether a call asked for an approval, or joined one", async () => {
    const told = await toldOf(ASK_ALL, async (gate) => {
      await gate.evaluateAndDispatch({ topic: "a" });
      await gate.evaluateAndDispatch({ topic: "a", id: "second" });
      await gate.evaluateAndDispatch({ topic: "a", id: "second" });
    });
    const began = told.flatMap(([name, { approval }]) =>
      name === "decided" ? [(approval as { readonly began: string }).began] : [],
    );
    expect(began).toEqual(["requested", "joined", null]);
  });

  test("is nothing of what the gate decides again by itself", async () => {
    const told = await toldOf(ASK_ALL, async (gate) => {
      const { approval } = await gate.evaluateAndDispatch({ topic: "a", id: "j" });
      await gate.reload(rules(`- { id: other, match: { topics: ["**"] }, decision: require_approval, reason: other }`));
      // The vote finds another policy, and the gate asks anew in the place of the request.
      await expect(
        gate.approvals.approve({ approvalId: approval?.id ?? "" } as never, { by: { id: "ann" } }),
      ).rejects.toThrow();
    });
    expect(told.map(([name]) => name)).toEqual(["decided", "end"]);
  });

  test("comes once for each time that a job goes through a gate, and tells a joined outcome as replayed", async () => {
    let finish: ((value: number) => void) | undefined;
    const told = await toldOf(
      ALLOW_ALL,
      async (gate) => {
        const first = gate.evaluateAndDispatch({ topic: "a", id: "j" });
        await expect.poll(() => finish).toBeDefined();
        const second = gate.evaluateAndDispatch({ topic: "a", id: "j" });
        setTimeout(() => finish?.(1), 5);
        expectOutcome(await second, { status: "SUCCEEDED", replayed: true });
        await first;
      },
      () =>
        new Promise<number>((resolve) => {
          finish = resolve;
        }),
    );
    const ends = told.filter(([name]) => name === "end").map(([, { replayed, attempts }]) => [replayed, attempts]);
    expect(ends.sort()).toEqual([
      [false, 1],
      [true, 0],
    ]);
  });
  test("comes of a late result too, once it is recorded", async () => {
    const told = await toldOf(
      held("max_runtime_sec: 0.02"),
      async (gate) => {
        const outcome = await gate.evaluateAndDispatch({ topic: "a" });
        expectOutcome(outcome, { status: "TIMED_OUT" });
        const recorded = async (): Promise<unknown> =>
          (await gate.audit.timeline(outcome.traceId ?? "")).entries.map(({ type }) => type);
        await expect.poll(recorded).toContain("job.late");
      },
      () => new Promise((resolve) => setTimeout(resolve, 50)),
    );
    expect(told.map(([name]) => name)).toEqual(["decided", "attempt", "end", "late"]);
    expect(told.at(-1)?.[1]).toEqual({ ended: "SUCCEEDED", findings: { count: 0, kinds: [] } });
  });
});

test.each([[null], ["otel"], [{}], [{ begin: 1 }]])(
  "a gate is not made with the telemetry %j, and says what it takes",
  async (telemetry) => {
    await expect(
      open({ policy: ALLOW_ALL, store: createMemoryStore(), telemetry: telemetry as never }),
    ).rejects.toThrow(
      new TypeError("`telemetry` must be an object with a function `begin`: for example `await openTelemetry()`"),
    );
  },
);
