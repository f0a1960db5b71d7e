import { AssertionError } from "node:assert";
import type { Outcome, OutcomeStatus, ReasonCode } from "../outcome.js";

/** What an outcome is expected to be. What is not named is not looked at. */
export interface ExpectedOutcome<Status extends OutcomeStatus> {
  readonly status: Status;
  readonly code?: ReasonCode;
  readonly ruleId?: string;
  readonly dispatched?: boolean;
  readonly replayed?: boolean;
  readonly degraded?: boolean;
}

/**
 * Asserts what an outcome is and narrows it, so that what only this status has can be read from the answer.
 * Throws an `AssertionError` that says what the outcome was instead, and why.
 */
export function expectOutcome<Output, Status extends OutcomeStatus>(
  outcome: Outcome<Output>,
  expected: ExpectedOutcome<Status>,
): Extract<Outcome<Output>, { readonly status: Status }> {
  const actual: Record<string, unknown> = {};
  const seen: Readonly<Record<string, unknown>> = {
    status: outcome.status,
    code: outcome.reason.code,
    ruleId: outcome.decision?.ruleId ?? outcome.reason.ruleId,
    dispatched: outcome.dispatched,
    replayed: outcome.replayed,
    degraded: outcome.degraded,
  };
  for (const key of Object.keys(expected)) actual[key] = seen[key];
  const differs = Object.entries(expected).filter(([key, value]) => actual[key] !== value);
  if (differs.length > 0) {
    const [key, value] = differs[0] as [string, unknown];
    throw new AssertionError({
      message: `expected ${key} ${String(value)}, got ${String(actual[key])}: ${outcome.reason.code}: ${outcome.reason.message}`,
      actual,
      expected,
      operator: "expectOutcome",
    });
  }
  return outcome as Extract<Outcome<Output>, { readonly status: Status }>;
}
