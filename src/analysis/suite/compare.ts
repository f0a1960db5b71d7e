import { canonicalize } from "../../canonical.js";
import type { ApprovalRequirement, Constraints, Decision, Json, JsonObject } from "../../outcome.js";
import { meet } from "../../policy/meet.js";

/** What a test expects of a decision. Everything but `decision` is compared only where it is given. */
export interface Expectation {
  /** In lower case, as in policies. */
  readonly decision: string;
  readonly rule?: string;
  readonly reason?: string;
  readonly matched?: readonly string[];
  readonly erred?: readonly string[];
  /** The whole of them. Each list is a set; allow lists are lists of lists. */
  readonly constraints?: ExpectedConstraints;
  /** As many as there are, in file order; of each only the keys that are given are compared. */
  readonly approvals?: readonly JsonObject[];
  /** Ids of the rules that ask for them, as are `pools` and `outputs`. */
  readonly limits?: readonly string[];
  readonly pools?: readonly string[];
  readonly outputs?: readonly string[];
  /** Titles. */
  readonly remediations?: readonly string[];
}

/** Constraints as a suite spells them. */
export interface ExpectedConstraints {
  readonly max_runtime_sec?: number;
  readonly max_retries?: number;
  readonly max_output_bytes?: number;
  readonly paths?: Constraints["paths"];
  readonly network?: Constraints["network"];
}

/** One thing that is not as expected. */
export interface Difference {
  /** A key of `expect`, with the place in its list; `job` where the job itself was refused. */
  readonly field: string;
  readonly expected: Json;
  readonly actual: Json;
}

/** Everything in which a decision is not what a test expects. */
export function compare(expected: Expectation, decision: Decision): readonly Difference[] {
  const actual = shown(decision);
  const differences: Difference[] = [];
  for (const [field, wanted] of Object.entries(expected) as [keyof Expectation, Json][]) {
    if (field === "approvals") continue;
    const value = field === "constraints" ? spell(meet(unspell(wanted as JsonObject), {})) : wanted;
    differ(field, value, actual[field], differences);
  }
  if (expected.approvals !== undefined) {
    compareApprovals(expected.approvals, decision.obligations.approvals, differences);
  }
  return differences;
}

function compareApprovals(
  expected: readonly JsonObject[],
  given: readonly ApprovalRequirement[],
  differences: Difference[],
): void {
  const actual = given.map(showApproval);
  if (expected.length !== actual.length) {
    differences.push({ field: "approvals", expected, actual });
    return;
  }
  expected.forEach((wanted, index) => {
    for (const [key, value] of Object.entries(wanted)) {
      // Sets in any order; what is not there is null, which no suite can expect.
      const sorted = Array.isArray(value) ? [...new Set(value as string[])].sort() : value;
      differ(`approvals[${index}].${key}`, sorted, actual[index]?.[key] ?? null, differences);
    }
  });
}

function differ(field: string, expected: Json, actual: Json, differences: Difference[]): void {
  if (canonicalize(expected) !== canonicalize(actual)) differences.push({ field, expected, actual });
}

/** A decision in the words of a suite. */
function shown(decision: Decision): Readonly<Record<Exclude<keyof Expectation, "approvals">, Json>> {
  const { limits, pools, outputs } = decision.obligations;
  return {
    decision: decision.type.toLowerCase(),
    rule: decision.ruleId,
    reason: decision.reason,
    matched: decision.matched,
    erred: decision.erred,
    constraints: spell(decision.constraints),
    limits: limits.map(({ ruleId }) => ruleId),
    pools: pools.map(({ ruleId }) => ruleId),
    outputs: outputs.map(({ ruleId }) => ruleId),
    remediations: decision.remediations.map(({ title }) => title),
  };
}

function showApproval(requirement: ApprovalRequirement): JsonObject {
  const { ruleId, quorum, roles, kinds, expiresInSec, allowSelf, confirmView, assurance } = requirement;
  return {
    rule: ruleId,
    quorum,
    ...(roles === undefined ? {} : { roles }),
    kinds,
    ...(expiresInSec === undefined ? {} : { expires_in_sec: expiresInSec }),
    allow_self: allowSelf,
    confirm_view: confirmView,
    ...(assurance === undefined ? {} : { assurance }),
  };
}

const SPELLINGS = [
  ["maxRuntimeSec", "max_runtime_sec"],
  ["maxRetries", "max_retries"],
  ["maxOutputBytes", "max_output_bytes"],
  ["paths", "paths"],
  ["network", "network"],
] as const;

function spell(constraints: Constraints): JsonObject {
  const entries = SPELLINGS.map(([camel, snake]) => [snake, constraints[camel]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as JsonObject;
}

function unspell(expected: JsonObject): Constraints {
  const entries = SPELLINGS.map(([camel, snake]) => [camel, expected[snake]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Constraints;
}
