import type { PolicyIssue } from "../errors.js";
import type { Json } from "../outcome.js";
import { ACTOR_CHARACTER, LABEL_CHARACTER, type Read, readValueGlob } from "./glob.js";
import { type Locate, type Path, pointer, quoted } from "./source.js";
import { readTopicPattern } from "./topic-pattern.js";

type Block = { readonly [key: string]: Json };

/**
 * What a schema cannot say: ids that clash, patterns that cannot be read, blocks their decision has no use for.
 * Looks at whatever has the right shape, so that its issues stand beside the schema's.
 */
export function check(document: Json, locate: Locate): readonly PolicyIssue[] {
  const issues: PolicyIssue[] = [];
  if (!isMap(document)) return issues;
  const report: Report = (code, message, path, at = "value", help) => {
    issues.push({ code, message, ...(help === undefined ? {} : { help }), path: pointer(path), ...locate(path, at) });
  };
  const ids = new Map<string, string>();
  for (const key of ["rules", "outputs"]) {
    itemsOf(document[key]).forEach((rule, index) => {
      if (!isMap(rule)) return;
      checkId(rule.id, [key, index, "id"], ids, report);
      checkMatch(rule.match, [key, index, "match"], report);
      if (key === "rules") checkBlocks(rule, [key, index], report);
    });
  }
  return issues;
}

type Report = (code: string, message: string, path: Path, at?: "key" | "value", help?: string) => void;

function checkId(id: Json | undefined, path: Path, ids: Map<string, string>, report: Report): void {
  if (typeof id !== "string") return;
  if (id.startsWith("@")) {
    report("rule_id_reserved", `the id ${quoted(id)} starts with \`@\`, which is kept for the gate's own`, path);
  }
  const first = ids.get(id);
  if (first === undefined) ids.set(id, pointer(path.slice(0, 2)));
  else
    report(
      "rule_id_duplicate",
      `the id ${quoted(id)} is already that of \`${first}\``,
      path,
      "value",
      "give each rule its own id",
    );
}

function checkMatch(match: Json | undefined, path: Path, report: Report): void {
  if (!isMap(match)) return;
  const patterns = (list: Json | undefined, at: Path, read: (pattern: string) => Read<unknown>): void => {
    itemsOf(list).forEach((item, index) => {
      if (typeof item !== "string") return;
      const answer = read(item);
      if (!answer.ok)
        report("pattern_invalid", `the pattern ${quoted(item)} is not valid: ${answer.message}`, [...at, index]);
    });
  };
  patterns(match.topics, [...path, "topics"], readTopicPattern);
  patterns(match.actors, [...path, "actors"], (pattern) => readValueGlob(pattern, ACTOR_CHARACTER));
  const labels = match.labels;
  if (isMap(labels)) {
    for (const name of Object.keys(labels))
      checkLabel(name, labels[name] as Json, [...path, "labels", name], patterns, report);
  }
  for (const key of ["tenants", "capabilities", "requires"]) {
    itemsOf(match[key]).forEach((item, index) => {
      if (typeof item !== "string" || !item.includes("*")) return;
      const help = "write each one out";
      report(
        "pattern_invalid",
        `\`${key}\` are compared exactly, and ${quoted(item)} holds a wildcard`,
        [...path, key, index],
        "value",
        help,
      );
    });
  }
}

type Patterns = (list: Json, at: Path, read: (pattern: string) => Read<unknown>) => void;

function checkLabel(name: string, value: Json, path: Path, patterns: Patterns, report: Report): void {
  if (name === "" || name.length > 256)
    report("value_invalid", "a label's name must be 1 to 256 characters", path, "key");
  const read = (pattern: string): Read<unknown> => readValueGlob(pattern, LABEL_CHARACTER);
  if (typeof value !== "string") {
    patterns(value, path, read);
    return;
  }
  const answer = read(value);
  if (!answer.ok) report("pattern_invalid", `the pattern ${quoted(value)} is not valid: ${answer.message}`, path);
}

/** Decisions that have a use for `constraints`. */
const CONSTRAINED: readonly Json[] = ["allow_with_constraints", "require_approval"];
const DECISIONS: readonly Json[] = ["allow", "deny", "throttle", ...CONSTRAINED];

function checkBlocks(rule: Block, path: Path, report: Report): void {
  const { decision } = rule;
  if (decision === undefined || !DECISIONS.includes(decision)) return;
  if (decision === "allow_with_constraints" && rule.constraints === undefined) {
    report("block_missing", "the decision `allow_with_constraints` needs `constraints`", [...path, "decision"]);
  }
  if (rule.constraints !== undefined && !CONSTRAINED.includes(decision)) {
    const help = "use `allow_with_constraints` or `require_approval`, or remove the block";
    report(
      "block_unused",
      `the decision \`${String(decision)}\` has no use for \`constraints\``,
      [...path, "constraints"],
      "key",
      help,
    );
  }
  if (rule.throttle !== undefined && decision !== "throttle") {
    const help = "put it in a rule of its own with the decision `throttle`, or remove the block";
    report(
      "block_unused",
      `the decision \`${String(decision)}\` has no use for \`throttle\``,
      [...path, "throttle"],
      "key",
      help,
    );
  }
}

function isMap(value: Json | undefined): value is Block {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
