import fc from "fast-check";
import { expect, test } from "vitest";
import type { MatchDocument, PolicyDocument, TagsDocument } from "../../src/policy/document.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { cases, FULL_TIME } from "../scale.js";
import { compare, misread, type Tally, type Trust } from "./universe.js";

const RUNS = cases("lint against a walk over all jobs", 120, 2_000);

const some = <T>(items: fc.Arbitrary<T>, maxLength = 2): fc.Arbitrary<T[]> =>
  fc.uniqueArray(items, { minLength: 1, maxLength });
const tag = fc.constantFrom("p", "q", "r");
const topic = fc
  .array(fc.constantFrom("a", "b", "*", "**"), { minLength: 1, maxLength: 2 })
  .map((steps) => steps.join("."));
const keys = fc.record({
  topics: some(topic),
  risk_tags: fc.oneof(
    fc.constant([]),
    some(tag),
    fc
      .record({ any: some(tag), all: some(tag), none: some(tag) }, { requiredKeys: [] })
      .filter((tags) => Object.keys(tags).length > 0),
  ),
  tenants: some(fc.constantFrom("t", "u")),
  actor_types: some(fc.constantFrom("agent", "human")),
  requires: some(fc.constantFrom("g", "h")),
  labels: fc.record({
    env: fc.oneof(some(fc.constantFrom("prod", "eu-*", "*")), fc.constant({ absent: true as const })),
  }),
});
/** The keys that the rules of one policy have: few, so that all jobs they tell apart can be walked. */
const NAMES = fc
  .tuple(
    fc.constantFrom("topics", "risk_tags"),
    fc.subarray(["risk_tags", "tenants", "actor_types", "requires", "labels"], { minLength: 1, maxLength: 2 }),
  )
  .map(([first, rest]) => [...new Set([first, ...rest])]);
const block = (names: readonly string[], minimum: number): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .tuple(keys, fc.shuffledSubarray([...names], { minLength: minimum, maxLength: Math.min(2, names.length) }))
    .map(([full, chosen]) => Object.fromEntries(Object.entries(full).filter(([name]) => chosen.includes(name))));
type Blocks = (names: readonly string[]) => fc.Arbitrary<object>;
const match: Blocks = (names) =>
  fc
    .tuple(block(names, 0), fc.option(block(names, 1), { freq: 3 }))
    .map(([own, unless]) => ({ ...own, ...(unless === null ? {} : { unless }) }))
    .map((own) => (Object.keys(own).length === 0 ? { topics: ["**"] } : own));
const condition = fc.constantFrom(
  "job.payload.n > 5.0",
  'job.labels.env == "prod"',
  '"p" in job.risk_tags',
  "true",
  "false",
);
const conditional: Blocks = (names) =>
  fc
    .tuple(match(names), fc.option(condition, { freq: 2 }), fc.option(condition, { freq: 5 }))
    .map(([own, when, exception]) => {
      const unless =
        "unless" in own && exception !== null ? { unless: { ...(own.unless as object), when: exception } } : {};
      return { ...own, ...unless, ...(when === null ? {} : { when }) };
    });
const body = fc.constantFrom(
  { decision: "allow" },
  { decision: "deny" },
  { decision: "allow" },
  { decision: "deny" },
  { decision: "throttle" },
  { decision: "require_approval" },
  { decision: "throttle", throttle: { limit: 1, window_sec: 1, per: ["label:env"] } },
);
const policies = (blocks: Blocks): fc.Arbitrary<object> =>
  NAMES.chain((names) =>
    fc.record(
      {
        version: fc.constant("v1"),
        combining: fc.constantFrom("most_restrictive", "first_match"),
        tags: fc.constant({ p: "", q: "", r: "" }),
        tiers: fc.constantFrom(["p", "q"], ["r", "p"]),
        rules: fc
          .array(fc.tuple(blocks(names), body), { minLength: 1, maxLength: 6 })
          .map((rules) => rules.map(([own, rest], index) => ({ id: `r${index}`, match: own, ...rest }))),
      },
      { requiredKeys: ["version", "combining", "rules"] },
    ),
  );

/** Holds lint against a walk over all jobs; `seenByLint` is what lint is shown in place of the policy. */
function check(
  blocks: Blocks,
  trust: Trust,
  numRuns: number,
  seenByLint: (policy: Policy) => Policy = (policy) => policy,
): Tally {
  const tally: Tally = { rules: 0, dead: 0, undecided: 0 };
  fc.assert(
    fc.property(policies(blocks), (document) => {
      const policy = compilePolicy({ document });
      expect(compare(policy, trust, tally, seenByLint(policy))).toEqual([]);
    }),
    { numRuns },
  );
  return tally;
}

test(
  "without conditions lint knows of every rule what a walk over all jobs knows, and leaves none undecided",
  () => {
    const tally = check(match, "trusted", RUNS);
    console.info(`${tally.rules} rules, ${tally.dead} dead, ${tally.undecided} undecided`);
    expect(tally.undecided).toBe(0);
    // A tenth of the rules at least, so that the agreement is about something.
    expect(tally.dead).toBeGreaterThan(tally.rules / 20);
  },
  FULL_TIME,
);

test(
  "with conditions no rule that fires is said to be dead, and each that is said to fire does",
  () => {
    const tally = check(conditional, "trusted", Math.ceil(RUNS / 2));
    console.info(`${tally.rules} rules, ${tally.dead} dead, ${tally.undecided} undecided`);
    expect(tally.undecided).toBeLessThan(tally.rules / 5);
  },
  FULL_TIME,
);

test(
  "the same where declared tags are not trusted",
  () => {
    const tally = check(match, "restrict_only", Math.ceil(RUNS / 5));
    console.info(`${tally.rules} rules, ${tally.dead} dead, ${tally.undecided} undecided`);
    expect(tally.undecided).toBe(0);
  },
  FULL_TIME,
);

type Change = (match: MatchDocument) => MatchDocument;

const forgetful =
  (change: Change) =>
  (policy: Policy): Policy =>
    misread(
      policy,
      (document): PolicyDocument => ({
        ...document,
        rules: document.rules.map((rule) => ({ ...rule, match: change(rule.match) })),
      }),
    );

const withoutNone: Change = ({ risk_tags: tags, ...rest }) => {
  if (tags === undefined || Array.isArray(tags)) return { ...rest, ...(tags === undefined ? {} : { risk_tags: [] }) };
  const { none: _, ...kept } = tags as TagsDocument;
  return Object.keys(kept).length === 0 ? rest : { ...rest, risk_tags: kept };
};
const withoutUnless: Change = ({ unless: _, ...rest }) => rest;
const emptyForAny: Change = ({ risk_tags: tags, ...rest }) => ({
  ...rest,
  ...(tags === undefined || Array.isArray(tags) ? {} : { risk_tags: tags }),
});
const oneForMany: Change = (own) => ({
  ...own,
  ...(own.topics === undefined ? {} : { topics: own.topics.map((topic) => topic.replaceAll("**", "*")) }),
});

test.each<[string, Change]>([
  ["`none` forgotten", withoutNone],
  ["`unless` forgotten", withoutUnless],
  ["the empty list taken for no demand", emptyForAny],
  ["`**` taken for `*`", oneForMany],
])(
  "a planted slip of the solver is caught: %s",
  (_, change) => {
    expect(() => check(match, "trusted", 500, forgetful(change))).toThrow();
  },
  120_000,
);
