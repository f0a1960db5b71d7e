import { describe, expect, test } from "vitest";
import type { Json } from "../../src/outcome.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";

type Asked = Parameters<Policy["explain"]>[0];

/** What keeps a rule with this match block from matching, as far as it is told: its first key, and how many there are. */
function missOf(match: Json, job: Partial<Asked> = {}): unknown {
  const document = {
    version: "v1",
    rules: [{ id: "a", match, decision: "allow" }],
  };
  const { nearMisses, matched, notReached } = compilePolicy({ document }).explain({ topic: "job.x", ...job });
  expect([matched.length + notReached.length, nearMisses.length]).toEqual(nearMisses.length === 0 ? [1, 0] : [0, 1]);
  return nearMisses[0];
}

const agent = { id: "agent-7", type: "agent" } as const;
const miss = (key: string, wanted: string, had: string, failing = 1): unknown => ({
  id: "a",
  key,
  wanted,
  had,
  failing,
});

describe("what a near miss wanted and had", () => {
  test.each<[string, Json, Partial<Asked>, unknown]>([
    ["a topic", { topics: ["job.y"] }, {}, miss("topics", "`job.y`", "`job.x`")],
    ["one of topics", { topics: ["a", "b.*"] }, {}, miss("topics", "any of `a`, `b.*`", "`job.x`")],
    ["a tenant", { tenants: ["a", "b"] }, { tenantId: "c" }, miss("tenants", "any of `a`, `b`", "`c`")],
    ["the default tenant", { tenants: ["a"] }, {}, miss("tenants", "`a`", "`default`")],
    ["an actor", { actors: ["bot-*"] }, { actor: agent }, miss("actors", "`bot-*`", "`agent-7`")],
    ["no actor", { actors: ["bot-*", "b"] }, {}, miss("actors", "any of `bot-*`, `b`", "no actor")],
    ["a type", { actor_types: ["human"] }, { actor: agent }, miss("actor_types", "`human`", "`agent`")],
    ["no type", { actor_types: ["human", "agent"] }, {}, miss("actor_types", "any of `human`, `agent`", "no actor")],
    ["a capability", { capabilities: ["a"] }, { capability: "b" }, miss("capabilities", "`a`", "`b`")],
    ["no capability", { capabilities: ["a", "b"] }, {}, miss("capabilities", "any of `a`, `b`", "none")],
    ["needs", { requires: ["a", "b"] }, { requires: ["b", "c"] }, miss("requires", "all of `a`, `b`", "`b`, `c`")],
    ["no needs", { requires: ["a"] }, {}, miss("requires", "all of `a`", "none")],
    [
      "a label",
      { labels: { env: ["x", "y*"] } },
      { labels: { env: "z" } },
      miss("labels.env", "any of `x`, `y*`", "`z`"),
    ],
    ["no label", { labels: { env: "x" } }, { labels: { zone: "x" } }, miss("labels.env", "`x`", "none")],
    [
      "a label too much",
      { labels: { env: { absent: true } } },
      { labels: { env: "z" } },
      miss("labels.env", "none", "`z`"),
    ],
    ["no tags", { risk_tags: [] }, { riskTags: ["a"] }, miss("risk_tags", "no tags", "`a`")],
    ["a tag", { risk_tags: ["a", "b"] }, { riskTags: ["c"] }, miss("risk_tags", "any of `a`, `b`", "`c`")],
    ["one tag", { risk_tags: ["a"] }, {}, miss("risk_tags", "`a`", "none")],
    ["all tags", { risk_tags: { all: ["a", "b"] } }, { riskTags: ["a"] }, miss("risk_tags", "all of `a`, `b`", "`a`")],
    ["a tag too much", { risk_tags: { none: ["a"] } }, { riskTags: ["a"] }, miss("risk_tags", "none of `a`", "`a`")],
    [
      "tags in three ways",
      { risk_tags: { any: ["a"], all: ["b"], none: ["c"] } },
      { riskTags: ["a", "c"] },
      miss("risk_tags", "`a` and all of `b` and none of `c`", "`a`, `c`"),
    ],
    [
      "an exception",
      { topics: ["**"], unless: { tenants: ["default"] } },
      {},
      miss("unless", "no match of `unless`", "a match"),
    ],
    ["a condition", { when: "job.payload == 1.0" }, { payload: 2 }, miss("when", "`job.payload == 1.0`", "false")],
    ["no condition", { when: "true" }, {}, undefined],
  ])("%s", (_, match, job, wanted) => {
    expect(missOf(match, job)).toEqual(wanted);
  });

  test("eight of a list are written out, and the rest is counted", () => {
    const tenants = (count: number): string[] => Array.from({ length: count }, (_, n) => `t${n}`);
    const eight = "`t0`, `t1`, `t2`, `t3`, `t4`, `t5`, `t6`, `t7`";
    expect(missOf({ tenants: tenants(8) })).toMatchObject({ wanted: `any of ${eight}` });
    expect(missOf({ tenants: tenants(9) })).toMatchObject({ wanted: `any of ${eight} and 1 more` });
    expect(missOf({ tenants: tenants(30) })).toMatchObject({ wanted: `any of ${eight} and 22 more` });
  });

  test("the first of the keys in their order is told, and all that fail are counted", () => {
    const match = {
      when: "false",
      unless: { topics: ["job.*"] },
      risk_tags: ["a"],
      labels: { env: "x", zone: "y" },
      requires: ["a"],
      capabilities: ["a"],
      actor_types: ["human"],
      actors: ["b"],
      tenants: ["t"],
      topics: ["y"],
    };
    const order = ["topics", "tenants", "actors", "actor_types", "capabilities", "requires"];
    const rest: Record<string, Json> = { ...match };
    for (const [index, key] of order.entries()) {
      expect(missOf(rest)).toMatchObject({ key, failing: 11 - index });
      delete rest[key];
    }
    expect(missOf(rest)).toMatchObject({ key: "labels.env", failing: 5 });
    expect(missOf(rest, { labels: { env: "x" } })).toMatchObject({ key: "labels.zone", failing: 4 });
    delete rest.labels;
    for (const [index, key] of ["risk_tags", "unless", "when"].entries()) {
      expect(missOf(rest)).toMatchObject({ key, failing: 3 - index });
      delete rest[key];
    }
  });
});
