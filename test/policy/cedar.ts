import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";

// What Cedar can say of our policy language, written in Cedar: another engine's answer to the same question.

export interface Keys {
  readonly topics?: readonly string[];
  readonly risk_tags?: readonly [] | { readonly any?: string[]; readonly all?: string[]; readonly none?: string[] };
  readonly tenants?: readonly string[];
  readonly actor_types?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly when?: string;
}

export interface Rule {
  readonly decision: string;
  readonly match: Keys & { readonly unless?: Keys };
}

export interface Job {
  readonly topic: string;
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: "agent" | "human" | "service" } | null;
  readonly capability: string | null;
  readonly riskTags: readonly string[];
  readonly payload: Readonly<Record<string, string | number>> | null;
}

/**
 * What a rule may ask beside its keys, in CEL and in Cedar. All of them err where the field is missing. One comparison
 * each: of two, CEL takes `error && false` for false in either order, where Cedar errs when the error comes first.
 */
export const CONDITIONS: ReadonlyMap<string, string> = new Map([
  ["job.payload.amount > 100.0", "context.payload.amount > 100"],
  ['job.payload.region == "eu"', 'context.payload.region == "eu"'],
  ['!(job.payload.region == "us")', '!(context.payload.region == "us")'],
]);
/** One operator of the translation, written wrongly. */
export type Flip = "any is all" | "none is any" | "a star takes dots" | "forbid is permit" | "unless is when";

const text = (value: unknown): string => JSON.stringify(value);

function policyText({ decision, match }: Rule, flip: Flip | null): string {
  const { unless, ...keys } = match;
  const effect = decision === "deny" && flip !== "forbid is permit" ? "forbid" : "permit";
  const except =
    unless === undefined ? "" : ` ${flip === "unless is when" ? "when" : "unless"} ${blockText(unless, flip)}`;
  return `${effect}(principal, action, resource) when ${blockText(keys, flip)}${except};`;
}

/** Presence is asked for first: without it Cedar would err, and leave the policy out, where ours says no. */
function blockText(keys: Keys, flip: Flip | null): string {
  const { topics, risk_tags: tags, tenants, actor_types: types, capabilities, when } = keys;
  const parts: string[] = [];
  if (topics !== undefined) parts.push(anyOf(topics.flatMap(spelledOut).map((pattern) => topicText(pattern, flip))));
  if (tenants !== undefined) parts.push(`${text(tenants)}.contains(context.tenant)`);
  if (types !== undefined) parts.push(anyOf(types.map((type) => `principal is ${type}`)));
  if (capabilities !== undefined) {
    parts.push(`context has capability && ${text(capabilities)}.contains(context.capability)`);
  }
  if (tags !== undefined && "length" in tags) parts.push("context.tags.isEmpty()");
  if (tags !== undefined && !("length" in tags)) {
    const contains = flip === "any is all" ? "containsAll" : "containsAny";
    const not = flip === "none is any" ? "" : "!";
    if (tags.any !== undefined) parts.push(`context.tags.${contains}(${text(tags.any)})`);
    if (tags.all !== undefined) parts.push(`context.tags.containsAll(${text(tags.all)})`);
    if (tags.none !== undefined) parts.push(`${not}context.tags.containsAny(${text(tags.none)})`);
  }
  if (when !== undefined) parts.push(CONDITIONS.get(when) ?? "context.payload.nowhere.at.all == 1");
  return `{ ${parts.map((part) => `(${part})`).join(" && ")} }`;
}

const anyOf = (parts: readonly string[]): string => parts.join(" || ");

/** With `*` alone, a topic matches when it is like the pattern and has no more dots: then no wildcard took one. */
function topicText(pattern: string, flip: Flip | null): string {
  const like = (wanted: string): string => `context.topic like ${text(wanted)}`;
  if (pattern.includes("**") || flip === "a star takes dots") return like(pattern.replaceAll("**", "*"));
  const dots = pattern.split(".").length - 1;
  return `(${like(pattern)} && !(${like(`*${".*".repeat(dots + 1)}`)}))`;
}

function spelledOut(pattern: string): readonly string[] {
  const choice = /\{([^}]*)\}/.exec(pattern);
  if (choice === null) return [pattern];
  return (choice[1] ?? "").split(",").flatMap((word) => spelledOut(pattern.replace(choice[0], word)));
}

export interface CedarAnswer {
  readonly allows: boolean;
  readonly errors: number;
}

/** The rules, parsed once by Cedar; then what it answers to a job, and how many policies it left out as erring. */
export function cedarOf(rules: readonly Rule[], flip: Flip | null): (job: Job) => CedarAnswer {
  const staticPolicies = rules.map((rule) => policyText(rule, flip)).join("\n");
  const parsed = preparsePolicySet("rules", { staticPolicies });
  if (parsed.type === "failure") throw new Error(parsed.errors.map(({ message }) => message).join("; "));
  return ({ topic, tenantId, actor, capability, riskTags, payload }) => {
    const answer = statefulIsAuthorized({
      principal: { type: actor?.type ?? "nobody", id: actor?.id ?? "" },
      action: { type: "Action", id: "dispatch" },
      resource: { type: "Job", id: "job" },
      context: {
        topic,
        tenant: tenantId,
        tags: [...riskTags],
        ...(capability === null ? {} : { capability }),
        ...(payload === null ? {} : { payload: { ...payload } }),
      },
      preparsedPolicySetId: "rules",
      entities: [],
    });
    if (answer.type === "failure") throw new Error(answer.errors.map(({ message }) => message).join("; "));
    return { allows: answer.response.decision === "allow", errors: answer.response.diagnostics.errors.length };
  };
}
