import { compileLinearPattern } from "../linear-pattern.js";
import type { Json } from "../outcome.js";
import { type CheckContext, hasRoom } from "./check-context.js";
import { checkLabelName, checkMatch } from "./check-match.js";
import { isMap, itemsOf, type Loose, type Report } from "./report.js";
import { type Path, pointer, quoted } from "./source.js";

/** The tags a policy lets rules and jobs use: its vocabulary and its tiers; null where it has no vocabulary. */
export function vocabularyOf(document: Json | undefined): ReadonlySet<string> | null {
  if (!isMap(document) || !isMap(document.tags)) return null;
  const tiers = itemsOf(document.tiers).filter((tier) => typeof tier === "string");
  return new Set([...Object.keys(document.tags), ...tiers]);
}

/**
 * What a schema cannot say: ids that clash, patterns and conditions that cannot be read, tags outside the vocabulary,
 * blocks their decision has no use for. Looks at whatever has the right shape, so that its issues stand beside the schema's.
 */
export function check(document: Json, context: CheckContext, report: Report): void {
  if (!isMap(document)) return;
  checkParts(document, context, report);
  if (context.role === "main") checkTagNames(document, report);
  for (const key of ["rules", "outputs"]) {
    itemsOf(document[key]).forEach((rule, index) => {
      if (!isMap(rule)) return;
      const path = [key, index];
      checkId(rule.id, [...path, "id"], context, report);
      checkMatch(rule.match, [...path, "match"], context, report);
      if (key === "rules") checkBlocks(rule, path, report);
      else checkDetect(rule.detect, [...path, "detect"], context, report);
    });
  }
}

/** Which parts a file must and may have. An unknown key is the schema's to report. */
function checkParts(document: Loose, { role, file }: CheckContext, report: Report): void {
  const has = (key: string): boolean => Object.hasOwn(document, key);
  if (role === "main") {
    if (!has("rules") && !has("imports")) report("key_missing", "the policy must have `rules`", []);
    return;
  }
  if (!has("rules") && !has("imports") && !has("outputs")) {
    report("key_missing", `the imported file ${quoted(file)} must have \`rules\` or \`outputs\``, []);
  }
  for (const key of Object.keys(document)) {
    if (!MAIN_ONLY.has(key)) continue;
    const help = "move it to the file that is loaded, or remove it";
    report("import_key_unused", `an imported file has no use for \`${key}\``, [key], "key", help);
  }
}

const MAIN_ONLY: ReadonlySet<string> = new Set([
  ...["combining", "default", "tags", "tiers", "queue", "approvals", "output_default"],
]);

const TAG_NAME = /^[a-z0-9_-]{1,64}$/;

function checkTagNames(document: Loose, report: Report): void {
  if (isMap(document.tags)) {
    for (const tag of Object.keys(document.tags)) {
      if (TAG_NAME.test(tag)) continue;
      report("value_invalid", `the tag ${quoted(tag)} must be 1 to 64 of a-z, 0-9, _ and -`, ["tags", tag], "key");
    }
  }
  const tiers = new Set<Json>();
  itemsOf(document.tiers).forEach((tier, index) => {
    if (tiers.has(tier)) report("value_repeated", `the tier ${quoted(String(tier))} stands twice`, ["tiers", index]);
    tiers.add(tier);
  });
}

function checkId(id: Json | undefined, path: Path, { ids, file }: CheckContext, report: Report): void {
  if (typeof id !== "string") return;
  if (id.startsWith("@")) {
    report("rule_id_reserved", `the id ${quoted(id)} starts with \`@\`, which is kept for the gate's own`, path);
  }
  const first = ids.get(id);
  if (first === undefined) ids.set(id, `${file}${pointer(path.slice(0, 2))}`);
  else {
    const message = `the id ${quoted(id)} is already that of ${quoted(first)}`;
    report("rule_id_duplicate", message, path, "value", "give each rule its own id");
  }
}

/** Which decisions have a use for a block, and what to do about a block elsewhere. */
const USES: ReadonlyMap<string, { readonly decisions: readonly Json[]; readonly help: string }> = new Map([
  [
    "constraints",
    {
      decisions: ["allow_with_constraints", "require_approval"],
      help: "use `allow_with_constraints` or `require_approval`, or remove the block",
    },
  ],
  [
    "throttle",
    {
      decisions: ["throttle"],
      help: "put it in a rule of its own with the decision `throttle`, or remove the block",
    },
  ],
  ["approval", { decisions: ["require_approval"], help: "use `require_approval`, or remove the block" }],
  [
    "remediations",
    {
      decisions: ["deny", "require_approval", "throttle"],
      help: "they are shown where a rule holds a job back: remove the block",
    },
  ],
]);

const DECISIONS: readonly Json[] = ["allow", "deny", "throttle", "allow_with_constraints", "require_approval"];

function checkBlocks(rule: Loose, path: Path, report: Report): void {
  const { decision } = rule;
  if (decision === undefined || !DECISIONS.includes(decision)) return;
  if (decision === "allow_with_constraints" && rule.constraints === undefined) {
    report("block_missing", "the decision `allow_with_constraints` needs `constraints`", [...path, "decision"]);
  }
  for (const [block, { decisions, help }] of USES) {
    if (rule[block] === undefined || decisions.includes(decision)) continue;
    const message = `the decision \`${String(decision)}\` has no use for \`${block}\``;
    report("block_unused", message, [...path, block], "key", help);
  }
  itemsOf(rule.remediations).forEach((remediation, index) => {
    if (!isMap(remediation) || !isMap(remediation.add_labels)) return;
    for (const name of Object.keys(remediation.add_labels)) {
      checkLabelName(name, [...path, "remediations", index, "add_labels", name], report);
    }
  });
}

function checkDetect(detect: Json | undefined, path: Path, { effort }: CheckContext, report: Report): void {
  const names = new Set<string>();
  itemsOf(detect).forEach((item, index) => {
    if (!isMap(item)) return;
    const { name, pattern, detector } = item;
    const key = detector === undefined ? "name" : "detector";
    const called = detector ?? name;
    if (typeof called === "string") {
      if (names.has(called)) report("value_repeated", `the name ${quoted(called)} stands twice`, [...path, index, key]);
      names.add(called);
    }
    const at = [...path, index, "pattern"];
    if (typeof pattern !== "string" || !hasRoom(effort, at, report)) return;
    const read = compileLinearPattern(pattern);
    if (read.ok) effort.built += read.value.built;
    if (read.ok && read.value.finds) return;
    const why = read.ok ? "it can match nothing but the empty text" : read.message;
    report("pattern_invalid", `the pattern ${quoted(pattern)} is not valid: ${why}`, at);
  });
}
