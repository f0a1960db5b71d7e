import fc from "fast-check";
import { expect, test } from "vitest";
import type { Decision } from "../../src/outcome.js";
import { compilePolicy } from "../../src/policy/policy.js";
import { isSatisfied } from "../../src/store/approval-state.js";
import type { VoteRow } from "../../src/store/rows.js";
import { cases, FULL_TIME } from "../scale.js";
import { body, jobs, match, policies, type RandomPolicy, type RandomRule } from "./arbitrary.js";
import { ask } from "./ask.js";
import type { ReferenceJob } from "./reference.js";
import { neverLess, refuses, severity } from "./severity.js";

const JOBS_EACH = 10;
const CASES = cases("each metamorphic property", 5_000, 100_000);

const asked = fc.array(jobs, { minLength: JOBS_EACH, maxLength: JOBS_EACH });
const place = fc.nat(8);
const someRule: fc.Arbitrary<RandomRule> = fc
  .tuple(match, body)
  .map(([block, rest]) => ({ id: "new", match: block, ...rest }) as never);

function withRule(policy: RandomPolicy, rule: RandomRule, at: number): RandomPolicy {
  return { ...policy, rules: policy.rules.toSpliced(at % (policy.rules.length + 1), 0, rule) };
}

/** Compares what two policies say of the same jobs; a fault is a sentence. Answers how many answers differed in type. */
function compare<Extra>(
  extra: fc.Arbitrary<Extra>,
  change: (policy: RandomPolicy, extra: Extra) => RandomPolicy | null,
  fault: (before: Decision, after: Decision, extra: Extra, policy: RandomPolicy) => string | null,
  { pairs = CASES, control = false } = {},
): number {
  let differed = 0;
  fc.assert(
    fc.property(policies, extra, asked, (document, more, list) => {
      const other = change(document, more);
      if (other === null) return;
      const [one, two] = [compilePolicy({ document }), compilePolicy({ document: other })];
      for (const job of list) {
        const [before, after] = [ask(one, job), ask(two, job)];
        const found = fault(before, after, more, document);
        if (found !== null) throw new Error(`fault: ${found}: ${JSON.stringify({ before, after, job, other })}`);
        if (before.type !== after.type) differed += 1;
      }
    }),
    { numRuns: Math.ceil(pairs / JOBS_EACH), includeErrorInReport: true, endOnFailure: control },
  );
  return differed;
}

const lessSevere = (before: Decision, after: Decision): string | null =>
  severity(after) < severity(before) ? "less severe" : null;

test(
  "adding a deny never allows more, wherever it stands",
  () => {
    const deny = fc.record({ id: fc.constant("new"), match, decision: fc.constant("deny") });
    const add = (policy: RandomPolicy, [rule, at]: [RandomRule, number]): RandomPolicy => withRule(policy, rule, at);
    expect(compare(fc.tuple(deny, place), add, lessSevere)).toBeGreaterThan(CASES / 50);
    const allow = fc.record({ id: fc.constant("new"), match, decision: fc.constant("allow") });
    expect(() => compare(fc.tuple(allow, place), add, lessSevere, { control: true })).toThrow("fault: less severe");
  },
  FULL_TIME,
);

const GRANTS: readonly unknown[] = ["allow", "allow_with_constraints", "require_approval"];

function withoutGrant(policy: RandomPolicy, at: number, kinds: readonly unknown[]): RandomPolicy | null {
  const index = at % policy.rules.length;
  if (!kinds.includes(policy.rules[index]?.decision) || policy.rules.length === 1) return null;
  return { ...policy, rules: policy.rules.toSpliced(index, 1) };
}

test(
  "removing a grant never allows what was refused, and removing an `allow` never allows more",
  () => {
    // A grant that could not be told refuses under `first_match`; to remove it is to remove a refusal.
    const told = (decision: Decision): boolean => decision.erred.length === 0;
    const changed = compare(
      place,
      (policy, at) => withoutGrant(policy, at, GRANTS),
      (before, after) => (told(before) && refuses(before) && !refuses(after) ? "a refusal became a permission" : null),
      { pairs: CASES * 2 },
    );
    expect(changed).toBeGreaterThan(CASES / 50);
    compare(
      place,
      (policy, at) => withoutGrant(policy, at, ["allow"]),
      (before, after) => (told(before) ? lessSevere(before, after) : null),
      { pairs: CASES * 2 },
    );
    expect(() =>
      compare(place, (policy, at) => withoutGrant(policy, at, ["deny"]), lessSevere, { control: true }),
    ).toThrow("fault: less severe");
  },
  FULL_TIME,
);

test(
  "the order of rules changes nothing under most_restrictive",
  () => {
    const sorted = (list: readonly object[]): readonly string[] => list.map((item) => JSON.stringify(item)).sort();
    const meaning = ({ type, matched, erred, constraints, obligations, remediations }: Decision): string =>
      JSON.stringify([
        [type, constraints, [...matched].sort(), [...erred].sort(), sorted(remediations)],
        Object.values(obligations).map(sorted),
      ]);
    const shuffled = fc.array(fc.nat(), { minLength: 8, maxLength: 8 });
    const shuffle = (combining: RandomPolicy["combining"]) => (policy: RandomPolicy, order: readonly number[]) => {
      const ranked = policy.rules.map((rule, index) => [order[index] ?? 0, rule] as const);
      return policy.combining !== combining
        ? null
        : { ...policy, rules: ranked.toSorted(([a], [b]) => a - b).map(([, rule]) => rule) };
    };
    const fault = (before: Decision, after: Decision): string | null =>
      meaning(before) === meaning(after) ? null : "order counts";
    expect(compare(shuffled, shuffle("most_restrictive"), fault, { pairs: CASES * 2 })).toBe(0);
    expect(() => compare(shuffled, shuffle("first_match"), fault, { control: true })).toThrow("fault: order counts");
  },
  FULL_TIME,
);

test(
  "under restrict_only no declared tag ever turns a refusal into a permission, or takes an obligation away",
  () => {
    const more = (job: ReferenceJob, tag: string, restrictOnly: boolean): readonly [ReferenceJob, ReferenceJob] => [
      { ...job, restrictOnly },
      { ...job, restrictOnly, declared: [...new Set([...job.declared, tag])] },
    ];
    const run = (restrictOnly: boolean, pairs: number, endOnFailure: boolean): number => {
      let differed = 0;
      fc.assert(
        fc.property(policies, asked, fc.constantFrom("p", "q", "r"), (document, list, tag) => {
          const policy = compilePolicy({ document });
          for (const job of list) {
            const [before, after] = more(job, tag, restrictOnly).map((each) => ask(policy, each)) as [
              Decision,
              Decision,
            ];
            // Of two refusals neither permits more.
            const less = refuses(before) && refuses(after) ? null : neverLess(before, after);
            if (less !== null) throw new Error(`fault: ${less}: ${JSON.stringify({ before, after, job, tag })}`);
            if (before.type !== after.type) differed += 1;
          }
        }),
        { numRuns: Math.ceil(pairs / JOBS_EACH), includeErrorInReport: true, endOnFailure },
      );
      return differed;
    };
    expect(run(true, CASES, false)).toBeGreaterThan(CASES / 1_000);
    expect(() => run(false, CASES, true)).toThrow("Got error: fault");
  },
  FULL_TIME,
);

const vote: fc.Arbitrary<VoteRow> = fc.record({
  approvalId: fc.constant("a"),
  number: fc.constant(1),
  approverId: fc.constantFrom("ann", "bob", "cy"),
  approverKey: fc.constantFrom("ann", "bob", "cy"),
  kind: fc.constantFrom("human", "service"),
  roles: fc.subarray(["finance", "ops"]),
  assurance: fc.constantFrom("none", "host", "token"),
  vote: fc.constantFrom("approve", "approve", "reject"),
  view: fc.constantFrom(null, "shown"),
  at: fc.constant(0),
});

test(
  "adding a rule never makes a set of votes sufficient",
  () => {
    const votes = fc.array(vote, { maxLength: 4 });
    let held = 0;
    const fault = (before: Decision, after: Decision, [, , given]: [RandomRule, number, VoteRow[]]): string | null => {
      // What the default asks for is asked only while no rule permits: a rule that permits may answer it.
      if (before.type !== "REQUIRE_APPROVAL" || before.ruleId === "@default" || refuses(after)) return null;
      if (isSatisfied(before.obligations.approvals, given)) return null;
      held += 1;
      return after.type === "REQUIRE_APPROVAL" && !isSatisfied(after.obligations.approvals, given)
        ? null
        : "enough votes";
    };
    const add = (policy: RandomPolicy, [rule, at]: [RandomRule, number, VoteRow[]]): RandomPolicy | null =>
      policy.combining === "first_match" ? null : withRule(policy, rule, at);
    compare(fc.tuple(someRule, place, votes), add, fault, { pairs: CASES * 2 });
    expect(held).toBeGreaterThan(CASES / 50);
    const drop = (policy: RandomPolicy, [, at]: [RandomRule, number, VoteRow[]]): RandomPolicy | null =>
      withoutGrant(policy, at, ["require_approval"]);
    expect(() => compare(fc.tuple(someRule, place, votes), drop, fault, { control: true })).toThrow(
      "fault: enough votes",
    );
  },
  FULL_TIME,
);
