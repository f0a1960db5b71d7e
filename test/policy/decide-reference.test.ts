import fc from "fast-check";
import { expect, test } from "vitest";
import type { Decision } from "../../src/outcome.js";
import type { PolicyDocument } from "../../src/policy/document.js";
import { compilePolicy } from "../../src/policy/policy.js";
import { cases, FULL_TIME, IS_SMALL } from "../scale.js";
import { jobs, policies } from "./arbitrary.js";
import { ask } from "./ask.js";
import { type ReferenceDecision, referenceDecide } from "./reference.js";

const JOBS_EACH = 20;

function summary(decision: Decision): ReferenceDecision {
  const { type, ruleId, matched, erred, obligations, constraints, remediations } = decision;
  const ids = (list: readonly { readonly ruleId: string }[]): readonly string[] => list.map((item) => item.ruleId);
  return {
    type,
    ruleId,
    matched,
    erred,
    approvals: ids(obligations.approvals),
    limits: ids(obligations.limits),
    pools: ids(obligations.pools),
    maxRetries: constraints.maxRetries,
    outputs: ids(obligations.outputs),
    remediations: remediations.map(({ title }) => title),
  };
}

const KEYS = [
  "type",
  "ruleId",
  "matched",
  "erred",
  "approvals",
  "limits",
  "pools",
  "maxRetries",
  "outputs",
  "remediations",
];

/** Asks both about every pair; how often each type was the answer. */
function compare(reference: typeof referenceDecide, pairs: number): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(policies, fc.array(jobs, { minLength: JOBS_EACH, maxLength: JOBS_EACH }), (document, asked) => {
      const policy = compilePolicy({ document });
      for (const job of asked) {
        const decision = JSON.stringify(summary(ask(policy, job)), KEYS);
        const wanted = reference(policy.document as unknown as PolicyDocument, job);
        if (decision !== JSON.stringify(wanted, KEYS)) {
          throw new Error(`they differ: ${decision} for ${JSON.stringify(wanted, KEYS)} of ${JSON.stringify(job)}`);
        }
        // And again, from what was kept.
        if (JSON.stringify(summary(ask(policy, job)), KEYS) !== decision)
          throw new Error("they differ the second time");
        seen.set(wanted.type, (seen.get(wanted.type) ?? 0) + 1);
      }
    }),
    { numRuns: Math.ceil(pairs / JOBS_EACH), includeErrorInReport: true, endOnFailure: reference !== referenceDecide },
  );
  return seen;
}

const PAIRS = cases("decide against the reference", 10_000, 1_000_000);

test(
  "the index decides as a naive walk over all rules does",
  () => {
    const seen = compare(referenceDecide, PAIRS);
    console.info([...seen].map(([type, count]) => `${type} ${count}`).join(", "));
    // In few cases not every answer is met.
    if (IS_SMALL) return;
    // Every answer is among them, so that the agreement is about something.
    for (const type of ["ALLOW", "DENY", "THROTTLE", "REQUIRE_APPROVAL", "ALLOW_WITH_CONSTRAINTS"]) {
      expect([type, (seen.get(type) ?? 0) > PAIRS / 100]).toEqual([type, true]);
    }
  },
  FULL_TIME,
);

const withoutUnless = (policy: PolicyDocument): PolicyDocument => ({
  ...policy,
  rules: policy.rules.map(({ match: { unless: _, ...match }, ...rule }) => ({ ...rule, match })),
});

// Each is a planted operator flip, in the reference rather than in the engine: what differs is seen from either side.
test.each<[string, typeof referenceDecide]>([
  ["`none` asked of the wrong tags", (policy, job) => referenceDecide(policy, { ...job, restrictOnly: false })],
  ["derived tags forgotten", (policy, job) => referenceDecide(policy, { ...job, derived: [] })],
  ["first match for most restrictive", (policy, job) => referenceDecide({ ...policy, combining: "first_match" }, job)],
  ["default ignored", (policy, job) => referenceDecide({ ...policy, default: "deny" }, job)],
  ["the last rule lost", (policy, job) => referenceDecide({ ...policy, rules: policy.rules.slice(0, -1) }, job)],
  ["`unless` ignored", (policy, job) => referenceDecide(withoutUnless(policy), job)],
  ["the payload not seen", (policy, job) => referenceDecide(policy, { ...job, payload: null })],
  ["tiers ignored", ({ tiers: _, ...policy }, job) => referenceDecide(policy, job)],
])("a planted flip is caught: %s", (_, flipped) => {
  expect(() => compare(flipped, 20_000)).toThrow("they differ");
});
