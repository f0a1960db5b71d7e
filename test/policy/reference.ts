/**
 * A naive reading of DESIGN section 4: walks all rules, no index, no compiled patterns, no cache, no CEL.
 * Shares no code with the engine; whatever both say is what the language means.
 */
import type { MatchDocument, MatchKeys, PolicyDocument, RuleDocument } from "../../src/policy/document.js";

export interface ReferenceJob {
  readonly topic: string;
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: string } | null;
  readonly capability: string | null;
  readonly requires: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly payload: { readonly n?: number | string; readonly list?: readonly number[] } | null;
  readonly declared: readonly string[];
  readonly derived: readonly string[];
  readonly restrictOnly: boolean;
}

export interface ReferenceDecision {
  readonly type: string;
  readonly ruleId: string;
  readonly matched: readonly string[];
  readonly erred: readonly string[];
  readonly approvals: readonly string[];
  readonly limits: readonly string[];
  readonly pools: readonly string[];
  readonly maxRetries: number | undefined;
  readonly outputs: readonly string[];
  readonly remediations: readonly string[];
}

/** No, maybe (a tag nobody vouches for), maybe by an error, sure. */
type Held = "no" | "maybe" | "error" | "sure";

/** What each condition of the tests says, in our own words: `undefined` is an error. */
export const CONDITIONS: ReadonlyMap<string, (job: ReferenceJob, tags: readonly string[]) => boolean | undefined> =
  new Map([
    ["job.payload.n > 1.0", ({ payload }) => (typeof payload?.n === "number" ? payload.n > 1 : undefined)],
    ["has(job.payload.n)", ({ payload }) => (payload === null ? undefined : payload.n !== undefined)],
    ["job.payload.list.exists(x, x == 2.0)", ({ payload }) => payload?.list?.includes(2)],
    ['job.tenant_id == "t"', ({ tenantId }) => tenantId === "t"],
    ['job.labels.env == "prod"', ({ labels }) => ("env" in labels ? labels.env === "prod" : undefined)],
    ['"p" in job.risk_tags', (_, tags) => tags.includes("p")],
    [
      '!("q" in job.risk_tags) || job.payload.n > 1.0',
      ({ payload }, tags) => !tags.includes("q") || (typeof payload?.n === "number" ? payload.n > 1 : undefined),
    ],
    ["size(job.risk_tags) == 1", (_, tags) => tags.length === 1],
    ['job.topic.startsWith("a.")', ({ topic }) => topic.startsWith("a.")],
    ["job.payload.nowhere.at.all == 1.0", () => undefined],
  ]);

/** Tags that a condition can tell apart; null: all of them. */
const ASKED: ReadonlyMap<string, readonly string[] | null> = new Map([
  ['"p" in job.risk_tags', ["p"]],
  ['!("q" in job.risk_tags) || job.payload.n > 1.0', ["q"]],
  ["size(job.risk_tags) == 1", null],
]);

function glob(pattern: string, any: string): RegExp {
  let depth = 0;
  const written = pattern.replace(/[{},*?]|\W/g, (c) => {
    if (c === "*") return `${any}*`;
    if (c === "?") return any;
    if (c === "{") depth += 1;
    if (c === "}") depth -= 1;
    if (c === "{") return "(?:";
    if (c === "}") return ")";
    // Outside of braces a comma stands for itself.
    return c === "," && depth > 0 ? "|" : `\\${c}`;
  });
  return new RegExp(`^${written}$`, "s");
}

function topicMatches(pattern: readonly string[], topic: readonly string[]): boolean {
  const [step, ...steps] = pattern;
  if (step === undefined) return topic.length === 0;
  if (topic.length === 0) return false;
  if (step === "**") return topic.some((_, index) => topicMatches(steps, topic.slice(index + 1)));
  return glob(step, ".").test(topic[0] as string) && topicMatches(steps, topic.slice(1));
}

const union = (job: ReferenceJob): readonly string[] => [...new Set([...job.declared, ...job.derived])];
const trusted = (job: ReferenceJob): readonly string[] => (job.restrictOnly ? job.derived : union(job));

function keysHold(match: MatchKeys, job: ReferenceJob, there: readonly string[], absent: readonly string[]): boolean {
  const { risk_tags: tags, topics, tenants, actors, actor_types, capabilities, requires = [], labels = {} } = match;
  return (
    (topics === undefined || topics.some((topic) => topicMatches(topic.split("."), job.topic.split(".")))) &&
    (tenants === undefined || tenants.includes(job.tenantId)) &&
    (actors === undefined || actors.some((actor) => job.actor !== null && glob(actor, ".").test(job.actor.id))) &&
    (actor_types === undefined || (job.actor !== null && actor_types.includes(job.actor.type))) &&
    (capabilities === undefined || (job.capability !== null && capabilities.includes(job.capability))) &&
    requires.every((need) => job.requires.includes(need)) &&
    Object.entries(labels).every(([name, test]) => {
      const value = Object.hasOwn(job.labels, name) ? job.labels[name] : undefined;
      if (!Array.isArray(test)) return value === undefined;
      return value !== undefined && test.some((pattern) => glob(pattern, ".").test(value));
    }) &&
    (tags === undefined ||
      ("length" in tags
        ? absent.length === 0
        : (tags.any ?? there.concat("")).some((tag) => tags.any === undefined || there.includes(tag)) &&
          (tags.all ?? []).every((tag) => there.includes(tag)) &&
          !(tags.none ?? []).some((tag) => absent.includes(tag))))
  );
}

function conditionHolds(when: string | undefined, job: ReferenceJob): Held {
  if (when === undefined) return "sure";
  const held = CONDITIONS.get(when)?.(job, trusted(job));
  if (held === undefined) return "error";
  const strange = union(job).filter((tag) => !trusted(job).includes(tag));
  const asked = ASKED.get(when) === undefined ? [] : (ASKED.get(when) ?? strange);
  if (strange.some((tag) => asked.includes(tag))) return "maybe";
  return held ? "sure" : "no";
}

function blockHolds(block: MatchKeys, job: ReferenceJob): Held {
  if (!keysHold(block, job, union(job), trusted(job))) return "no";
  const condition = conditionHolds(block.when, job);
  return condition === "sure" && !keysHold(block, job, trusted(job), union(job)) ? "maybe" : condition;
}

function referenceHolds({ unless, ...keys }: MatchDocument, job: ReferenceJob): Held {
  const own = blockHolds(keys, job);
  const except = unless === undefined ? "no" : blockHolds(unless, job);
  if (own === "no" || except === "sure") return "no";
  if (own === "error" || except === "error") return "error";
  return own === "sure" && except === "no" ? "sure" : "maybe";
}

const isLimit = (rule: RuleDocument): boolean => rule.decision === "throttle" && rule.throttle !== undefined;
const refuses = (rule: RuleDocument): boolean =>
  rule.decision === "deny" || (rule.decision === "throttle" && !isLimit(rule));

export function referenceDecide(policy: PolicyDocument, job: ReferenceJob): ReferenceDecision {
  const { tags, tiers, output_default } = policy;
  const nothing = { approvals: [], limits: [], pools: [], maxRetries: undefined };
  const fallback = output_default === "none" ? [] : ["@output_default"];
  const none = { ...nothing, matched: [], erred: [], outputs: fallback, remediations: [] };
  if (tags !== undefined && union(job).some((tag) => !(tag in tags) && !tiers?.includes(tag))) {
    return { ...none, type: "DENY", ruleId: "@tags" };
  }
  const ofTiers = (list: readonly string[]): number => list.filter((tag) => tiers?.includes(tag)).length;
  if (tiers !== undefined && (ofTiers(union(job)) !== 1 || ofTiers(trusted(job)) !== 1)) {
    return { ...none, type: "DENY", ruleId: "@tiers" };
  }
  const hits: { readonly rule: RuleDocument; readonly held: Held }[] = [];
  for (const rule of policy.rules) {
    const held = referenceHolds(rule.match, job);
    if (held === "no") continue;
    hits.push({ rule, held });
    const ends = held === "error" || refuses(rule) || (held === "sure" && !isLimit(rule));
    if (policy.combining === "first_match" && ends) break;
  }
  const rules = hits.map((hit) => hit.rule);
  const found = (policy.outputs ?? []).map(({ id, match }) => ({ id, held: referenceHolds(match, job) }));
  const bare = {
    ...nothing,
    matched: rules.map((rule) => rule.id),
    erred: hits.filter(({ held }) => held === "error").map(({ rule }) => rule.id),
    outputs: [
      ...found.filter(({ held }) => held !== "no").map(({ id }) => id),
      ...(found.some(({ held }) => held === "sure") ? [] : fallback),
    ],
    remediations: rules.flatMap((rule) => (rule.remediations ?? []).map(({ title }) => title)),
  };
  const last = hits.at(-1);
  if (policy.combining === "first_match" && last?.held === "error")
    return { ...bare, type: "DENY", ruleId: last.rule.id };
  const deny = rules.find((rule) => rule.decision === "deny");
  if (deny !== undefined) return { ...bare, type: "DENY", ruleId: deny.id };
  const permitted = hits.some(({ rule, held }) => held === "sure" && !isLimit(rule) && !refuses(rule));
  const denied = !permitted && policy.default === "deny";
  const throttle = hits.find(({ rule, held }) => refuses(rule) && (held !== "error" || !denied))?.rule;
  if (throttle !== undefined) return { ...bare, type: "THROTTLE", ruleId: throttle.id };
  if (denied) return { ...bare, type: "DENY", ruleId: "@default" };

  const holds = rules.filter((rule) => rule.decision === "require_approval").map((rule) => rule.id);
  const retries = rules.map((rule) => rule.constraints?.max_retries).filter((value) => value !== undefined);
  const bound = {
    ...bare,
    approvals: permitted ? holds : ["@default", ...holds],
    limits: rules.filter(isLimit).map((rule) => rule.id),
    pools: rules.filter((rule) => rule.constraints?.max_concurrent !== undefined).map((rule) => rule.id),
    maxRetries: retries.length === 0 ? undefined : Math.min(...retries),
  };
  if (!permitted) return { ...bound, type: "REQUIRE_APPROVAL", ruleId: "@default" };
  const named =
    rules.find((rule) => rule.decision === "require_approval") ??
    rules.find((rule) => rule.decision === "allow_with_constraints") ??
    hits.find(({ rule, held }) => rule.decision === "allow" && held === "sure")?.rule;
  return { ...bound, type: (named as RuleDocument).decision.toUpperCase(), ruleId: (named as RuleDocument).id };
}
