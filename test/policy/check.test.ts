import { compilePolicy } from "dispatch-gate";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../src/outcome.js";
import { documentIssuesOf } from "./load.js";

const RULE = { id: "a", match: { topics: ["a"] }, decision: "allow" };

const documentOf = (parts: JsonObject): JsonObject => ({ version: "v1", rules: [RULE], ...parts });

const told = (parts: JsonObject): readonly unknown[] =>
  documentIssuesOf(documentOf(parts)).map(({ code, path, message, help }) => [
    code,
    path,
    message,
    ...(help === undefined ? [] : [help]),
  ]);

const ruleWith = (fields: JsonObject): JsonObject => ({
  rules: [{ ...RULE, ...fields }],
});
const matching = (match: JsonObject): JsonObject => ruleWith({ match });
const detecting = (...detect: readonly Json[]): JsonObject => ({
  outputs: [{ id: "o", match: { topics: ["**"] }, detect, action: "redact" }],
});

describe("what a rule may hold", () => {
  const blocks: JsonObject = {
    approval: { quorum: 2 },
    constraints: { max_retries: 1 },
    remediations: [{ title: "t" }],
    throttle: { limit: 1, window_sec: 1 },
  };

  test.each([
    ["allow", []],
    ["deny", ["remediations"]],
    ["throttle", ["throttle", "remediations"]],
    ["allow_with_constraints", ["constraints"]],
    ["require_approval", ["constraints", "approval", "remediations"]],
  ])("with the decision `%s` is %j", (decision, held) => {
    const unused = told(ruleWith({ decision, ...blocks })).map((issue) => (issue as readonly unknown[]).slice(0, 2));
    const others = Object.keys(blocks).filter((block) => !held.includes(block));
    expect(unused).toEqual(others.map((block) => ["block_unused", `/rules/0/${block}`]));
  });
});

test("a label's value may be matched by any character, also one of two halves", () => {
  const policy = compilePolicy({ document: documentOf(matching({ topics: ["a"], labels: { mood: ["\u{1f600}*"] } })) });
  const decided = ["\u{1f600}!", "\u{1f601}!"].map((mood) => policy.decide({ topic: "a", labels: { mood } }).type);
  expect(decided).toEqual(["ALLOW", "DENY"]);
});

describe("what the schema cannot say", () => {
  test.each<readonly [title: string, parts: JsonObject, wanted: unknown]>([
    [
      "a tag of the vocabulary has the grammar of tags",
      { tags: { Prod: "high" }, tiers: ["high"] },
      [["value_invalid", "/tags/Prod", "the tag `Prod` must be 1 to 64 of a-z, 0-9, _ and -"]],
    ],
    [
      "a tier stands once",
      { tiers: ["low", "high", "low"], tags: { prod: "low" } },
      [["value_repeated", "/tiers/2", "the tier `low` stands twice"]],
    ],
    [
      "an id that begins like the gate's own is kept for it",
      { rules: [{ ...RULE, id: "@mine" }] },
      [["rule_id_reserved", "/rules/0/id", "the id `@mine` starts with `@`, which is kept for the gate's own"]],
    ],
    [
      "two rules of one id are told apart by neither",
      { rules: [RULE, RULE] },
      [["rule_id_duplicate", "/rules/1/id", "the id `a` is already that of `/rules/0`", "give each rule its own id"]],
    ],
    [
      "limits are promised by the decision that carries them",
      ruleWith({ decision: "allow_with_constraints" }),
      [["block_missing", "/rules/0/decision", "the decision `allow_with_constraints` needs `constraints`"]],
    ],
    [
      "a plain permission has no use for limits",
      ruleWith({ constraints: { max_retries: 1 } }),
      [
        [
          "block_unused",
          "/rules/0/constraints",
          "the decision `allow` has no use for `constraints`",
          "use `allow_with_constraints` or `require_approval`, or remove the block",
        ],
      ],
    ],
    [
      "only what is throttled has a throttle",
      ruleWith({ throttle: { limit: 1, window_sec: 1 } }),
      [
        [
          "block_unused",
          "/rules/0/throttle",
          "the decision `allow` has no use for `throttle`",
          "put it in a rule of its own with the decision `throttle`, or remove the block",
        ],
      ],
    ],
    [
      "only what is asked for has an approval",
      ruleWith({ approval: { quorum: 2 } }),
      [
        [
          "block_unused",
          "/rules/0/approval",
          "the decision `allow` has no use for `approval`",
          "use `require_approval`, or remove the block",
        ],
      ],
    ],
    [
      "only what is held back has remediations",
      ruleWith({ remediations: [{ title: "t" }] }),
      [
        [
          "block_unused",
          "/rules/0/remediations",
          "the decision `allow` has no use for `remediations`",
          "they are shown where a rule holds a job back: remove the block",
        ],
      ],
    ],
    [
      "a label that a remediation adds has a name that a job may have",
      ruleWith({ decision: "deny", remediations: [{ title: "t", add_labels: { "": "y" } }] }),
      [["value_invalid", "/rules/0/remediations/0/add_labels/", "a label's name must be 1 to 256 characters"]],
    ],
    [
      "a label that is matched has a name that a job may have",
      matching({ labels: { "": ["x"] } }),
      [["value_invalid", "/rules/0/match/labels/", "a label's name must be 1 to 256 characters"]],
    ],
    [
      "a name of the policy's own patterns stands once",
      detecting({ name: "ticket", pattern: "T-[0-9]+" }, { name: "ticket", pattern: "U-[0-9]+" }),
      [["value_repeated", "/outputs/0/detect/1/name", "the name `ticket` stands twice"]],
    ],
    [
      "a detector of the host's stands once, beside a pattern of that name too",
      detecting({ name: "own", pattern: "x" }, { detector: "own" }),
      [["value_repeated", "/outputs/0/detect/1/detector", "the name `own` stands twice"]],
    ],
    [
      "a pattern finds something",
      detecting({ name: "nothing", pattern: "^$" }),
      [
        [
          "pattern_invalid",
          "/outputs/0/detect/0/pattern",
          "the pattern `^$` is not valid: it can match nothing but the empty text",
        ],
      ],
    ],
    [
      "a pattern can be read",
      detecting({ name: "broken", pattern: "(" }),
      [["pattern_invalid", "/outputs/0/detect/0/pattern", "the pattern `(` is not valid: missing closing ): `(`"]],
    ],
    [
      "a tag is one of the vocabulary, where there is one",
      { tags: { prod: "high" }, tiers: ["high"], ...matching({ risk_tags: { any: ["prods"] } }) },
      [
        [
          "tag_unknown",
          "/rules/0/match/risk_tags/any/0",
          "the tag `prods` is not in the policy's vocabulary",
          "did you mean `prod`?",
        ],
      ],
    ],
    [
      "each of the lists of tags is looked at",
      {
        tags: { prod: "high" },
        tiers: ["high"],
        ...matching({ risk_tags: { all: ["else"], none: ["zzz"] } }),
      },
      [
        [
          "tag_unknown",
          "/rules/0/match/risk_tags/all/0",
          "the tag `else` is not in the policy's vocabulary",
          "add it to `tags`, or use one that is there",
        ],
        [
          "tag_unknown",
          "/rules/0/match/risk_tags/none/0",
          "the tag `zzz` is not in the policy's vocabulary",
          "add it to `tags`, or use one that is there",
        ],
      ],
    ],
    [
      "a rule is a map, and one that is none is left to the schema",
      { rules: [RULE, null, "x", []], outputs: [null] },
      [
        ["type_wrong", "/outputs/0", "an output rule must be a map, not nothing"],
        ["type_wrong", "/rules/1", "a rule must be a map, not nothing"],
        ["type_wrong", "/rules/2", "a rule must be a map, not a string"],
        ["type_wrong", "/rules/3", "a rule must be a map, not a list"],
      ],
    ],
  ])("%s", (_, parts, wanted) => {
    expect(told(parts)).toEqual(wanted);
  });

  test("what is looked for is a text or a map, and nothing else is looked into", () => {
    expect(told(detecting(null, 1, "pii")).map((issue) => (issue as readonly string[])[1])).toEqual([
      "/outputs/0/detect/0",
      "/outputs/0/detect/1",
    ]);
  });

  test.each<readonly [title: string, parts: JsonObject]>([
    ["a tag of 64 characters", { tags: { ["a".repeat(64)]: "high" }, tiers: ["high"] }],
    ["a label's name of 256 characters", matching({ labels: { ["x".repeat(256)]: ["y"] } })],
    ["patterns and detectors of different names", detecting({ name: "a", pattern: "x" }, { detector: "b" }, "pii")],
    ["tags of the vocabulary", { tags: { prod: "high" }, tiers: ["high"], ...matching({ risk_tags: ["prod"] }) }],
    ["a denial with a way out", ruleWith({ decision: "deny", remediations: [{ title: "t", add_labels: { a: "b" } }] })],
  ])("%s are as they should be", (_, parts) => {
    expect(compilePolicy({ document: documentOf(parts) }).ruleIds).toEqual(["a"]);
  });

  test("of each kind of problem the first 1,000 are told", () => {
    const paths = (count: number): readonly string[] =>
      documentIssuesOf(documentOf({ rules: Array.from({ length: count }, () => 1) })).map(({ path }) => path);
    const first = Array.from({ length: 1_000 }, (_, index) => `/rules/${index}`);
    expect([paths(1_000), paths(1_001)]).toEqual([first, first]);
  });

  test("patterns that together have too many spellings are refused once, where they become too many", () => {
    const wide = `${"{a,b}".repeat(6)}.x`;
    const rules = Array.from({ length: 4_000 }, (_, n) => ({ ...RULE, id: `r${n}`, match: { topics: [wide] } }));
    const issues = documentIssuesOf(documentOf({ rules })).filter(({ code }) => code === "policy_too_complex");
    expect(issues.map(({ message, help }) => [message, help])).toEqual([
      ["the policy's patterns have too many spellings together", "write fewer or simpler ones"],
    ]);
    expect(compilePolicy({ document: documentOf({ rules: rules.slice(0, 100) }) }).ruleIds).toHaveLength(100);
  });
});
