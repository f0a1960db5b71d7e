import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  createGate,
  type DispatchContext,
  defineStore,
  type Gate,
  type GateOptions,
  NoEffectError,
  type Outcome,
  type OutputStream,
  type Store,
  StreamError,
} from "dispatch-gate";
import { createMemoryStore, expectOutcome, type SettleRequest } from "dispatch-gate/testing";
import { describe, expect, test, vi } from "vitest";
import { commit } from "../../src/digest.js";
import { encodeOutput } from "../../src/output/encode.js";
import { cases } from "../scale.js";
import { ALLOW_ALL, ASK_ALL, DENY_ALL, held, open, STORES } from "./open.js";

// Put together here, so that no complete key stands in the source.
const KEY = `AKIA${"IOSFODNN7"}${"EXAMPLE"}`;

const QUARANTINING = {
  yaml: `${ALLOW_ALL.yaml}
outputs:
  - { id: hold, match: { topics: ["**"] }, detect: [secrets], action: quarantine }
`,
};

const UNASKED = "the dispatcher states that it does all through its guard, and never asked it";

/** Words of 2,200 characters: each chunk is looked at when it comes, and one leaves for it. */
const LINE = "Nothing of what stands here is hidden from anybody. ".repeat(50).slice(0, 2_199).concat("\n");

async function* lines(count: number, last = ""): AsyncGenerator<string> {
  for (let line = 0; line < count; line += 1) yield LINE;
  if (last !== "") yield last;
}

/** Submits a job under `stream: true` of which the output is passed on. */
async function begin(
  gate: Gate,
  dispatch?: Parameters<Gate["evaluateAndDispatch"]>[1],
  options: { readonly id?: string; readonly signal?: AbortSignal } = {},
): Promise<OutputStream> {
  const { id = "j", signal } = options;
  const outcome = await gate.evaluateAndDispatch({ id, traceId: "t", topic: "a" }, dispatch, {
    stream: true,
    ...(signal === undefined ? {} : { signal }),
  });
  return streamOf(outcome);
}

function streamOf(outcome: Outcome): OutputStream {
  const { stream } = expectOutcome(outcome, { status: "RUNNING", code: "job_running", dispatched: true });
  if (stream === undefined) throw new Error("nothing is passed on");
  return stream;
}

interface Read {
  readonly chunks: readonly unknown[];
  readonly text: string;
  readonly error: StreamError | null;
}

/** Reads to the end, or to the error that ends it. */
async function read(stream: AsyncIterable<unknown>): Promise<Read> {
  const chunks: unknown[] = [];
  let error: StreamError | null = null;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (reason) {
    if (!(reason instanceof StreamError)) throw reason;
    error = reason;
  }
  return { chunks, text: chunks.filter((chunk) => typeof chunk === "string").join(""), error };
}

/** Waits until a count stands still: nothing runs that would change it. */
async function settled(count: () => number): Promise<number> {
  for (let still = 0, last = count(); still < 50; ) {
    await new Promise(setImmediate);
    still = count() === last ? still + 1 : 0;
    last = count();
  }
  return count();
}

/** A source by hand: what it is asked for, and whether it was told to stop. */
function byHand(next: () => Promise<unknown>) {
  const returned = vi.fn(async () => ({ done: true, value: undefined }));
  return { source: { [Symbol.asyncIterator]: () => ({ next, return: returned }) }, returned };
}

const forever = (): Promise<never> => new Promise(() => undefined);

/** A store, and all that it was told of how jobs ended. */
function watched(store: Store): { readonly store: Store; readonly settlements: readonly SettleRequest[] } {
  const settlements: SettleRequest[] = [];
  const settle: Store["settle"] = (request) => {
    settlements.push(request);
    return store.settle(request);
  };
  return { store: defineStore({ ...store, settle }), settlements };
}

async function settledEvent(gate: Gate): Promise<Readonly<Record<string, unknown>>> {
  const { entries } = await gate.audit.timeline("t");
  const event = entries.find(({ type }) => type === "job.settled");
  if (event === undefined) throw new Error("the job has not ended");
  return event.body;
}

describe.each(STORES)("a stream that is gathered, %s", (_name, openStore) => {
  test("is the list of its chunks, inspected as a whole, and recorded", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: async function* () {
        yield `the key is ${KEY.slice(0, 9)}`;
        yield `${KEY.slice(9)} so`;
        yield { n: 1 };
      },
    });
    const done = expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), { status: "SUCCEEDED" });
    const [{ fingerprint = "" } = {}] = done.findings;
    expect(done.output).toEqual([`the key is [REDACTED:aws_access_key_id:${fingerprint}]`, " so", { n: 1 }]);
    expect(done.findings).toMatchObject([{ kind: "aws_access_key_id", path: "/0", length: KEY.length }]);
    const replay = expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), {
      status: "SUCCEEDED",
      replayed: true,
    });
    expect(replay.output).toEqual(done.output);
  });

  test("over a cap it is withheld, and its source told to stop", async () => {
    const { source, returned } = byHand(async () => ({ done: false, value: "x".repeat(1_000_000) }));
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => source });
    const outcome = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), {
      status: "QUARANTINED",
      code: "output_quarantined",
    });
    expect(outcome.reason.message).toBe(
      "the output is over a limit: a stream of more than 8388608 characters and bytes",
    );
    expect(returned).toHaveBeenCalledOnce();
  });

  test("one that fails is a failure, with its words inspected", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: async function* () {
        yield "so far";
        throw new Error(`no more for ${KEY}`);
      },
    });
    const failed = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), {
      status: "FAILED",
      code: "dispatch_failed",
    });
    const [{ fingerprint = "" } = {}] = failed.findings;
    expect(failed.error.message).toBe(`no more for [REDACTED:aws_access_key_id:${fingerprint}]`);
    expect(JSON.stringify(failed)).not.toContain(KEY);
  });

  test("when the run time is over its source is told to stop, and what came late is recorded", async () => {
    const { source, returned } = byHand(forever);
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      maxRuntimeSec: 0.05,
      dispatch: () => source,
    });
    expectOutcome(await gate.evaluateAndDispatch({ id: "j", traceId: "t", topic: "a" }), {
      status: "TIMED_OUT",
      code: "runtime_exceeded",
    });
    expect(returned).toHaveBeenCalledOnce();
    const late = await vi.waitFor(async () => {
      const { entries } = await gate.audit.timeline("t");
      const event = entries.find(({ type }) => type === "job.late");
      if (event === undefined) throw new Error("it was not recorded yet");
      return event.body;
    });
    expect(late).toMatchObject({ attempt: 1, ended: "FAILED", findings: [] });
  });

  test("a step that says it had no effect is tried again, as far as `max_retries` allows", async () => {
    let calls = 0;
    const dispatch = async function* (): AsyncGenerator<string> {
      calls += 1;
      if (calls < 3) throw new NoEffectError("the line is busy");
      yield "answered";
    };
    const gate = await open({ policy: held("max_retries: 2"), store: await openStore(), dispatch });
    const done = expectOutcome(await gate.evaluateAndDispatch({ id: "j", traceId: "t", topic: "a" }), {
      status: "SUCCEEDED",
    });
    expect(done.output).toEqual(["answered"]);
    expect((await settledEvent(gate)).attempts).toMatchObject([
      { attempt: 1, ended: "no_effect" },
      { attempt: 2, ended: "no_effect" },
      { attempt: 3, ended: "returned" },
    ]);
  });
});

describe("what is no stream to gather", () => {
  const outcomeOf = async (value: unknown): Promise<Outcome> => {
    const gate = await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch: () => value });
    return gate.evaluateAndDispatch({ topic: "a" });
  };

  test("a getter is not called, a proxy not asked, and the value is withheld", async () => {
    const ran = vi.fn();
    const getter = Object.defineProperty({}, Symbol.asyncIterator, { get: ran, enumerable: true });
    expectOutcome(await outcomeOf(getter), { status: "QUARANTINED" });
    const proxy = new Proxy({ [Symbol.asyncIterator]: ran }, { getOwnPropertyDescriptor: ran, getPrototypeOf: ran });
    expectOutcome(await outcomeOf({ inside: proxy }), { status: "QUARANTINED" });
    expect(ran).not.toHaveBeenCalled();
  });

  test("a web stream that is read elsewhere is a failure", async () => {
    const stream = new ReadableStream();
    stream.getReader();
    const failed = expectOutcome(await outcomeOf(stream), { status: "FAILED", code: "dispatch_failed" });
    expect(failed.error.message).toMatch(/locked/i);
  });

  test("a stream within a value is no plain data", async () => {
    const held = expectOutcome(await outcomeOf({ body: lines(1) }), { status: "QUARANTINED" });
    expect(held.reason.message).toContain("/body");
  });
});

describe.each(STORES)("a stream that is passed on, %s", (_name, openStore) => {
  test("leaves inspected while the job runs, and its record is the list of what left", async () => {
    const { store, settlements } = watched(await openStore());
    const gate = await open({
      policy: ALLOW_ALL,
      store,
      dispatch: async function* () {
        yield* lines(3);
        yield `the key is ${KEY.slice(0, 9)}`;
        yield `${KEY.slice(9)} so `;
        yield* lines(2);
        yield { n: 1n, at: new Date(0), none: undefined };
      },
    });
    const stream = await begin(gate);
    const during = await gate.jobs.get("j");
    expectOutcome(during ?? ({} as Outcome), { status: "RUNNING" });
    expect(during).not.toHaveProperty("stream");
    const { chunks, text, error } = await read(stream);
    expect(error).toBeNull();
    const done = expectOutcome(await stream.outcome, { status: "SUCCEEDED", code: "completed", replayed: false });
    const [{ fingerprint = "" } = {}] = done.findings;
    expect(text).toBe(`${LINE.repeat(3)}the key is [REDACTED:aws_access_key_id:${fingerprint}] so ${LINE.repeat(2)}`);
    expect(done.findings).toMatchObject([{ kind: "aws_access_key_id", path: "/3", length: KEY.length }]);
    expect(done.output).toEqual(chunks);
    expect(chunks.at(-1)).toEqual({ n: 1n, at: new Date(0), none: undefined });

    const recorded = expectOutcome((await gate.jobs.get("j")) ?? done, { status: "SUCCEEDED", replayed: true });
    expect(recorded.output).toEqual(chunks);
    expect(recorded.findings).toEqual(done.findings);
    const again = expectOutcome(await gate.evaluateAndDispatch({ id: "j", traceId: "t", topic: "a" }), {
      status: "SUCCEEDED",
      replayed: true,
    });
    expect(again.output).toEqual(chunks);

    const [settlement] = settlements;
    const [kept] = settlement?.vault ?? [];
    expect(kept).toMatchObject({ kind: "output", value: encodeOutput(chunks) });
    const commitment = commit(kept?.salt ?? "", encodeOutput(chunks));
    const event = await settledEvent(gate);
    expect(event).toMatchObject({
      status: "SUCCEEDED",
      output: commitment,
      stream: { chunks: chunks.length, ended: "ended", output: commitment },
      attempts: [{ attempt: 1, ended: "returned" }],
    });
    expect(JSON.stringify([event, kept, done, chunks.slice(0, -1)], bigintsAsText)).not.toContain(KEY);
  });

  test("an equal submission waits for it, and is told how it ended", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => lines(3, "the end") });
    const stream = await begin(gate);
    const joined = gate.evaluateAndDispatch({ id: "j", traceId: "t", topic: "a" });
    const streaming = gate.evaluateAndDispatch({ id: "j", traceId: "t", topic: "a" }, undefined, { stream: true });
    const { chunks } = await read(stream);
    for (const outcome of [await joined, await streaming]) {
      const done = expectOutcome(outcome, { status: "SUCCEEDED", replayed: true });
      expect(done.output).toEqual(chunks);
    }
    expect((await gate.audit.timeline("t")).entries.filter(({ type }) => type === "job.dispatching").length).toBe(1);
  });

  test("one that ends without a chunk is an empty list", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => lines(0) });
    const stream = await begin(gate);
    expect(await read(stream)).toEqual({ chunks: [], text: "", error: null });
    expect(expectOutcome(await stream.outcome, { status: "SUCCEEDED" }).output).toEqual([]);
    expect((await settledEvent(gate)).stream).toMatchObject({ chunks: 0, ended: "ended" });
  });

  test("one that is too long to be kept is told whole, and recorded by its commitment alone", async () => {
    const { store, settlements } = watched(await openStore());
    const gate = await open({ policy: ALLOW_ALL, store, dispatch: () => lines(200) });
    const stream = await begin(gate);
    const { chunks, text } = await read(stream);
    expect(text).toBe(LINE.repeat(200));
    const done = expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
    expect(done.output).toBeUndefined();
    expect(settlements[0]?.vault).toEqual([]);
    const { stream: facts, output } = (await settledEvent(gate)) as { stream: { chunks: number }; output: string };
    expect(facts).toEqual({ chunks: chunks.length, ended: "ended", output });
    expectOutcome((await gate.jobs.get("j")) ?? done, { status: "SUCCEEDED" });
  });

  test("what a rule withholds ends it: nothing of it leaves, and the job is quarantined", async () => {
    async function* answer(): AsyncGenerator<string> {
      yield* lines(3);
      yield `the key is ${KEY} `;
      yield* lines(1_000);
    }
    const answers = answer();
    const { source, returned } = byHand(() => answers.next());
    const gate = await open({ policy: QUARANTINING, store: await openStore(), dispatch: () => source });
    const stream = await begin(gate);
    const { text, error } = await read(stream);
    expect(error).toMatchObject({
      name: "StreamError",
      code: "output_quarantined",
      message: "output rule `hold` ended the stream: aws_access_key_id at `/3`",
    });
    expect(`${LINE.repeat(3)}the key is `.startsWith(text)).toBe(true);
    expect(text.length).toBeGreaterThan(LINE.length);
    const withheld = expectOutcome(await stream.outcome, { status: "QUARANTINED", code: "output_quarantined" });
    expect(withheld.quarantineId).toMatch(/^[0-9a-f-]{36}$/);
    expect(withheld.findings).toMatchObject([{ kind: "aws_access_key_id", action: "quarantine" }]);
    expect(returned).toHaveBeenCalledOnce();
    expect(await settledEvent(gate)).toMatchObject({
      status: "QUARANTINED",
      kept: false,
      output: null,
      quarantine_id: withheld.quarantineId,
      stream: { ended: "withheld" },
    });
    expect(await gate.outputs.get(withheld.quarantineId)).toMatchObject({ kept: false });
    const everything = [await gate.jobs.get("j"), (await gate.audit.events()).items, withheld, error?.message, text];
    for (const piece of [KEY, KEY.slice(0, 8), KEY.slice(-8)]) expect(JSON.stringify(everything)).not.toContain(piece);
  });

  test("an error amid it ends it, in words that were inspected", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: async function* () {
        yield* lines(2);
        throw new Error(`no more for ${KEY}`);
      },
    });
    const stream = await begin(gate);
    const { text, error } = await read(stream);
    const failed = expectOutcome(await stream.outcome, { status: "FAILED", code: "dispatch_failed" });
    const [{ fingerprint = "" } = {}] = failed.findings;
    const message = `no more for [REDACTED:aws_access_key_id:${fingerprint}]`;
    expect(error).toMatchObject({ code: "dispatch_failed", message });
    expect(error?.cause).toBeUndefined();
    expect(failed.error.message).toBe(message);
    expect(LINE.repeat(2).startsWith(text)).toBe(true);
    expect(JSON.stringify([failed, error, String(error?.stack)])).not.toContain(KEY);
    expect(await settledEvent(gate)).toMatchObject({
      status: "FAILED",
      stream: { ended: "failed" },
      attempts: [{ attempt: 1, ended: "threw" }],
    });
  });

  test("an approved job passes its output on, also where the call waited in place", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => lines(2, "the end") });
    const calling = gate.evaluateAndDispatch({ id: "j", traceId: "t", topic: "a" }, undefined, {
      stream: true,
      waitForApprovalMs: 20_000,
    });
    await vi.waitFor(async () => expect(await gate.approvals.get({ jobId: "j" })).not.toBeNull());
    await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann" } });
    const outcome = await calling;
    expect(outcome.approval?.state).toBe("consumed");
    const stream = streamOf(outcome);
    expect((await read(stream)).text).toBe(`${LINE.repeat(2)}the end`);
    expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
  });

  test("a job that is resumed passes its output on", async () => {
    const gate = await open({ policy: ASK_ALL, store: await openStore(), dispatch: () => lines(2, "the end") });
    expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }, undefined, { stream: true }), {
      status: "PENDING_APPROVAL",
    });
    await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann" } });
    const stream = streamOf(await gate.resume("j", undefined, { stream: true }));
    expect((await read(stream)).text).toBe(`${LINE.repeat(2)}the end`);
    expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
    const again = expectOutcome(await gate.resume("j", undefined, { stream: true }), {
      status: "SUCCEEDED",
      replayed: true,
    });
    expect((again.output as readonly string[]).join("")).toBe(`${LINE.repeat(2)}the end`);
  });
});

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

const openInMemory = (options: Partial<GateOptions> = {}): Promise<Gate> =>
  open({ policy: ALLOW_ALL, store: createMemoryStore(), ...options });

describe("who reads a stream", () => {
  test("holds its source back: it is only so far ahead of a reader", async () => {
    let came = 0;
    const gate = await openInMemory({
      dispatch: async function* () {
        for (; came < 1_000; came += 1) yield LINE;
      },
    });
    const stream = await begin(gate);
    // 64 wait in between, of which each that came makes one or two; one is held back, and one may be asked for.
    const ahead = 66;
    expect(await settled(() => came)).toBeLessThanOrEqual(ahead);
    expect(came).toBeGreaterThanOrEqual(30);
    const reader = stream[Symbol.asyncIterator]();
    for (let taken = 1; taken <= 30; taken += 1) {
      await reader.next();
      expect(await settled(() => came)).toBeLessThanOrEqual(ahead + taken);
    }
    await reader.return?.();
    expectOutcome(await stream.outcome, { status: "FAILED", code: "stream_cancelled" });
    expect(await settled(() => came)).toBeLessThanOrEqual(ahead + 31);
  });

  test("and stops before its end ends the job, and the source is told", async () => {
    let ended = false;
    const gate = await openInMemory({
      dispatch: async function* () {
        try {
          yield* lines(1_000);
        } finally {
          ended = true;
        }
      },
    });
    const stream = await begin(gate);
    for await (const chunk of stream) {
      expect(typeof chunk).toBe("string");
      break;
    }
    const failed = expectOutcome(await stream.outcome, { status: "FAILED", code: "stream_cancelled" });
    expect(failed.error).toEqual({
      name: "AbortError",
      message: "the caller stopped reading before the stream had ended",
    });
    expect(ended).toBe(true);
    const facts = (await settledEvent(gate)).stream;
    expect(facts).toMatchObject({ ended: "cancelled", output: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test("may stop once all is read: that is its end", async () => {
    const gate = await openInMemory({ dispatch: () => lines(2) });
    const stream = await begin(gate);
    expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
    for await (const _chunk of stream) break;
    expectOutcome((await gate.jobs.get("j")) ?? (await stream.outcome), { status: "SUCCEEDED" });
  });

  test("reads it once", async () => {
    const gate = await openInMemory({ dispatch: () => lines(2) });
    const stream = await begin(gate);
    const { text } = await read(stream);
    expect(text).toBe(LINE.repeat(2));
    expect(await read(stream)).toMatchObject({
      chunks: [],
      error: { code: "stream_read", message: "a stream can be read once" },
    });
    expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
  });

  test("may ask for several chunks at once, and is given them in order", async () => {
    const gate = await openInMemory({ dispatch: () => lines(3, "the end") });
    const reader = (await begin(gate))[Symbol.asyncIterator]();
    const steps = await Promise.race([
      Promise.all(Array.from({ length: 8 }, () => reader.next())),
      new Promise<never>((_, reject) => setTimeout(() => reject(new Error("one was never answered")), 2_000)),
    ]);
    expect(steps.map(({ value }) => value as unknown).join("")).toBe(`${LINE.repeat(3)}the end`);
    expect(steps.at(-1)).toEqual({ done: true, value: undefined });
  });

  test("and asks again after its end, or after what ended it, is told that it is over", async () => {
    const gate = await openInMemory({
      dispatch: async function* () {
        yield "a";
        throw new Error("no more");
      },
    });
    const reader = (await begin(gate))[Symbol.asyncIterator]();
    await expect(reader.next()).rejects.toMatchObject({ code: "dispatch_failed", message: "no more" });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test("and nobody does: the job ends when nothing was read for too long", async () => {
    const { source, returned } = byHand(async () => ({ done: false, value: LINE }));
    const gate = await openInMemory({ streamIdleSec: 0.05, dispatch: () => source });
    const stream = await begin(gate);
    const outcome = expectOutcome(await stream.outcome, { status: "TIMED_OUT", code: "stream_idle" });
    expect(outcome.reason).toEqual({
      code: "stream_idle",
      message: "nothing came or was read for too long",
      help: "read a stream to its end, or raise `streamIdleSec`",
    });
    expect(outcome.error).toEqual({ name: "TimeoutError", message: "nothing came or was read for too long" });
    expect(returned).toHaveBeenCalledOnce();
    const late = await read(stream);
    expect(late.error).toMatchObject({ code: "stream_idle", message: "nothing came or was read for too long" });
    expect(late.chunks.length).toBeLessThanOrEqual(66);
    expect((await settledEvent(gate)).stream).toMatchObject({ ended: "idle" });
  });

  test("but slowly, each time before it is too long, reads it to its end", async () => {
    const gate = await openInMemory({ streamIdleSec: 0.2, dispatch: () => lines(70) });
    const stream = await begin(gate);
    let text = "";
    for await (const chunk of stream) {
      if (text === "") await new Promise((resolve) => setTimeout(resolve, 100));
      text += String(chunk);
    }
    expect(text).toBe(LINE.repeat(70));
  });
});

describe("what gives a stream", () => {
  test("and stalls is not waited for: the reader is told, the source and the function's signal too", async () => {
    let came = 0;
    let signal: AbortSignal | undefined;
    const { source, returned } = byHand(async () => {
      came += 1;
      return came > 3 ? forever() : { done: false, value: LINE };
    });
    const gate = await openInMemory({
      streamIdleSec: 0.05,
      dispatch: (_job: unknown, context: DispatchContext) => {
        signal = context.signal;
        return source;
      },
    });
    const stream = await begin(gate);
    const { error } = await read(stream);
    expect(error).toMatchObject({ code: "stream_idle" });
    expectOutcome(await stream.outcome, { status: "TIMED_OUT", code: "stream_idle" });
    expect(returned).toHaveBeenCalledOnce();
    // What waits for a network hears of nothing else.
    expect(signal?.aborted).toBe(true);
  });

  test("for longer than the run time is cut off: the reader is told, and the source", async () => {
    const { source, returned } = byHand(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { done: false, value: LINE };
    });
    const gate = await openInMemory({ maxRuntimeSec: 0.15, dispatch: () => source });
    const stream = await begin(gate);
    const { error, chunks } = await read(stream);
    expect(error).toMatchObject({ code: "runtime_exceeded", message: "the run time is over" });
    expect(chunks.length).toBeGreaterThan(0);
    expectOutcome(await stream.outcome, { status: "TIMED_OUT", code: "runtime_exceeded" });
    expect(returned).toHaveBeenCalledOnce();
    await gate.close();
  });

  test("is told to stop when the caller gives up, whatever the reason is called", async () => {
    const timeout = new DOMException("the caller's own time is over", "TimeoutError");
    for (const [id, reason] of [
      ["plain", undefined],
      ["timeout", timeout],
      ["error", new Error(KEY)],
    ] as const) {
      const caller = new AbortController();
      const { source, returned } = byHand(async () => {
        await new Promise(setImmediate);
        return { done: false, value: LINE };
      });
      const gate = await openInMemory({ dispatch: () => source });
      const stream = await begin(gate, undefined, { id, signal: caller.signal });
      const reader = stream[Symbol.asyncIterator]();
      await reader.next();
      caller.abort(reason);
      const { error } = await read({ [Symbol.asyncIterator]: () => reader });
      expect(error, id).toMatchObject({ code: "aborted", message: "the caller gave up" });
      const failed = expectOutcome(await stream.outcome, { status: "FAILED", code: "dispatch_failed" });
      expect(JSON.stringify([failed, error])).not.toContain(KEY);
      expect(returned).toHaveBeenCalledOnce();
    }
  });

  test("before any chunk throws: that is an error of the stream, and not tried again", async () => {
    let calls = 0;
    const gate = await openInMemory({
      policy: held("max_retries: 3"),
      // biome-ignore lint/correctness/useYield: it fails before it gives anything.
      dispatch: async function* () {
        calls += 1;
        throw new NoEffectError("the line is busy");
      },
    });
    const stream = await begin(gate);
    expect(await read(stream)).toMatchObject({ chunks: [], error: { code: "dispatch_failed" } });
    expectOutcome(await stream.outcome, { status: "FAILED" });
    expect(calls).toBe(1);
  });

  test("before there is a stream, a function that ended without effect is tried again", async () => {
    let calls = 0;
    const gate = await openInMemory({
      policy: held("max_retries: 1"),
      dispatch: async () => {
        calls += 1;
        if (calls === 1) throw new NoEffectError("the line is busy");
        return lines(1);
      },
    });
    const stream = await begin(gate);
    expect((await read(stream)).text).toBe(LINE);
    expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
  });

  test("of more than `max_output_bytes` ends it", async () => {
    const gate = await openInMemory({ policy: held("max_output_bytes: 5000"), dispatch: () => lines(10) });
    const stream = await begin(gate);
    const { error, text } = await read(stream);
    expect(error).toMatchObject({
      code: "output_quarantined",
      message: "the output is larger than 5000 bytes",
    });
    expect(LINE.repeat(2).startsWith(text)).toBe(true);
    expectOutcome(await stream.outcome, { status: "QUARANTINED" });
  });

  test("an error of more than `max_output_bytes` is withheld like any other", async () => {
    const message = "words that are too many ".repeat(100);
    const failing = async function* (): AsyncGenerator<string> {
      yield "a";
      throw new Error(message);
    };
    const gate = await openInMemory({ policy: held("max_output_bytes: 1000"), dispatch: failing });
    const gathered = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "FAILED" });
    const withheld = { name: "Error", message: "the error was withheld: it is larger than `max_output_bytes`" };
    expect(gathered.error).toEqual(withheld);
    const stream = await begin(gate);
    const { error } = await read(stream);
    const failed = expectOutcome(await stream.outcome, { status: "FAILED" });
    expect([error?.message, failed.error]).toEqual([withheld.message, withheld]);
  });

  test("answers none is answered as it always is, and so is a job that is refused", async () => {
    const gate = await openInMemory({
      dispatchers: { value: () => ({ n: 1 }), fails: () => Promise.reject(new Error("no")) },
      dispatch: () => new ReadableStream().getReader(),
    });
    const ask = (name?: string): Promise<Outcome> => gate.evaluateAndDispatch({ topic: "a" }, name, { stream: true });
    expect(expectOutcome(await ask("value"), { status: "SUCCEEDED" }).output).toEqual({ n: 1 });
    expectOutcome(await ask("fails"), { status: "FAILED", code: "dispatch_failed" });
    expectOutcome(await ask(), { status: "QUARANTINED" });
    const closed = await openInMemory({ policy: DENY_ALL, dispatch: () => lines(1) });
    expectOutcome(await closed.evaluateAndDispatch({ topic: "a" }, undefined, { stream: true }), {
      status: "DENIED",
      dispatched: false,
    });
  });
});

describe("a stream of a function that is held by its guard", () => {
  const PATHS = held('paths: { read: ["/data"] }');
  const guarded = (dispatch: (context: DispatchContext) => AsyncIterable<unknown>): Promise<Gate> =>
    openInMemory({
      policy: PATHS,
      dispatch: { dispatch: (_job, context) => dispatch(context), enforcers: ["guard"] },
    });

  test("gives nothing where it never asks", async () => {
    const gate = await guarded(() => lines(5));
    const stream = await begin(gate);
    expect(await read(stream)).toMatchObject({ chunks: [], error: { code: "output_quarantined", message: UNASKED } });
    const outcome = expectOutcome(await stream.outcome, { status: "QUARANTINED", code: "output_quarantined" });
    expect(outcome.reason.message).toBe(UNASKED);
    expect((await settledEvent(gate)).stream).toMatchObject({ chunks: 0, ended: "withheld" });
  });

  test("gives nothing before it has asked, and then all", async () => {
    let asked = false;
    const gate = await guarded(async function* ({ guard }) {
      yield* lines(5);
      await new Promise((resolve) => setTimeout(resolve, 20));
      asked = true;
      guard.url("https://a.example/");
      yield* lines(2);
    });
    const stream = await begin(gate);
    const reader = stream[Symbol.asyncIterator]();
    const first = await reader.next();
    expect(asked).toBe(true);
    const { text } = await read({ [Symbol.asyncIterator]: () => reader });
    expect(String(first.value) + text).toBe(LINE.repeat(7));
    expectOutcome(await stream.outcome, { status: "SUCCEEDED" });
  });

  test("an error carries out as much as a chunk: where it never asked, its words stay in", async () => {
    const failing = async function* (): AsyncGenerator<string> {
      yield "a";
      throw new Error("what stands in the file that I was not to read");
    };
    const gate = await guarded(failing);
    // What is gathered is held back; what is passed on must be, too.
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
    const stream = await begin(gate);
    const { error } = await read(stream);
    const outcome = expectOutcome(await stream.outcome, { status: "QUARANTINED", code: "output_quarantined" });
    expect(error).toMatchObject({ code: "output_quarantined", message: UNASKED });
    expect(JSON.stringify([outcome, error])).not.toContain("not to read");
  });
});

describe("a gate with a stream", () => {
  test("that is closed waits for its end", async () => {
    let go: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    const store = createMemoryStore();
    const gate = await createGate({
      policy: ALLOW_ALL,
      store,
      dispatch: async function* () {
        yield* lines(2);
        await wait;
        yield "the end";
      },
    });
    const stream = await begin(gate);
    const order: string[] = [];
    const closing = gate.close().then(() => order.push("closed"));
    const ending = stream.outcome.then(({ status }) => order.push(status));
    const reading = read(stream);
    await new Promise(setImmediate);
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", code: "gate_closed" });
    expect(order).toEqual([]);
    go();
    expect((await reading).text).toBe(`${LINE.repeat(2)}the end`);
    await Promise.all([closing, ending]);
    expect(order).toEqual(["SUCCEEDED", "closed"]);
    const { jobs } = await store.read({ kind: "job", id: "j", tenantId: null });
    expect(jobs?.[0]?.row.status).toBe("SUCCEEDED");
  });

  test("that cannot record how it ended tells UNKNOWN, and what is read ends all the same", async () => {
    const store = createMemoryStore();
    const failing = defineStore({ ...store, settle: () => Promise.reject(new Error("the disk is full")) });
    const gate = await createGate({ policy: ALLOW_ALL, store: failing, dispatch: () => lines(2) });
    const stream = await begin(gate);
    expect((await read(stream)).text).toBe(LINE.repeat(2));
    expectOutcome(await stream.outcome, { status: "UNKNOWN", code: "settle_failed", dispatched: true });
    await gate.close().catch(() => undefined);
  });

  test("holds nothing of chunks that were read, however many there were", { timeout: 120_000 }, async () => {
    const chunks = cases("chunks of a stream whose memory is measured", 200_000, 400_000);
    const gate = await openInMemory({
      dispatch: async function* () {
        for (let chunk = 0; chunk < chunks; chunk += 1) yield "so many words and\n";
      },
    });
    const collect = gc();
    const stream = await begin(gate);
    let before = 0;
    let grown = 0;
    let characters = 0;
    for await (const chunk of stream) {
      characters += String(chunk).length;
      if (before === 0 && characters > chunks * 4.5) {
        collect();
        before = process.memoryUsage().heapUsed;
      }
      if (grown === 0 && characters > chunks * 17.5) {
        collect();
        grown = process.memoryUsage().heapUsed - before;
      }
    }
    expect(characters).toBe(chunks * 18);
    expect(grown).toBeLessThan(chunks * 42);
  });

  test("refuses what is no option of a call, or of a gate", async () => {
    const gate = await openInMemory({ dispatch: () => lines(1) });
    const wrong = new TypeError("`stream` must be a boolean");
    for (const stream of ["yes", 1, null, {}]) {
      await expect(gate.evaluateAndDispatch({ topic: "a" }, undefined, { stream } as never)).rejects.toEqual(wrong);
      await expect(gate.resume("j", undefined, { stream } as never)).rejects.toEqual(wrong);
    }
    await expect(gate.evaluate({ topic: "a" }, undefined, { stream: true } as never)).rejects.toThrow(TypeError);
    await expect(gate.drain({ stream: true } as never)).rejects.toThrow(TypeError);
    for (const streamIdleSec of [0, -1, Number.NaN, 86_401, "60"]) {
      const options = { policy: ALLOW_ALL, store: createMemoryStore(), streamIdleSec } as GateOptions;
      await expect(createGate(options)).rejects.toEqual(
        new TypeError("`streamIdleSec` must be a number from over 0 to 86400"),
      );
    }
    expect((await gate.audit.events()).items.filter(({ type }) => type.startsWith("job."))).toEqual([]);
  });
});

function gc(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
