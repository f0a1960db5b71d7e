import { deepFreeze } from "../job/freeze.js";
import type { ApprovalRequirement, Constraints, DecisionType, Limit, OutputRule, Pool } from "../outcome.js";
import type { Combining, ConstraintsDocument, PolicyDocument, RuleDocument } from "./document.js";
import { compileMatch, type Test } from "./match.js";
import { meet } from "./meet.js";
import { createRuleIndex, type RuleIndex } from "./rule-index.js";

/** A policy made ready to decide: what is constant for a rule is made here, once. */
export interface Engine {
  readonly snapshot: string;
  readonly combining: Combining;
  readonly default: PolicyDocument["default"];
  readonly rules: readonly Rule[];
  readonly index: RuleIndex;
  readonly outputs: readonly Output[];
  readonly outputIndex: RuleIndex;
  /** What is looked for where no output rule matches. */
  readonly outputDefault: readonly OutputRule[];
}

export interface Rule {
  readonly id: string;
  readonly type: DecisionType;
  readonly reason: string;
  readonly test: Test;
  readonly constraints: Constraints;
  readonly approval: ApprovalRequirement | null;
  readonly limit: Limit | null;
  readonly pool: Pool | null;
}

interface Output {
  readonly test: Test;
  readonly rule: OutputRule;
}

/** The document MUST have been checked and normalised. */
export function compile(document: PolicyDocument, snapshot: string): Engine {
  const outputs = document.outputs ?? [];
  return {
    snapshot,
    combining: document.combining,
    default: document.default,
    rules: document.rules.map(compileRule),
    index: createRuleIndex(document.rules.map((rule) => rule.match)),
    outputs: outputs.map(({ id, match, detect, action }) => ({
      test: compileMatch(match),
      rule: deepFreeze({ ruleId: id, detect: [...new Set(detect)], action }),
    })),
    outputIndex: createRuleIndex(outputs.map((output) => output.match)),
    outputDefault: deepFreeze<OutputRule[]>(
      document.output_default === "none" ? [] : [{ ruleId: "@output_default", detect: ["secrets"], action: "redact" }],
    ),
  };
}

function compileRule(rule: RuleDocument): Rule {
  const { id, decision, throttle, constraints = {} } = rule;
  const { max_concurrent: maxConcurrent } = constraints;
  return deepFreezeParts({
    id,
    type: decision.toUpperCase() as DecisionType,
    reason: rule.reason ?? `rule \`${id}\` matched`,
    test: compileMatch(rule.match),
    constraints: meet(readConstraints(constraints), {}),
    approval: decision === "require_approval" ? { ruleId: id, quorum: 1 } : null,
    limit:
      throttle === undefined
        ? null
        : {
            ruleId: id,
            ...(rule.reason === undefined ? {} : { reason: rule.reason }),
            limit: throttle.limit,
            windowSec: throttle.window_sec,
            per: [...new Set(throttle.per ?? [])].sort(),
          },
    pool: maxConcurrent === undefined ? null : { ruleId: id, maxConcurrent },
  });
}

/** These go into decisions as they are. */
function deepFreezeParts(rule: Rule): Rule {
  deepFreeze([rule.constraints, rule.approval, rule.limit, rule.pool]);
  return Object.freeze(rule);
}

function readConstraints(document: ConstraintsDocument): Constraints {
  const { max_runtime_sec, max_retries, max_output_bytes, paths, network } = document;
  return {
    ...(max_runtime_sec === undefined ? {} : { maxRuntimeSec: max_runtime_sec }),
    ...(max_retries === undefined ? {} : { maxRetries: max_retries }),
    ...(max_output_bytes === undefined ? {} : { maxOutputBytes: max_output_bytes }),
    ...(paths === undefined
      ? {}
      : {
          paths: {
            ...(paths.read === undefined ? {} : { read: [paths.read] }),
            ...(paths.write === undefined ? {} : { write: [paths.write] }),
            ...(paths.deny === undefined ? {} : { deny: paths.deny }),
          },
        }),
    ...(network === undefined
      ? {}
      : {
          network: {
            ...(network.allow === undefined ? {} : { allow: [network.allow] }),
            ...(network.deny === undefined ? {} : { deny: network.deny }),
          },
        }),
  };
}
