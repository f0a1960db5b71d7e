import type { MatchDocument, MatchKeys, TagsDocument } from "./document.js";
import { ASKS_NOTHING, compileTopics, isEmptyList, MISSES, reach, type Test } from "./match.js";
import { quoted } from "./source.js";
import type { View } from "./view.js";

/** A key of a match block that does not hold for a job. */
export interface Failure {
  /** As in the document; of labels with the name, `labels.env`. */
  readonly key: string;
  readonly wanted: string;
  readonly had: string;
}

/** In this order a rule is asked, and a failure reported. */
const ORDER = [
  ...(["topics", "tenants", "actors", "actor_types", "capabilities", "requires", "labels", "risk_tags"] as const),
  ...(["unless", "when"] as const),
];

type Key = (typeof ORDER)[number];

/** Every key of a match block that keeps it from matching, each asked on its own by the rule's own tests. */
export function failuresOf(match: MatchDocument, test: Test, view: View): readonly Failure[] {
  return ORDER.flatMap((key) => {
    if (match[key] === undefined) return [];
    if (key === "labels") return labelFailures(match, test, view);
    return holds(key, match, test, view) ? [] : [{ key, ...describe(key, match, view) }];
  });
}

function holds(key: Exclude<Key, "labels">, match: MatchDocument, test: Test, view: View): boolean {
  if (key === "topics") return compileTopics(match.topics ?? [])(view.topic);
  const name = TESTED[key];
  return reach({ ...ASKS_NOTHING, [name]: test[name] }, view) !== MISSES;
}

/** What each key is called once it is compiled. */
const TESTED = {
  tenants: "tenants",
  actors: "actors",
  actor_types: "actorTypes",
  capabilities: "capabilities",
  requires: "requires",
  risk_tags: "tags",
  unless: "unless",
  when: "when",
} as const;

function labelFailures(match: MatchDocument, test: Test, view: View): readonly Failure[] {
  return Object.entries(match.labels ?? {}).flatMap(([name, wanted], index) => {
    const asked = test.labels?.[index];
    if (asked === undefined || reach({ ...ASKS_NOTHING, labels: [asked] }, view) !== MISSES) return [];
    const value = Object.hasOwn(view.labels, name) ? quoted(view.labels[name] as string) : "none";
    return [{ key: `labels.${name}`, wanted: "absent" in wanted ? "none" : anyOf(wanted), had: value }];
  });
}

function describe(key: Exclude<Key, "labels">, match: MatchKeys, view: View): Omit<Failure, "key"> {
  const { actor } = view;
  switch (key) {
    case "topics":
      return { wanted: anyOf(match.topics ?? []), had: quoted(view.topic) };
    case "tenants":
      return { wanted: anyOf(match.tenants ?? []), had: quoted(view.tenantId) };
    case "actors":
      return { wanted: anyOf(match.actors ?? []), had: actor === null ? "no actor" : quoted(actor.id) };
    case "actor_types":
      return { wanted: anyOf(match.actor_types ?? []), had: actor === null ? "no actor" : quoted(actor.type) };
    case "capabilities":
      return {
        wanted: anyOf(match.capabilities ?? []),
        had: view.capability === null ? "none" : quoted(view.capability),
      };
    case "requires":
      return { wanted: `all of ${listed(match.requires ?? [])}`, had: listed(view.requires) };
    case "risk_tags":
      return { wanted: tagsWanted(match.risk_tags ?? []), had: listed(view.tags) };
    case "unless":
      return { wanted: "no match of `unless`", had: "a match" };
    case "when":
      return { wanted: quoted(match.when ?? ""), had: "false" };
  }
}

function tagsWanted(tags: readonly [] | TagsDocument): string {
  if (isEmptyList(tags)) return "no tags";
  const parts = [
    tags.any === undefined ? [] : [anyOf(tags.any)],
    tags.all === undefined ? [] : [`all of ${listed(tags.all)}`],
    tags.none === undefined ? [] : [`none of ${listed(tags.none)}`],
  ];
  return parts.flat().join(" and ");
}

function anyOf(items: readonly string[]): string {
  return items.length === 1 ? listed(items) : `any of ${listed(items)}`;
}

/** Items that are written out. */
const MAX_SHOWN = 8;

function listed(items: readonly string[]): string {
  if (items.length === 0) return "none";
  const shown = items.slice(0, MAX_SHOWN).map(quoted).join(", ");
  return items.length > MAX_SHOWN ? `${shown} and ${items.length - MAX_SHOWN} more` : shown;
}
