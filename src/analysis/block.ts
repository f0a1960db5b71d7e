import { type Condition, compileCondition } from "../policy/condition.js";
import type { MatchDocument, MatchKeys, TagsDocument } from "../policy/document.js";
import type { Key, Point } from "./space.js";
import { satisfies } from "./space.js";
import { ABSENT, type Clause, DECLARED, DERIVED, type TagDemand } from "./tag-set.js";
import { topicLanguage, valueLanguage } from "./text.js";

/** Which half of a rule a block is read for: under `restrict_only` declared tags count for one of them. */
export type Half = "permission" | "restriction";

/** Whether declared tags may satisfy a permission. */
export type Trust = "trusted" | "restrict_only";

/** A match block as the solver sees it. */
export interface Block {
  readonly keys: readonly Key[];
  /** Null: there is no exception. Empty: it always holds. */
  readonly unless: readonly Key[] | null;
  /** A condition that is not constant: the block may match fewer jobs than its keys say. */
  readonly when: Condition | null;
  /** The same of the exception: it may hold for fewer. */
  readonly unlessWhen: Condition | null;
  /** A constant condition makes the block match nothing. */
  readonly never: boolean;
}

/** The block MUST have been checked by the loader. */
export function readBlock(match: MatchDocument, half: Half, trust: Trust): Block {
  const when = readCondition(match.when);
  const unless = match.unless;
  const excepted = readCondition(unless?.when);
  const opposite = half === "permission" ? "restriction" : "permission";
  return {
    keys: readKeys(match, half, trust),
    unless: unless === undefined || excepted === false ? null : readKeys(unless, opposite, trust),
    when: typeof when === "boolean" ? null : when,
    unlessWhen: typeof excepted === "boolean" ? null : excepted,
    never: when === false,
  };
}

/** A condition that reads nothing is what it says for every job; one that then errs stays a condition. */
function readCondition(source: string | undefined): Condition | boolean {
  if (source === undefined) return true;
  const condition = conditionOf(source);
  return typeof condition.constant === "boolean" ? condition.constant : condition;
}

export function conditionOf(source: string): Condition {
  const compiled = compileCondition(source);
  if (!compiled.ok) throw new Error(`unchecked condition: ${compiled.problems[0]?.message ?? ""}`);
  return compiled.condition;
}

/** In the order in which a search leaves them: what is cheap to change first, the topic last. */
function readKeys(match: MatchKeys, half: Half, trust: Trust): readonly Key[] {
  const keys: Key[] = [];
  if (match.risk_tags !== undefined) keys.push(...readTags(match.risk_tags, half, trust));
  for (const [name, test] of Object.entries(match.labels ?? {})) {
    keys.push({ on: "label", name, language: "absent" in test ? null : valueLanguage("label", test) });
  }
  if (match.requires !== undefined) keys.push({ on: "requires", needs: match.requires });
  if (match.capabilities !== undefined) keys.push({ on: "capability", values: new Set(match.capabilities) });
  if (match.tenants !== undefined) keys.push({ on: "tenant", values: new Set(match.tenants) });
  if (match.actor_types !== undefined) keys.push({ on: "actorType", values: new Set(match.actor_types) });
  if (match.actors !== undefined) keys.push({ on: "actorId", language: valueLanguage("actor", match.actors) });
  // A list that holds `**` leaves no topic out.
  if (match.topics !== undefined && !match.topics.includes("**")) {
    keys.push({ on: "topic", language: topicLanguage(match.topics) });
  }
  return keys;
}

const ANY_STATE = ABSENT | DECLARED | DERIVED;

function readTags(tags: readonly [] | TagsDocument, half: Half, trust: Trust): readonly Key[] {
  const loose = trust === "trusted" || half === "restriction";
  const there = loose ? DECLARED | DERIVED : DERIVED;
  const away = trust === "trusted" || half === "permission" ? ABSENT : ABSENT | DECLARED;
  if (isEmptyList(tags)) {
    const some: Clause = { tags: new Map(), some: ANY_STATE & ~away };
    return [tagKey({ clauses: [], each: away }, { clauses: [some], each: ANY_STATE })];
  }
  const keys: Key[] = [];
  if (tags.any !== undefined) keys.push(tagKey(demand([clauseOf(tags.any, there)]), allOf(tags.any, ~there)));
  if (tags.all !== undefined) keys.push(tagKey(allOf(tags.all, there), demand([clauseOf(tags.all, ~there)])));
  if (tags.none !== undefined) keys.push(tagKey(allOf(tags.none, away), demand([clauseOf(tags.none, ~away)])));
  return keys;
}

function tagKey(holds: TagDemand, fails: TagDemand): Key {
  return { on: "tags", holds, fails };
}

function demand(clauses: readonly Clause[]): TagDemand {
  return { clauses, each: ANY_STATE };
}

function allOf(tags: readonly string[], mask: number): TagDemand {
  return demand(tags.map((tag) => clauseOf([tag], mask)));
}

function clauseOf(tags: readonly string[], mask: number): Clause {
  return { tags: new Map(tags.map((tag) => [tag, mask & ANY_STATE])), some: 0 };
}

export function isEmptyList(tags: readonly [] | TagsDocument): tags is readonly [] {
  return Array.isArray(tags);
}

/** Do the keys hold, and the exception not? Conditions are left open. */
export function covers(block: Block, point: Point): boolean {
  if (block.never || !block.keys.every((key) => satisfies(point, key))) return false;
  return block.unless === null || !block.unless.every((key) => satisfies(point, key));
}
