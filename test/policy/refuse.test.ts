import { describe, expect, test } from "vitest";
import { compilePolicy, decideAdmitted, type Policy } from "../../src/policy/policy.js";
import { admitted } from "./job.js";

const policy = (head: object): Policy =>
  compilePolicy({
    document: { version: "v1", ...head, rules: [{ id: "all", match: { topics: ["**"] }, decision: "allow" }] },
  });

/** The rule and the reason under which a job of these tags is decided. */
const decided = (asked: Policy, riskTags: readonly string[]): readonly string[] => {
  const { ruleId, reason } = asked.decide({ topic: "x", riskTags });
  return [ruleId, reason];
};

describe("a tag outside the vocabulary", () => {
  const worded = policy({ tags: { production: "", money: "" }, tiers: ["low", "high"] });

  test("is refused, with the nearest that is in it", () => {
    expect(decided(worded, ["prodution", "low"])).toEqual([
      "@tags",
      "the tag `prodution` is not in the policy's vocabulary (did you mean `production`?)",
    ]);
    expect(decided(worded, ["zzzzzzzz", "low"])).toEqual([
      "@tags",
      "the tag `zzzzzzzz` is not in the policy's vocabulary",
    ]);
  });

  test("is told the same under one policy, in whatever order its words stand", () => {
    const load = (tags: string): Policy =>
      compilePolicy({
        yaml: `version: v1\ntags: ${tags}\nrules: [{ id: a, match: { topics: [x] }, decision: allow }]\n`,
      });
    const [one, other] = [load("{ mat: m, cat: c }"), load("{ cat: c, mat: m }")];
    expect(one.snapshot).toBe(other.snapshot);
    const wanted = ["@tags", "the tag `bat` is not in the policy's vocabulary (did you mean `cat`?)"];
    expect([decided(one, ["bat"]), decided(other, ["bat"])]).toEqual([wanted, wanted]);
  });

  test("is told before a tier that is missing, and tiers are in the vocabulary", () => {
    expect(decided(worded, ["zzzzzzzz"])[0]).toBe("@tags");
    expect(decided(worded, ["money", "high"])[0]).toBe("all");
  });

  test("is not looked for in a vocabulary of more than 256", () => {
    const tags = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`known-${n}`, ""]));
    const hint = (count: number): string | undefined => decided(policy({ tags: tags(count) }), ["known-7x"])[1];
    expect(hint(256)).toBe("the tag `known-7x` is not in the policy's vocabulary (did you mean `known-7`?)");
    expect(hint(257)).toBe("the tag `known-7x` is not in the policy's vocabulary");
  });

  test("is any that a policy without one does not name", () => {
    expect(decided(policy({}), ["whatever"])[0]).toBe("all");
    expect(decided(policy({ tiers: ["low"] }), ["whatever", "low"])[0]).toBe("all");
  });
});

describe("a job under tiers", () => {
  const tiered = policy({ tiers: ["low", "medium", "high"] });
  const must = "a job must carry exactly one of the policy's 3 tiers, and this one";

  test("carries exactly one", () => {
    expect(decided(tiered, ["low"])[0]).toBe("all");
    expect(decided(tiered, [])).toEqual(["@tiers", `${must} carries 0 of them`]);
    expect(decided(tiered, ["x"])).toEqual(["@tiers", `${must} carries 0 of them`]);
    expect(decided(tiered, ["low", "high"])).toEqual(["@tiers", `${must} carries 2 of them`]);
  });

  test("is not let in by a tier that it only declares, and kept out by one", () => {
    const ask = (declared: readonly string[], derived: readonly string[]): readonly string[] => {
      const { ruleId, reason } = decideAdmitted(
        tiered,
        admitted({ topic: "x", riskTags: declared }),
        derived,
        "restrict_only",
      );
      return [ruleId, reason];
    };
    expect(ask([], ["low"])[0]).toBe("all");
    expect(ask(["low"], ["low"])[0]).toBe("all");
    expect(ask(["low"], [])).toEqual(["@tiers", `${must} only declares \`low\``]);
    expect(ask(["high"], ["low"])).toEqual(["@tiers", `${must} carries 2 of them`]);
  });

  test("is refused by a decision that is whole, frozen and looks for what the default looks for", () => {
    const decision = tiered.decide({ topic: "x" });
    expect(decision).toEqual({
      type: "DENY",
      ruleId: "@tiers",
      reason: `${must} carries 0 of them`,
      snapshot: tiered.snapshot,
      matched: [],
      erred: [],
      constraints: {},
      obligations: {
        approvals: [],
        limits: [],
        pools: [],
        outputs: [{ ruleId: "@output_default", detect: ["secrets"], action: "redact" }],
      },
      remediations: [],
    });
    expect(Object.isFrozen(decision) && Object.isFrozen(decision.obligations.outputs[0])).toBe(true);
    expect(policy({ tiers: ["low"], output_default: "none" }).decide({ topic: "x" }).obligations.outputs).toEqual([]);
  });
});
