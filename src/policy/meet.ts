import type { AllowLists, Constraints } from "../outcome.js";

/** Writable while it is being made. */
type Open<T> = { -readonly [Key in keyof T]: T[Key] };

/** The limits that hold when both sides hold: {@link meetAll} of two. */
export function meet(a: Constraints, b: Constraints): Constraints {
  return meetAll([a, b]);
}

/**
 * The limits that hold when all of them hold: never wider than any. Commutative, associative and, for what it returns,
 * idempotent: lists come out sorted and without repeats, so equal limits are equal values. Absent does not limit, and
 * is neither `0` nor `[]`. Takes time in proportion to what it is given.
 */
export function meetAll(all: readonly Constraints[]): Constraints {
  const met: Open<Constraints> = {};
  for (const key of ["maxRuntimeSec", "maxRetries", "maxOutputBytes"] as const) {
    const least = leastOf(all.map((constraints) => constraints[key]));
    if (least !== undefined) met[key] = least;
  }
  const paths: Open<NonNullable<Constraints["paths"]>> = {};
  for (const key of ["read", "write"] as const) {
    const lists = everyOf(all.map((constraints) => constraints.paths?.[key]));
    if (lists !== undefined) paths[key] = lists;
  }
  const deniedPaths = joined(all.map((constraints) => constraints.paths?.deny));
  if (deniedPaths !== undefined) paths.deny = deniedPaths;
  if (Object.keys(paths).length > 0) met.paths = paths;

  const network: Open<NonNullable<Constraints["network"]>> = {};
  const allowed = everyOf(all.map((constraints) => constraints.network?.allow));
  if (allowed !== undefined) network.allow = allowed;
  const deniedHosts = joined(all.map((constraints) => constraints.network?.deny));
  if (deniedHosts !== undefined) network.deny = deniedHosts;
  if (Object.keys(network).length > 0) met.network = network;
  return met;
}

function leastOf(numbers: readonly (number | undefined)[]): number | undefined {
  let least: number | undefined;
  for (const number of numbers) if (number !== undefined && (least === undefined || number < least)) least = number;
  return least;
}

/** Allow lists stay apart: a value must be on every one of them. Joining them into one list would widen. */
function everyOf(given: readonly (AllowLists | undefined)[]): AllowLists | undefined {
  if (given.every((lists) => lists === undefined)) return undefined;
  const lists = new Map<string, readonly string[]>();
  for (const list of given.flatMap((some) => some ?? [])) {
    const sorted = unique(list);
    lists.set(JSON.stringify(sorted), sorted);
  }
  return [...lists].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, list]) => list);
}

/** Deny lists join. */
function joined(given: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  if (given.every((list) => list === undefined)) return undefined;
  return unique(given.flatMap((list) => list ?? []));
}

function unique(list: readonly string[]): readonly string[] {
  return [...new Set(list)].sort();
}
