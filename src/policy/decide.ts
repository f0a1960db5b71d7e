import { deepFreeze } from "../job/freeze.js";
import type { Constraints, Decision, DecisionType, Obligations, OutputRule } from "../outcome.js";
import type { Engine, Rule } from "./compile.js";
import { MISSES, PERMITS, type Reach, reach, type View } from "./match.js";
import { meet } from "./meet.js";

/** A rule that matched, and how far. */
interface Match {
  readonly rule: Rule;
  readonly permits: boolean;
}

/** Combinations of matching rules whose decision is kept. Beyond it the oldest half-forgotten ones are made again. */
const MAX_KEPT = 1_024;

/** Decides jobs under one policy. Pure: a decision depends on which rules matched and how far, and on nothing else. */
export function createDecide(engine: Engine): (view: View) => Decision {
  const kept = new Map<string, Decision>();
  return (view) => {
    let key = "";
    const matches: Match[] = [];
    for (const number of engine.index.candidates(view)) {
      const rule = engine.rules[number] as Rule;
      const reached = reach(rule.test, view);
      if (reached === MISSES) continue;
      const permits = reached === PERMITS;
      matches.push({ rule, permits });
      key += permits ? `${number}+` : `${number}-`;
      if (engine.combining === "first_match" && ends(rule, reached)) break;
    }
    const outputs: OutputRule[] = [];
    for (const number of engine.outputIndex.candidates(view)) {
      const output = engine.outputs[number];
      if (output === undefined || reach(output.test, view) === MISSES) continue;
      outputs.push(output.rule);
      key += `o${number}`;
    }
    const known = kept.get(key);
    if (known !== undefined) return known;
    const decision = deepFreeze(combine(engine, matches, outputs.length === 0 ? engine.outputDefault : outputs));
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(key, decision);
    return decision;
  };
}

/** Under `first_match`: a refusal ends the search, and so does a grant that permits. A limit never does. */
function ends(rule: Rule, reached: Reach): boolean {
  if (rule.type === "DENY") return true;
  if (rule.type === "THROTTLE") return rule.limit === null;
  return reached === PERMITS;
}

/**
 * What the matching rules say together. One function for both ways of combining: `first_match` only looks at fewer
 * rules, of which a refusal or a permission can be no other than the last.
 */
function combine(engine: Engine, matches: readonly Match[], outputs: readonly OutputRule[]): Decision {
  const refused =
    first(matches, "DENY") ?? matches.find(({ rule }) => rule.type === "THROTTLE" && rule.limit === null)?.rule;
  const matched = matches.map(({ rule }) => rule.id);
  const decide = (named: Named, constraints: Constraints, bound: Omit<Obligations, "outputs">): Decision => ({
    type: named.type,
    ruleId: named.id,
    reason: named.reason,
    snapshot: engine.snapshot,
    matched,
    constraints,
    obligations: { ...bound, outputs },
  });
  if (refused !== undefined) return decide(refused, {}, NOTHING);

  const permitted = matches.some(({ rule, permits }) => permits && isGrant(rule));
  if (!permitted && engine.default === "deny") return decide(DENIED_BY_DEFAULT, {}, NOTHING);

  const rules = matches.map(({ rule }) => rule);
  const constraints = rules.reduce<Constraints>((met, rule) => meet(met, rule.constraints), {});
  const bound = {
    approvals: [...(permitted ? [] : [HELD_BY_DEFAULT.approval]), ...present(rules.map((rule) => rule.approval))],
    limits: present(rules.map((rule) => rule.limit)),
    pools: present(rules.map((rule) => rule.pool)),
  };
  if (!permitted) return decide(HELD_BY_DEFAULT, constraints, bound);
  // One of these is there: something permits, and nothing refuses.
  const named =
    first(matches, "REQUIRE_APPROVAL") ?? first(matches, "ALLOW_WITH_CONSTRAINTS") ?? first(matches, "ALLOW");
  return decide(named as Rule, constraints, bound);
}

/** What gives a decision its type, rule id and reason. */
interface Named {
  readonly type: DecisionType;
  readonly id: string;
  readonly reason: string;
}

const NOTHING: Omit<Obligations, "outputs"> = { approvals: [], limits: [], pools: [] };

const DENIED_BY_DEFAULT: Named = { type: "DENY", id: "@default", reason: "no rule permits this job" };

const HELD_BY_DEFAULT = {
  type: "REQUIRE_APPROVAL",
  id: "@default",
  reason: "no rule permits this job, and the policy's default asks for approval",
  approval: { ruleId: "@default", quorum: 1 },
} as const;

/** A job that no policy can be asked about. It is never admitted either, so nothing of it will be inspected. */
export function refuseMalformed(engine: Engine, reason: string): Decision {
  return deepFreeze<Decision>({
    type: "DENY",
    ruleId: "@invalid",
    reason,
    snapshot: engine.snapshot,
    matched: [],
    constraints: {},
    obligations: { ...NOTHING, outputs: engine.outputDefault },
  });
}

function isGrant(rule: Rule): boolean {
  return rule.type !== "DENY" && rule.type !== "THROTTLE";
}

function first(matches: readonly Match[], type: DecisionType): Rule | undefined {
  return matches.find(({ rule }) => rule.type === type)?.rule;
}

function present<T>(list: readonly (T | null)[]): readonly T[] {
  return list.filter((item) => item !== null);
}
