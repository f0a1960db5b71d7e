import type { Json } from "../../outcome.js";
import type { ConstraintsDocument, RemediationDocument } from "../../policy/document.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import { convertConstraints, convertRemediations } from "./constraints.js";
import { convertMatch } from "./match.js";
import { type Around, type Block, cannot, type Matched } from "./matched.js";
import type { ImportNote, Notes } from "./notes.js";
import { at, isUnset, noteStray, stringsAt, trimSpace } from "./shape.js";
import type { Spellings } from "./spelling.js";

/** A rule of ours, not yet written down. */
export interface Rule {
  readonly id: string;
  readonly block: Block;
  /** Topics the rule leaves alone. */
  readonly unlessTopics?: readonly string[];
  readonly decision: "allow" | "deny" | "require_approval" | "throttle" | "allow_with_constraints";
  readonly reason?: string;
  readonly throttle?: { readonly limit: number; readonly window_sec: number; readonly per?: readonly string[] };
  readonly constraints?: ConstraintsDocument;
  readonly remediations?: readonly RemediationDocument[];
  readonly notes?: readonly ImportNote[];
}

/** What converts a rule needs to know around it. */
export interface Converter {
  readonly notes: Notes;
  readonly spellings: Spellings;
  /** A legal id that no other rule has. */
  readonly name: (wanted: string, path: Path) => string;
  /** The whole file is for one workflow or job. */
  readonly scoped: boolean;
}

const KEYS: ReadonlySet<string> = new Set(
  "id tier selector match velocity decision reason constraints remediations".split(" "),
);

const DECISIONS: ReadonlyMap<string, Rule["decision"]> = new Map([
  ["allow", "allow"],
  ["permit", "allow"],
  ["deny", "deny"],
  ["block", "deny"],
  ["require_approval", "require_approval"],
  ["require-approval", "require_approval"],
  ["require_human", "require_approval"],
  ["allow_with_constraints", "allow_with_constraints"],
  ["allow-with-constraints", "allow_with_constraints"],
  ["throttle", "throttle"],
]);

/**
 * Rewrites one rule as one of ours, or as two: under `first_match` a rule that matched less would leave jobs to the
 * rules behind it, so whatever it may have matched beyond what it surely does is denied.
 */
export function convertRule(given: Json, path: Path, converter: Converter): readonly Rule[] {
  const { notes, spellings, name } = converter;
  if (!isMap(given)) {
    notes.add("changed", path, "a rule is not a map: every job that comes to it is denied");
    return [{ id: name("unreadable-rule", path), block: {}, decision: "deny" }];
  }
  const id = name(textAt(given, "id") ?? `rule-${Number(path.at(-1)) + 1}`, [...path, "id"]);
  const decision = decisionOf(given, path, notes);
  const constraints = convertConstraints(at(given, "constraints"), [...path, "constraints"], notes);
  const granted = decision === "allow" && constraints !== null && isUnset(at(given, "constraints"));
  const around: Around = { notes, spellings, grants: granted };
  const stray = noteStray(given, KEYS, path, notes);
  const doubtful = [
    ...(stray.length > 0 ? [cannot("the rule cannot be read whole", path, around)] : []),
    ...(converter.scoped || !isGlobal(at(given, "tier"), at(given, "selector"))
      ? [cannot("a rule for one workflow or job has no place here", path, around)]
      : []),
  ];
  const read = convertMatch(at(given, "match"), [...path, "match"], around);
  const matched: Matched = doubtful.length === 0 ? read : { narrow: null, wide: read.wide };
  if (matched.wide === null) {
    notes.add("dropped", path, "the rule matches no job that is legal here, and is left out");
    return [];
  }
  const shared = { id, ...reasonOf(given, path, notes), ...remediationsOf(given, path, notes) };
  const velocity = at(given, "velocity");
  if (velocity !== undefined)
    return convertVelocity(velocity, [...path, "velocity"], around, shared, decision, matched.wide);
  if (decision === "deny") {
    if (constraints === null || Object.keys(constraints).length > 0)
      notes.add("dropped", [...path, "constraints"], "a refusal has no use for `constraints`");
    return [{ ...shared, block: matched.wide, decision }];
  }
  if (constraints === null) return [{ ...shared, block: matched.wide, decision: "deny" }];
  const sure: Rule[] =
    matched.narrow === null
      ? []
      : [{ ...shared, block: matched.narrow, ...granting(decision, constraints, path, notes) }];
  if (granted || matched.narrow === matched.wide) return sure;
  const rest: Rule = {
    id: name(`${id}-rest`, path),
    block: matched.wide,
    decision: "deny",
    reason: "it cannot be told here whether the rule above would match",
  };
  return [...sure, rest];
}

function decisionOf(given: Loose, path: Path, notes: Notes): Rule["decision"] {
  const word = at(given, "decision");
  const known = typeof word === "string" ? DECISIONS.get(trimSpace(word).toLowerCase()) : undefined;
  if (known !== undefined) return known;
  const shown = typeof word === "string" ? quoted(word) : "what stands here";
  notes.add("changed", [...path, "decision"], `${shown} is no decision, and denies, as it does in Cordum`);
  return "deny";
}

/** A decision with the constraints it takes. */
function granting(
  decision: Exclude<Rule["decision"], "deny">,
  constraints: ConstraintsDocument,
  path: Path,
  notes: Notes,
): Pick<Rule, "decision" | "constraints"> {
  const some = Object.keys(constraints).length > 0;
  switch (decision) {
    case "throttle":
      if (some) notes.add("dropped", [...path, "constraints"], "a refusal has no use for `constraints`");
      return { decision };
    case "require_approval":
      return some ? { decision, constraints } : { decision };
    case "allow":
      return some ? { decision: "allow_with_constraints", constraints } : { decision };
    case "allow_with_constraints":
      if (some) return { decision, constraints };
      notes.add(
        "changed",
        path,
        "the rule constrains nothing: it is given the runtime that the gate allows by default",
      );
      return { decision, constraints: { max_runtime_sec: 900 } };
  }
}

/** Tiers below the global one bind a rule to a workflow or a job, which ours do not know. */
export function isGlobal(tier: Json | undefined, selector: Json | undefined): boolean {
  const word = tier === undefined ? "" : tier;
  return typeof word === "string" && ["", "global"].includes(trimSpace(word).toLowerCase()) && isUnset(selector);
}

function textAt(given: Loose, key: string): string | undefined {
  const value = at(given, key);
  return typeof value === "string" && trimSpace(value) !== "" ? trimSpace(value) : undefined;
}

/** One line of at most 1,000 characters. */
export function reasonOf(given: Loose, path: Path, notes: Notes): { readonly reason?: string } {
  const reason = textAt(given, "reason");
  if (reason === undefined) return {};
  const line = reason.replace(/[\p{Cc}\u2028\u2029\s]+/gu, " ").trim();
  const kept = line.length > 1_000 ? `${line.slice(0, 997).toWellFormed().replaceAll("\ufffd", "")}...` : line;
  if (kept !== reason)
    notes.add("changed", [...path, "reason"], "the reason is written as one line of at most 1000 characters");
  return kept === "" ? {} : { reason: kept };
}

function remediationsOf(given: Loose, path: Path, notes: Notes): Pick<Rule, "remediations"> {
  const remediations = convertRemediations(at(given, "remediations"), [...path, "remediations"], notes);
  return remediations.length === 0 ? {} : { remediations };
}

const PARTS: ReadonlyMap<string, string> = new Map([
  ["actor_id", "actor"],
  ["tenant", "tenant"],
  ["topic", "topic"],
]);

/**
 * A rule that fires when too many came in a window is a limit here. Parts of its key that ours do not know are left
 * out, so that more jobs count together.
 */
function convertVelocity(
  given: Json,
  path: Path,
  around: Around,
  shared: Pick<Rule, "id" | "reason" | "remediations">,
  decision: Rule["decision"],
  block: Block,
): readonly Rule[] {
  const { notes } = around;
  if (decision === "allow") {
    notes.add("refused", path, "a rule that permits what comes too often has no place here, and is left out");
    return [];
  }
  const limit = isMap(given) ? at(given, "max_requests") : undefined;
  const window = isMap(given) ? at(given, "window_seconds") : undefined;
  const key = isMap(given) ? at(given, "key") : undefined;
  if (
    typeof limit !== "number" ||
    !Number.isInteger(limit) ||
    limit < 1 ||
    limit > 1_000_000 ||
    typeof window !== "number" ||
    window <= 0 ||
    window > 31_536_000 ||
    typeof key !== "string"
  ) {
    notes.add("changed", path, "this `velocity` cannot be kept here: every job the rule matches is denied");
    return [{ ...shared, block, decision: "deny" }];
  }
  const parts = key.split(":").map(trimSpace);
  const per = parts.flatMap(
    (part) => PARTS.get(part) ?? (/^labels\.[\s\S]{1,256}$/.test(part) ? `label:${part.slice(7)}` : []),
  );
  if (per.length < parts.length)
    notes.add("changed", [...path, "key"], `not all of ${quoted(key)} is known here: more jobs count together`);
  notes.add("changed", path, "`velocity` is a limit on jobs that run, and what exceeds it is throttled");
  const unique = [...new Set(per)];
  const throttle = { limit, window_sec: window, ...(unique.length === 0 ? {} : { per: unique }) };
  return [{ ...shared, block, decision: "throttle", throttle }];
}

/** The rules that `tenants` make when there are no others: first all that deny, then all that allow. */
export function legacyRules(tenants: readonly (readonly [string, Loose])[], converter: Converter): readonly Rule[] {
  const rulesOf = (decision: "deny" | "allow"): readonly Rule[] =>
    tenants.flatMap(([tenant, given]) => {
      const path = ["tenants", tenant, `${decision}_topics`];
      const patterns = stringsAt(given, `${decision}_topics`);
      if (patterns === null) converter.notes.add("refused", path, `\`${decision}_topics\` is not a list of strings`);
      const written: readonly (string | null)[] = patterns ?? (decision === "deny" ? [null] : []);
      return written.flatMap((pattern, index) => {
        const rule = {
          id: `legacy:${tenant}:${decision}:${index + 1}`,
          decision,
          match: { tenants: [tenant], ...(pattern === null ? {} : { topics: [pattern] }) },
          ...(decision === "deny" ? { reason: `topic ${pattern ?? ""} denied by tenant policy` } : {}),
        };
        const { value, notes } = converter.notes.during(() => convertRule(rule, [...path, index], converter));
        return value.map((one, place) => (place === 0 ? { ...one, notes } : one));
      });
    });
  return [...rulesOf("deny"), ...rulesOf("allow")];
}
