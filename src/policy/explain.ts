import type { ApprovalRequirement, Decision, Limit } from "../outcome.js";
import { snakeCase } from "../snake-case.js";
import type { Engine, Rule } from "./compile.js";
import { TOO_DEAR } from "./condition.js";
import type { PolicyDocument } from "./document.js";
import { type Failure, failuresOf } from "./failures.js";
import { conditionErrors, PERMITS, reach } from "./match.js";
import { escaped, quoted } from "./source.js";
import type { View } from "./view.js";

/** Why a decision is what it is: data for programs, and the same as text for people. */
export interface Explanation {
  readonly decision: Decision;
  /** One sentence: what named the decision, and why. */
  readonly because: string;
  /** The rules that matched, in file order; under `first_match` as far as they were looked at. */
  readonly matched: readonly ExplainedRule[];
  /** Ids of rules that match as well but were not looked at, since the decision was made before. */
  readonly notReached: readonly string[];
  /** Rules that do not match, those that lack least first, at most 10. */
  readonly nearMisses: readonly NearMiss[];
  /** All of it, a line a fact, safe to print. */
  readonly text: string;
}

/** One matching rule and what it did. */
export interface ExplainedRule {
  readonly id: string;
  /** `restricts`: only tags that nobody vouches for make it match. `erred`: a condition of it could not be told. */
  readonly reached: "permits" | "restricts" | "erred";
  /** True for the rule that named the decision. */
  readonly decided: boolean;
  /** What it adds to the decision, or why it adds nothing. */
  readonly adds: readonly string[];
  /** What went wrong in its condition. */
  readonly error?: string;
}

/** A rule that does not match, and what keeps it from doing so. */
export interface NearMiss extends Failure {
  readonly id: string;
  /** How many keys of the rule fail; `key` is the first of them. */
  readonly failing: number;
}

const MAX_NEAR_MISSES = 10;

/** Explains one decision by walking all rules, key by key: for operators, not for the way to a dispatch. */
export function explain(engine: Engine, document: PolicyDocument, view: View, decision: Decision): Explanation {
  const matched: ExplainedRule[] = [];
  const missed: NearMiss[] = [];
  const notReached: string[] = [];
  const met = new Set(decision.matched);
  for (const [index, { id, match }] of document.rules.entries()) {
    if (met.has(id)) {
      matched.push(explainRule(engine.rules[index] as Rule, view, decision));
      continue;
    }
    // Each rule is asked as if it were the only one: what the others' conditions cost is not its fault.
    const failures = failuresOf(match, (engine.rules[index] as Rule).test, { ...view, purse: undefined });
    const [first] = failures;
    if (first === undefined) notReached.push(id);
    else missed.push({ id, ...first, failing: failures.length });
  }
  const nearMisses = missed.toSorted((a, b) => a.failing - b.failing).slice(0, MAX_NEAR_MISSES);
  const explained = { decision, because: becauseOf(engine, decision), matched, notReached, nearMisses };
  return Object.freeze({ ...explained, text: textOf(explained) });
}

/** The explanation of a job that no policy can be asked about. */
export function explainRefusal(decision: Decision): Explanation {
  const explained = { decision, because: decision.reason, matched: [], notReached: [], nearMisses: [] };
  return Object.freeze({ ...explained, text: textOf(explained) });
}

function explainRule(rule: Rule, view: View, decision: Decision): ExplainedRule {
  const erred = decision.erred.includes(rule.id);
  const error = erred ? (conditionErrors(rule.test, view)[0] ?? TOO_DEAR) : undefined;
  // An error that came of what other conditions cost does not come again here.
  const reached = erred
    ? "erred"
    : reach(rule.test, { ...view, purse: undefined }) === PERMITS
      ? "permits"
      : "restricts";
  return {
    id: rule.id,
    reached,
    decided: decision.ruleId === rule.id,
    adds: addsOf(rule, reached, decision),
    ...(error === undefined ? {} : { error }),
  };
}

function addsOf(rule: Rule, reached: ExplainedRule["reached"], decision: Decision): readonly string[] {
  const refuses = rule.type === "DENY" || (rule.type === "THROTTLE" && rule.limit === null);
  if (refuses) return [rule.type === "DENY" ? "refuses the job" : "throttles the job, always"];
  if (decision.type === "DENY" || decision.type === "THROTTLE") {
    return [decision.ruleId === rule.id ? "ends the search as a refusal" : "nothing: the job is refused"];
  }
  const permission =
    rule.type === "THROTTLE" ? [] : [reached === "permits" ? "permits the job" : "its permission does not count"];
  return [
    ...permission,
    ...(rule.approval === null ? [] : [approvalText(rule.approval)]),
    ...(rule.limit === null ? [] : [limitText(rule.limit)]),
    ...(rule.pool === null ? [] : [`at most ${rule.pool.maxConcurrent} at a time`]),
    ...Object.entries(rule.constraints).map(([key, value]) => `limits ${snakeCase(key)} to ${JSON.stringify(value)}`),
  ];
}

function approvalText({ quorum, kinds, roles, allowSelf }: ApprovalRequirement): string {
  const who = `${quorum} ${kinds.join(" or ")}${quorum === 1 ? "" : "s"}`;
  const role = roles === undefined ? "" : ` with the role ${roles.map(quoted).join(" or ")}`;
  return `asks ${who}${role} to approve${allowSelf ? ", who may be the one that asks" : ""}`;
}

function limitText({ limit, windowSec, per }: Limit): string {
  return `at most ${limit} in ${windowSec} s${per.length === 0 ? "" : ` for each ${per.join(" and ")}`}`;
}

function becauseOf(engine: Engine, decision: Decision): string {
  const { ruleId, type } = decision;
  if (ruleId.startsWith("@")) return decision.reason;
  const rule = engine.rules.find(({ id }) => id === ruleId);
  if (decision.erred.includes(ruleId)) {
    return rule?.type === type
      ? `a condition of \`${ruleId}\` could not be told, so what it restricts is in force`
      : `a condition of \`${ruleId}\` could not be told, which ends the search as a refusal`;
  }
  if (engine.combining === "first_match") return `\`${ruleId}\` is the first rule that matches and decides`;
  const others = decision.matched.length - 1;
  return others === 0
    ? `\`${ruleId}\` is the only rule that matches`
    : `\`${ruleId}\` is the most severe of ${others + 1} rules that match`;
}

function textOf({ decision, because, matched, notReached, nearMisses }: Omit<Explanation, "text">): string {
  const lines = [`${decision.type} by ${quoted(decision.ruleId)}: ${decision.reason}`, `because ${because}`];
  if (matched.length > 0) lines.push("", "rules that match");
  for (const { id, decided, adds, error, reached } of matched) {
    const marks = [
      ...(decided ? ["decides"] : []),
      ...(reached === "restricts" ? ["by tags that are only declared"] : []),
    ];
    lines.push(`  ${quoted(id)}${marks.length === 0 ? "" : ` (${marks.join(", ")})`}: ${adds.join("; ")}`);
    if (error !== undefined) lines.push(`    its condition: ${error}`);
  }
  if (notReached.length > 0)
    lines.push("", `matching, but not looked at any more: ${notReached.map(quoted).join(", ")}`);
  if (nearMisses.length > 0) lines.push("", "nearest of the rules that do not match");
  for (const { id, key, wanted, had, failing } of nearMisses) {
    const more = failing === 1 ? "" : ` (and ${failing - 1} more)`;
    lines.push(`  ${quoted(id)}: \`${key}\` wants ${wanted}, the job has ${had}${more}`);
  }
  return lines.map(escaped).join("\n");
}
