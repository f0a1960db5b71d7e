import type { MatchDocument } from "./document.js";
import { isEmptyList, type View } from "./match.js";
import { readTopicPattern } from "./topic-pattern.js";
import { createTopicTrie } from "./topic-trie.js";

/** Finds the few rules that can match a job without looking at the others. */
export interface RuleIndex {
  /** Numbers of the rules to look at, ascending, each once. Their topics match; nothing else is certain. */
  readonly candidates: (view: View) => readonly number[];
}

/** Each rule is filed once, under the first of: topics, tags, tenants, capabilities, requires; the rest are always looked at. */
export function createRuleIndex(matches: readonly MatchDocument[]): RuleIndex {
  const topics = createTopicTrie();
  const tags = new Map<string, number[]>();
  const tenants = new Map<string, number[]>();
  const capabilities = new Map<string, number[]>();
  const requires = new Map<string, number[]>();
  const always: number[] = [];

  matches.forEach((match, rule) => {
    // A list that holds `**` leaves no topic out.
    if (match.topics !== undefined && !match.topics.includes("**")) {
      for (const pattern of match.topics) {
        const read = readTopicPattern(pattern);
        if (!read.ok) throw new Error(`unchecked pattern: ${read.message}`);
        for (const steps of read.value) topics.add(steps, rule);
      }
      return;
    }
    const tagKeys = tagsOf(match);
    if (tagKeys !== undefined) file(tags, tagKeys, rule);
    else if (match.tenants !== undefined) file(tenants, match.tenants, rule);
    else if (match.capabilities !== undefined) file(capabilities, match.capabilities, rule);
    else if (match.requires !== undefined) file(requires, match.requires.slice(0, 1), rule);
    else always.push(rule);
  });

  return {
    candidates(view) {
      const found: number[] = [];
      topics.find(view.segments, found);
      if (tags.size > 0) for (const tag of view.tags) append(tags.get(tag), found);
      if (tenants.size > 0) append(tenants.get(view.tenantId), found);
      if (capabilities.size > 0 && view.capability !== null) append(capabilities.get(view.capability), found);
      if (requires.size > 0) for (const need of view.requires) append(requires.get(need), found);
      append(always, found);
      return ordered(found);
    },
  };
}

/** Tags one of which a matching job must carry; undefined when there are none such. */
function tagsOf(match: MatchDocument): readonly string[] | undefined {
  if (match.risk_tags === undefined || isEmptyList(match.risk_tags)) return undefined;
  return match.risk_tags.any ?? match.risk_tags.all?.slice(0, 1);
}

function file(drawer: Map<string, number[]>, keys: readonly string[], rule: number): void {
  for (const key of new Set(keys)) {
    const filed = drawer.get(key);
    if (filed === undefined) drawer.set(key, [rule]);
    else filed.push(rule);
  }
}

function append(filed: readonly number[] | undefined, into: number[]): void {
  if (filed === undefined) return;
  for (const rule of filed) into.push(rule);
}

function ordered(found: number[]): readonly number[] {
  if (found.length < 2) return found;
  found.sort((a, b) => a - b);
  let kept = 1;
  for (let index = 1; index < found.length; index += 1) {
    if (found[index] !== found[index - 1]) found[kept++] = found[index] as number;
  }
  found.length = kept;
  return found;
}
