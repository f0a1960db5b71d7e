import { types } from "node:util";
import { NO_TRACE, traceHeadersIn, traceIdIn, type WatchedAttempt } from "../dispatch/trace.js";
import type {
  Telemetry,
  TelemetryAttempt,
  TelemetryCall,
  TelemetryDecided,
  TelemetryEnd,
  TelemetryLate,
  TelemetryOperation,
} from "./telemetry.js";

/** One job on its way through the line, as the telemetry is told of it. Nothing here throws, whatever the telemetry does. */
export interface Watch {
  /** The trace that the host is in; null where it is in none. */
  readonly traceId: string | null;
  /** Calls `work` exactly once, in the context of the call where there is one, and answers what it answered. */
  readonly run: <T>(work: () => T) => T;
  readonly decided: (tell: () => TelemetryDecided) => void;
  readonly attempt: (attempt: number) => WatchedAttempt;
  readonly late: (attempt: number, tell: () => TelemetryLate) => void;
  /** `attempts`: how many there were. */
  readonly end: (tell: (attempts: number) => TelemetryEnd) => void;
}

/** Begins to watch a job; null where the telemetry does not want to, or cannot. */
export function openWatch(telemetry: Telemetry, operation: TelemetryOperation): Watch | null {
  const call = objectOf(quietly(() => telemetry.begin(operation)));
  if (call === null) return null;
  const attempts = new Map<number, TelemetryAttempt>();
  let count = 0;
  return {
    traceId: traceIdIn(quietly(() => call.traceId)),
    run: (work) => within(call, work),
    decided: (tell) => quietly(() => call.decided(tell())),
    attempt: (number) => {
      count += 1;
      const attempt = objectOf(quietly(() => call.attempt(number)));
      if (attempt === null) return UNWATCHED;
      attempts.set(number, attempt);
      return {
        headers: quietly(() => traceHeadersIn(attempt.headers)) ?? NO_TRACE,
        run: (work) => within(attempt, work),
        end: (ended, durationMs) => quietly(() => attempt.end({ ended, durationMs })),
      };
    },
    late: (number, tell) => quietly(() => attempts.get(number)?.late(tell())),
    end: (tell) => quietly(() => call.end(tell(count))),
  };
}

const UNWATCHED: WatchedAttempt = { headers: NO_TRACE, run: (work) => work(), end: () => undefined };

/** Lets the telemetry do something: what it throws, or rejects with, ends here. */
function quietly<T>(tell: () => T): T | undefined {
  try {
    const told = tell();
    if (types.isPromise(told)) told.catch(() => undefined);
    return told;
  } catch {
    // A view of the job is not worth the job.
    return undefined;
  }
}

function objectOf<T extends object>(value: T | null | undefined): T | null {
  return typeof value === "object" && value !== null ? value : null;
}

/**
 * Runs something in the context that the telemetry makes for it: exactly once, and now, whether the telemetry calls it, calls
 * it twice, keeps it for later, or throws.
 */
function within<T>(scope: Pick<TelemetryCall, "run">, work: () => T): T {
  let called = false;
  let answer = (): T => {
    throw new TypeError("the work has not ended");
  };
  const once = (): void => {
    if (called) return;
    called = true;
    answer = settle(work);
  };
  quietly(() => scope.run(once));
  once();
  return answer();
}

/** Calls it, and answers what answers or throws the same again. */
function settle<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
