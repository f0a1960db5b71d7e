import fc from "fast-check";
import { expect, test } from "vitest";
import { compilePolicy } from "../../src/policy/policy.js";
import { cases, FULL_TIME } from "../scale.js";
import { CONDITIONS, cedarOf, type Flip, type Job, type Keys, type Rule } from "./cedar.js";

/** (policy, job) pairs that the two engines are compared on. */
const PAIRS = cases("decide against Cedar", 3_000, 20_000);
const JOBS_EACH = 20;

const some = <T>(items: fc.Arbitrary<T>, maxLength = 2): fc.Arbitrary<T[]> =>
  fc.array(items, { minLength: 1, maxLength });
const tag = fc.constantFrom("prod", "pii", "reviewed");
const dotted = (step: fc.Arbitrary<string>): fc.Arbitrary<string> => some(step, 4).map((steps) => steps.join("."));

// `like` has one wildcard, and it takes dots: it can say patterns of `*`, or of `**`, but no mixture of the two.
const topicPattern = fc.oneof(
  { weight: 3, arbitrary: dotted(fc.constantFrom("a", "b", "*", "a*", "*b", "{a,b}", "{a,bc}")) },
  {
    weight: 2,
    arbitrary: dotted(fc.constantFrom("a", "b", "{a,b}", "**")).filter((text) => text.split("**").length <= 3),
  },
);

const ERRS = "job.payload.nowhere.at.all == 1.0";

const keysOf = (condition: boolean): fc.Arbitrary<Keys> =>
  fc
    .record(
      {
        topics: some(topicPattern),
        risk_tags: fc.oneof(
          { weight: 1, arbitrary: fc.constant<[]>([]) },
          {
            weight: 5,
            arbitrary: fc
              .record({ any: some(tag), all: some(tag), none: some(tag) }, { requiredKeys: [] })
              .filter((tags) => Object.keys(tags).length > 0),
          },
        ),
        tenants: some(fc.constantFrom("acme", "globex")),
        actor_types: some(fc.constantFrom("agent", "human")),
        capabilities: some(fc.constantFrom("refund", "search")),
        when: fc.constantFrom(...CONDITIONS.keys()),
      },
      { requiredKeys: [] },
    )
    // Of one or two keys, so that many rules match.
    .chain((full) => {
      const names = Object.keys(full).filter((name) => name !== "when");
      return fc.shuffledSubarray(names, { maxLength: Math.min(2, names.length) }).map((kept) => {
        const wanted = condition ? [...kept, "when"] : kept;
        return Object.fromEntries(Object.entries(full).filter(([name]) => wanted.includes(name)));
      });
    })
    .map((keys) => (Object.keys(keys).length === 0 ? { topics: ["**"] } : keys));

const ruleOf = (condition: boolean, decision: fc.Arbitrary<string>): fc.Arbitrary<Rule> =>
  fc
    .tuple(decision, keysOf(condition), fc.option(keysOf(condition), { nil: undefined, freq: 3 }))
    .map(([kind, keys, unless]) => ({ decision: kind, match: unless === undefined ? keys : { ...keys, unless } }));

const twoKinds = fc.constantFrom("allow", "allow", "deny");

const job: fc.Arbitrary<Job> = fc.record({
  topic: dotted(fc.constantFrom("a", "b", "ab", "bc", "constructor")),
  tenantId: fc.constantFrom("acme", "globex", "initech"),
  actor: fc.option(fc.record({ id: fc.constant("agent-7"), type: fc.constantFrom("agent", "human", "service") })),
  capability: fc.option(fc.constantFrom("refund", "search", "delete")),
  riskTags: fc.uniqueArray(fc.oneof(tag, fc.constant("other")), { maxLength: 3 }),
  payload: fc.option(
    fc.record(
      { amount: fc.oneof(fc.constantFrom(50, 100, 500), fc.constant("much")), region: fc.constantFrom("eu", "us") },
      { requiredKeys: [] },
    ),
  ),
});

const jobs = fc.array(job, { minLength: JOBS_EACH, maxLength: JOBS_EACH });

function oursOf(rules: readonly Rule[]): (job: Job) => string {
  const numbered = rules.map((rule, number) => ({ id: `rule-${number}`, ...rule }));
  const policy = compilePolicy({ document: { version: "v1", rules: numbered } });
  return (one) => policy.decide(one).type;
}

/** Draws policies and jobs, and shows both answers to each. */
const compared = (flip: Flip | null, see: (ours: boolean, cedar: boolean) => void): fc.IProperty<[Rule[], Job[]]> =>
  fc.property(some(ruleOf(false, twoKinds), 5), jobs, (rules, list) => {
    const cedar = cedarOf(rules, flip);
    const ours = oursOf(rules);
    for (const one of list) see(ours(one) === "ALLOW", cedar(one).allows);
  });

const numRuns = Math.ceil(PAIRS / JOBS_EACH);
const timeout = FULL_TIME;

test(`ours allows exactly what Cedar allows, on ${PAIRS} pairs of a policy and a job`, { timeout }, () => {
  const seen = { allowed: 0, refused: 0 };
  const property = compared(null, (ours, cedar) => {
    seen[ours ? "allowed" : "refused"] += 1;
    expect(ours).toBe(cedar);
  });
  fc.assert(property, { numRuns });
  // Neither answer is so rare that agreeing on it says nothing.
  expect(seen.allowed).toBeGreaterThan(PAIRS / 20);
  expect(seen.refused).toBeGreaterThan(PAIRS / 20);
});

test.each<Flip>(["any is all", "none is any", "a star takes dots", "forbid is permit", "unless is when"])(
  "a translation in which %s is caught",
  (flip) => {
    let different = false;
    const property = compared(flip, (ours, cedar) => {
      if (ours === cedar) return;
      different = true;
      throw new Error("different");
    });
    fc.check(property, { numRuns: 1_000, endOnFailure: true });
    expect(different).toBe(true);
  },
);

test("where a condition errs ours never allows more than Cedar, and where none errs they agree", { timeout }, () => {
  let stricter = 0;
  let allowedBesideErrors = 0;
  fc.assert(
    fc.property(some(ruleOf(true, twoKinds), 5), jobs, (rules, list) => {
      const cedar = cedarOf(rules, null);
      const ours = oursOf(rules);
      for (const one of list) {
        const allows = ours(one) === "ALLOW";
        const theirs = cedar(one);
        if (allows) expect(theirs.allows).toBe(true);
        if (theirs.errors === 0) expect(allows).toBe(theirs.allows);
        if (theirs.allows && !allows) stricter += 1;
        if (allows && theirs.errors > 0) allowedBesideErrors += 1;
      }
    }),
    { numRuns },
  );
  // The difference exists: what Cedar leaves out because it erred, ours lets restrict.
  expect(stricter).toBeGreaterThan(0);
  // And an error elsewhere does not refuse everything.
  expect(allowedBesideErrors).toBeGreaterThan(0);
});

test("a deny whose condition errs is left out by Cedar and binds in ours", () => {
  const rules: readonly Rule[] = [
    { decision: "allow", match: { topics: ["a.*"] } },
    { decision: "deny", match: { topics: ["a.*"], when: "job.payload.amount > 100.0" } },
  ];
  const empty: Job = { topic: "a.b", tenantId: "acme", actor: null, capability: null, riskTags: [], payload: {} };
  expect(cedarOf(rules, null)(empty)).toEqual({ allows: true, errors: 1 });
  expect(oursOf(rules)(empty)).toBe("DENY");

  // Without an error they say the same, both ways.
  for (const [amount, allows] of [[50, true] as const, [500, false] as const]) {
    const told = { ...empty, payload: { amount } };
    expect(cedarOf(rules, null)(told)).toEqual({ allows, errors: 0 });
    expect(oursOf(rules)(told)).toBe(allows ? "ALLOW" : "DENY");
  }
});

/**
 * How far a decision holds a job back. Both refusals are one step: the default's `DENY` stands only where no rule
 * refuses, so a throttle that binds because it erred takes its place, and the job runs as little as before.
 */
const SEVERITY: ReadonlyMap<string, number> = new Map([
  ["ALLOW", 0],
  ["ALLOW_WITH_CONSTRAINTS", 1],
  ["REQUIRE_APPROVAL", 2],
  ["THROTTLE", 3],
  ["DENY", 3],
]);
const severityOf = (type: string): number => SEVERITY.get(type) ?? Number.NaN;
const everyKind = fc.constantFrom("allow", "allow", "allow", "require_approval", "throttle", "deny");

/** The rules with one condition, of a match or of its exception, replaced by one that always errs. */
const withError = (rules: readonly Rule[], at: number, inException: boolean): readonly Rule[] =>
  rules.map((rule, number) => {
    if (number !== at) return rule;
    const { unless } = rule.match;
    if (!inException || unless === undefined) return { ...rule, match: { ...rule.match, when: ERRS } };
    return { ...rule, match: { ...rule.match, unless: { ...unless, when: ERRS } } };
  });

/** Policies of which one condition is made to err, with the severities of both answers to each job. */
function countLoosened(
  answersOf: (rules: readonly Rule[]) => (job: Job) => number,
  kinds: fc.Arbitrary<string>,
): Loosened {
  let loosened = 0;
  let tightened = 0;
  fc.assert(
    fc.property(some(ruleOf(true, kinds), 4), fc.nat(), fc.boolean(), jobs, (rules, at, inException, list) => {
      const before = answersOf(rules);
      const severities = list.map(before);
      const after = answersOf(withError(rules, at % rules.length, inException));
      for (const [n, one] of list.entries()) {
        const change = after(one) - (severities[n] ?? Number.NaN);
        if (change < 0) loosened += 1;
        if (change > 0) tightened += 1;
      }
    }),
    { numRuns },
  );
  return { loosened, tightened };
}

interface Loosened {
  readonly loosened: number;
  readonly tightened: number;
}

test("replacing any condition by an error never makes ours less severe, and does so in Cedar", { timeout }, () => {
  const ours = countLoosened((rules) => {
    const decide = oursOf(rules);
    return (one) => severityOf(decide(one));
  }, everyKind);
  expect(ours.loosened).toBe(0);
  expect(ours.tightened).toBeGreaterThan(0);

  const cedar = countLoosened((rules) => {
    const decide = cedarOf(rules, null);
    return (one) => (decide(one).allows ? 0 : 1);
  }, twoKinds);
  expect(cedar.loosened).toBeGreaterThan(0);
});
