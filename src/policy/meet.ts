import type { AllowLists, Constraints } from "../outcome.js";

/** Writable while it is being made. */
type Open<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * The limits that hold when both sides hold: never wider than either. Commutative, associative and, for what it
 * returns, idempotent: lists come out sorted and without repeats, so equal limits are equal values.
 * Absent does not limit, and is neither `0` nor `[]`.
 */
export function meet(a: Constraints, b: Constraints): Constraints {
  const met: Open<Constraints> = {};
  for (const key of ["maxRuntimeSec", "maxRetries", "maxOutputBytes"] as const) {
    const least = lesser(a[key], b[key]);
    if (least !== undefined) met[key] = least;
  }
  const paths: Open<NonNullable<Constraints["paths"]>> = {};
  for (const key of ["read", "write"] as const) {
    const lists = both(a.paths?.[key], b.paths?.[key]);
    if (lists !== undefined) paths[key] = lists;
  }
  const deniedPaths = either(a.paths?.deny, b.paths?.deny);
  if (deniedPaths !== undefined) paths.deny = deniedPaths;
  if (Object.keys(paths).length > 0) met.paths = paths;

  const network: Open<NonNullable<Constraints["network"]>> = {};
  const allowed = both(a.network?.allow, b.network?.allow);
  if (allowed !== undefined) network.allow = allowed;
  const deniedHosts = either(a.network?.deny, b.network?.deny);
  if (deniedHosts !== undefined) network.deny = deniedHosts;
  if (Object.keys(network).length > 0) met.network = network;
  return met;
}

function lesser(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

/** Allow lists stay apart: a value must be on every one of them. Joining them into one list would widen. */
function both(a: AllowLists | undefined, b: AllowLists | undefined): AllowLists | undefined {
  if (a === undefined && b === undefined) return undefined;
  const lists = new Map<string, readonly string[]>();
  for (const list of [...(a ?? []), ...(b ?? [])]) {
    const sorted = unique(list);
    lists.set(JSON.stringify(sorted), sorted);
  }
  return [...lists].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, list]) => list);
}

/** Deny lists join. */
function either(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  if (a === undefined && b === undefined) return undefined;
  return unique([...(a ?? []), ...(b ?? [])]);
}

function unique(list: readonly string[]): readonly string[] {
  return [...new Set(list)].sort();
}
