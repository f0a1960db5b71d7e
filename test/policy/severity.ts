import { isDeepStrictEqual } from "node:util";
import type { Decision, DecisionType } from "../../src/outcome.js";
import { meet } from "../../src/policy/meet.js";

const ORDER: readonly DecisionType[] = ["ALLOW", "ALLOW_WITH_CONSTRAINTS", "REQUIRE_APPROVAL", "THROTTLE", "DENY"];

export function severity(decision: Decision): number {
  return ORDER.indexOf(decision.type);
}

/** True for a decision under which nothing runs, whatever happens. */
export function refuses({ type }: Decision): boolean {
  return type === "DENY" || type === "THROTTLE";
}

/** What the second decision lacks of the first: severity, an obligation, a constraint. Null when it lacks nothing. */
export function neverLess(before: Decision, after: Decision): string | null {
  if (severity(after) < severity(before)) return "less severe";
  if (refuses(after)) return null;
  for (const kind of ["approvals", "limits", "pools", "outputs"] as const) {
    const kept = after.obligations[kind].map((item) => JSON.stringify(item));
    const lost = before.obligations[kind].find((item) => !kept.includes(JSON.stringify(item)));
    if (lost !== undefined) return `an obligation of ${kind} is lost`;
  }
  const narrowed = meet(before.constraints, after.constraints);
  return isDeepStrictEqual(narrowed, meet(after.constraints, {})) ? null : "a constraint is wider";
}
