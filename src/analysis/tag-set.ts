import type { Meter } from "./meter.js";

/**
 * What can be true of one tag on one job. A set of states is a mask: under `declaredTags: "trusted"` a tag is absent
 * or declared, and nothing tells declared from derived.
 */
export const ABSENT = 1;
export const DECLARED = 2;
export const DERIVED = 4;

/** At least one of these holds: a tag of `tags` is in one of its states, or any tag at all is in one of `some`. */
export interface Clause {
  readonly tags: ReadonlyMap<string, number>;
  /** 0: no such way out. */
  readonly some: number;
}

/** Every clause holds, and every tag is in one of the states of `each`. */
export interface TagDemand {
  readonly clauses: readonly Clause[];
  readonly each: number;
}

/** The tags that jobs of this policy may carry. */
export interface TagWorld {
  /** The states a tag may be in. */
  readonly states: number;
  /** Null: any tag may be used. */
  readonly vocabulary: ReadonlySet<string> | null;
  /** Exactly one of them is on every job. Empty: none needs to be. */
  readonly tiers: readonly string[];
  /** The states in which a tier counts: where declared tags are not trusted it has to be derived. */
  readonly tierStates: number;
}

/** The states of the tags that are not absent. */
export type Tags = ReadonlyMap<string, number>;

/** A tag that no policy is likely to name; the solver makes sure. */
const FRESH = "other";

/** The fewest tags it can easily find that meet every demand; null when no tags do. */
export function findTags(world: TagWorld, demands: readonly TagDemand[], meter: Meter): Tags | null {
  const each = demands.reduce((mask, demand) => mask & demand.each, world.states);
  const clauses = demands.flatMap((demand) => demand.clauses);
  const named = new Set(clauses.flatMap((clause) => [...clause.tags.keys()]));
  const isUsable = (tag: string): boolean =>
    world.vocabulary === null || world.vocabulary.has(tag) || world.tiers.includes(tag);
  const domains = new Map<string, number>();
  for (const tag of named) domains.set(tag, isUsable(tag) ? each : each & ABSENT);
  const fresh = freshTag(world, named);
  if (fresh !== undefined) domains.set(fresh, each);
  if (world.tiers.length === 0) return settle(domains, clauses, meter);
  // A tier that no demand names is as good as any other of them.
  const unnamed = world.tiers.find((tier) => !named.has(tier));
  for (const tier of world.tiers) {
    if (!named.has(tier) && tier !== unnamed) continue;
    const chosen = new Map(domains);
    for (const other of world.tiers) chosen.set(other, each & ABSENT);
    chosen.set(tier, each & world.tierStates);
    const found = settle(chosen, clauses, meter);
    if (found !== null) return found;
  }
  return null;
}

function freshTag(world: TagWorld, named: ReadonlySet<string>): string | undefined {
  if (world.vocabulary !== null) {
    return [...world.vocabulary].find((tag) => !named.has(tag) && !world.tiers.includes(tag));
  }
  let tag = FRESH;
  for (let number = 2; named.has(tag) || world.tiers.includes(tag); number += 1) tag = `${FRESH}${number}`;
  return tag;
}

/** Narrows the states of single tags until every clause holds whatever is chosen within them. */
function settle(domains: ReadonlyMap<string, number>, clauses: readonly Clause[], meter: Meter): Tags | null {
  meter.spend(1 + clauses.length);
  for (const domain of domains.values()) if (domain === 0) return null;
  const chosen = new Map<string, number>();
  for (const [tag, domain] of domains) chosen.set(tag, domain & -domain);
  const open = clauses.find((clause) => !holds(clause, chosen));
  if (open === undefined) return new Map([...chosen].filter(([, state]) => state !== ABSENT));
  for (const [tag, mask] of waysOf(open, domains)) {
    const narrowed = (domains.get(tag) ?? 0) & mask;
    if (narrowed === 0) continue;
    const found = settle(new Map(domains).set(tag, narrowed), clauses, meter);
    if (found !== null) return found;
  }
  return null;
}

function waysOf(clause: Clause, domains: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  const ways = [...clause.tags];
  if (clause.some !== 0) for (const tag of domains.keys()) ways.push([tag, clause.some]);
  return ways;
}

function holds(clause: Clause, tags: Tags): boolean {
  for (const [tag, mask] of clause.tags) if ((stateOf(tags, tag) & mask) !== 0) return true;
  if (clause.some === 0) return false;
  for (const state of tags.values()) if ((state & clause.some) !== 0) return true;
  return false;
}

function stateOf(tags: Tags, tag: string): number {
  return tags.get(tag) ?? ABSENT;
}

/** Do these tags meet the demand? */
export function meets(demand: TagDemand, tags: Tags): boolean {
  for (const state of tags.values()) if ((state & demand.each) === 0) return false;
  return demand.clauses.every((clause) => holds(clause, tags));
}
