import { compileLinearPattern } from "../../linear-pattern.js";
import type { Json } from "../../outcome.js";
import type { DetectDocument } from "../../policy/document.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import { regexText } from "./cel.js";
import { convertMatch } from "./match.js";
import type { Block } from "./matched.js";
import type { ImportNote } from "./notes.js";
import type { Converter } from "./rule.js";
import { at, isUnset, noteStray, stringsAt, trimSpace } from "./shape.js";

/** An output rule of ours, not yet written down. */
export interface Output {
  readonly id: string;
  readonly block: Block;
  readonly detect: readonly DetectDocument[];
  readonly action: "redact" | "quarantine";
  readonly notes: readonly ImportNote[];
}

const KEYS: ReadonlySet<string> = new Set("id enabled severity description match decision reason".split(" "));
const JOB_KEYS = ["tenants", "topics", "capabilities", "risk_tags"] as const;
const MATCH: ReadonlySet<string> = new Set([
  ...JOB_KEYS,
  ..."scanners content_patterns keywords content_types detectors output_size_gt max_output_bytes has_error".split(" "),
]);
const SCANNERS: ReadonlyMap<string, "secrets" | "pii"> = new Map([
  ["secret", "secrets"],
  ["secrets", "secrets"],
  ["secret_leak", "secrets"],
  ["pii", "pii"],
]);

/** Rewrites output rules. All that match apply here, and each detector by itself is enough: more is found, not less. */
export function convertOutputs(given: Json | undefined, converter: Converter): readonly Output[] {
  const { notes } = converter;
  if (given === undefined) return [];
  if (!Array.isArray(given)) {
    notes.add("refused", ["output_rules"], "`output_rules` is not a list: nothing of it is looked for");
    return [];
  }
  return (given as readonly Json[]).flatMap((rule, index) => {
    const path: Path = ["output_rules", index];
    const { value, notes: beside } = notes.during(() => convertOutput(rule, path, converter));
    return value === null ? [] : [{ ...value, notes: beside }];
  });
}

function convertOutput(rule: Json, path: Path, converter: Converter): Omit<Output, "notes"> | null {
  const { notes, spellings, name } = converter;
  const leave = (kind: "dropped" | "refused", why: string): null => {
    notes.add(kind, path, why);
    return null;
  };
  if (!isMap(rule)) return leave("refused", "an output rule is not a map: nothing is looked for by it");
  noteStray(rule, KEYS, path, notes);
  if (at(rule, "enabled") === false) return leave("dropped", "the output rule is not enabled");
  const decision = at(rule, "decision");
  const word = typeof decision === "string" ? trimSpace(decision).toLowerCase() : "";
  if (word === "allow") return leave("dropped", "an output rule cannot exempt from others here");
  if (!["deny", "quarantine", "redact"].includes(word))
    notes.add("changed", [...path, "decision"], "the output is quarantined where this decision is not known");
  const match = at(rule, "match");
  const shape: Loose = isMap(match) ? match : {};
  const detect = detectorsOf(shape, [...path, "match"], converter);
  if (detect.length === 0)
    return leave("refused", "nothing the rule looks for can be looked for here: these outputs are not inspected by it");
  const kept = Object.fromEntries(
    JOB_KEYS.flatMap((key) => (Object.hasOwn(shape, key) ? [[key, shape[key] as Json] as const] : [])),
  );
  const { wide } = convertMatch(kept, [...path, "match"], { notes, spellings, grants: false });
  if (wide === null) return leave("dropped", "the output rule matches no job that is legal here");
  const id = at(rule, "id");
  const named =
    typeof id === "string" && trimSpace(id) !== "" ? trimSpace(id) : `output-rule-${Number(path.at(-1)) + 1}`;
  return { id: name(named, [...path, "id"]), block: wide, detect, action: word === "redact" ? "redact" : "quarantine" };
}

/** What is looked for; what narrows it in another way is left out, so that more is found. */
function detectorsOf(match: Loose, path: Path, { notes }: Converter): readonly DetectDocument[] {
  noteStray(match, MATCH, path, notes);
  const found: DetectDocument[] = [];
  const missing = (key: string, index: number, what: string): void =>
    notes.add("refused", [...path, key, index], `${quoted(what)} cannot be looked for here`);
  for (const key of ["scanners", "detectors"]) {
    (stringsAt(match, key) ?? []).forEach((scanner, index) => {
      const ours = SCANNERS.get(trimSpace(scanner).toLowerCase());
      if (ours === undefined) missing(key, index, scanner);
      else if (!found.includes(ours)) found.push(ours);
    });
  }
  for (const key of ["content_patterns", "keywords"]) {
    (stringsAt(match, key) ?? []).forEach((text, index) => {
      const pattern = key === "keywords" ? `(?i)${regexText(trimSpace(text))}` : text;
      const legal = trimSpace(text) !== "" && pattern.length <= 1_000 && compileLinearPattern(pattern).ok;
      if (legal) found.push({ name: `${key === "keywords" ? "keyword" : "pattern"}_${index + 1}`, pattern });
      else missing(key, index, text);
    });
  }
  for (const key of ["output_size_gt", "max_output_bytes"]) {
    if (!isUnset(at(match, key)))
      notes.add(
        "refused",
        [...path, key],
        "the size of an output is no output rule here",
        "write `max_output_bytes` into the rules that permit",
      );
  }
  for (const key of ["content_types", "has_error"]) {
    if (at(match, key) !== undefined)
      notes.add("changed", [...path, key], `\`${key}\` is not looked at here: all outputs of the jobs are inspected`);
  }
  if (found.length > 1) notes.add("changed", path, "each of these is enough by itself here");
  return found;
}
