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
  const asked = decision.constraints;
  const unenforceable = [
    ...(asked.maxOutputBytes === undefined ? [] : ["max_output_bytes"]),
    ...(asked.paths === undefined ? [] : ["paths"]),
    ...(asked.network === undefined ? [] : ["network"]),
    ...(decision.obligations.pools.length === 0 ? [] : ["max_concurrent"]),
  ];
  if (unenforceable.length > 0) return { ok: false, unenforceable };
  const retries = least(asked.maxRetries, own.maxRetries);
  const constraints: Constraints = {
    maxRuntimeSec: least(maxRuntimeSec, asked.maxRuntimeSec, own.maxRuntimeSec) ?? maxRuntimeSec,
    ...(retries === undefined ? {} : { maxRetries: retries }),
  };
  return { ok: true, constraints: Object.freeze(constraints) };
}

/** The smallest of those that are there. Absent is not 0. */
function least(...limits: readonly (number | undefined)[]): number | undefined {
  const present = limits.filter((limit) => limit !== undefined);
  return present.length === 0 ? undefined : Math.min(...present);
}
