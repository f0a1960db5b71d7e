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

/** Looks at what came back, whichever way it did. */
export function inspect(
  claimed: Claimed,
  end: Ending | { readonly kind: "timed_out" },
  rules: readonly OutputRule[],
): Seen {
  switch (end.kind) {
    case "returned": {
      const inspection = inspectOutput(end.value, rules);
      const { findings } = inspection;
      if (inspection.verdict === "clear") {
        return { status: "SUCCEEDED", value: inspection.output.value, encoded: inspection.output.encoded, findings };
      }
      return { status: "QUARANTINED", held: inspection.held, message: inspection.message, findings };
    }
    case "threw": {
      const { error, findings } = inspectError(end.error, rules);
      return { status: "FAILED", error, findings };
    }
    case "timed_out": {
      const message = `the run time of ${claimed.constraints.maxRuntimeSec} s is over`;
      return { status: "TIMED_OUT", error: { name: "TimeoutError", message }, findings: [] };
    }
  }
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
