import { nearest } from "../nearest.js";
import type { Json } from "../outcome.js";
import { compileCondition } from "./condition.js";
import { ACTOR_CHARACTER, LABEL_CHARACTER, type Read, readValueGlob } from "./glob.js";
import { isMap, itemsOf, type Report } from "./report.js";
import { type Path, quoted } from "./source.js";
import { readTopicPattern } from "./topic-pattern.js";

/** A match block and the `unless` in it: patterns, conditions, and tags against the vocabulary. */
export function checkMatch(
  match: Json | undefined,
  path: Path,
  vocabulary: ReadonlySet<string> | null,
  report: Report,
): void {
  if (!isMap(match)) return;
  checkPatterns(match.topics, [...path, "topics"], readTopicPattern, report);
  const readActor = (pattern: string): Read<unknown> => readValueGlob(pattern, ACTOR_CHARACTER);
  checkPatterns(match.actors, [...path, "actors"], readActor, report);
  if (isMap(match.labels)) {
    for (const [name, value] of Object.entries(match.labels)) {
      checkLabel(name, value, [...path, "labels", name], report);
    }
  }
  for (const key of ["tenants", "capabilities", "requires"]) checkExact(match[key], key, [...path, key], report);
  if (vocabulary !== null) checkTags(match.risk_tags, [...path, "risk_tags"], vocabulary, report);
  if (typeof match.when === "string") checkCondition(match.when, [...path, "when"], report);
  // One within another is the schema's to report.
  if (path.at(-1) !== "unless") checkMatch(match.unless, [...path, "unless"], vocabulary, report);
}

function checkPatterns(
  list: Json | undefined,
  path: Path,
  read: (pattern: string) => Read<unknown>,
  report: Report,
): void {
  itemsOf(list).forEach((item, index) => {
    if (typeof item !== "string") return;
    const answer = read(item);
    if (answer.ok) return;
    report("pattern_invalid", `the pattern ${quoted(item)} is not valid: ${answer.message}`, [...path, index]);
  });
}

function checkLabel(name: string, value: Json, path: Path, report: Report): void {
  if (name === "" || name.length > 256) {
    report("value_invalid", "a label's name must be 1 to 256 characters", path, "key");
  }
  const read = (pattern: string): Read<unknown> => readValueGlob(pattern, LABEL_CHARACTER);
  if (typeof value !== "string") {
    checkPatterns(value, path, read, report);
    return;
  }
  const answer = read(value);
  if (!answer.ok) report("pattern_invalid", `the pattern ${quoted(value)} is not valid: ${answer.message}`, path);
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
      report("tag_unknown", message, [...at, index], "value", meantTag(tag, vocabulary));
    });
  }
}

function checkCondition(source: string, path: Path, report: Report): void {
  const compiled = compileCondition(source);
  if (compiled.ok) return;
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
