import type { Json } from "../../outcome.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import { readMcp } from "./labels.js";
import { convertMatch } from "./match.js";
import { type Converter, type Rule, reasonOf } from "./rule.js";
import { at, isUnset, noteStray, trimSpace } from "./shape.js";

/** Cordum refuses every topic that does not begin so, whatever the rules say. */
const ROOT = "job.**";

/** What Cordum does before it looks at its rules, and what must be refused before ours are. */
export function guardRules(converter: Converter, rules: readonly Rule[]): readonly Rule[] {
  const { name, notes, spellings } = converter;
  const strays = rules.some((rule) => rule.decision !== "deny" && !staysUnderRoot(rule));
  const topics: Rule = {
    id: name("unsupported-topic", []),
    block: {},
    unlessTopics: [ROOT],
    decision: "deny",
    reason: "unsupported topic",
  };
  const spelt = spellings.guards().map(({ of, when }): Rule => {
    const made = notes.during(() =>
      of === "mcp"
        ? notes.add("changed", [], "Cordum reads mcp calls from other labels too, and trims them: such jobs are denied")
        : notes.add(
            "changed",
            [],
            `Cordum compares \`${of}\` in any case and trimmed: jobs with another spelling are denied`,
          ),
    );
    const reason =
      of === "mcp"
        ? "mcp calls are named by the labels mcp.server, mcp.tool, mcp.resource and mcp.action, without space around"
        : `the job spells one of the policy's ${of} in another way than the policy does`;
    return { id: name(`spelling-${of}`, []), block: { when: [when] }, decision: "deny", reason, notes: made.notes };
  });
  return [...(strays ? [topics] : []), ...spelt];
}

function staysUnderRoot({ block }: Rule): boolean {
  return block.topics?.every((pattern) => pattern.startsWith("job.")) === true;
}

const TENANT: ReadonlySet<string> = new Set(
  "allow_topics deny_topics allowed_repo_hosts denied_repo_hosts max_concurrent_jobs mcp".split(" "),
);

/** The calls a tenant's `mcp` block refuses: they are denied whatever a rule says. `legacy`: the topics are looked at as well. */
export function tenantRules(
  tenants: readonly (readonly [string, Loose])[],
  legacy: boolean,
  converter: Converter,
): readonly Rule[] {
  const { notes, spellings, name } = converter;
  return tenants.flatMap(([tenant, given]) => {
    const path = ["tenants", tenant];
    noteStray(given, TENANT, path, notes);
    for (const key of ["allowed_repo_hosts", "denied_repo_hosts", "max_concurrent_jobs"]) {
      if (isUnset(at(given, key))) continue;
      const help =
        key === "max_concurrent_jobs"
          ? "write `max_concurrent` into the rules that permit"
          : "write `network` into the rules that permit";
      notes.add("refused", [...path, key], `\`${key}\` of a tenant has no place here`, help);
    }
    for (const key of ["allow_topics", "deny_topics"]) {
      if (!legacy && !isUnset(at(given, key)))
        notes.add("dropped", [...path, key], `\`${key}\` has no effect in Cordum where there are \`rules\``);
    }
    const made = notes.during(() => readMcp(at(given, "mcp"), [...path, "mcp"], converter));
    if (made.value?.length === 0) return [];
    const settled = spellings.settle("tenants", tenant, true);
    const legal = settled !== null && /^[\x21-\x7e]{1,256}$/.test(settled) && !settled.includes("*");
    if (!legal)
      notes.add("changed", path, `no job has the tenant ${quoted(tenant)} here: its \`mcp\` block binds every tenant`);
    const block = legal ? { tenants: [settled] } : {};
    const reason = "the mcp call is not allowed for the tenant";
    const id = (): string => name(`mcp:${tenant}`, path);
    if (made.value === null) {
      notes.add(
        "changed",
        [...path, "mcp"],
        "this `mcp` block cannot be read whole: every mcp call of the tenant is denied",
      );
      const used = ["server", "tool", "resource", "action"].map((field) => `"mcp.${field}" in job.labels`).join(" || ");
      return [{ id: id(), block: { ...block, when: [used] }, decision: "deny" as const, reason }];
    }
    return made.value.map((when, index): Rule => {
      const beside = index === 0 ? { notes: made.notes } : {};
      return { id: id(), block: { ...block, when: [when] }, decision: "deny", reason, ...beside };
    });
  });
}

const INPUT: ReadonlySet<string> = new Set(
  "id tier selector enabled severity description match decision reason".split(" "),
);
const INPUT_MATCH = ["tenants", "topics", "capabilities", "risk_tags"] as const;

/**
 * Input rules look into what the job brings, which a policy of ours does not. Each becomes a rule that denies until
 * the host says, by a tag, that its own look found nothing: whoever forgets to look permits nothing.
 */
export function inputRules(given: Json | undefined, converter: Converter): readonly Rule[] {
  const { notes, name, spellings } = converter;
  if (given === undefined) return [];
  const deny = (rule: Json, path: Path, index: number): readonly Rule[] => {
    if (!isMap(rule)) {
      notes.add("changed", path, "an input rule is not a map: every job is denied");
      return [{ id: name("unreadable-input-rule", path), block: {}, decision: "deny" }];
    }
    if (at(rule, "enabled") === false) {
      notes.add("dropped", path, "the input rule is not enabled");
      return [];
    }
    noteStray(rule, INPUT, path, notes);
    const match = at(rule, "match");
    const kept = isMap(match)
      ? Object.fromEntries(INPUT_MATCH.flatMap((key) => (Object.hasOwn(match, key) ? [[key, match[key] as Json]] : [])))
      : {};
    const { wide } = convertMatch(kept, [...path, "match"], { notes, spellings, grants: false });
    if (wide === null) return [];
    const raw = at(rule, "id");
    const id = name(
      typeof raw === "string" && trimSpace(raw) !== "" ? `input:${trimSpace(raw)}` : `input-rule-${index + 1}`,
      [...path, "id"],
    );
    const tag = `clean-${id
      .toLowerCase()
      .replace(/^input[:-]/, "")
      .replace(/[^a-z0-9_-]/g, "-")}`.slice(0, 64);
    notes.add(
      "changed",
      path,
      `policies do not look into what a job brings: jobs without the tag \`${tag}\` are denied`,
      `let the host's \`deriveTags\` look, and add \`${tag}\` where it finds nothing`,
    );
    return [{ id, block: { ...wide, tagsNone: [tag] }, decision: "deny", ...reasonOf(rule, path, notes) }];
  };
  const list = Array.isArray(given) ? (given as readonly Json[]) : [null];
  return list.flatMap((rule, index) => {
    const path: Path = ["input_rules", index];
    const made = notes.during(() => deny(rule, path, index));
    return made.value.map((one) => ({ ...one, notes: made.notes }));
  });
}
