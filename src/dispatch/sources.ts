import type { JobConstraints } from "../job/job.js";
import type { Constraints, Decision } from "../outcome.js";
import { constraintsOf, type Policy } from "../policy/policy.js";

/** Of each constraint in force, who asked for it: rule ids, `@job` for the job's own, `@gate` for the gate's default. */
export type Sources = Readonly<Record<string, readonly string[]>>;

const NUMBERS = ["maxRuntimeSec", "maxRetries", "maxOutputBytes"] as const;
const LISTS = ["paths", "network"] as const;

/** What was asked of one job, and came to hold. */
interface Held {
  readonly own: JobConstraints;
  readonly constraints: Constraints;
}

/** Decisions are shared by all jobs of a kind, and most jobs ask for no limits of their own: each is worked out once. */
const known = new WeakMap<Decision, { readonly constraints: Constraints; readonly sources: Sources }>();

/**
 * Who asked for what a run is held to. Of numbers that is whoever said the one that counts; lists all hold together, so it is
 * everybody who gave one.
 */
export function sourcesOf(policy: Policy, decision: Decision, held: Held): Sources {
  if (Object.keys(held.own).length > 0) return find(policy, decision, held);
  const before = known.get(decision);
  if (before?.constraints === held.constraints) return before.sources;
  const sources = find(policy, decision, held);
  known.set(decision, { constraints: held.constraints, sources });
  return sources;
}

function find(policy: Policy, { matched }: Decision, { own, constraints }: Held): Sources {
  const rules = matched.map((id) => [id, constraintsOf(policy, id)] as const);
  const asked: readonly (readonly [string, Constraints | JobConstraints])[] = [...rules, ["@job", own]];
  const sources: Record<string, readonly string[]> = {};
  for (const key of NUMBERS) {
    const counts = constraints[key];
    if (counts === undefined) continue;
    const by = asked.filter(([, limits]) => limits[key] === counts).map(([who]) => who);
    sources[key] = by.length === 0 ? ["@gate"] : by;
  }
  for (const key of LISTS) {
    if (constraints[key] === undefined) continue;
    sources[key] = asked.filter(([, limits]) => limits[key] !== undefined).map(([who]) => who);
  }
  return Object.freeze(sources);
}
