import type { MatchDocument, MatchKeys } from "./document.js";
import { createDrawers, type Drawers, type Filed, openDrawers } from "./drawers.js";
import { createMemo } from "./memo.js";
import { createTopicTrie, type TopicTrie } from "./topic-trie.js";
import type { View } from "./view.js";

/** Finds the few rules that can match a job without looking at the others. */
export interface RuleIndex {
  /**
   * Numbers of the rules to look at, ascending, each once. Their topics match; nothing else is certain.
   */
  readonly candidates: (view: View) => readonly number[];
  /** True for a topic that was looked up lately, and so is of the grammar. */
  readonly knows: (topic: string) => boolean;
}

/** What a topic leads to: rules to look at in any case, and drawers that the job's other values open. */
interface Shelf {
  readonly always: readonly number[];
  readonly filed: readonly Filed[];
}

/** Topics whose shelves are kept, at most. */
const MAX_TOPICS = 2_048;

/** A shelf of more rules than this takes the room of several. */
const RULES_A_PLACE = 32;

function placesOf({ always }: Shelf): number {
  return 1 + Math.floor(always.length / RULES_A_PLACE);
}

export function createRuleIndex(matches: readonly MatchDocument[]): RuleIndex {
  const filing = fileRules(matches);
  const shelves = createMemo<Shelf>(MAX_TOPICS, placesOf);
  const shelfOf = (topic: string): Shelf => {
    const known = shelves.get(topic);
    if (known !== undefined) return known;
    const shelf = shelve(filing, filing.topics.find(topic));
    shelves.put(topic, shelf);
    return shelf;
  };
  return {
    candidates(view) {
      const { always, filed } = shelfOf(view.topic);
      let opened: number[] | null = null;
      for (const drawer of filed) opened = openDrawers(drawer, view, opened);
      if (opened === null) return always;
      for (const rule of always) opened.push(rule);
      return ordered(opened);
    },
    knows: (topic) => shelves.get(topic) !== undefined,
  };
}

/** All rules in their places. Holds nothing of the document: of that only what tests need is kept. */
interface Filing {
  readonly topics: TopicTrie<number>;
  /** Rules that leave no topic out. */
  readonly general: readonly number[];
  readonly generally: readonly Filed[];
  /** Lists of the trie that are so long that they are filed themselves. */
  readonly long: ReadonlyMap<readonly number[], Drawers>;
}

function fileRules(matches: readonly MatchDocument[]): Filing {
  const keysOf = (rule: number): MatchKeys => matches[rule] as MatchDocument;
  const topics = createTopicTrie<number>();
  const anywhere: number[] = [];
  matches.forEach((match, rule) => {
    // A list that holds `**` leaves no topic out.
    if (match.topics === undefined || match.topics.includes("**")) anywhere.push(rule);
    else for (const pattern of match.topics) topics.add(pattern, rule);
  });
  const general = createDrawers(anywhere, keysOf);
  const long = new Map<readonly number[], Drawers>();
  for (const rules of topics.lists()) {
    const drawers = createDrawers(rules, keysOf);
    if (drawers.filed !== null) long.set(rules, drawers);
  }
  return { topics, general: general.always, generally: general.filed === null ? [] : [general.filed], long };
}

function shelve({ general, generally, long }: Filing, lists: readonly (readonly number[])[]): Shelf {
  const [only] = lists;
  if (only === undefined) return { always: general, filed: generally };
  if (lists.length === 1 && general.length === 0 && long.get(only) === undefined) {
    return { always: only, filed: generally };
  }
  const always = [...general];
  let filed = generally;
  for (const list of lists) {
    const drawers = long.get(list);
    for (const rule of drawers === undefined ? list : drawers.always) always.push(rule);
    if (drawers !== undefined && drawers.filed !== null) filed = [...filed, drawers.filed];
  }
  return { always: ordered(always), filed };
}

/** Ascending and without repeats, in place. Short lists, which nearly all are, are sorted by insertion. */
function ordered(found: number[]): readonly number[] {
  if (found.length > 32) found.sort((a, b) => a - b);
  else {
    for (let index = 1; index < found.length; index += 1) {
      const rule = found[index] as number;
      let at = index;
      for (; at > 0 && (found[at - 1] as number) > rule; at -= 1) found[at] = found[at - 1] as number;
      found[at] = rule;
    }
  }
  let kept = 0;
  for (const rule of found) if (kept === 0 || rule !== found[kept - 1]) found[kept++] = rule;
  found.length = kept;
  return found;
}
