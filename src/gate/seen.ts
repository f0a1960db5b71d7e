import type { WatchedGuard } from "../dispatch/guard.js";
import type { Ending } from "../dispatch/run.js";
import type { Streamed } from "../dispatch/streamed.js";
import type { Finding, OutcomeError, OutputRule, Reason } from "../outcome.js";
import { encodeOutput } from "../output/encode.js";
import { inspectChunks, inspectError, inspectOutput } from "../output/inspect.js";
import { OUTPUT_CAPS } from "../output/plain.js";
import type { Looking } from "../output/scan.js";
import type { Claimed } from "./claimed.js";

/** What a run ended in, after inspection: nothing here has not been looked at. */
export type Seen = {
  /** What left before the end, where it was passed on as it came. */
  readonly streamed?: Streamed;
} & (
  | {
      readonly status: "SUCCEEDED";
      readonly value: unknown;
      /** Null where it is too long to be kept. */
      readonly encoded: string | null;
      readonly findings: readonly Finding[];
    }
  | {
      readonly status: "FAILED" | "TIMED_OUT";
      readonly error: OutcomeError;
      readonly findings: readonly Finding[];
      /** Where it is not the usual one. */
      readonly reason?: Reason;
    }
  | {
      readonly status: "QUARANTINED";
      readonly held: string | null;
      readonly message: string;
      readonly findings: readonly Finding[];
    }
);

/** What is looked at beside the output itself. */
export interface Beside {
  readonly rules: readonly OutputRule[];
  /** Those of the attempt that ended so: what another one asked vouches for nothing. */
  readonly guards: readonly WatchedGuard[];
  readonly looking: Looking;
}

/** Looks at what came back, whichever way it did. */
export function inspect(
  claimed: Claimed,
  end: Ending | { readonly kind: "timed_out" },
  { rules, guards, looking }: Beside,
): Seen {
  const { maxOutputBytes } = claimed.constraints;
  switch (end.kind) {
    case "returned":
    case "gathered": {
      if (end.kind === "gathered" && end.isCut) {
        return { status: "QUARANTINED", held: null, message: GATHER_OVER, findings: [] };
      }
      const how = { ...looking, maxBytes: maxOutputBytes };
      const inspection =
        end.kind === "gathered" ? inspectChunks(end.chunks, rules, how) : inspectOutput(end.value, rules, how);
      const { findings } = inspection;
      if (inspection.verdict === "quarantine") {
        return { status: "QUARANTINED", held: inspection.held, message: inspection.message, findings };
      }
      const { value, encoded } = inspection.output;
      if (!wasAsked(claimed, guards)) {
        return { status: "QUARANTINED", held: inspection.held, message: UNASKED, findings };
      }
      return { status: "SUCCEEDED", value, encoded, findings };
    }
    case "threw": {
      const { error, findings } = inspectError(end.error, rules, looking);
      // An error carries out as much as a result does.
      if (!wasAsked(claimed, guards)) {
        return { status: "QUARANTINED", held: encodeOutput(error), message: UNASKED, findings };
      }
      const isTooLarge = maxOutputBytes !== undefined && bytesOf(JSON.stringify(error)) > maxOutputBytes;
      return { status: "FAILED", error: isTooLarge ? TOO_LARGE : error, findings };
    }
    case "streamed":
      return seenOf(end.streamed);
    case "timed_out": {
      const message = `the run time of ${claimed.constraints.maxRuntimeSec} s is over`;
      return { status: "TIMED_OUT", error: { name: "TimeoutError", message }, findings: [] };
    }
  }
}

const GATHER_OVER = `the output is over a limit: a stream of more than ${OUTPUT_CAPS.content} characters and bytes`;

/** What became of a stream that left as it came. */
function seenOf(streamed: Streamed): Seen {
  const { findings, kept } = streamed;
  switch (streamed.how) {
    case "ended":
      return {
        status: "SUCCEEDED",
        value: kept ?? undefined,
        encoded: kept === null ? null : encodeOutput(kept),
        findings,
        streamed,
      };
    case "failed":
      return { status: "FAILED", error: streamed.error, findings, streamed };
    case "withheld":
      return { status: "QUARANTINED", held: null, message: streamed.message, findings, streamed };
    case "idle":
      return { status: "TIMED_OUT", error: IDLE, findings, reason: STREAM_IDLE, streamed };
    case "aborted":
      return { status: "FAILED", error: ABORTED, findings, streamed };
    case "cancelled":
      return { status: "FAILED", error: CANCELLED, findings, reason: STREAM_CANCELLED, streamed };
  }
}

const STREAM_IDLE: Reason = Object.freeze({
  code: "stream_idle",
  message: "nothing came or was read for too long",
  help: "read a stream to its end, or raise `streamIdleSec`",
});
const IDLE: OutcomeError = Object.freeze({ name: "TimeoutError", message: STREAM_IDLE.message });
const ABORTED: OutcomeError = Object.freeze({ name: "AbortError", message: "the job was stopped" });
const STREAM_CANCELLED: Reason = Object.freeze({
  code: "stream_cancelled",
  message: "the caller stopped reading before the stream had ended",
});
const CANCELLED: OutcomeError = Object.freeze({ name: "AbortError", message: STREAM_CANCELLED.message });

const TOO_LARGE: OutcomeError = Object.freeze({
  name: "Error",
  message: "the error was withheld: it is larger than `max_output_bytes`",
});

export const UNASKED = "the dispatcher states that it does all through its guard, and never asked it";

/** A dispatcher that is held by its guard alone, and did not ask it once, did not do what it states. */
export function wasAsked({ enforcedBy }: Claimed, guards: readonly WatchedGuard[]): boolean {
  const byGuard = Object.values(enforcedBy).some((names) => names?.every((name) => name === "guard") === true);
  return !byGuard || guards.some((guard) => guard.asked() > 0);
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

const COMPLETED: Reason = Object.freeze({ code: "completed", message: "the job ran" });
const FAILED: Reason = Object.freeze({ code: "dispatch_failed", message: "the dispatch function threw" });

/** Why an outcome is what it is, once the job ran. */
export function reasonOf(seen: Seen): Reason {
  switch (seen.status) {
    case "SUCCEEDED":
      return COMPLETED;
    case "FAILED":
      return seen.reason ?? FAILED;
    case "TIMED_OUT":
      return seen.reason ?? { code: "runtime_exceeded", message: seen.error.message };
    case "QUARANTINED":
      return { code: "output_quarantined", message: seen.message };
  }
}
