import { describe, expect, test } from "vitest";
import type { Decision, Json } from "../../src/outcome.js";
import { compilePolicy, decideAdmitted } from "../../src/policy/policy.js";
import { admitted } from "./job.js";

const policyOf = (match: object): ReturnType<typeof compilePolicy> =>
  compilePolicy({
    document: { version: "v1", rules: [{ id: "a", match: { topics: ["**"], ...match }, decision: "allow" }] } as Json,
  });

/** How far the only rule matched, an `allow` without which everything is denied. */
function reached({ type, matched, erred }: Decision): string {
  if (matched.length === 0) return "misses";
  if (erred.length > 0) return "errs";
  return type === "ALLOW" ? "permits" : "restricts";
}

const VETTED = "'vetted' in job.risk_tags";
const NOWHERE = "job.payload.nowhere";

describe("how far a rule matches where declared tags only restrict", () => {
  test.each<[match: object, declared: readonly string[], derived: readonly string[], wanted: string]>([
    // What the agent only declares permits nothing, whatever else holds.
    [{ risk_tags: ["vetted"] }, ["vetted"], [], "restricts"],
    [{ risk_tags: ["vetted"], when: "true" }, ["vetted"], [], "restricts"],
    [{ risk_tags: ["vetted"], when: "true" }, [], ["vetted"], "permits"],
    [{ when: VETTED }, ["vetted"], [], "restricts"],
    [{ when: VETTED }, [], ["vetted"], "permits"],
    [{ when: `!(${VETTED})` }, ["vetted"], [], "restricts"],
    // One tag that a condition asks about is enough, and others are nothing to it.
    [{ when: VETTED }, ["other", "vetted"], [], "restricts"],
    [{ when: VETTED }, ["other"], ["vetted"], "permits"],
    [{ when: VETTED }, ["other"], [], "misses"],
    // Nor does it except anything for sure.
    [{ unless: { risk_tags: ["vetted"] } }, ["vetted"], [], "restricts"],
    [{ unless: { risk_tags: ["vetted"] } }, [], ["vetted"], "misses"],
    [{ unless: { risk_tags: ["vetted"] } }, [], [], "permits"],
    [{ unless: { risk_tags: ["vetted"], when: "true" } }, ["vetted"], [], "restricts"],
    [{ unless: { risk_tags: ["vetted"], when: "true" } }, [], ["vetted"], "misses"],
    [{ unless: { risk_tags: ["vetted"], when: "false" } }, ["vetted"], [], "permits"],
    [{ unless: { risk_tags: ["vetted"], when: "false" } }, [], ["vetted"], "permits"],
    [{ unless: { risk_tags: ["vetted"], when: NOWHERE } }, [], [], "permits"],
    [{ unless: { risk_tags: ["vetted"], when: NOWHERE } }, [], ["vetted"], "errs"],
    [{ unless: { when: VETTED } }, ["vetted"], [], "restricts"],
    [{ unless: { when: VETTED } }, [], ["vetted"], "misses"],
    [{ unless: { when: VETTED } }, [], [], "permits"],
    [{ unless: { topics: ["y"], when: "true" } }, [], [], "permits"],
    [{ unless: { topics: ["x"], when: "true" } }, [], [], "misses"],
    [{ unless: { topics: ["x"], when: "false" } }, [], [], "permits"],
    // A rule whose keys do not hold is not there, whatever its conditions say.
    [{ tenants: ["other"], when: "true" }, [], [], "misses"],
    [{ tenants: ["other"], when: NOWHERE }, [], [], "misses"],
    [{ tenants: ["other"], unless: { when: NOWHERE } }, [], [], "misses"],
  ])("%j, declared %j, derived %j: it %s", (match, declared, derived, wanted) => {
    const job = admitted({ topic: "x", riskTags: declared });
    expect(reached(decideAdmitted(policyOf(match), job, derived, "restrict_only"))).toBe(wanted);
  });
});

describe("a job whose payload is not plain JSON", () => {
  const job = { topic: "x", payload: { n: 1n } as never };

  test.each([
    [{ when: "true" }, "errs"],
    [{ when: "job.topic == 'x'" }, "errs"],
    [{ unless: { when: "false" } }, "errs"],
    [{ tenants: ["other"], when: "true" }, "misses"],
  ])("fails every condition that is asked, also one that does not look at it: %j", (match, wanted) => {
    const { decision, matched } = policyOf(match).explain(job);
    expect(reached(decision)).toBe(wanted);
    expect(matched.map(({ error }) => error)).toEqual(wanted === "errs" ? ["the payload is not plain JSON"] : []);
  });
});
