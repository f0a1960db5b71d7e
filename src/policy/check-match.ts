import { MAX_TEXT } from "../job/fields.js";
import { nearest } from "../nearest.js";
import type { Json } from "../outcome.js";
import { type CheckContext, type Effort, hasRoom } from "./check-context.js";
import { compileCondition } from "./condition.js";
import { ACTOR_CHARACTER, LABEL_CHARACTER, type Read, readValueGlob } from "./glob.js";
import { isMap, itemsOf, type Report } from "./report.js";
import { type Path, quoted } from "./source.js";
import { readTopicPattern } from "./topic-pattern.js";

/** A match block and the `unless` in it: patterns, conditions, and tags against the vocabulary. */
export function checkMatch(match: Json | undefined, path: Path, context: CheckContext, report: Report): void {
  if (!isMap(match)) return;
  const { vocabulary, effort } = context;
  checkPatterns(match.topics, [...path, "topics"], readTopic, effort, report);
  checkPatterns(match.actors, [...path, "actors"], readActor, effort, report);
  if (isMap(match.labels)) {
    for (const [name, value] of Object.entries(match.labels)) {
      checkLabel(name, value, [...path, "labels", name], effort, report);
    }
  }
  for (const key of ["tenants", "capabilities", "requires"]) checkExact(match[key], key, [...path, key], report);
  if (vocabulary !== null) checkTags(match.risk_tags, [...path, "risk_tags"], vocabulary, report);
  if (typeof match.when === "string") checkCondition(match.when, [...path, "when"], context, report);
  // One within another is the schema's to report.
  if (path.at(-1) !== "unless") checkMatch(match.unless, [...path, "unless"], context, report);
}

/** Reads one pattern; its value is how much it takes to file it. */
type ReadPattern = (pattern: string) => Read<number>;

const readTopic: ReadPattern = (pattern) => {
  const read = readTopicPattern(pattern);
  return read.ok ? { ok: true, value: read.value.length * (read.value[0]?.length ?? 1) } : read;
};
const readActor: ReadPattern = (pattern) => sizeOf(readValueGlob(pattern, ACTOR_CHARACTER));
const readLabel: ReadPattern = (pattern) => sizeOf(readValueGlob(pattern, LABEL_CHARACTER));

function sizeOf(read: Read<readonly unknown[]>): Read<number> {
  return read.ok ? { ok: true, value: read.value.length } : read;
}

function checkPatterns(list: Json | undefined, path: Path, read: ReadPattern, effort: Effort, report: Report): void {
  itemsOf(list).forEach((item, index) => {
    if (typeof item === "string") checkPattern(item, [...path, index], read, effort, report);
  });
}

function checkPattern(pattern: string, path: Path, read: ReadPattern, effort: Effort, report: Report): void {
  if (!hasRoom(effort, path, report)) return;
  const answer = read(pattern);
  if (answer.ok) effort.spellings += answer.value;
  else report("pattern_invalid", `the pattern ${quoted(pattern)} is not valid: ${answer.message}`, path);
}

export function checkLabelName(name: string, path: Path, report: Report): void {
  if (name !== "" && name.length <= MAX_TEXT) return;
  report("value_invalid", `a label's name must be 1 to ${MAX_TEXT} characters`, path, "key");
}

function checkLabel(name: string, value: Json, path: Path, effort: Effort, report: Report): void {
  checkLabelName(name, path, report);
  if (typeof value === "string") checkPattern(value, path, readLabel, effort, report);
  else checkPatterns(value, path, readLabel, effort, report);
}

function checkExact(list: Json | undefined, key: string, path: Path, report: Report): void {
  itemsOf(list).forEach((item, index) => {
    if (typeof item !== "string" || !item.includes("*")) return;
    const message = `\`${key}\` are compared exactly, and ${quoted(item)} holds a wildcard`;
    report("pattern_invalid", message, [...path, index], "value", "write each one out");
  });
}

function checkTags(tags: Json | undefined, path: Path, vocabulary: ReadonlySet<string>, report: Report): void {
  const lists: readonly (readonly [Path, Json | undefined])[] = isMap(tags)
    ? ["any", "all", "none"].map((key) => [[...path, key], tags[key]])
    : [[path, tags]];
  for (const [at, list] of lists) {
    itemsOf(list).forEach((tag, index) => {
      if (typeof tag !== "string" || vocabulary.has(tag)) return;
      const message = `the tag ${quoted(tag)} is not in the policy's vocabulary`;
      report("tag_unknown", message, [...at, index], "value", () => meantTag(tag, vocabulary));
    });
  }
}

function checkCondition(source: string, path: Path, { conditions, effort }: CheckContext, report: Report): void {
  if (conditions.has(source) || !hasRoom(effort, path, report)) return;
  const compiled = compileCondition(source);
  if (compiled.ok) {
    conditions.set(source, compiled.condition);
    effort.built += compiled.condition.built;
    return;
  }
  for (const { message, help, offset } of compiled.problems) {
    report(
      "condition_invalid",
      `the condition is not valid at character ${offset + 1}: ${message}`,
      path,
      "value",
      help,
    );
  }
}

/** What a tag may have been meant to be. */
function meantTag(tag: string, vocabulary: ReadonlySet<string>): string {
  const meant = nearest(tag, vocabulary);
  return meant === undefined ? "add it to `tags`, or use one that is there" : `did you mean \`${meant}\`?`;
}
