import { describe, expect, test } from "vitest";
import type { DecidableJob } from "../../src/job/job.js";
import type { Decision, Json } from "../../src/outcome.js";
import { compilePolicy } from "../../src/policy/policy.js";

const open = { id: "open", match: { topics: ["**"] }, decision: "allow" };

function decideBy(rule: object, head: object = {}, job: DecidableJob = { topic: "x" }): Decision {
  const rules = [{ id: "a", match: { topics: ["**"] }, ...rule }, open];
  return compilePolicy({ document: { version: "v1", ...head, rules } as Json }).decide(job);
}

describe("an approval asks", () => {
  const least = { ruleId: "a", quorum: 1, kinds: ["human"], allowSelf: false, confirmView: false };

  test("for one human who did not ask, where the rule says no more", () => {
    // To the key: what a rule does not say has none.
    expect(decideBy({ decision: "require_approval" }).obligations.approvals).toStrictEqual([least]);
    expect(decideBy({ decision: "require_approval", approval: { quorum: 3 } }).obligations.approvals).toEqual([
      { ...least, quorum: 3 },
    ]);
  });

  test("for all that the rule says, lists as sets", () => {
    const approval = {
      quorum: 2,
      roles: ["ops", "finance", "ops"],
      kinds: ["service", "human", "service"],
      allow_self: true,
      confirm_view: true,
      assurance: "token",
      expires_in_sec: 60,
    };
    expect(decideBy({ decision: "require_approval", approval }).obligations.approvals).toEqual([
      {
        ruleId: "a",
        quorum: 2,
        roles: ["finance", "ops"],
        kinds: ["human", "service"],
        allowSelf: true,
        confirmView: true,
        assurance: "token",
        expiresInSec: 60,
      },
    ]);
  });

  test("of the default for the same, beside what rules ask", () => {
    const held = { default: "require_approval" };
    const rules = [
      { id: "limit", match: { topics: ["**"] }, decision: "throttle", throttle: { limit: 1, window_sec: 2 } },
    ];
    const decision = compilePolicy({ document: { version: "v1", ...held, rules } }).decide({ topic: "x" });
    expect([decision.type, decision.ruleId, decision.reason]).toEqual([
      "REQUIRE_APPROVAL",
      "@default",
      "no rule permits this job, and the policy's default asks for approval",
    ]);
    expect(decision.obligations.approvals).toEqual([{ ...least, ruleId: "@default" }]);
    expect(decision.obligations.limits).toEqual([{ ruleId: "limit", limit: 1, windowSec: 2, per: [] }]);
  });
});

describe("a limit counts", () => {
  test("for all jobs, or for each of what it names, as a set", () => {
    const limit = { limit: 5, window_sec: 9 };
    expect(decideBy({ decision: "throttle", throttle: limit }).obligations.limits).toStrictEqual([
      { ruleId: "a", limit: 5, windowSec: 9, per: [] },
    ]);
    const each = { ...limit, per: ["topic", "actor", "topic", "label:env"] };
    expect(decideBy({ decision: "throttle", throttle: each, reason: "slowly" }).obligations.limits).toEqual([
      { ruleId: "a", reason: "slowly", limit: 5, windowSec: 9, per: ["actor", "label:env", "topic"] },
    ]);
    expect(decideBy({ decision: "throttle" }).obligations.limits).toEqual([]);
  });
});

describe("constraints", () => {
  const of = (constraints: object): Decision => decideBy({ decision: "allow_with_constraints", constraints });

  test.each([
    [{ max_runtime_sec: 1 }, { maxRuntimeSec: 1 }],
    [{ max_retries: 0 }, { maxRetries: 0 }],
    [{ max_output_bytes: 0 }, { maxOutputBytes: 0 }],
    [{ paths: { read: ["/b", "/a"] } }, { paths: { read: [["/a", "/b"]] } }],
    [{ paths: { write: ["/a"] } }, { paths: { write: [["/a"]] } }],
    [{ paths: { deny: ["/a"] } }, { paths: { deny: ["/a"] } }],
    [{ network: { allow: ["h"] } }, { network: { allow: [["h"]] } }],
    [{ network: { deny: ["h"] } }, { network: { deny: ["h"] } }],
    [{ max_concurrent: 1 }, {}],
  ])("%j limits to %j", (written, wanted) => {
    expect(of(written).constraints).toStrictEqual(wanted);
  });

  test("of a number at a time are a pool of the rule", () => {
    expect(of({ max_concurrent: 3 }).obligations.pools).toEqual([{ ruleId: "a", maxConcurrent: 3 }]);
    expect(of({ max_retries: 3 }).obligations.pools).toEqual([]);
  });
});

describe("remediations", () => {
  test("are shown with all that they propose", () => {
    const remediations = [
      { title: "plain" },
      {
        title: "whole",
        summary: "ask the read side",
        replacement_topic: "files.read",
        add_labels: { reviewed: "yes" },
        remove_labels: ["raw"],
      },
    ];
    expect(decideBy({ decision: "deny", remediations }).remediations).toStrictEqual([
      { ruleId: "a", title: "plain" },
      {
        ruleId: "a",
        title: "whole",
        summary: "ask the read side",
        replacementTopic: "files.read",
        addLabels: { reviewed: "yes" },
        removeLabels: ["raw"],
      },
    ]);
    expect(decideBy({ decision: "deny" }).remediations).toEqual([]);
  });
});

describe("a reason", () => {
  test("is the rule's own, or that it matched", () => {
    expect(decideBy({ decision: "deny", reason: "no" }).reason).toBe("no");
    expect(decideBy({ decision: "deny" }).reason).toBe("rule `a` matched");
  });
});

describe("an output rule", () => {
  const outputs = [{ id: "o", match: { topics: ["x"] }, detect: ["pii", "secrets", "pii"], action: "quarantine" }];

  test("looks for what it names, each once", () => {
    expect(decideBy({ decision: "allow" }, { outputs }).obligations.outputs).toEqual([
      { ruleId: "o", detect: ["pii", "secrets"], action: "quarantine" },
    ]);
  });

  test("of the default looks for secrets, or for nothing", () => {
    const secrets = [{ ruleId: "@output_default", detect: ["secrets"], action: "redact" }];
    expect(decideBy({ decision: "allow" }).obligations.outputs).toEqual(secrets);
    expect(decideBy({ decision: "allow" }, { outputs }, { topic: "y" }).obligations.outputs).toEqual(secrets);
    expect(decideBy({ decision: "allow" }, { output_default: "none" }).obligations.outputs).toEqual([]);
  });
});

describe("of a job that nobody admitted a policy reads", () => {
  const FIELDS = [
    "tenantId",
    "actor",
    "capability",
    "requires",
    "labels",
    "riskTags",
    "payload",
    "constraints",
  ] as const;
  const isRead = (document: object, field: string): boolean => {
    const get = (): never => {
      throw new Error("the caller's code was run");
    };
    const job = Object.defineProperty({ topic: "x" }, field, { get, enumerable: true });
    return compilePolicy({ document: { version: "v1", ...document } as Json }).decide(job).ruleId === "@invalid";
  };
  const ruleOf = (match: object): object => ({ id: "a", match: { topics: ["**"], ...match }, decision: "allow" });

  test.each<[string, object, readonly string[]]>([
    ["topics", {}, []],
    ["risk_tags", { risk_tags: ["a"] }, ["riskTags"]],
    ["tenants", { tenants: ["a"] }, ["tenantId"]],
    ["actors", { actors: ["a"] }, ["actor"]],
    ["actor_types", { actor_types: ["agent"] }, ["actor"]],
    ["capabilities", { capabilities: ["a"] }, ["capability"]],
    ["requires", { requires: ["a"] }, ["requires"]],
    ["labels", { labels: { a: "b" } }, ["labels"]],
    ["when", { when: "true" }, FIELDS],
  ])("for `%s` the fields that it looks at, and no other", (_, match, fields) => {
    for (const field of FIELDS) {
      const wanted = [field, fields.includes(field)];
      expect([field, isRead({ rules: [ruleOf(match)] }, field)]).toEqual(wanted);
      expect([field, isRead({ rules: [ruleOf({ unless: { topics: ["y"], ...match } })] }, field)]).toEqual(wanted);
      const outputs = [{ id: "o", match: { topics: ["**"], ...match }, detect: ["secrets"], action: "redact" }];
      expect([field, isRead({ rules: [ruleOf({})], outputs }, field)]).toEqual(wanted);
    }
  });

  test("the tags wherever it has a vocabulary or tiers", () => {
    expect(isRead({ tags: { a: "" }, rules: [ruleOf({})] }, "riskTags")).toBe(true);
    expect(isRead({ tiers: ["a"], rules: [ruleOf({})] }, "riskTags")).toBe(true);
    expect(isRead({ rules: [ruleOf({})] }, "riskTags")).toBe(false);
  });
});
