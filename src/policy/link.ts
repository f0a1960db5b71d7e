import { canonicalize } from "../canonical.js";
import { digest } from "../digest.js";
import { PolicyError, type PolicyIssue } from "../errors.js";
import type { Json } from "../outcome.js";
import { check, vocabularyOf } from "./check.js";
import { type CheckContext, createEffort } from "./check-context.js";
import type { Condition } from "./condition.js";
import type { PolicyDocument } from "./document.js";
import { type Merged, normalise } from "./normalise.js";
import { isMap, itemsOf, type Loose, MAX_LISTED, reportTo } from "./report.js";
import type { Reading } from "./source.js";
import { translate } from "./translate.js";
import { validate } from "./validate-document.generated.js";

/** One file of a policy, read. `imports` are its own, in its order: they MUST be as many as it names. */
export interface PolicyFile {
  /** Empty for the policy itself; for a file it imports the path from the policy's folder. */
  readonly name: string;
  readonly reading: Reading;
  readonly imports: readonly PolicyFile[];
}

/** A policy whose files were checked and made one. */
export interface Linked {
  readonly document: PolicyDocument;
  readonly sourceHash: string | null;
  /** Its conditions, by their text: they were compiled to be checked. */
  readonly conditions: ReadonlyMap<string, Condition>;
}

/** The paths a file imports, as far as they are texts. */
export function importsOf(reading: Reading): readonly string[] {
  if (!isMap(reading.value)) return [];
  return itemsOf(reading.value.imports).filter((path) => typeof path === "string");
}

/**
 * Checks all files of a policy and makes one document of them, whole or not at all.
 *
 * @throws PolicyError with every problem found, in the order of files and places.
 */
export function link(main: PolicyFile): Linked {
  const shared = {
    ids: new Map<string, string>(),
    vocabulary: vocabularyOf(main.reading.value),
    conditions: new Map<string, Condition>(),
    effort: createEffort(),
  };
  const issues: PolicyIssue[] = [];
  for (const file of filesOf(main)) {
    const context: CheckContext = { ...shared, role: file === main ? "main" : "import", file: file.name };
    const found = sorted(issuesOf(file.reading, context));
    issues.push(...(file === main ? found : found.map((issue) => ({ ...issue, source: file.name }))));
  }
  if (issues.length > 0 || main.reading.value === undefined) throw new PolicyError(issues);
  const merged = mergedOf(main);
  if (merged.rules.length === 0) {
    throw new PolicyError([{ code: "key_missing", message: "no file of the policy has `rules`", path: "" }]);
  }
  return {
    document: normalise(main.reading.value, merged),
    sourceHash: sourceHashOf(main),
    conditions: shared.conditions,
  };
}

function issuesOf(reading: Reading, context: CheckContext): PolicyIssue[] {
  const issues = [...reading.issues];
  if (reading.value === undefined) return issues;
  const errors = validate(reading.value) ? [] : (validate.errors ?? []);
  issues.push(...translate(errors.slice(0, MAX_LISTED), reading.locate));
  const checked: PolicyIssue[] = [];
  check(reading.value, context, reportTo(checked, reading.locate));
  issues.push(...checked);
  return issues;
}

/** The files in the order in which they are named, the policy itself first. */
function filesOf(file: PolicyFile): readonly PolicyFile[] {
  return [file, ...file.imports.flatMap(filesOf)];
}

/** Imports stand where their key stands: before the file's own rules, or after them. */
function mergedOf(file: PolicyFile): Merged {
  const document = file.reading.value as Loose;
  const keys = Object.keys(document);
  const imported = file.imports.map(mergedOf);
  const join = (key: "rules" | "outputs"): readonly Loose[] => {
    const own = itemsOf(document[key]) as readonly Loose[];
    const others = imported.flatMap((merged) => merged[key]);
    return keys.indexOf("imports") < keys.indexOf(key) ? [...others, ...own] : [...own, ...others];
  };
  return { rules: join("rules"), outputs: join("outputs") };
}

/** Of a policy of several files: of their names and hashes together. */
function sourceHashOf(main: PolicyFile): string | null {
  const files = filesOf(main);
  if (files.length === 1) return main.reading.sourceHash;
  const hashes: Json[] = files.map(({ name, reading }) => [name, reading.sourceHash]);
  return digest("policy-sources", canonicalize(hashes));
}

/** By place in the text; a document's issues by its own order of lists and keys. */
function sorted(issues: readonly PolicyIssue[]): PolicyIssue[] {
  const byPath = new Intl.Collator("en", { numeric: true });
  return issues.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0) || byPath.compare(a.path, b.path),
  );
}
