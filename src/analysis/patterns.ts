import type { MatchDocument, MatchKeys } from "../policy/document.js";
import { type Block, readBlock } from "./block.js";
import { chargedBlock, chargedLanguage } from "./charge.js";
import { reportOf } from "./finding.js";
import { anyPoint, askAt, attempt } from "./reach.js";
import { search } from "./search.js";
import type { Point } from "./space.js";
import type { Study } from "./study.js";
import { findText, type Language, type TextKind, topicLanguage, valueLanguage } from "./text.js";

/** A rule or an output rule, as far as the words in it go. */
export interface Worded {
  readonly id: string;
  readonly match: MatchDocument;
  /** Of its match block. */
  readonly path: string;
}

/** A list of patterns in a block. */
interface PatternList {
  readonly kind: TextKind;
  readonly patterns: readonly string[];
  readonly path: string;
  /** The block with one of them alone in place of the list. */
  readonly alone: (pattern: string) => MatchKeys;
  readonly at: (point: Point, text: string) => Point;
}

/** `pattern_redundant`, `pattern_matches_nothing` and `exception_never_applies`. */
export function studyPatterns(study: Study, item: Worded): void {
  const { unless, ...own } = item.match;
  for (const list of listsIn(own, item.path)) {
    const gone = reportRedundant(study, item, list);
    if (unless !== undefined && list.patterns.length > 1) {
      reportIdle(study, item, list, gone, (alone) => [blockOf(study, { ...alone, unless })]);
    }
  }
  if (unless === undefined) return;
  const rule = blockOf(study, own);
  if (reportException(study, item, rule, blockOf(study, unless))) return;
  for (const list of listsIn(unless, `${item.path}/unless`)) {
    const gone = reportRedundant(study, item, list);
    if (list.patterns.length > 1) reportIdle(study, item, list, gone, (alone) => [rule, blockOf(study, alone)]);
  }
}

/** Of the two readings under `restrict_only` the wider: what matches nothing there never matches. */
function blockOf(study: Study, match: MatchDocument): Block {
  return chargedBlock(readBlock(match, "restriction", study.trust), study.ledger);
}

function listsIn(block: MatchKeys, path: string): readonly PatternList[] {
  const { topics, actors, labels = {} } = block;
  const lists: PatternList[] = [];
  if (topics !== undefined) {
    lists.push({
      kind: "topic",
      patterns: topics,
      path: `${path}/topics`,
      alone: (pattern) => ({ ...block, topics: [pattern] }),
      at: (point, topic) => ({ ...point, topic }),
    });
  }
  if (actors !== undefined) {
    lists.push({
      kind: "actor",
      patterns: actors,
      path: `${path}/actors`,
      alone: (pattern) => ({ ...block, actors: [pattern] }),
      at: (point, id) => ({ ...point, actor: { id, type: "agent" } }),
    });
  }
  for (const [name, patterns] of Object.entries(labels)) {
    if ("absent" in patterns) continue;
    const others = Object.entries(labels).filter(([other]) => other !== name);
    lists.push({
      kind: "label",
      patterns,
      path: `${path}/labels/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`,
      alone: (pattern) => ({ ...block, labels: Object.fromEntries([...others, [name, [pattern]]]) }),
      at: (point, text) => ({ ...point, labels: new Map([[name, text]]) }),
    });
  }
  return lists;
}

/** Patterns whose every match is one of another's in the list. Of two equal ones the later is named. */
function reportRedundant(study: Study, item: Worded, list: PatternList): ReadonlySet<string> {
  const gone = new Set<number>();
  if (list.patterns.length < 2) return new Set();
  const languages = list.patterns.map((pattern) => languageOf(study, list.kind, pattern));
  for (let index = list.patterns.length - 1; index >= 0; index -= 1) {
    const own = languages[index] as Language;
    const others = languages.filter((_, other) => other !== index && !gone.has(other));
    const text = attempt(() => findText(list.kind, [own], others, study.solver.meter()));
    if (text === undefined) study.undecided([item.id], "the budget of the question is spent");
    if (text !== null) continue;
    gone.add(index);
    const example = attempt(() => findText(list.kind, [own], [], study.solver.meter()));
    if (example === null || example === undefined) continue;
    const message = `the pattern ${quoted(list.patterns[index] as string)} of \`${item.id}\` adds nothing to the others in its list`;
    const answer = askAt(study, list.at(anyPoint(study), example));
    study.report(reportOf("pattern_redundant", "info", message, item.id, `${list.path}/${index}`, [answer]));
  }
  return new Set([...gone].map((index) => list.patterns[index] as string));
}

function languageOf(study: Study, kind: TextKind, pattern: string): Language {
  const language = kind === "topic" ? topicLanguage([pattern]) : valueLanguage(kind, [pattern]);
  return chargedLanguage(language, study.ledger);
}

/** Patterns of which no match is left: single ones, in a list of which others have some. */
function reportIdle(
  study: Study,
  item: Worded,
  list: PatternList,
  gone: ReadonlySet<string>,
  inside: (alone: MatchKeys) => readonly Block[],
): void {
  const jobs = list.patterns.map((pattern) =>
    attempt(() => search(study.solver, inside(list.alone(pattern)), () => undefined)),
  );
  if (jobs.includes(undefined)) study.undecided([item.id], "the budget of the question is spent");
  const some = jobs.find((point) => point !== null && point !== undefined);
  if (some === undefined || some === null) return;
  for (const [index, pattern] of list.patterns.entries()) {
    if (jobs[index] !== null || gone.has(pattern)) continue;
    const example = attempt(() =>
      findText(list.kind, [languageOf(study, list.kind, pattern)], [], study.solver.meter()),
    );
    if (example === null || example === undefined) continue;
    const message = `the pattern ${quoted(pattern)} matches nothing where it stands in \`${item.id}\``;
    const answer = askAt(study, list.at(some, example));
    if (answer.decision.matched.includes(item.id)) {
      study.contradicted([item.id], "the engine matches by a pattern that is proved to match nothing");
      continue;
    }
    study.report(reportOf("pattern_matches_nothing", "warning", message, item.id, `${list.path}/${index}`, [answer]));
  }
}

function quoted(pattern: string): string {
  return `\`${pattern.length > 64 ? `${pattern.slice(0, 61)}...` : pattern}\``;
}

/** An exception that excepts nothing: no job of the rule is in it. True where that was found. */
function reportException(study: Study, item: Worded, rule: Block, excepted: Block): boolean {
  const point = attempt(() => search(study.solver, [rule, excepted], () => undefined));
  if (point === undefined) study.undecided([item.id], "the budget of the question is spent");
  const plain = attempt(() => search(study.solver, [rule], () => undefined));
  if (point !== null || plain === null || plain === undefined) return false;
  const message = `the \`unless\` of \`${item.id}\` excepts nothing: no job that the rule matches is in it`;
  const path = `${item.path}/unless`;
  study.report(reportOf("exception_never_applies", "warning", message, item.id, path, [askAt(study, plain)]));
  return true;
}
