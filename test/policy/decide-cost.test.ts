import { expect, test } from "vitest";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";

/** Rules as operators write them: a family of topics each, now and then by tag, tenant or capability alone. */
function policyOf(count: number): Policy {
  const rules = Array.from({ length: count }, (_, index) => {
    const match =
      index % 10 === 7
        ? { risk_tags: [`tag-${index}`] }
        : index % 10 === 8
          ? { tenants: [`tenant-${index}`] }
          : index % 10 === 9
            ? { capabilities: [`capability-${index}`] }
            : { topics: [`job.team-${index}.{read,write}.*`], risk_tags: { none: ["destructive"] } };
    return { id: `r${index}`, match, decision: "allow" };
  });
  return compilePolicy({ document: { version: "v1", rules } });
}

function medianNanoseconds(policy: Policy, count: number): number {
  const jobs = Array.from({ length: 64 }, (_, index) => {
    const number = Math.floor((index * count) / 64);
    return { topic: `job.team-${number - (number % 10)}.read.x`, riskTags: ["low", "prod"] };
  });
  const samples: number[] = [];
  for (let round = 0; round < 41; round += 1) {
    const start = process.hrtime.bigint();
    for (let turn = 0; turn < 50; turn += 1) for (const job of jobs) policy.decide(job);
    samples.push(Number(process.hrtime.bigint() - start) / 50 / jobs.length);
  }
  return samples.sort((a, b) => a - b)[20] as number;
}

test("deciding costs at 10,000 rules at most four times what it costs at 10", () => {
  const few = policyOf(10);
  const many = policyOf(10_000);
  medianNanoseconds(few, 10);
  medianNanoseconds(many, 10_000);
  const [small, large] = [medianNanoseconds(few, 10), medianNanoseconds(many, 10_000)];
  console.info(`10 rules ${small.toFixed(0)} ns, 10,000 rules ${large.toFixed(0)} ns`);
  expect(large / small).toBeLessThan(4);
}, 60_000);

test("rules that cannot match are not looked at", () => {
  const many = policyOf(10_000);
  const decision = many.decide({
    topic: "job.team-10.read.x",
    tenantId: "tenant-8",
    capability: "capability-9",
    riskTags: ["tag-7"],
  });
  expect(decision.matched).toEqual(["r7", "r8", "r9", "r10"]);
});
