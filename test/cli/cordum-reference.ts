/**
 * Cordum's safety kernel as its source reads, written down naively: what the import is held against.
 * Shares nothing with the importer.
 */
export interface CordumMatch {
  readonly tenants?: readonly string[];
  readonly topics?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly risk_tags?: readonly string[];
  readonly requires?: readonly string[];
  readonly pack_ids?: readonly string[];
  readonly actor_ids?: readonly string[];
  readonly actor_types?: readonly string[];
  readonly agent_risk_tiers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly label_allowlist?: Readonly<Record<string, readonly string[]>>;
  readonly label_threshold?: Readonly<Record<string, number>>;
  readonly secrets_present?: boolean;
  readonly mcp?: CordumMcp;
}

export type CordumMcp = Readonly<Record<string, readonly string[]>>;

export interface CordumRule {
  readonly id?: string;
  readonly match?: CordumMatch;
  readonly decision: string;
  readonly constraints?: Readonly<Record<string, unknown>>;
}

export interface CordumPolicy {
  readonly rules?: readonly CordumRule[];
  readonly default_decision?: string;
  readonly tenants?: Readonly<
    Record<string, { allow_topics?: readonly string[]; deny_topics?: readonly string[]; mcp?: CordumMcp }>
  >;
}

export interface CordumJob {
  readonly tenantId: string;
  readonly topic: string;
  readonly actor: { readonly id: string; readonly type: string } | null;
  readonly capability: string | null;
  readonly riskTags: readonly string[];
  readonly requires: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What Go's `strings.TrimSpace` takes away, as far as these tests go: `trim` leaves U+0085. */
const EDGES = /^[\s\u0085]+|[\s\u0085]+$/g;

export type CordumDecision = "DENY" | "THROTTLE" | "REQUIRE_APPROVAL" | "ALLOW_WITH_CONSTRAINTS" | "ALLOW";

function evaluate(policy: CordumPolicy, job: CordumJob): CordumDecision {
  if (!job.topic.startsWith("job.")) return "DENY";
  const tenant =
    policy.tenants !== undefined && Object.hasOwn(policy.tenants, job.tenantId)
      ? policy.tenants[job.tenantId]
      : undefined;
  const listed = policy.rules ?? [];
  const rules = listed.length > 0 ? listed : legacy(policy);
  const rule = rules.find(({ match }) => matchesRule(match ?? {}, job));
  if (!mcpAllows(tenant?.mcp ?? {}, job)) return "DENY";
  if (rule === undefined) {
    return ["allow", "permit"].includes((policy.default_decision ?? "").replace(EDGES, "").toLowerCase())
      ? "ALLOW"
      : "DENY";
  }
  switch (rule.decision.replace(EDGES, "").toLowerCase()) {
    case "allow":
    case "permit":
      return constrains(rule.constraints) ? "ALLOW_WITH_CONSTRAINTS" : "ALLOW";
    case "require_approval":
    case "require-approval":
    case "require_human":
      return "REQUIRE_APPROVAL";
    case "allow_with_constraints":
    case "allow-with-constraints":
      return "ALLOW_WITH_CONSTRAINTS";
    case "throttle":
      return "THROTTLE";
    default:
      return "DENY";
  }
}

function constrains(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.values(value).some(constrains);
  return Boolean(value);
}

function legacy(policy: CordumPolicy): readonly CordumRule[] {
  return Object.entries(policy.tenants ?? {}).flatMap(([tenant, { allow_topics = [], deny_topics = [], mcp }]) => {
    const rule = (decision: string) => (topic: string) => ({
      decision,
      match: { tenants: [tenant], topics: [topic], ...(mcp === undefined ? {} : { mcp }) },
    });
    return [...deny_topics.map(rule("deny")), ...allow_topics.map(rule("allow"))];
  });
}

function matchesRule(match: CordumMatch, job: CordumJob): boolean {
  const asks = (list: readonly unknown[] | undefined): boolean => list !== undefined && list.length > 0;
  if (asks(match.tenants) && !contains(match.tenants, job.tenantId)) return false;
  if (
    asks(match.topics) &&
    !match.topics?.some(
      (pattern) => pattern.replace(EDGES, "") !== "" && goMatch(pattern.replace(EDGES, ""), job.topic),
    )
  )
    return false;
  if (asks(match.capabilities) && !contains(match.capabilities, job.capability ?? "")) return false;
  if (asks(match.risk_tags) && !job.riskTags.some((tag) => contains(match.risk_tags, tag))) return false;
  if (asks(match.requires) && !match.requires?.every((need) => contains(job.requires, need))) return false;
  if (asks(match.pack_ids) && !contains(match.pack_ids, own(job.labels, "pack_id") ?? "")) return false;
  if (asks(match.actor_ids) && !contains(match.actor_ids, job.actor?.id ?? "")) return false;
  if (asks(match.actor_types) && !contains(match.actor_types, job.actor?.type ?? "")) return false;
  // No job here comes with an agent's record, so whether it matches is open: see `evaluations`.
  if (asks(match.agent_risk_tiers) && !AGENT.matches) return false;
  if (match.secrets_present !== undefined && match.secrets_present !== secrets(job)) return false;
  const labels = Object.entries(match.labels ?? {});
  if (labels.length > 0) {
    if (Object.keys(job.labels).length === 0) return false;
    if (!labels.every(([name, value]) => (own(job.labels, name) ?? "") === value)) return false;
  }
  const allowlists = Object.entries(match.label_allowlist ?? {});
  if (allowlists.length > 0 && !allowlists.some(([name, words]) => outside(own(job.labels, name), words))) return false;
  const thresholds = Object.entries(match.label_threshold ?? {});
  if (thresholds.length > 0 && !thresholds.some(([name, limit]) => over(own(job.labels, name), limit))) return false;
  return mcpAllows(match.mcp ?? {}, job);
}

const AGENT = { matches: false };

/** Both answers Cordum may give: with an agent on record that has what rules ask for, and without. */
export function evaluations(policy: CordumPolicy, job: CordumJob): readonly CordumDecision[] {
  const answers = [true, false].map((matches) => {
    AGENT.matches = matches;
    return evaluate(policy, job);
  });
  AGENT.matches = false;
  return answers;
}

const own = (map: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(map, name) ? map[name] : undefined;

function contains(list: readonly string[] | undefined, value: string): boolean {
  return (
    value !== "" &&
    (list ?? []).some((item) => item.replace(EDGES, "").toLowerCase() === value.replace(EDGES, "").toLowerCase())
  );
}

function secrets(job: CordumJob): boolean {
  const says = (own(job.labels, "secrets_present") ?? "").replace(EDGES, "");
  if (says !== "") return says === "true" || says === "1" || says.toLowerCase() === "yes";
  return job.riskTags.some((tag) => tag.toLowerCase() === "secrets");
}

function outside(value: string | undefined, words: readonly string[]): boolean {
  return (
    value !== undefined &&
    !words.some((word) => word.replace(EDGES, "").toLowerCase() === value.replace(EDGES, "").toLowerCase())
  );
}

function over(value: string | undefined, limit: number): boolean {
  if (value === undefined || !/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$|^[+-]?inf$/i.test(value.replace(EDGES, ""))) return false;
  return Number(value.replace(EDGES, "").replace(/inf/i, "Infinity")) > limit;
}

function mcpAllows(mcp: CordumMcp, job: CordumJob): boolean {
  const call = ["server", "tool", "resource", "action"].map((field) => {
    const names = [`mcp.${field}`, `mcp_${field}`, `mcp${field.charAt(0).toUpperCase()}${field.slice(1)}`];
    return names.map((name) => (own(job.labels, name) ?? "").replace(EDGES, "")).find((value) => value !== "") ?? "";
  });
  if (call.every((value) => value === "")) return true;
  return ["servers", "tools", "resources", "actions"].every((lists, index) => {
    const value = call[index] as string;
    const allow = mcp[`allow_${lists}`] ?? [];
    return !contains(mcp[`deny_${lists}`], value) && (allow.length === 0 || contains(allow, value));
  });
}

/** Go's `path.Match`, where a malformed pattern matches nothing. Backtracks: for short texts. */
export function goMatch(pattern: string, name: string): boolean {
  const matches = (p: number, n: number): boolean => {
    if (p === pattern.length) return n === name.length;
    const character = pattern[p] as string;
    if (character === "*") return matches(p + 1, n) || (n < name.length && name[n] !== "/" && matches(p, n + 1));
    if (n === name.length) return false;
    const here = name[n] as string;
    if (character === "?") return here !== "/" && matches(p + 1, n + 1);
    if (character === "\\") return pattern[p + 1] === here && matches(p + 2, n + 1);
    if (character !== "[") return character === here && matches(p + 1, n + 1);
    const found = readSet(pattern, p + 1, here);
    return found?.hit === true && matches(found.end, n + 1);
  };
  return matches(0, 0);
}

function readSet(pattern: string, start: number, here: string): { readonly hit: boolean; readonly end: number } | null {
  const negated = pattern[start] === "^";
  let rest = pattern.slice(negated ? start + 1 : start);
  let hit = false;
  for (let count = 0; ; count += 1) {
    if (rest.startsWith("]") && count > 0) return { hit: hit !== negated, end: pattern.length - rest.length + 1 };
    const range = /^(\\[\s\S]|[^\]\\-])(?:-(\\[\s\S]|[^\]\\-]))?/.exec(rest);
    if (range === null) return null;
    const low = (range[1] as string).replace(/^\\/, "");
    const high = (range[2] ?? range[1] ?? "").replace(/^\\/, "");
    if (low <= here && here <= high) hit = true;
    rest = rest.slice(range[0].length);
    if (rest === "") return null;
  }
}
