/**
 * A naive reading of DESIGN section 4: walks all rules, no index, no compiled patterns, no cache.
 * Shares no code with the engine; whatever both say is what the language means.
 */
import type { MatchDocument, PolicyDocument, RuleDocument } from "../../src/policy/document.js";

export interface ReferenceJob {
  readonly topic: string;
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: string } | null;
  readonly capability: string | null;
  readonly requires: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly declared: readonly string[];
  readonly derived: readonly string[];
  readonly restrictOnly: boolean;
}

export interface ReferenceDecision {
  readonly type: string;
  readonly ruleId: string;
  readonly matched: readonly string[];
  readonly approvals: readonly string[];
  readonly limits: readonly string[];
  readonly maxRetries: number | undefined;
  readonly outputs: readonly string[];
}

const glob = (pattern: string, any: string): RegExp =>
  new RegExp(
    `^${pattern.replace(/[{},*?]|\W/g, (c) => ({ "{": "(?:", "}": ")", ",": "|", "*": `${any}*`, "?": any })[c] ?? `\\${c}`)}$`,
    "s",
  );

function topicMatches(pattern: readonly string[], topic: readonly string[]): boolean {
  const [step, ...steps] = pattern;
  if (step === undefined) return topic.length === 0;
  if (topic.length === 0) return false;
  if (step === "**") return topic.some((_, index) => topicMatches(steps, topic.slice(index + 1)));
  return glob(step, ".").test(topic[0] as string) && topicMatches(steps, topic.slice(1));
}

function matches(match: MatchDocument, job: ReferenceJob, half: "permission" | "restriction"): boolean {
  const union = [...job.declared, ...job.derived];
  const trusted = job.restrictOnly ? job.derived : union;
  const [there, absent] = half === "permission" ? [trusted, union] : [union, trusted];
  const tags = match.risk_tags;
  const labels = Object.entries(match.labels ?? {});
  return (
    (match.topics === undefined ||
      match.topics.some((topic) => topicMatches(topic.split("."), job.topic.split(".")))) &&
    (match.tenants === undefined || match.tenants.includes(job.tenantId)) &&
    (match.actors === undefined ||
      match.actors.some((actor) => job.actor !== null && glob(actor, ".").test(job.actor.id))) &&
    (match.actor_types === undefined || (job.actor !== null && match.actor_types.includes(job.actor.type))) &&
    (match.capabilities === undefined || (job.capability !== null && match.capabilities.includes(job.capability))) &&
    (match.requires ?? []).every((need) => job.requires.includes(need)) &&
    labels.every(([name, test]) => {
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

const isLimit = (rule: RuleDocument): boolean => rule.decision === "throttle" && rule.throttle !== undefined;
const refuses = (rule: RuleDocument): boolean =>
  rule.decision === "deny" || (rule.decision === "throttle" && !isLimit(rule));

export function referenceDecide(policy: PolicyDocument, job: ReferenceJob): ReferenceDecision {
  const hits: { rule: RuleDocument; permits: boolean }[] = [];
  for (const rule of policy.rules) {
    const permits = matches(rule.match, job, "permission");
    if (!permits && !matches(rule.match, job, "restriction")) continue;
    hits.push({ rule, permits });
    if (policy.combining === "first_match" && (refuses(rule) || (permits && !isLimit(rule)))) break;
  }
  const rules = hits.map((hit) => hit.rule);
  const matched = rules.map((rule) => rule.id);
  const found = (policy.outputs ?? [])
    .filter((output) => matches(output.match, job, "restriction"))
    .map((output) => output.id);
  const outputs = found.length > 0 || policy.output_default === "none" ? found : ["@output_default"];
  const bare = { matched, approvals: [], limits: [], maxRetries: undefined, outputs };

  const deny = rules.find((rule) => rule.decision === "deny");
  if (deny !== undefined) return { ...bare, type: "DENY", ruleId: deny.id };
  const throttle = rules.find(refuses);
  if (throttle !== undefined) return { ...bare, type: "THROTTLE", ruleId: throttle.id };
  const permitted = hits.some(({ rule, permits }) => permits && !isLimit(rule));
  if (!permitted && policy.default === "deny") return { ...bare, type: "DENY", ruleId: "@default" };

  const holds = rules.filter((rule) => rule.decision === "require_approval").map((rule) => rule.id);
  const retries = rules.map((rule) => rule.constraints?.max_retries).filter((value) => value !== undefined);
  const bound = {
    ...bare,
    approvals: permitted ? holds : ["@default", ...holds],
    limits: rules.filter(isLimit).map((rule) => rule.id),
    maxRetries: retries.length === 0 ? undefined : Math.min(...retries),
  };
  if (!permitted) return { ...bound, type: "REQUIRE_APPROVAL", ruleId: "@default" };
  const named =
    rules.find((rule) => rule.decision === "require_approval") ??
    rules.find((rule) => rule.decision === "allow_with_constraints") ??
    rules.find((rule) => rule.decision === "allow");
  return { ...bound, type: (named as RuleDocument).decision.toUpperCase(), ruleId: (named as RuleDocument).id };
}
