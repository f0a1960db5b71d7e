import { expect, test } from "vitest";
import { lintStrictly } from "../../src/analysis/lint.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";

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

test.each([
  [1_000, "most_restrictive", 3_000],
  [1_000, "first_match", 3_000],
  [10_000, "most_restrictive", 20_000],
  [10_000, "first_match", 20_000],
])(
  "%i plain rules under %s take at most %i ms, and no question is given up",
  (count, combining, most) => {
    const policy = plainPolicy(count, combining);
    const start = performance.now();
    const report = lintStrictly(policy);
    const taken = performance.now() - start;
    console.info(`${count} rules, ${combining}: ${taken.toFixed(0)} ms, ${report.findings.length} findings`);
    expect(report.undecided).toEqual([]);
    expect(taken).toBeLessThan(most);
  },
  60_000,
);
