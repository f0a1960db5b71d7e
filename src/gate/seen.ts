import type { WatchedGuard } from "../dispatch/guard.js";
import type { Ending } from "../dispatch/run.js";
import type { Finding, OutcomeError, OutputRule, Reason } from "../outcome.js";
import { inspectError, inspectOutput } from "../output/inspect.js";
import type { Claimed } from "./claimed.js";

/** What a run ended in, after inspection: nothing here has not been looked at. */
export type Seen =
  | {
      readonly status: "SUCCEEDED";
      readonly value: unknown;
      readonly encoded: string;
      readonly findings: readonly Finding[];
    }
  | { readonly status: "FAILED" | "TIMED_OUT"; readonly error: OutcomeError; readonly findings: readonly Finding[] }
  | {
      readonly status: "QUARANTINED";
      readonly held: string | null;
      readonly message: string;
      readonly findings: readonly Finding[];
    };

/** What is looked at beside the output itself. */
interface Looking {
  readonly rules: readonly OutputRule[];
  /** Those of the attempt that ended so: what another one asked vouches for nothing. */
  readonly guards: readonly WatchedGuard[];
}

/** Looks at what came back, whichever way it did. */
export function inspect(
  claimed: Claimed,
  end: Ending | { readonly kind: "timed_out" },
  { rules, guards }: Looking,
): Seen {
  const { maxOutputBytes } = claimed.constraints;
  switch (end.kind) {
    case "returned": {
      const inspection = inspectOutput(end.value, rules, maxOutputBytes);
      const { findings } = inspection;
      if (inspection.verdict === "quarantine") {
        return { status: "QUARANTINED", held: inspection.held, message: inspection.message, findings };
      }
      const { value, encoded } = inspection.output;
      if (!wasAsked(claimed, guards)) return { status: "QUARANTINED", held: encoded, message: UNASKED, findings };
      return { status: "SUCCEEDED", value, encoded, findings };
    }
    case "threw": {
      const { error, findings } = inspectError(end.error, rules);
      // An error carries out as much as a result does.
      if (!wasAsked(claimed, guards)) {
        return { status: "QUARANTINED", held: JSON.stringify(error), message: UNASKED, findings };
      }
      const isTooLarge = maxOutputBytes !== undefined && bytesOf(JSON.stringify(error)) > maxOutputBytes;
      return { status: "FAILED", error: isTooLarge ? TOO_LARGE : error, findings };
    }
    case "timed_out": {
      const message = `the run time of ${claimed.constraints.maxRuntimeSec} s is over`;
      return { status: "TIMED_OUT", error: { name: "TimeoutError", message }, findings: [] };
    }
  }
}

const TOO_LARGE: OutcomeError = Object.freeze({
  name: "Error",
  message: "the error was withheld: it is larger than `max_output_bytes`",
});

const UNASKED = "the dispatcher states that it does all through its guard, and never asked it";

/** A dispatcher that is held by its guard alone, and did not ask it once, did not do what it states. */
function wasAsked({ enforcedBy }: Claimed, guards: readonly WatchedGuard[]): boolean {
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
      return FAILED;
    case "TIMED_OUT":
      return { code: "runtime_exceeded", message: seen.error.message };
    case "QUARANTINED":
      return { code: "output_quarantined", message: seen.message };
  }
}
