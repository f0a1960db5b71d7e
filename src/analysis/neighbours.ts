import type { MatchDocument } from "../policy/document.js";
import { readTopicPattern } from "../policy/topic-pattern.js";
import { isEmptyList } from "./block.js";
import type { Point } from "./space.js";

/** Finds the few rules that can have to do with a job, or with another rule, without looking at all of them. */
export interface Neighbours {
  /** Numbers of the rules that may match the job, ascending. The others do not match it. */
  readonly at: (point: Point) => readonly number[];
  /** Numbers of the rules whose topics may be those of this block, ascending. The others share no topic with it. */
  readonly of: (match: MatchDocument) => readonly number[];
}

/** Each rule is filed under the literal beginnings of its topics; one without topics under the tags it needs. */
export function createNeighbours(matches: readonly MatchDocument[]): Neighbours {
  const here = new Map<string, number[]>();
  const below = new Map<string, number[]>();
  const byTag = new Map<string, number[]>();
  const always: number[] = [];
  const all = matches.map((_, number) => number);
  matches.forEach((match, number) => {
    const beginnings = beginningsOf(match);
    for (const beginning of beginnings) {
      file(here, beginning, number);
      for (const parent of parentsOf(beginning)) file(below, parent, number);
    }
    if (!beginnings.includes("")) return;
    const tags = tagsOf(match);
    if (tags === undefined) always.push(number);
    else for (const tag of tags) file(byTag, tag, number);
  });
  return {
    at: (point) => {
      const found = [...always];
      for (const tag of point.tags.keys()) found.push(...(byTag.get(tag) ?? []));
      for (const beginning of [...parentsOf(point.topic), point.topic]) {
        if (beginning !== "") found.push(...(here.get(beginning) ?? []));
      }
      return ascending(found);
    },
    of: (match) => {
      const beginnings = beginningsOf(match);
      if (beginnings.includes("")) return all;
      const found: number[] = [];
      for (const beginning of beginnings) {
        for (const parent of [...parentsOf(beginning), beginning]) found.push(...(here.get(parent) ?? []));
        found.push(...(below.get(beginning) ?? []));
      }
      return ascending(found);
    },
  };
}

/** The literal segments that the topics begin with; the empty text where they begin with any. */
function beginningsOf(match: MatchDocument): readonly string[] {
  if (match.topics === undefined || match.topics.includes("**")) return [""];
  const beginnings = new Set<string>();
  for (const pattern of match.topics) {
    const read = readTopicPattern(pattern);
    if (!read.ok) throw new Error(`unchecked pattern: ${read.message}`);
    for (const steps of read.value) {
      const texts: string[] = [];
      for (const step of steps) {
        if (step.kind !== "literal") break;
        texts.push(step.text);
      }
      beginnings.add(texts.join("."));
    }
  }
  return [...beginnings];
}

/** `a.b.c` has the parents `` and `a` and `a.b`. */
function parentsOf(beginning: string): readonly string[] {
  if (beginning === "") return [];
  const parents = [""];
  for (let dot = beginning.indexOf("."); dot >= 0; dot = beginning.indexOf(".", dot + 1)) {
    parents.push(beginning.slice(0, dot));
  }
  return parents;
}

/** Tags one of which a matching job carries; undefined when it need not carry any. */
function tagsOf(match: MatchDocument): readonly string[] | undefined {
  if (match.risk_tags === undefined || isEmptyList(match.risk_tags)) return undefined;
  return match.risk_tags.any ?? match.risk_tags.all?.slice(0, 1);
}

function file(drawer: Map<string, number[]>, key: string, number: number): void {
  const filed = drawer.get(key);
  if (filed === undefined) drawer.set(key, [number]);
  else if (filed.at(-1) !== number) filed.push(number);
}

function ascending(found: readonly number[]): readonly number[] {
  return found.length < 2 ? found : [...new Set(found)].sort((a, b) => a - b);
}
