import type { MatchKeys } from "./document.js";
import { LABEL_CHARACTER, readValueGlob } from "./glob.js";
import { isEmptyList } from "./match.js";
import type { View } from "./view.js";

/** Rules that share their topics, filed so that a job opens only the drawers of the values it carries. */
export interface Drawers {
  /** Rules that ask for no value by name: to be looked at in any case. Ascending. */
  readonly always: readonly number[];
  /** Null where every rule is in `always`. */
  readonly filed: Filed | null;
}

export type Filed = Readonly<Record<Kind, ReadonlyMap<string, readonly number[]> | null>>;

const KINDS = ["tags", "tenants", "capabilities", "requires", "actors", "labels"] as const;
type Kind = (typeof KINDS)[number];

/** So few rules are looked at sooner than filed. */
const FEW = 4;

/**
 * Files each rule under the one of its keys that fewest others share: of ten thousand rules over one topic and one tag
 * that differ in their tenants, each stands alone in the drawer of its tenant.
 */
export function createDrawers(rules: readonly number[], keysOf: (rule: number) => MatchKeys): Drawers {
  if (rules.length <= FEW) return { always: rules, filed: null };
  const options = rules.map((rule) => optionsOf(keysOf(rule)));
  const counts = new Map<string, number>();
  for (const values of options.flatMap((option) => [...option])) {
    for (const value of values[1]) bump(counts, `${values[0]} ${value}`);
  }
  const always: number[] = [];
  const filed = new Map<Kind, Map<string, number[]>>();
  rules.forEach((rule, index) => {
    let best: readonly [Kind, readonly string[]] | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [kind, values] of options[index] as Options) {
      const shared = values.reduce((sum, value) => sum + (counts.get(`${kind} ${value}`) ?? 0), 0);
      if (shared < least) [best, least] = [[kind, values], shared];
    }
    if (best === undefined) always.push(rule);
    else file(filed, best[0], best[1], rule);
  });
  if (filed.size === 0) return { always, filed: null };
  const kinds = KINDS.map((kind) => [kind, filed.get(kind) ?? null] as const);
  return { always, filed: Object.fromEntries(kinds) as Filed };
}

/** The rules in the drawers that the job's values open, added to those found before; null while there are none. */
export function openDrawers(filed: Filed, view: View, before: number[] | null): number[] | null {
  const { tags, tenants, capabilities, requires, actors, labels } = filed;
  let found = before;
  if (tags !== null) for (const tag of view.tags) found = take(tags.get(tag), found);
  if (tenants !== null) found = take(tenants.get(view.tenantId), found);
  if (capabilities !== null && view.capability !== null) found = take(capabilities.get(view.capability), found);
  if (requires !== null) for (const need of view.requires) found = take(requires.get(need), found);
  if (actors !== null && view.actor !== null) found = take(actors.get(view.actor.id), found);
  if (labels !== null) {
    for (const name of Object.keys(view.labels)) {
      found = take(labels.get(labelKey(name, view.labels[name] as string)), found);
    }
  }
  return found;
}

type Options = readonly (readonly [Kind, readonly string[]])[];

/** By which values a rule could be filed: a job it matches carries one of each list. */
function optionsOf(keys: MatchKeys): Options {
  const options: [Kind, readonly string[]][] = [];
  const add = (kind: Kind, values: readonly string[] | undefined): void => {
    if (values !== undefined) options.push([kind, [...new Set(values)]]);
  };
  if (keys.risk_tags !== undefined && !isEmptyList(keys.risk_tags)) {
    add("tags", keys.risk_tags.any);
    for (const tag of keys.risk_tags.all ?? []) add("tags", [tag]);
  }
  add("tenants", keys.tenants);
  add("capabilities", keys.capabilities);
  for (const need of keys.requires ?? []) add("requires", [need]);
  add("actors", literals(keys.actors));
  for (const [name, test] of Object.entries(keys.labels ?? {})) {
    if (!("absent" in test))
      add(
        "labels",
        literals(test)?.map((value) => labelKey(name, value)),
      );
  }
  return options;
}

/** The patterns' spellings, when all of them are plain texts. */
function literals(patterns: readonly string[] | undefined): readonly string[] | undefined {
  const texts: string[] = [];
  for (const pattern of patterns ?? []) {
    const read = readValueGlob(pattern, LABEL_CHARACTER);
    if (!read.ok) return undefined;
    for (const glob of read.value) {
      if (glob.length > 1 || glob[0]?.includes("?") !== false) return undefined;
      texts.push(glob[0]);
    }
  }
  return patterns === undefined ? undefined : texts;
}

/** A name and a value as one key: the length keeps two pairs apart that join to the same text. */
function labelKey(name: string, value: string): string {
  return `${name.length} ${name}${value}`;
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function file(filed: Map<Kind, Map<string, number[]>>, kind: Kind, values: readonly string[], rule: number): void {
  const drawers = filed.get(kind) ?? new Map<string, number[]>();
  filed.set(kind, drawers);
  for (const value of values) {
    const drawer = drawers.get(value);
    if (drawer === undefined) drawers.set(value, [rule]);
    else drawer.push(rule);
  }
}

function take(drawer: readonly number[] | undefined, before: number[] | null): number[] | null {
  if (drawer === undefined) return before;
  const found = before ?? [];
  for (const rule of drawer) found.push(rule);
  return found;
}
