import type { Meter } from "./meter.js";
import { findTags, meets, type TagDemand, type Tags, type TagWorld } from "./tag-set.js";
import { accepts, findText, type Language } from "./text.js";

/** A job as far as match blocks look at it: one point of the space that the solver searches. */
export interface Point {
  readonly topic: string;
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: string } | null;
  readonly capability: string | null;
  readonly requires: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly tags: Tags;
}

/** One key of a match block, made a demand on one dimension. */
export type Key =
  | { readonly on: "topic"; readonly language: Language }
  | { readonly on: "actorId"; readonly language: Language }
  | { readonly on: "tenant"; readonly values: ReadonlySet<string> }
  | { readonly on: "actorType"; readonly values: ReadonlySet<string> }
  | { readonly on: "capability"; readonly values: ReadonlySet<string> }
  | { readonly on: "requires"; readonly needs: readonly string[] }
  /** `language` null: the label is absent. */
  | { readonly on: "label"; readonly name: string; readonly language: Language | null }
  /** `fails` is the negation of `holds`. */
  | { readonly on: "tags"; readonly holds: TagDemand; readonly fails: TagDemand };

/** A demand that holds, or one that does not. */
interface Demand {
  readonly key: Key;
  readonly holds: boolean;
}

/**
 * A set of points: demands that all hold. Dimensions are independent, so each is solved alone, and what was found for
 * one is kept until a further demand falls on it.
 */
export interface Region {
  readonly demands: ReadonlyMap<string, readonly Demand[]>;
  /** By dimension; a dimension without demands is not there. */
  readonly found: ReadonlyMap<string, Solution>;
}

type Solution =
  | { readonly on: "topic"; readonly text: string }
  | { readonly on: "tenant"; readonly text: string }
  | { readonly on: "actor"; readonly actor: Point["actor"] }
  | { readonly on: "capability"; readonly text: string | null }
  | { readonly on: "requires"; readonly needs: readonly string[] }
  | { readonly on: "label"; readonly name: string; readonly value: string | null }
  | { readonly on: "tags"; readonly tags: Tags };

/** Requirements or labels of one job. */
const MAX_ITEMS = 64;

/** All points, null when the tags that the policy asks of every job cannot be met. */
export function wholeSpace(world: TagWorld, meter: Meter): Region | null {
  const tags = findTags(world, [], meter);
  return tags === null ? null : { demands: new Map(), found: new Map([["tags", { on: "tags", tags }]]) };
}

/** The part of the region where the key holds, or where it does not; null when it is proved empty. */
export function narrow(region: Region, key: Key, holds: boolean, world: TagWorld, meter: Meter): Region | null {
  const dimension = dimensionOf(key);
  const demands = [...(region.demands.get(dimension) ?? []), { key, holds }];
  const known = region.found.get(dimension);
  const still = known !== undefined && satisfies(pointOf([known]), key) === holds ? known : undefined;
  const solution = still ?? solve(dimension, demands, world, meter);
  if (solution === null) return null;
  return {
    demands: new Map(region.demands).set(dimension, demands),
    found: new Map(region.found).set(dimension, solution),
  };
}

function dimensionOf(key: Key): string {
  if (key.on === "actorId" || key.on === "actorType") return "actor";
  return key.on === "label" ? `label:${key.name}` : key.on;
}

/** A point of the region. */
export function witness(region: Region): Point | null {
  const point = pointOf(region.found.values());
  return point.labels.size > MAX_ITEMS || point.tags.size > MAX_ITEMS ? null : point;
}

/** A job that asks for nothing. */
export const ORIGIN: Point = {
  topic: "x",
  tenantId: "default",
  actor: null,
  capability: null,
  requires: [],
  labels: new Map(),
  tags: new Map(),
};

function pointOf(solutions: Iterable<Solution>): Point {
  const labels = new Map<string, string>();
  let point: Point = { ...ORIGIN, labels };
  for (const solution of solutions) {
    if (solution.on === "topic") point = { ...point, topic: solution.text };
    else if (solution.on === "tenant") point = { ...point, tenantId: solution.text };
    else if (solution.on === "actor") point = { ...point, actor: solution.actor };
    else if (solution.on === "capability") point = { ...point, capability: solution.text };
    else if (solution.on === "requires") point = { ...point, requires: solution.needs };
    else if (solution.on === "tags") point = { ...point, tags: solution.tags };
    else if (solution.value !== null) labels.set(solution.name, solution.value);
  }
  return point;
}

/** Does the key hold for the job? */
export function satisfies(point: Point, key: Key): boolean {
  if (key.on === "tenant") return key.values.has(point.tenantId);
  if (key.on === "topic") return accepts(key.language, point.topic);
  if (key.on === "actorId") return point.actor !== null && accepts(key.language, point.actor.id);
  if (key.on === "actorType") return point.actor !== null && key.values.has(point.actor.type);
  if (key.on === "capability") return point.capability !== null && key.values.has(point.capability);
  if (key.on === "requires") return key.needs.every((need) => point.requires.includes(need));
  if (key.on === "tags") return meets(key.holds, point.tags);
  const value = point.labels.get(key.name);
  if (key.language === null) return value === undefined;
  return value !== undefined && accepts(key.language, value);
}

function solve(dimension: string, demands: readonly Demand[], world: TagWorld, meter: Meter): Solution | null {
  const first = demands[0]?.key;
  if (first === undefined) return null;
  if (dimension === "actor") return solveActor(demands, meter);
  if (first.on === "topic") {
    const text = findText("topic", languages(demands, "topic", true), languages(demands, "topic", false), meter);
    return text === null ? null : { on: "topic", text };
  }
  if (first.on === "tenant") {
    const text = solveValue(demands, "tenant", "other");
    return text === null ? null : { on: "tenant", text };
  }
  if (first.on === "capability") {
    if (demands.every(({ holds }) => !holds)) return { on: "capability", text: null };
    const text = solveValue(demands, "capability", "other");
    return text === null ? null : { on: "capability", text };
  }
  if (first.on === "requires") return solveRequires(demands);
  if (first.on === "label") return solveLabel(first.name, demands, meter);
  const wanted = demands.flatMap(({ key, holds }) => (key.on === "tags" ? [holds ? key.holds : key.fails] : []));
  const tags = findTags(world, wanted, meter);
  return tags === null ? null : { on: "tags", tags };
}

function languages(demands: readonly Demand[], on: Key["on"], holding: boolean): readonly Language[] {
  return demands.flatMap(({ key, holds }) =>
    key.on === on && holds === holding && "language" in key && key.language !== null ? [key.language] : [],
  );
}

/** A value in every set that holds and in none that does not. */
function solveValue(demands: readonly Demand[], on: Key["on"], fresh: string): string | null {
  const sets = (holding: boolean): readonly ReadonlySet<string>[] =>
    demands.flatMap(({ key, holds }) => (key.on === on && holds === holding && "values" in key ? [key.values] : []));
  const [first, ...others] = sets(true);
  const outside = sets(false);
  if (first !== undefined) {
    for (const value of first) {
      if (others.every((set) => set.has(value)) && !outside.some((set) => set.has(value))) return value;
    }
    return null;
  }
  let value = on === "tenant" && !outside.some((set) => set.has(ORIGIN.tenantId)) ? ORIGIN.tenantId : fresh;
  for (let number = 2; outside.some((set) => set.has(value)); number += 1) value = `${fresh}${number}`;
  return value;
}

/** Nobody fails every demand on the actor; somebody needs an id and a type, each on its own. */
function solveActor(demands: readonly Demand[], meter: Meter): Solution | null {
  if (demands.every(({ holds }) => !holds)) return { on: "actor", actor: null };
  const allowed = (type: string): boolean =>
    demands.every(({ key, holds }) => key.on !== "actorType" || key.values.has(type) === holds);
  const type = ["agent", "service", "human"].find(allowed);
  if (type === undefined) return null;
  const id = findText("actor", languages(demands, "actorId", true), languages(demands, "actorId", false), meter);
  return id === null ? null : { on: "actor", actor: { id, type } };
}

/** The fewest that are asked for also lack the most. */
function solveRequires(demands: readonly Demand[]): Solution | null {
  const lists = (holding: boolean): readonly (readonly string[])[] =>
    demands.flatMap(({ key, holds }) => (key.on === "requires" && holds === holding ? [key.needs] : []));
  const needs = [...new Set(lists(true).flat())].sort();
  const lacking = lists(false).every((list) => list.some((need) => !needs.includes(need)));
  return lacking && needs.length <= MAX_ITEMS ? { on: "requires", needs } : null;
}

function solveLabel(name: string, demands: readonly Demand[], meter: Meter): Solution | null {
  const mayBeAbsent = demands.every(({ key, holds }) => key.on === "label" && (key.language === null) === holds);
  if (mayBeAbsent) return { on: "label", name, value: null };
  if (demands.some(({ key, holds }) => key.on === "label" && key.language === null && holds)) return null;
  const value = findText("label", languages(demands, "label", true), languages(demands, "label", false), meter);
  return value === null ? null : { on: "label", name, value };
}
