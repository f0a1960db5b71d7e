import type { Condition, ConditionResult, Purse } from "./condition.js";
import type { MatchDocument, MatchKeys, TagsDocument } from "./document.js";
import { ACTOR_CHARACTER, type Glob, LABEL_CHARACTER, matches, readValueGlob } from "./glob.js";
import { createTopicTrie } from "./topic-trie.js";
import { conditionJobOf, purseOf, type View } from "./view.js";

/** A match block made ready, but for the topics of the block itself, which the index looks at. */
export interface Test extends Keys {
  readonly unless: Unless | null;
}

interface Unless extends Keys {
  readonly topics: TopicTest | null;
}

/** Does a topic match? */
export type TopicTest = (topic: string) => boolean;

interface Keys {
  readonly tags: TagTest | null;
  readonly tenants: ReadonlySet<string> | null;
  readonly actors: readonly Glob[] | null;
  readonly actorTypes: ReadonlySet<string> | null;
  readonly capabilities: ReadonlySet<string> | null;
  readonly requires: readonly string[] | null;
  readonly labels: readonly LabelTest[] | null;
  readonly when: Condition | null;
}

type TagTest = readonly [] | TagsDocument;
/** `globs` null: the label must be absent. */
type LabelTest = { readonly name: string; readonly globs: readonly Glob[] | null };

/**
 * How far a match reaches: not at all, to the rule's restriction alone, or to its permission as well. What permits
 * also restricts. `ERRS` is a restriction, too: of a condition that could not be told.
 */
export type Reach = 0 | 1 | 2 | 3;

export const MISSES = 0;
const RESTRICTS = 1;
export const PERMITS = 2;
export const ERRS = 3;

/** Conditions by their text, compiled when they were checked. */
export type Conditions = ReadonlyMap<string, Condition>;

/** The document MUST have been checked: a pattern or condition that cannot be read is a bug here. */
export function compileMatch(match: MatchDocument, conditions: Conditions): Test {
  // Written out rather than spread: ten thousand of these are kept, and each is half as large so.
  const { tags, tenants, actors, actorTypes, capabilities, requires, labels, when } = compileKeys(match, conditions);
  const unless = match.unless === undefined ? null : compileUnless(match.unless, conditions);
  return { tags, tenants, actors, actorTypes, capabilities, requires, labels, when, unless };
}

/** A test that every job passes: with one key of another in its place, that key alone is asked. */
export const ASKS_NOTHING: Test = compileMatch({}, new Map());

function compileUnless(unless: MatchKeys, conditions: Conditions): Unless {
  return {
    ...compileKeys(unless, conditions),
    topics: unless.topics === undefined ? null : compileTopics(unless.topics),
  };
}

function compileKeys(match: MatchKeys, conditions: Conditions): Keys {
  return {
    tags: match.risk_tags ?? null,
    tenants: setOf(match.tenants),
    actors: match.actors === undefined ? null : globsOf(match.actors, ACTOR_CHARACTER),
    actorTypes: setOf(match.actor_types),
    capabilities: setOf(match.capabilities),
    requires: match.requires ?? null,
    labels: match.labels === undefined ? null : Object.entries(match.labels).map(compileLabel),
    when: match.when === undefined ? null : (conditions.get(match.when) ?? missing(match.when)),
  };
}

/** A test over some patterns, apart from the index: for an exception, and to explain. */
export function compileTopics(patterns: readonly string[]): TopicTest {
  const trie = createTopicTrie<true>();
  for (const pattern of patterns) trie.add(pattern, true);
  return (topic) => trie.find(topic).length > 0;
}

function missing(source: string): never {
  throw new Error(`unchecked condition: ${source}`);
}

export function isEmptyList(tags: TagTest): tags is readonly [] {
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

/**
 * Does the job match, topics apart, and for which half? Keys first and conditions last. What excepts the rule for sure
 * ends it; what only may except it leaves the restriction.
 */
export function reach(test: Test, view: View): Reach {
  const own = reachKeys(test, view);
  if (own === MISSES) return MISSES;
  const { unless, when } = test;
  if (unless === null && when === null) return own;
  const excepted = unless === null ? MISSES : reachUnless(unless, view);
  if (excepted === PERMITS) return MISSES;
  const held = when === null ? PERMITS : reachCondition(when, view);
  if (held === MISSES) return MISSES;
  if (held === ERRS || excepted === ERRS) return ERRS;
  return own === PERMITS && held === PERMITS && excepted === MISSES ? PERMITS : RESTRICTS;
}

function reachUnless(unless: Unless, view: View): Reach {
  if (unless.topics !== null && !unless.topics(view.topic)) return MISSES;
  const own = reachKeys(unless, view);
  if (own === MISSES || unless.when === null) return own;
  const held = reachCondition(unless.when, view);
  if (held === MISSES || held === ERRS) return held;
  return own === PERMITS && held === PERMITS ? PERMITS : RESTRICTS;
}

/**
 * Conditions see the tags that can be trusted. Where a job carries others that the condition asks about, whether it
 * holds is as the agent likes: then it restricts in any case, and permits in none.
 */
function reachCondition(condition: Condition, view: View): Reach {
  const held = ask(condition, view, purseOf(view));
  if (typeof held !== "boolean") return ERRS;
  if (view.untrusted.length > 0 && asksAbout(condition, view.untrusted)) return RESTRICTS;
  return held ? PERMITS : MISSES;
}

/** What went wrong in the conditions of a test, for people. */
export function conditionErrors({ when, unless }: Test, view: View): readonly string[] {
  return [when, unless?.when ?? null].flatMap((condition) => {
    if (condition === null) return [];
    const held = ask(condition, view);
    return typeof held === "boolean" ? [] : [held.error];
  });
}

function ask(condition: Condition, view: View, purse?: Purse): ConditionResult {
  const job = conditionJobOf(view);
  return job === null ? UNREADABLE : condition.evaluate(job, purse);
}

const UNREADABLE = { error: "the payload is not plain JSON" } as const;

function asksAbout(condition: Condition, tags: readonly string[]): boolean {
  const { tagsNamed } = condition;
  return tagsNamed === null || tags.some((tag) => tagsNamed.has(tag));
}

function reachKeys(keys: Keys, view: View): Reach {
  if (keys.tenants !== null && !keys.tenants.has(view.tenantId)) return MISSES;
  if (keys.capabilities !== null && (view.capability === null || !keys.capabilities.has(view.capability)))
    return MISSES;
  if (keys.actorTypes !== null && (view.actor === null || !keys.actorTypes.has(view.actor.type))) return MISSES;
  if (keys.requires !== null && !keys.requires.every((need) => view.requires.includes(need))) return MISSES;
  if (keys.actors !== null && (view.actor === null || !someMatches(keys.actors, view.actor.id))) return MISSES;
  if (keys.labels !== null && !keys.labels.every((label) => labelHolds(label, view.labels))) return MISSES;
  if (keys.tags === null) return PERMITS;
  if (!tagsHold(keys.tags, view.tags, view.trustedTags)) return MISSES;
  if (view.untrusted.length === 0) return PERMITS;
  return tagsHold(keys.tags, view.trustedTags, view.tags) ? PERMITS : RESTRICTS;
}

/** `present` is asked for what must be there, `absent` for what must not. */
function tagsHold(test: TagTest, present: readonly string[], absent: readonly string[]): boolean {
  if (isEmptyList(test)) return absent.length === 0;
  if (test.any !== undefined && !someIn(test.any, present)) return false;
  if (test.all !== undefined && !allIn(test.all, present)) return false;
  return test.none === undefined || !someIn(test.none, absent);
}

function someIn(tags: readonly string[], list: readonly string[]): boolean {
  for (const tag of tags) if (list.includes(tag)) return true;
  return false;
}

function allIn(tags: readonly string[], list: readonly string[]): boolean {
  for (const tag of tags) if (!list.includes(tag)) return false;
  return true;
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
