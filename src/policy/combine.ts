import type { ApprovalRequirement, Constraints, Decision, DecisionType, Obligations, OutputRule } from "../outcome.js";
import { type Engine, type Rule, readApproval } from "./compile.js";
import { ERRS, PERMITS, type Reach } from "./match.js";
import { meetAll } from "./meet.js";

/** A rule that matched, and how far. */
export interface Match {
  readonly rule: Rule;
  readonly reached: Reach;
}

/** What gives a decision its type, rule id and reason. */
interface Named {
  readonly type: DecisionType;
  readonly id: string;
  readonly reason: string;
}

type Bound = Omit<Obligations, "outputs">;

const NOTHING: Bound = { approvals: [], limits: [], pools: [] };

/**
 * What the matching rules say together. One function for both ways of combining: `first_match` only looks at fewer
 * rules, of which a refusal, a permission or an error can be no other than the last.
 */
export function combine(engine: Engine, matches: readonly Match[], outputs: readonly OutputRule[]): Decision {
  const decide = (named: Named, constraints: Constraints, bound: Bound): Decision => ({
    type: named.type,
    ruleId: named.id,
    reason: named.reason,
    snapshot: engine.snapshot,
    matched: matches.map(({ rule }) => rule.id),
    erred: matches.filter(({ reached }) => reached === ERRS).map(({ rule }) => rule.id),
    constraints,
    obligations: { ...bound, outputs },
    remediations: matches.flatMap(({ rule }) => rule.remediations),
  });
  const permitted = matches.some(({ rule, reached }) => reached === PERMITS && isGrant(rule));
  const deniedByDefault = !permitted && engine.default === "deny";
  const refused = refusalOf(engine, matches, deniedByDefault);
  if (refused !== undefined) return decide(refused, {}, NOTHING);
  if (deniedByDefault) return decide(DENIED_BY_DEFAULT, {}, NOTHING);

  const rules = matches.map(({ rule }) => rule);
  const constraints = meetAll(rules.map((rule) => rule.constraints));
  const bound: Bound = {
    approvals: [...(permitted ? [] : [HELD_BY_DEFAULT.approval]), ...present(rules.map((rule) => rule.approval))],
    limits: present(rules.map((rule) => rule.limit)),
    pools: present(rules.map((rule) => rule.pool)),
  };
  if (!permitted) return decide(HELD_BY_DEFAULT, constraints, bound);
  // One of these is there: something permits, and nothing refuses.
  // Approvals and constraints bind whatever they permit; an `allow` that permits nothing is nothing.
  const named =
    ofType(matches, "REQUIRE_APPROVAL")[0] ??
    ofType(matches, "ALLOW_WITH_CONSTRAINTS")[0] ??
    ofType(matches, "ALLOW").find(({ reached }) => reached === PERMITS);
  return decide(namedBy(named as Match), constraints, bound);
}

/**
 * The refusal of the most severe kind, the first of its kind in the file. A throttle that errs does not take the place
 * of a default that denies: else an error would make the answer milder.
 */
function refusalOf(engine: Engine, matches: readonly Match[], deniedByDefault: boolean): Named | undefined {
  const last = matches.at(-1);
  if (engine.combining === "first_match" && last?.reached === ERRS) return { ...namedBy(last), type: "DENY" };
  const throttles = ofType(matches, "THROTTLE").filter(({ rule }) => rule.limit === null);
  const refused = ofType(matches, "DENY")[0] ?? throttles.find(({ reached }) => reached !== ERRS || !deniedByDefault);
  return refused === undefined ? undefined : namedBy(refused);
}

/** A rule that names a decision because its condition could not be told says that, too. */
function namedBy({ rule, reached }: Match): Named {
  const reason = rule.reason ?? `rule \`${rule.id}\` matched`;
  if (reached !== ERRS) return { type: rule.type, id: rule.id, reason };
  return {
    type: rule.type,
    id: rule.id,
    reason: `a condition could not be told: ${reason}`,
  };
}

function ofType(matches: readonly Match[], type: string): readonly Match[] {
  return matches.filter(({ rule }) => rule.type === type);
}

function isGrant(rule: Rule): boolean {
  return rule.type !== "DENY" && rule.type !== "THROTTLE";
}

function present<T>(list: readonly (T | null)[]): readonly T[] {
  return list.filter((item) => item !== null);
}

const DENIED_BY_DEFAULT: Named = { type: "DENY", id: "@default", reason: "no rule permits this job" };

const HELD_BY_DEFAULT: Named & { readonly approval: ApprovalRequirement } = {
  type: "REQUIRE_APPROVAL",
  id: "@default",
  reason: "no rule permits this job, and the policy's default asks for approval",
  approval: readApproval("@default", {}),
};
