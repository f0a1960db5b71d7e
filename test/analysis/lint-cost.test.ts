import { describe, expect, test } from "vitest";
import type { LintReport } from "../../src/analysis/finding.js";
import { lint, lintStrictly } from "../../src/analysis/lint.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { cpu } from "../cpu.js";
import { cases } from "../scale.js";

/** Rules as operators write them: most about topics of their own, some refusals by tag that meet all of them. */
function plainPolicy(count: number, combining: string): Policy {
  const last = ["read", "write", "*", "**", "{get,list}", "a*"];
  const rules = Array.from({ length: count }, (_, number) => {
    const id = `r${number}`;
    const tag = `t${number % 50}`;
    const team = `job.team-${number % 97}`;
    if (number % 10 === 9)
      return { id, match: { topics: [`${team}.*.del-${number}`], risk_tags: [tag] }, decision: "deny" };
    if (number % 10 === 8) return { id, match: { risk_tags: { all: [tag, `u${number % 31}`] } }, decision: "deny" };
    const tags = number % 2 === 0 ? {} : { risk_tags: { none: [tag] } };
    const labels = number % 5 === 0 ? { labels: { env: ["prod", "eu-*"] } } : {};
    const topics = [`${team}.svc-${number}.${last[number % 6]}`];
    return { id, match: { topics, ...tags, ...labels }, decision: number % 2 === 0 ? "allow" : "require_approval" };
  });
  return compilePolicy({ document: { version: "v1", combining, rules } });
}

const LARGE = cases("rules that lint is held to be quick on", 2_000, 10_000);
const MIXED = cases("mixed rules", 200, 1_000);

test.each([
  [1_000, "most_restrictive", 3_000],
  [1_000, "first_match", 3_000],
  [LARGE, "most_restrictive", 20_000],
  [LARGE, "first_match", 20_000],
])(
  "%i plain rules under %s take at most %i ms of CPU, and no question is given up",
  (count, combining, most) => {
    const policy = plainPolicy(count, combining);
    let report: LintReport | undefined;
    const taken = cpu(() => {
      report = lintStrictly(policy);
    });
    console.info(`${count} rules, ${combining}: ${taken.toFixed(0)} ms, ${report?.findings.length} findings`);
    expect(report?.undecided).toEqual([]);
    expect(taken).toBeLessThan(most);
  },
  60_000,
);

/** Rules that meet each other everywhere: wildcards, tags, labels, exceptions and conditions. */
function mixedPolicy(count: number, combining: string): Policy {
  const decisions = ["allow", "deny", "require_approval", "allow", "deny"];
  const rules = Array.from({ length: count }, (_, n) => ({
    id: `m${n}`,
    match: {
      topics: [`job.*.svc-${n % 40}.**`, `job.t${n % 13}.*`, `a${n}*.x?`],
      ...(n % 3 === 0 ? { risk_tags: { any: [`t${n % 9}`, `u${n % 7}`], none: [`v${n % 5}`] } } : {}),
      ...(n % 4 === 1 ? { labels: { env: ["prod*", `e${n % 6}`] } } : {}),
      ...(n % 5 === 2 ? { tenants: [`a${n % 8}`, "acme"] } : {}),
      ...(n % 6 === 3 ? { actors: [`bot-${n % 10}*`] } : {}),
      ...(n % 7 === 4 ? { when: `job.payload.x == ${n % 3}` } : {}),
      ...(n % 4 === 2 ? { unless: { topics: [`job.t${n % 13}.b*`], risk_tags: [`t${n % 9}`] } } : {}),
    },
    decision: decisions[n % 5],
  }));
  return compilePolicy({ document: { version: "v1", combining, rules } });
}

const gaveUp = (report: LintReport): readonly string[] =>
  report.undecided.map(({ message }) => message).filter((message) => message.includes("budget"));

// Under `first_match` they cost the most.
test("of mixed rules no question is given up for what it costs", () => {
  expect(gaveUp(lintStrictly(mixedPolicy(MIXED, "first_match")))).toEqual([]);
}, 120_000);

describe("the budget of a run", () => {
  const policy = mixedPolicy(100, "most_restrictive");
  const whole = lintStrictly(policy);

  test.each([1, 1_000, 50_000, 300_000])("of %i steps ends it, and says once how much is left", (runBudget) => {
    const report = lintStrictly(policy, { runBudget });
    expect(gaveUp(whole)).toEqual([]);
    expect(gaveUp(report)).toHaveLength(1);
    expect(report.undecided.at(-1)).toEqual({
      ruleIds: [],
      message: expect.stringMatching(/^the budget of the run is spent: [1-9]\d* questions or more were left open$/),
    });
    // What was found before it was spent holds.
    const known = whole.findings.map(({ kind, path }) => `${kind} ${path}`);
    for (const { kind, path } of report.findings) expect(known).toContain(`${kind} ${path}`);
    for (const id of report.reachable.keys()) expect([...whole.reachable.keys()]).toContain(id);
  });

  test.each([
    [
      "lists of patterns",
      (count: number) => ({ topics: Array.from({ length: count }, (_, i) => `a${i}*`) }),
      // Each is held against all others.
      1,
    ],
    [
      "long lists in many rules",
      (count: number, rule: number) => ({
        topics: ["x.**"],
        labels: { env: Array.from({ length: count }, (_, i) => `*a${i}*r${rule}`) },
      }),
      40,
    ],
    [
      "conditions that all have to be told",
      (count: number, rule: number) => ({ when: `job.payload.x${rule % 10} == ${rule * count}` }),
      200,
    ],
  ])("bounds the work for %s", (_, match, number) => {
    const hostile = (count: number): Policy => {
      const rules = Array.from({ length: number }, (_, rule) => ({
        id: `r${rule}`,
        match: match(count, rule),
        decision: rule % 2 === 0 ? "allow" : "deny",
      }));
      return compilePolicy({ document: { version: "v1", rules } });
    };
    const policy = hostile(400);
    let report: LintReport | undefined;
    // Without a budget these take from half a second to minutes.
    const spent = cpu(() => {
      report = lint(policy, { runBudget: 200_000 });
    });
    expect(gaveUp(report as LintReport)).toHaveLength(1);
    expect(spent).toBeLessThan(3_000);
  });

  test("is a whole number of 1 or more", () => {
    for (const runBudget of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => lint(policy, { runBudget })).toThrow("`runBudget` must be a whole number of 1 or more");
    }
    expect(() => lint(policy, { runBuget: 1 } as never)).toThrow(
      "unknown option `runBuget`: did you mean `runBudget`?",
    );
  });
});
