import fc from "fast-check";
import { expect, test } from "vitest";
import type { Decision } from "../../src/outcome.js";
import type { PolicyDocument } from "../../src/policy/document.js";
import { compilePolicy, decideAdmitted } from "../../src/policy/policy.js";
import { admitted } from "./job.js";
import { type ReferenceDecision, type ReferenceJob, referenceDecide } from "./reference.js";

const SEED = Number(process.env.DECIDE_SEED ?? 20_261_122);
const POLICIES = 1_000;
const JOBS_EACH = 20;

const some = <T>(items: fc.Arbitrary<T>, minLength = 1, maxLength = 2): fc.Arbitrary<T[]> =>
  fc.array(items, { minLength, maxLength });
const tag = fc.constantFrom("p", "q", "r");
const step = fc.constantFrom("a", "b", "a", "*", "**", "a*", "?", "{a,b}", "*b", "{a,c}?");
const topicPattern = some(step, 1, 4)
  .map((steps) => steps.join("."))
  .filter((pattern) => pattern.split("**").length <= 3);
const segment = fc.constantFrom("a", "b", "c", "ab", "constructor");
const value = fc.constantFrom("prod", "eu-1", "", "a/b");
const valuePattern = fc.constantFrom("prod", "eu-*", "*", "a?b", "{prod,test}");

const match = fc
  .record(
    {
      topics: some(topicPattern, 1, 3),
      risk_tags: fc.oneof(
        fc.constant([]),
        some(tag),
        fc
          .record({ any: some(tag), all: some(tag), none: some(tag) }, { requiredKeys: [] })
          .filter((tags) => Object.keys(tags).length > 0),
      ),
      tenants: some(fc.constantFrom("t", "u")),
      actors: some(fc.constantFrom("agent-*", "*-1", "me")),
      actor_types: some(fc.constantFrom("agent", "human")),
      capabilities: some(fc.constantFrom("x", "y")),
      requires: some(fc.constantFrom("g", "h")),
      labels: fc.dictionary(
        fc.constantFrom("env", "ticket"),
        fc.oneof(some(valuePattern), fc.constant({ absent: true as const })),
        {
          minKeys: 1,
        },
      ),
    },
    { requiredKeys: [] },
  )
  // Most rules of one or two keys, so that many of them match.
  .chain((full) =>
    fc
      .shuffledSubarray(Object.keys(full), { minLength: 0, maxLength: 2 })
      .map((keys) => Object.fromEntries(Object.entries(full).filter(([key]) => keys.includes(key)))),
  )
  .map((keys) => (Object.keys(keys).length === 0 ? { topics: ["**"] } : keys));

const limits = fc.record({ max_retries: fc.integer({ min: 0, max: 5 }) });
const body = fc.oneof(
  fc.constantFrom(
    { decision: "allow" },
    { decision: "deny" },
    { decision: "throttle" },
    { decision: "require_approval" },
  ),
  fc.constant({ decision: "allow" }),
  fc.constant({ decision: "throttle", throttle: { limit: 1, window_sec: 1 } }),
  fc.record({ decision: fc.constantFrom("allow_with_constraints", "require_approval"), constraints: limits }),
);
const policies = fc.record({
  version: fc.constant("v1"),
  combining: fc.constantFrom("most_restrictive", "first_match"),
  default: fc.constantFrom("deny", "require_approval"),
  output_default: fc.constantFrom("secrets", "none"),
  rules: fc
    .array(fc.tuple(match, body), { minLength: 1, maxLength: 8 })
    .map((rules) => rules.map(([keys, rest], index) => ({ id: `r${index}`, match: keys, ...rest }))),
  outputs: fc
    .array(match, { minLength: 1, maxLength: 2 })
    .map((list) => list.map((keys, index) => ({ id: `o${index}`, match: keys, detect: ["pii"], action: "redact" }))),
});
const jobs: fc.Arbitrary<ReferenceJob> = fc.record({
  topic: some(segment, 1, 5).map((segments) => segments.join(".")),
  tenantId: fc.constantFrom("t", "u", "v"),
  actor: fc.option(
    fc.record({ id: fc.constantFrom("agent-1", "me", "x-1"), type: fc.constantFrom("agent", "human", "service") }),
  ),
  capability: fc.option(fc.constantFrom("x", "y", "z")),
  requires: fc.subarray(["g", "h", "i"]),
  labels: fc.dictionary(fc.constantFrom("env", "ticket"), value),
  declared: fc.subarray(["p", "q", "r"]),
  derived: fc.oneof(fc.constant([]), fc.subarray(["p", "q", "r"])),
  restrictOnly: fc.boolean(),
});

function summary(decision: Decision): ReferenceDecision {
  const { type, ruleId, matched, obligations, constraints } = decision;
  const ids = (list: readonly { readonly ruleId: string }[]): readonly string[] => list.map((item) => item.ruleId);
  return {
    type,
    ruleId,
    matched,
    approvals: ids(obligations.approvals),
    limits: ids(obligations.limits),
    maxRetries: constraints.maxRetries,
    outputs: ids(obligations.outputs),
  };
}

type Reference = typeof referenceDecide;

/** Asks both about every pair; how often each type was the answer. */
function compare(reference: Reference, numRuns: number): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(policies, fc.array(jobs, { minLength: JOBS_EACH, maxLength: JOBS_EACH }), (document, asked) => {
      const policy = compilePolicy({ document });
      for (const job of asked) {
        const { topic, tenantId, capability, requires, labels, declared } = job;
        const actor = job.actor as { id: string; type: "agent" } | null;
        const real = admitted({ topic, tenantId, actor, capability, requires, labels, riskTags: declared });
        const mode = job.restrictOnly ? "restrict_only" : "trusted";
        const decision = summary(decideAdmitted(policy, real, job.derived, mode));
        expect(decision).toEqual(reference(policy.document as unknown as PolicyDocument, job));
        // And again, from what was kept.
        expect(summary(decideAdmitted(policy, real, job.derived, mode))).toEqual(decision);
        seen.set(decision.type, (seen.get(decision.type) ?? 0) + 1);
      }
    }),
    { seed: SEED, numRuns },
  );
  return seen;
}

test("the index decides as a naive walk over all rules does, on 20,000 pairs", () => {
  const seen = compare(referenceDecide, POLICIES);
  console.info(`seed ${SEED}: ${[...seen].map(([type, count]) => `${type} ${count}`).join(", ")}`);
  // Every answer is among them, so that the agreement is about something.
  for (const type of ["ALLOW", "DENY", "THROTTLE", "REQUIRE_APPROVAL", "ALLOW_WITH_CONSTRAINTS"]) {
    expect([type, (seen.get(type) ?? 0) > 200]).toEqual([type, true]);
  }
}, 120_000);

test.each<[string, Reference]>([
  ["`none` asked of the wrong tags", (policy, job) => referenceDecide(policy, { ...job, restrictOnly: false })],
  ["derived tags forgotten", (policy, job) => referenceDecide(policy, { ...job, derived: [] })],
  ["first match for most restrictive", (policy, job) => referenceDecide({ ...policy, combining: "first_match" }, job)],
  ["default ignored", (policy, job) => referenceDecide({ ...policy, default: "deny" }, job)],
  ["the last rule lost", (policy, job) => referenceDecide({ ...policy, rules: policy.rules.slice(0, -1) }, job)],
])(
  "a planted flip is caught: %s",
  (_, flipped) => {
    expect(() => compare(flipped, POLICIES)).toThrow();
  },
  120_000,
);
