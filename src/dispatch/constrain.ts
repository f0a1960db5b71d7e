import type { JobConstraints } from "../job/job.js";
import type { Constraints, Decision } from "../outcome.js";

/** The limits one run will be held to, or why it cannot be. */
export type Constrained =
  | { readonly ok: true; readonly constraints: Constraints }
  | { readonly ok: false; readonly unenforceable: readonly string[] };

/**
 * The limits in force for one job: the policy's, the job's own and the gate's default, each only ever tighter.
 * A limit that nothing here enforces is not advice: the job is refused, and the answer names it.
 */
export function constrain(decision: Decision, own: JobConstraints, maxRuntimeSec: number): Constrained {
  const policy = decision.constraints;
  const unenforceable = [
    ...(policy.maxOutputBytes === undefined ? [] : ["max_output_bytes"]),
    ...(policy.paths === undefined ? [] : ["paths"]),
    ...(policy.network === undefined ? [] : ["network"]),
    ...(decision.obligations.pools.length === 0 ? [] : ["max_concurrent"]),
  ];
  if (unenforceable.length > 0) return { ok: false, unenforceable };
  const runtime = Math.min(maxRuntimeSec, policy.maxRuntimeSec ?? maxRuntimeSec, own.maxRuntimeSec ?? maxRuntimeSec);
  return { ok: true, constraints: limits(runtime, least(policy.maxRetries, own.maxRetries)) };
}

/** The smaller of those that are there. Absent is not 0. */
function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** A memo of a pure function: one frozen value for all jobs under the same limits, up to so many. */
const known = new Map<string, Constraints>();
const MAX_KNOWN = 256;

function limits(maxRuntimeSec: number, maxRetries: number | undefined): Constraints {
  const key = `${maxRuntimeSec} ${maxRetries ?? ""}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = Object.freeze(maxRetries === undefined ? { maxRuntimeSec } : { maxRuntimeSec, maxRetries });
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, made);
  return made;
}
