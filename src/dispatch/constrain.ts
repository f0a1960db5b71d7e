import type { JobConstraints } from "../job/job.js";
import type { Constraints, Decision } from "../outcome.js";
import { meetAll } from "../policy/meet.js";
import type { EnforceableKey, Enforcer } from "./enforcer.js";
import { apart } from "./guard/apart.js";

/** What a run is asked to be held to, and by whom. */
export interface Constraining {
  readonly decision: Decision;
  /** The job's own limits. */
  readonly own: JobConstraints;
  /** Seconds of run time where nobody says less. */
  readonly maxRuntimeSec: number;
  /** Of the dispatcher that will run it. */
  readonly enforcers: readonly Enforcer[];
}

/** The limits one run will be held to, or why it cannot be. */
export type Constrained =
  | {
      readonly ok: true;
      readonly constraints: Constraints;
      /** Who holds the run to what the gate itself cannot: names, by key. */
      readonly enforcedBy: Readonly<Partial<Record<EnforceableKey, readonly string[]>>>;
    }
  | { readonly ok: false; readonly code: "constraint_unenforceable"; readonly keys: readonly string[] }
  /** Allow lists that must all hold, and of which nothing is on every one. */
  | { readonly ok: false; readonly code: "constraint_conflict"; readonly keys: readonly string[] };

/**
 * The limits in force for one job: the policy's, the job's own and the gate's default, met, so each only ever tighter.
 * Run time, retries, output bytes and pools the gate enforces itself. A limit that nobody holds the run to is not advice:
 * the job is refused, and the answer names it.
 */
export function constrain(asked: Constraining): Constrained {
  const { decision, maxRuntimeSec, enforcers } = asked;
  const own = narrowing(asked.own, decision);
  const { paths, network } = decision.constraints;
  const plain = paths === undefined && network === undefined && own.paths === undefined && own.network === undefined;
  if (plain) return { ok: true, constraints: limits(decision.constraints, own, maxRuntimeSec), enforcedBy: NOBODY };
  const constraints = Object.freeze(meetAll([decision.constraints, ownLimits(own), { maxRuntimeSec }]));
  const conflicts = apart(constraints);
  if (conflicts.length > 0) return { ok: false, code: "constraint_conflict", keys: conflicts };
  const enforcedBy = claims(enforcers, constraints);
  const unclaimed = KEYS.filter((key) => constraints[key] !== undefined && enforcedBy[key] === undefined);
  if (unclaimed.length > 0) return { ok: false, code: "constraint_unenforceable", keys: unclaimed };
  return { ok: true, constraints, enforcedBy };
}

const KEYS: readonly EnforceableKey[] = ["paths", "network"];
const NOBODY = Object.freeze({});

/** What of a job's own limits narrows anything: where no rule gives retries there are none, and the job gives itself none. */
function narrowing(own: JobConstraints, { constraints }: Decision): JobConstraints {
  if (own.maxRetries === undefined || constraints.maxRetries !== undefined) return own;
  return { ...own, maxRetries: 0 };
}

/** The job's own lists as lists that must all hold: one of them. */
function ownLimits({ paths, network, ...numbers }: JobConstraints): Constraints {
  const { read, write, deny } = paths ?? {};
  const { allow, deny: denied } = network ?? {};
  return {
    ...numbers,
    ...(paths === undefined
      ? {}
      : {
          paths: {
            ...(read === undefined ? {} : { read: [read] }),
            ...(write === undefined ? {} : { write: [write] }),
            ...(deny === undefined ? {} : { deny }),
          },
        }),
    ...(network === undefined
      ? {}
      : {
          network: {
            ...(allow === undefined ? {} : { allow: [allow] }),
            ...(denied === undefined ? {} : { deny: denied }),
          },
        }),
  };
}

/** Who says that they hold a run to these very constraints. One who fails to say so does not. */
function claims(
  enforcers: readonly Enforcer[],
  constraints: Constraints,
): Partial<Record<EnforceableKey, readonly string[]>> {
  const by: Partial<Record<EnforceableKey, readonly string[]>> = {};
  for (const { name, enforces } of enforcers) {
    for (const key of claimed(enforces, constraints)) {
      if (KEYS.includes(key) && constraints[key] !== undefined) by[key] = [...(by[key] ?? []), name];
    }
  }
  return by;
}

function claimed(enforces: Enforcer["enforces"], constraints: Constraints): readonly EnforceableKey[] {
  if (typeof enforces !== "function") return enforces;
  try {
    const keys = enforces(constraints);
    return Array.isArray(keys) ? keys : [];
  } catch {
    return [];
  }
}

/** The smaller of those that are there. Absent is not 0. */
function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** A memo of a pure function: one frozen value for all jobs under the same limits, up to so many. */
const known = new Map<string, Constraints>();
const MAX_KNOWN = 256;

/** Numbers alone, as nearly always. */
function limits(policy: Constraints, own: JobConstraints, defaultSec: number): Constraints {
  const maxRuntimeSec = Math.min(defaultSec, policy.maxRuntimeSec ?? defaultSec, own.maxRuntimeSec ?? defaultSec);
  const maxRetries = least(policy.maxRetries, own.maxRetries);
  const maxOutputBytes = least(policy.maxOutputBytes, own.maxOutputBytes);
  const key = `${maxRuntimeSec} ${maxRetries ?? ""} ${maxOutputBytes ?? ""}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = Object.freeze({
    maxRuntimeSec,
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }),
  });
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, made);
  return made;
}
