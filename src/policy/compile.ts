import { HASHED } from "../job/fields.js";
import { deepFreeze } from "../job/freeze.js";
import type {
  ApprovalRequirement,
  ApproverKind,
  Constraints,
  DecisionType,
  Limit,
  OutputRule,
  Pool,
  Remediation,
} from "../outcome.js";
import type {
  ApprovalDocument,
  Combining,
  ConstraintsDocument,
  PolicyDocument,
  RemediationDocument,
  RuleDocument,
} from "./document.js";
import { type Conditions, compileMatch, type Test } from "./match.js";
import { meet } from "./meet.js";
import { createRuleIndex, type RuleIndex } from "./rule-index.js";

/** A policy made ready to decide: what is constant for a rule is made here, once. */
export interface Engine {
  readonly snapshot: string;
  readonly combining: Combining;
  readonly default: PolicyDocument["default"];
  /** Tags that jobs may carry; null where any may. */
  readonly vocabulary: ReadonlySet<string> | null;
  /** Exactly one of these must be carried; null where none need be. */
  readonly tiers: ReadonlySet<string> | null;
  readonly rules: readonly Rule[];
  readonly index: RuleIndex;
  readonly outputs: readonly Output[];
  readonly outputIndex: RuleIndex;
  /** What is looked for where no output rule is sure to match. */
  readonly outputDefault: readonly OutputRule[];
  /** Fields of a job that any rule looks at. */
  readonly fields: ReadonlySet<string>;
}

export interface Rule {
  readonly id: string;
  readonly type: DecisionType;
  /** Its own words; null where it has none. */
  readonly reason: string | null;
  readonly test: Test;
  readonly constraints: Constraints;
  readonly approval: ApprovalRequirement | null;
  readonly limit: Limit | null;
  readonly pool: Pool | null;
  readonly remediations: readonly Remediation[];
}

/** An output rule made ready. */
export interface Output {
  readonly test: Test;
  readonly rule: OutputRule;
}

/** The document MUST have been checked and normalised. */
export function compile(document: PolicyDocument, snapshot: string, conditions: Conditions): Engine {
  const { tags, tiers, outputs = [] } = document;
  return {
    snapshot,
    combining: document.combining,
    default: document.default,
    vocabulary: tags === undefined ? null : new Set([...Object.keys(tags), ...(tiers ?? [])].sort()),
    tiers: tiers === undefined ? null : new Set(tiers),
    rules: document.rules.map((rule) => compileRule(rule, conditions)),
    index: createRuleIndex(document.rules.map((rule) => rule.match)),
    outputs: outputs.map(({ id, match, detect, action }) => ({
      test: compileMatch(match, conditions),
      rule: deepFreeze<OutputRule>({ ruleId: id, detect: unique(detect), action }),
    })),
    outputIndex: createRuleIndex(outputs.map((output) => output.match)),
    fields: fieldsOf(document),
    outputDefault: deepFreeze<OutputRule[]>(
      document.output_default === "none" ? [] : [{ ruleId: "@output_default", detect: ["secrets"], action: "redact" }],
    ),
  };
}

const UNCONSTRAINED: Constraints = Object.freeze({});
const NO_REMEDIATIONS: readonly Remediation[] = Object.freeze([]);

/** Which field of a job each key of a match block looks at; its topic is looked at in any case. */
const FIELD_OF: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["risk_tags", ["riskTags"]],
  ["tenants", ["tenantId"]],
  ["actors", ["actor"]],
  ["actor_types", ["actor"]],
  ["capabilities", ["capability"]],
  ["requires", ["requires"]],
  ["labels", ["labels"]],
  // A condition may look at any.
  ["when", HASHED],
]);

function fieldsOf({ rules, outputs = [], tags, tiers }: PolicyDocument): ReadonlySet<string> {
  const blocks = [...rules, ...outputs].flatMap(({ match }) => [match, match.unless ?? {}]);
  const keys = new Set(blocks.flatMap((block) => Object.keys(block)));
  if (tags !== undefined || tiers !== undefined) keys.add("risk_tags");
  return new Set(["topic", ...[...keys].flatMap((key) => FIELD_OF.get(key) ?? [])]);
}

function compileRule(rule: RuleDocument, conditions: Conditions): Rule {
  const { id, decision, reason, approval = {}, throttle, constraints, remediations } = rule;
  const maxConcurrent = constraints?.max_concurrent;
  // What is written here goes into decisions as it is, and those are frozen with all they hold.
  return {
    id,
    type: decision.toUpperCase() as DecisionType,
    reason: reason ?? null,
    test: compileMatch(rule.match, conditions),
    constraints: constraints === undefined ? UNCONSTRAINED : meet(readConstraints(constraints), {}),
    approval: decision === "require_approval" ? readApproval(id, approval) : null,
    limit: throttle === undefined ? null : readLimit(id, reason, throttle),
    pool: maxConcurrent === undefined ? null : { ruleId: id, maxConcurrent },
    remediations: remediations?.map((item) => readRemediation(id, item)) ?? NO_REMEDIATIONS,
  };
}

/** What a rule asks for that says nothing more: one human who did not ask. */
export function readApproval(ruleId: string, approval: ApprovalDocument): ApprovalRequirement {
  const { quorum, roles, kinds, allow_self, confirm_view, assurance, expires_in_sec } = approval;
  return {
    ruleId,
    quorum: quorum ?? 1,
    ...(roles === undefined ? {} : { roles: unique(roles).sort() }),
    kinds: unique<ApproverKind>(kinds ?? ["human"]).sort(),
    allowSelf: allow_self ?? false,
    confirmView: confirm_view ?? false,
    ...(assurance === undefined ? {} : { assurance }),
    ...(expires_in_sec === undefined ? {} : { expiresInSec: expires_in_sec }),
  };
}

function readLimit(ruleId: string, reason: string | undefined, throttle: NonNullable<RuleDocument["throttle"]>): Limit {
  return {
    ruleId,
    ...(reason === undefined ? {} : { reason }),
    limit: throttle.limit,
    windowSec: throttle.window_sec,
    per: unique(throttle.per ?? []).sort(),
  };
}

function readRemediation(ruleId: string, remediation: RemediationDocument): Remediation {
  const { title, summary, replacement_topic, add_labels, remove_labels } = remediation;
  return {
    ruleId,
    title,
    ...(summary === undefined ? {} : { summary }),
    ...(replacement_topic === undefined ? {} : { replacementTopic: replacement_topic }),
    ...(add_labels === undefined ? {} : { addLabels: add_labels }),
    ...(remove_labels === undefined ? {} : { removeLabels: remove_labels }),
  };
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

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}
