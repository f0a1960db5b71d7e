import { isNoEffectError } from "../errors.js";
import type { AdmittedJob } from "../job/job.js";
import type { Constraints } from "../outcome.js";
import type { Dispatch } from "./dispatcher.js";
import type { Gathered } from "./gather.js";
import { createPathGuard, type PathGuard } from "./guard/path.js";
import { createGuard, openPaths, type WatchedGuard } from "./guard.js";
import type { Permit } from "./permit.js";
import { type ChunkSource, openSource } from "./source.js";
import type { Stopping } from "./stopping.js";
import type { Streamed } from "./streamed.js";
import { NO_TRACE, type WatchedAttempt } from "./trace.js";

/** One call of the dispatch function, as the record holds it. */
export interface Attempt {
  /** 1 for the first. */
  readonly attempt: number;
  readonly ended: "returned" | "threw" | "no_effect" | "timed_out";
  /** Milliseconds on the monotonic clock. */
  readonly durationMs: number;
}

/** How a function ended. */
export type Ending =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "threw"; readonly error: unknown }
  /** It answered a stream, of which all was read. */
  | ({ readonly kind: "gathered" } & Gathered)
  /** It answered a stream, which was passed on as it came, inspected. */
  | { readonly kind: "streamed"; readonly streamed: Streamed };

/** How all attempts together ended. */
export type RunEnd = (Ending | { readonly kind: "timed_out" }) & { readonly attempts: readonly Attempt[] };

/** One claimed job on its way through its dispatch function. */
export interface Run {
  readonly job: AdmittedJob;
  readonly dispatch: Dispatch;
  readonly constraints: Constraints;
  readonly idempotencyKey: string;
  /** The permit of an attempt; `leftMs` answers how long it still has, 0 or less once it is over. */
  readonly permitFor: (attempt: number, leftMs: () => number) => Permit;
  /** Somebody's wish to stop; it is passed on, and ends retrying. */
  readonly stopping: Stopping;
  /** Milliseconds on a clock that never goes back. */
  readonly monotonic: () => number;
  /** Asked before each further attempt, within the time that is left: false ends the run with the error at hand. */
  readonly mayRetry: (nextAttempt: number, leftMs: number) => Promise<boolean>;
  /** Says of an error that the attempt had no effect, beside those that say so themselves. */
  readonly isWithoutEffect: ((error: unknown) => boolean) | undefined;
  /** Told of each attempt, and calls it; null where nobody watches. */
  readonly watch: ((attempt: number) => WatchedAttempt) | null;
  /** Told of each call, which resolves when the function has really ended. */
  readonly onCall: (ended: Promise<unknown>) => void;
  /** Every guard that was asked for is put here. */
  readonly guards: WatchedGuard[];
  /** Reads the stream that an attempt answered, until it ends or the signal is aborted. */
  readonly readStream: (source: ChunkSource, by: Reader) => Promise<Ending>;
  /** Told how a function ended that was no longer waited for. */
  readonly onLate: (ending: Ending, attempt: number) => void;
}

/** For whom a stream is read. */
export interface Reader {
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Aborts the signal: the function is told that nobody reads on. */
  readonly stop: (reason: unknown) => void;
}

/** The longest pause before attempt n + 1 is this times 2^n, up to the cap. */
const BACKOFF_BASE_MS = 50;
const BACKOFF_CAP_MS = 5_000;

/**
 * Calls the dispatch function, again only after an error that says it had no effect, and never past the run time.
 * The run time is total. When it is over the signal is aborted and the function is no longer waited for:
 * what it still does is told to `onLate`, and nothing of it is answered here.
 */
export async function runAttempts(run: Run): Promise<RunEnd> {
  const budgetMs = (run.constraints.maxRuntimeSec ?? Number.POSITIVE_INFINITY) * 1_000;
  const retries = run.constraints.maxRetries ?? 0;
  const startedAt = run.monotonic();
  const left = (): number => budgetMs - (run.monotonic() - startedAt);
  const attempts: Attempt[] = [];
  // Most runs have no paths to be held to: then nothing is waited for before the call.
  const path = run.constraints.paths === undefined ? undefined : await openPaths(run.constraints);

  for (let attempt = 1; ; attempt += 1) {
    const began = run.monotonic();
    const watch = run.watch === null ? null : run.watch(attempt);
    const ending = await callOnce(run, { attempt, path, left, watch }, left());
    const durationMs = run.monotonic() - began;
    if (ending.kind === "timed_out") {
      watch?.end("timed_out", durationMs);
      attempts.push({ attempt, ended: "timed_out", durationMs });
      return { kind: "timed_out", attempts };
    }
    const retriable = ending.kind === "threw" && hadNoEffect(run, ending.error);
    const ended = retriable ? "no_effect" : wordFor(ending);
    attempts.push({ attempt, ended, durationMs });
    watch?.end(ended, durationMs);
    if (!retriable || attempt > retries || gaveUp(run)) return { attempts, ...ending };
    const pauseMs = Math.random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt);
    if (pauseMs >= left()) return { attempts, ...ending };
    await pause(pauseMs, run.stopping);
    if (gaveUp(run) || left() <= 0 || !(await run.mayRetry(attempt + 1, left()))) return { attempts, ...ending };
    // The store took its time to answer: an attempt that can only be late, or that nobody wants, is none.
    if (gaveUp(run) || left() <= 0) return { attempts, ...ending };
  }
}

function wordFor(ending: Ending): Attempt["ended"] {
  if (ending.kind === "threw") return "threw";
  return ending.kind === "streamed" && ending.streamed.how === "failed" ? "threw" : "returned";
}

/** By the error's own word, or the host's. A predicate that fails says nothing. */
function hadNoEffect({ isWithoutEffect }: Run, error: unknown): boolean {
  if (isNoEffectError(error)) return true;
  try {
    return isWithoutEffect?.(error) === true;
  } catch {
    return false;
  }
}

function gaveUp(run: Run): boolean {
  return run.stopping.stopped() !== null;
}

/** One attempt, and the path guard of the whole run where it is held to any paths. */
interface Turn {
  readonly attempt: number;
  readonly path: PathGuard | undefined;
  /** Milliseconds that the run has left. */
  readonly left: () => number;
  readonly watch: WatchedAttempt | null;
}

/** One call, waited for until it ends or its time is over: whichever comes first, and nothing after it. */
function callOnce(run: Run, turn: Turn, budgetMs: number): Promise<Ending | { readonly kind: "timed_out" }> {
  const stop = createStop(run.stopping);
  const startedAt = run.monotonic();
  return new Promise((resolve, reject) => {
    let waiting = true;
    const clear = armTimer(budgetMs, () => {
      waiting = false;
      stop.abort(new DOMException("the run time is over", "TimeoutError"));
      resolve({ kind: "timed_out" });
    });
    const ended = (ending: Ending): void => {
      clear();
      stop.release();
      // A function that held the event loop past its time ends before the timer could fire: that is late as well.
      const inTime = waiting && run.monotonic() - startedAt < budgetMs;
      resolve(inTime ? ending : { kind: "timed_out" });
      if (!inTime) run.onLate(ending, turn.attempt);
    };
    const { watch } = turn;
    const called = watch === null ? call(run, turn, stop) : watch.run(() => call(run, turn, stop));
    run.onCall(called);
    called.then(ended, reject);
  });
}

/** Every way a function can end, as a value: it may throw at once, reject, or answer. */
async function call(run: Run, { attempt, path, left, watch }: Turn, stop: Stop): Promise<Ending> {
  let watched: WatchedGuard | undefined;
  let ended = false;
  const context = Object.freeze({
    get signal() {
      return stop.signal();
    },
    get guard() {
      if (watched === undefined) {
        const paths = path ?? createPathGuard(undefined);
        watched = createGuard(run.constraints, { attempt, path: paths, signal: stop.signal });
        run.guards.push(watched);
      }
      return watched.guard;
    },
    permit: run.permitFor(attempt, () => (ended ? 0 : left())),
    constraints: run.constraints,
    attempt,
    idempotencyKey: run.idempotencyKey,
    traceId: run.job.traceId,
    trace: watch === null ? NO_TRACE : watch.headers,
  });
  try {
    const value = await run.dispatch(run.job, context);
    const source = openSource(value);
    if (source === null) return { kind: "returned", value };
    return await run.readStream(source, { attempt, signal: stop.signal(), stop: stop.abort });
  } catch (error) {
    return { kind: "threw", error };
  } finally {
    ended = true;
    watched?.end();
  }
}

/** What can tell one call to stop. Its signal is made when the function first asks for it: most never do. */
interface Stop {
  readonly signal: () => AbortSignal;
  readonly abort: (reason: unknown) => void;
  /** Listens no more for who may stop the run. */
  readonly release: () => void;
}

function createStop(run: Stopping): Stop {
  let inner: AbortController | undefined;
  let stopped: { readonly reason: unknown } | undefined;
  const abort = (reason: unknown): void => {
    stopped ??= { reason };
    inner?.abort(stopped.reason);
  };
  const release = run.onStop(abort);
  return {
    abort,
    release,
    signal: () => {
      inner ??= new AbortController();
      if (stopped !== undefined) inner.abort(stopped.reason);
      return inner.signal;
    },
  };
}

/** The longest delay a timer of this platform takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** Calls back after `ms`, however long that is, unless what it answers is called first. */
function armTimer(ms: number, over: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const arm = (left: number): void => {
    const next = (): void => (left > MAX_TIMER_MS ? arm(left - MAX_TIMER_MS) : over());
    timer = setTimeout(next, Math.min(left, MAX_TIMER_MS));
  };
  if (ms !== Number.POSITIVE_INFINITY) arm(Math.max(0, ms));
  return () => clearTimeout(timer);
}

function pause(ms: number, stopping: Stopping): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      release();
      resolve();
    }, ms);
    const release = stopping.onStop(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
