import type { MatchDocument, TagsDocument } from "./document.js";
import { ACTOR_CHARACTER, type Glob, LABEL_CHARACTER, matches, readValueGlob } from "./glob.js";

/** What a policy sees of one job. */
export interface View {
  readonly segments: readonly string[];
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: string } | null;
  readonly capability: string | null;
  // Lists, not sets: they are short, and most jobs are looked at by rules that ask for none of them.
  readonly requires: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Declared and derived. */
  readonly tags: readonly string[];
  /** Those that may satisfy a permission or lift a restriction: all of `tags`, or under `restrict_only` the derived ones. */
  readonly trustedTags: readonly string[];
}

/** A match block without its topics, which the index has already looked at. */
export interface Test {
  readonly tags: TagTest | null;
  readonly tenants: ReadonlySet<string> | null;
  readonly actors: readonly Glob[] | null;
  readonly actorTypes: ReadonlySet<string> | null;
  readonly capabilities: ReadonlySet<string> | null;
  readonly requires: readonly string[] | null;
  readonly labels: readonly LabelTest[] | null;
}

type TagTest = { readonly empty: true } | ({ readonly empty: false } & TagsDocument);
/** `globs` null: the label must be absent. */
type LabelTest = { readonly name: string; readonly globs: readonly Glob[] | null };

/** How far a match reaches: not at all, to the rule's restriction alone, or to its permission as well. */
export type Reach = 0 | 1 | 2;

export const MISSES = 0;
const RESTRICTS = 1;
export const PERMITS = 2;

/** The document MUST have been checked: a pattern that cannot be read is a bug here. */
export function compileMatch(match: MatchDocument): Test {
  return {
    tags: match.risk_tags === undefined ? null : compileTags(match.risk_tags),
    tenants: setOf(match.tenants),
    actors: match.actors === undefined ? null : globsOf(match.actors, ACTOR_CHARACTER),
    actorTypes: setOf(match.actor_types),
    capabilities: setOf(match.capabilities),
    requires: match.requires ?? null,
    labels: match.labels === undefined ? null : Object.entries(match.labels).map(compileLabel),
  };
}

function compileTags(tags: readonly [] | TagsDocument): TagTest {
  return isEmptyList(tags) ? { empty: true } : { empty: false, ...tags };
}

export function isEmptyList(tags: readonly [] | TagsDocument): tags is readonly [] {
  return Array.isArray(tags);
}

function compileLabel([name, value]: [string, readonly string[] | { readonly absent: true }]): LabelTest {
  return { name, globs: "absent" in value ? null : globsOf(value, LABEL_CHARACTER) };
}

function globsOf(patterns: readonly string[], legal: RegExp): readonly Glob[] {
  return patterns.flatMap((pattern) => {
    const read = readValueGlob(pattern, legal);
    if (!read.ok) throw new Error(`unchecked pattern: ${read.message}`);
    return read.value;
  });
}

function setOf(list: readonly string[] | undefined): ReadonlySet<string> | null {
  return list === undefined ? null : new Set(list);
}

/** Does the job match, topics apart, and for which half? Whatever permits also restricts. */
export function reach(test: Test, view: View): Reach {
  if (test.tenants !== null && !test.tenants.has(view.tenantId)) return MISSES;
  if (test.capabilities !== null && (view.capability === null || !test.capabilities.has(view.capability)))
    return MISSES;
  if (test.actorTypes !== null && (view.actor === null || !test.actorTypes.has(view.actor.type))) return MISSES;
  if (test.requires !== null && !test.requires.every((need) => view.requires.includes(need))) return MISSES;
  if (test.actors !== null && (view.actor === null || !someMatches(test.actors, view.actor.id))) return MISSES;
  if (test.labels !== null && !test.labels.every((label) => labelHolds(label, view.labels))) return MISSES;
  if (test.tags === null) return PERMITS;
  if (!tagsHold(test.tags, view.tags, view.trustedTags)) return MISSES;
  if (view.tags === view.trustedTags) return PERMITS;
  return tagsHold(test.tags, view.trustedTags, view.tags) ? PERMITS : RESTRICTS;
}

/** `present` is asked for what must be there, `absent` for what must not. */
function tagsHold(test: TagTest, present: readonly string[], absent: readonly string[]): boolean {
  if (test.empty) return absent.length === 0;
  if (test.any?.some((tag) => present.includes(tag)) === false) return false;
  if (test.all?.every((tag) => present.includes(tag)) === false) return false;
  return test.none?.some((tag) => absent.includes(tag)) !== true;
}

function labelHolds(test: LabelTest, labels: View["labels"]): boolean {
  const value = Object.hasOwn(labels, test.name) ? labels[test.name] : undefined;
  if (test.globs === null) return value === undefined;
  return value !== undefined && someMatches(test.globs, value);
}

function someMatches(globs: readonly Glob[], text: string): boolean {
  for (const glob of globs) if (matches(glob, text)) return true;
  return false;
}
