import type { PolicyIssue } from "../errors.js";
import { PolicyError } from "../errors.js";
import type { Json } from "../outcome.js";
import { compilePolicy } from "../policy/policy.js";
import { readYaml } from "../policy/read-yaml.js";
import { isMap, type Loose } from "../policy/report.js";
import { DEFAULT_MAX_BYTES, type Path, quoted } from "../policy/source.js";
import { createNotes, type ImportNote, type Notes } from "./import-cordum/notes.js";
import { convertOutputs } from "./import-cordum/outputs.js";
import { guardRules, inputRules, tenantRules } from "./import-cordum/preamble.js";
import { render } from "./import-cordum/render.js";
import { type Converter, convertRule, isGlobal, legacyRules, type Rule } from "./import-cordum/rule.js";
import { at, isUnset, noteStray, trimSpace } from "./import-cordum/shape.js";
import { createSpellings } from "./import-cordum/spelling.js";

export type { ImportNote } from "./import-cordum/notes.js";

/** A policy in our language, and all that does not mean the same in it. */
export interface Imported {
  readonly yaml: string;
  readonly notes: readonly ImportNote[];
}

/** A rewritten policy, or why the text is none. */
export type ImportResult =
  | { readonly ok: true; readonly imported: Imported }
  | { readonly ok: false; readonly problems: readonly PolicyIssue[] };

const KEYS: ReadonlySet<string> = new Set([
  ..."version tier selector rules input_policy input_rules require_human output_policy output_rules".split(" "),
  ..."default_tenant default_decision tenants".split(" "),
]);

/**
 * Rewrites a Cordum safety policy, with `combining: first_match`. What cannot be carried over never widens: a rule
 * that permits is written narrower, one that refuses wider, and a note says so. The answer loads.
 */
export function importCordum(text: string): ImportResult {
  const reading = readYaml(text, DEFAULT_MAX_BYTES);
  if (reading.value === undefined || reading.issues.length > 0) return { ok: false, problems: reading.issues };
  if (!isMap(reading.value)) {
    const message = "a Cordum safety policy is a map with `rules` or `tenants`";
    return { ok: false, problems: [{ code: "type_wrong", message, path: "", ...reading.locate([], "value") }] };
  }
  const notes = createNotes(reading.locate);
  const yaml = convert(reading.value, notes);
  const problems = load(yaml);
  return problems === null ? { ok: true, imported: { yaml, notes: notes.all() } } : { ok: false, problems };
}

/** What does not load is never handed out. */
function load(yaml: string): readonly PolicyIssue[] | null {
  try {
    compilePolicy({ yaml });
    return null;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.issues.map(({ line: _, column: __, ...issue }) => ({
      ...issue,
      message: `the rewritten policy does not load: ${issue.message}`,
    }));
  }
}

function convert(policy: Loose, notes: Notes): string {
  noteHead(policy, notes);
  const tenants = tenantsOf(policy, notes);
  const listed = at(policy, "rules");
  const legacy = listed === undefined || (Array.isArray(listed) && listed.length === 0);
  const scoped = !isGlobal(at(policy, "tier"), at(policy, "selector"));
  const converter: Converter = { notes, spellings: createSpellings(), name: createNames(notes), scoped };
  // The spelling of this map is the one that counts: Cordum looks tenants up in it exactly.
  for (const [tenant] of tenants) converter.spellings.settle("tenants", tenant, false);
  const rules = [
    ...tenantRules(tenants, legacy, converter),
    ...inputRules(at(policy, "input_rules"), converter),
    ...(legacy ? legacyRules(tenants, converter) : convertRules(listed, converter)),
    ...defaultRules(at(policy, "default_decision"), converter),
  ];
  const outputs = convertOutputs(at(policy, "output_rules"), converter);
  const all = [...guardRules(converter, rules), ...rules];
  const beside = new Set([...all, ...outputs].flatMap((one) => one.notes ?? []));
  const heads = notes.all().filter((note) => !beside.has(note));
  return render(all.length > 0 ? all : [refuseAll(converter)], outputs, heads);
}

function convertRules(listed: Json, converter: Converter): readonly Rule[] {
  const { notes } = converter;
  const list = Array.isArray(listed) ? (listed as readonly Json[]) : [null];
  return list.flatMap((rule, index) => {
    const made = notes.during(() => convertRule(rule, ["rules", index], converter));
    return made.value.map((one, place) => (place === 0 ? { ...one, notes: made.notes } : one));
  });
}

/** What no rule matches is permitted, if the file says so: under the root that Cordum knows topics by. */
function defaultRules(given: Json | undefined, { notes, name, scoped }: Converter): readonly Rule[] {
  const word = typeof given === "string" ? trimSpace(given).toLowerCase() : "";
  if (["allow", "permit"].includes(word)) {
    const path = ["default_decision"];
    if (!scoped)
      return [
        { id: name("default", []), block: { topics: ["job.**"] }, decision: "allow", reason: "no other rule matches" },
      ];
    notes.add(
      "refused",
      path,
      "the default of a policy for one workflow or job has no place here: what no rule permits is denied",
    );
  } else if (given !== undefined && word !== "" && word !== "deny") {
    notes.add("changed", ["default_decision"], "this is no default, and denies, as it does in Cordum");
  }
  return [];
}

/** A policy must hold a rule, and this one permits nothing. */
function refuseAll({ name }: Converter): Rule {
  return { id: name("nothing-permitted", []), block: {}, decision: "deny", reason: "no rule permits anything" };
}

function noteHead(policy: Loose, notes: Notes): void {
  noteStray(policy, KEYS, [], notes);
  const tenant = at(policy, "default_tenant");
  if (typeof tenant === "string" && !["", "default"].includes(trimSpace(tenant))) {
    const help = "let the host set `tenantId` on every job";
    notes.add(
      "changed",
      ["default_tenant"],
      `jobs without a tenant are of the tenant \`default\` here, not of ${quoted(tenant)}`,
      help,
    );
  }
  for (const key of ["input_policy", "output_policy"]) {
    if (!isUnset(at(policy, key)))
      notes.add("dropped", [key], `\`${key}\` has no place here: a check that fails refuses, always`);
  }
  if (!isUnset(at(policy, "require_human")))
    notes.add("dropped", ["require_human"], "`require_human` softened refusals of input rules, and here they stand");
}

/** The tenants that can be read; of the others nothing is permitted by them. */
function tenantsOf(policy: Loose, notes: Notes): readonly (readonly [string, Loose])[] {
  const given = at(policy, "tenants");
  if (given === undefined) return [];
  if (!isMap(given)) {
    notes.add("refused", ["tenants"], "`tenants` is not a map, and is left out");
    return [];
  }
  return Object.entries(given).flatMap(([tenant, rules]) => {
    if (isMap(rules)) return [[tenant, rules] as const];
    if (rules !== null) notes.add("refused", ["tenants", tenant], "a tenant is not a map, and is left out");
    return [];
  });
}

/** Makes ids legal, and each its own. */
function createNames(notes: Notes): Converter["name"] {
  const taken = new Set<string>();
  // Where to go on counting: a file may hold one id a hundred thousand times.
  const counts = new Map<string, number>();
  return (wanted: string, path: Path): string => {
    const legal =
      wanted
        .replace(/^@+/, "")
        .replace(/[^\x21-\x7e]+/g, "-")
        .slice(0, 118) || "rule";
    let id = legal;
    let count = counts.get(legal) ?? 1;
    while (taken.has(id)) {
      count += 1;
      id = `${legal}-${count}`;
    }
    counts.set(legal, count);
    taken.add(id);
    if (path.length > 0 && id !== wanted)
      notes.add("changed", path, `the id ${quoted(wanted)} is written ${quoted(id)}`);
    return id;
  };
}
