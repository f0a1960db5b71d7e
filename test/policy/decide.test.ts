import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { DecidableJob } from "../../src/job/job.js";
import type { Decision } from "../../src/outcome.js";
import { compilePolicy, decideAdmitted, type Policy } from "../../src/policy/policy.js";
import { admitted } from "./job.js";

const SEED = compilePolicy({ yaml: readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url)) });
const SECRETS = [{ ruleId: "@output_default", detect: ["secrets"], action: "redact" }];

const load = (rules: string, head = ""): Policy => compilePolicy({ yaml: `version: v1\n${head}rules:\n${rules}` });
const named = ({ type, ruleId }: Decision): readonly string[] => [type, ruleId];

describe("the seed's policy", () => {
  test("is the seed's, to the byte", () => {
    const ours = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url));
    // Of the policy file in the document that this product is made from.
    const theirs = "02ea7af2d6e89f033f0f1e001d73807831ab2a31ebb32c0f724852b050a70415";
    expect(createHash("sha256").update(ours).digest("hex")).toBe(theirs);
  });

  test.each([
    ["job.mcp-bridge.read.x", [], "ALLOW", "allow-low-risk-read"],
    ["job.mcp-bridge.read.x", ["destructive"], "DENY", "deny-destructive"],
    ["job.mcp-bridge.write.update_ticket", ["prod"], "REQUIRE_APPROVAL", "require-approval-prod-write"],
    ["job.mcp-bridge.write.update_ticket", ["prod", "destructive"], "DENY", "deny-destructive"],
    ["job.agent.exec.run", ["medium"], "ALLOW_WITH_CONSTRAINTS", "constrain-medium-risk"],
    ["job.agent.exec.run", ["medium", "destructive"], "DENY", "deny-destructive"],
    ["job.mcp-bridge.write.update_ticket", [], "DENY", "@default"],
    ["job.mcp-bridge.read.x", ["prod"], "DENY", "@default"],
    ["job.mcp-bridge.read.x.y", [], "DENY", "@default"],
  ])("%s with %j is %s by %s", (topic, riskTags, type, ruleId) => {
    expect(named(SEED.decide({ topic, riskTags }))).toEqual([type, ruleId]);
  });

  test("a decision is whole and frozen to the bottom", () => {
    const decision = SEED.decide({ topic: "job.agent.exec.run", riskTags: ["medium"] });
    expect(decision).toEqual({
      type: "ALLOW_WITH_CONSTRAINTS",
      ruleId: "constrain-medium-risk",
      reason: "rule `constrain-medium-risk` matched",
      snapshot: SEED.snapshot,
      matched: ["constrain-medium-risk"],
      erred: [],
      constraints: { maxRuntimeSec: 45, maxRetries: 1 },
      obligations: { approvals: [], limits: [], pools: [], outputs: SECRETS },
      remediations: [],
    });
    for (const part of [
      decision,
      decision.matched,
      decision.constraints,
      decision.obligations,
      ...Object.values(decision.obligations),
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test("an approval carries the rule's words and a requirement", () => {
    const decision = SEED.decide({ topic: "job.mcp-bridge.write.x", riskTags: ["prod"] });
    expect(decision.reason).toBe("Production writes require human review");
    expect(decision.obligations.approvals).toEqual([{ ruleId: "require-approval-prod-write", ...ONE_HUMAN }]);
  });

  test("first match wins, the naive way, would let the destructive write through: the control", () => {
    const control = compilePolicy({ document: { ...SEED.document, combining: "first_match" } });
    const job = { topic: "job.mcp-bridge.write.x", riskTags: ["prod", "destructive"] };
    expect(named(control.decide(job))).toEqual(["REQUIRE_APPROVAL", "require-approval-prod-write"]);
  });
});

/** What a rule asks for that says nothing more. */
const ONE_HUMAN = { quorum: 1, kinds: ["human"], allowSelf: false, confirmView: false };

const LADDER = `
  - { id: allow, match: { topics: ["**"] }, decision: allow }
  - { id: limit, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 3, window_sec: 60, per: [topic, actor] } }
  - { id: constrain, match: { risk_tags: [c] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 9, max_concurrent: 2, network: { allow: [b.example, a.example] } } }
  - { id: hold, match: { risk_tags: [h] }, decision: require_approval, constraints: { max_runtime_sec: 5, network: { allow: [] } } }
  - { id: hold-too, match: { risk_tags: [h] }, decision: require_approval, reason: again }
  - { id: slow, match: { risk_tags: [t] }, decision: throttle }
  - { id: stop, match: { risk_tags: [d] }, decision: deny }
`;
const LIMIT = { ruleId: "limit", limit: 3, windowSec: 60, per: ["actor", "topic"] };

describe("most_restrictive", () => {
  const policy = load(LADDER);
  const decide = (...riskTags: string[]): Decision => policy.decide({ topic: "x", riskTags });

  test("the most severe names the decision, from allow to deny", () => {
    expect(named(decide())).toEqual(["ALLOW", "allow"]);
    expect(named(decide("c"))).toEqual(["ALLOW_WITH_CONSTRAINTS", "constrain"]);
    expect(named(decide("c", "h"))).toEqual(["REQUIRE_APPROVAL", "hold"]);
    expect(named(decide("c", "h", "t"))).toEqual(["THROTTLE", "slow"]);
    expect(named(decide("c", "h", "t", "d"))).toEqual(["DENY", "stop"]);
  });

  test("the obligations of all matching rules apply", () => {
    const decision = decide("c", "h");
    expect(decision.constraints).toEqual({ maxRuntimeSec: 5, network: { allow: [["a.example", "b.example"], []] } });
    expect(decision.obligations).toEqual({
      approvals: [
        { ruleId: "hold", ...ONE_HUMAN },
        { ruleId: "hold-too", ...ONE_HUMAN },
      ],
      limits: [LIMIT],
      pools: [{ ruleId: "constrain", maxConcurrent: 2 }],
      outputs: SECRETS,
    });
    expect(decision.matched).toEqual(["allow", "limit", "constrain", "hold", "hold-too"]);
  });

  test("a refusal binds nothing, for nothing runs", () => {
    for (const decision of [decide("d", "c", "h"), decide("t", "c", "h")]) {
      expect(decision.constraints).toEqual({});
      expect(decision.obligations).toEqual({ approvals: [], limits: [], pools: [], outputs: SECRETS });
    }
  });

  test("a limit is no permission", () => {
    const limited = load(
      '  - { id: l, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 1, window_sec: 1 } }',
    );
    expect(named(limited.decide({ topic: "x" }))).toEqual(["DENY", "@default"]);
  });
});

describe("default: require_approval", () => {
  const policy = load(LADDER.replace(/.*id: allow,.*\n/, ""), "default: require_approval\n");

  test("holds what no rule permits, under what binds it", () => {
    expect(policy.decide({ topic: "x" })).toMatchObject({
      type: "REQUIRE_APPROVAL",
      ruleId: "@default",
      reason: "no rule permits this job, and the policy's default asks for approval",
      matched: ["limit"],
      obligations: { approvals: [{ ruleId: "@default", ...ONE_HUMAN }], limits: [LIMIT] },
    });
  });

  test("does not soften a refusal", () => {
    expect(named(policy.decide({ topic: "x", riskTags: ["d"] }))).toEqual(["DENY", "stop"]);
    expect(named(policy.decide({ topic: "x", riskTags: ["t"] }))).toEqual(["THROTTLE", "slow"]);
  });
});

describe("first_match", () => {
  const policy = load(LADDER.split("\n").toReversed().join("\n"), "combining: first_match\n");

  test("the first other rule decides; limits met on the way bind", () => {
    const plain = policy.decide({ topic: "x" });
    expect(named(plain)).toEqual(["ALLOW", "allow"]);
    expect(plain.matched).toEqual(["limit", "allow"]);
    expect(plain.obligations.limits).toEqual([LIMIT]);
    const held = policy.decide({ topic: "x", riskTags: ["c", "h"] });
    expect(named(held)).toEqual(["REQUIRE_APPROVAL", "hold-too"]);
    expect(held.matched).toEqual(["hold-too"]);
    expect(held.constraints).toEqual({});
  });

  test("a rule that only restricts adds what it binds, and the search goes on", () => {
    const job = admitted({ topic: "x", riskTags: ["c", "h"] });
    const decision = decideAdmitted(policy, job, [], "restrict_only");
    expect(named(decision)).toEqual(["REQUIRE_APPROVAL", "hold-too"]);
    expect(decision.matched).toEqual(["hold-too", "hold", "constrain", "limit", "allow"]);
    expect(decision.constraints.maxRuntimeSec).toBe(5);
  });

  test("a refusal ends the search also where it only restricts: what stands behind it is not looked at", () => {
    const job = admitted({ topic: "x", riskTags: ["d"] });
    const decision = decideAdmitted(policy, job, [], "restrict_only");
    expect([...named(decision), ...decision.matched]).toEqual(["DENY", "stop", "stop"]);
  });
});

test("what was decided is kept up to a bound, however many sets of rules match, and made again beyond it", () => {
  const tags = Array.from({ length: 13 }, (_, n) => `t${n}`);
  const policy = load(
    tags.map((tag) => `  - { id: ${tag}, match: { risk_tags: [${tag}] }, decision: allow }\n`).join(""),
  );
  const decide = (set: number): Decision =>
    policy.decide({ topic: "x", riskTags: tags.filter((_, n) => (set >> n) % 2 === 1) });
  const first = decide(1);
  // Each set adds a step, and the rules that it names: with the last of these 16,384 and twice as many as there are rules.
  for (let set = 2; set <= 2_533; set += 1) decide(set);
  expect(decide(1)).toBe(first);
  decide(2_534);
  expect(decide(1)).not.toBe(first);
  expect(decide(1)).toEqual(first);
});

describe("declared tags", () => {
  const policy = load(`
  - { id: any, match: { topics: [any], risk_tags: [safe] }, decision: allow }
  - { id: all, match: { topics: [all], risk_tags: { all: [safe, checked] } }, decision: allow }
  - { id: none, match: { topics: [none], risk_tags: { none: [prod] } }, decision: allow }
  - { id: bare, match: { topics: [bare], risk_tags: [] }, decision: allow }
  - { id: open, match: { topics: [open] }, decision: allow }
  - { id: deny-any, match: { topics: [open], risk_tags: [bad] }, decision: deny }
  - { id: deny-bare, match: { topics: [closed], risk_tags: [] }, decision: deny }
  - { id: deny-none, match: { topics: [closed], risk_tags: { none: [reviewed] } }, decision: deny }
  - { id: closed, match: { topics: [closed] }, decision: allow }
`);
  const ask = (
    topic: string,
    declared: readonly string[],
    derived: readonly string[],
    mode: "trusted" | "restrict_only",
  ): string => decideAdmitted(policy, admitted({ topic, riskTags: declared }), derived, mode).ruleId;

  test.each([
    ["any", ["safe"], [], "any", "@default"],
    ["any", [], ["safe"], "any", "any"],
    ["all", ["safe"], ["checked"], "all", "@default"],
    ["all", [], ["safe", "checked"], "all", "all"],
    ["none", ["prod"], [], "@default", "@default"],
    ["none", [], ["prod"], "@default", "@default"],
    ["bare", ["x"], [], "@default", "@default"],
    ["open", ["bad"], [], "deny-any", "deny-any"],
    ["open", [], ["bad"], "deny-any", "deny-any"],
    // A declared tag lifts a restriction only where declared tags are trusted.
    ["closed", ["reviewed"], [], "closed", "deny-bare"],
    ["closed", ["reviewed"], ["x"], "closed", "deny-none"],
    ["closed", [], ["reviewed"], "closed", "closed"],
  ])("%s, declared %j, derived %j: trusted %s, restrict_only %s", (topic, declared, derived, trusted, restricted) => {
    expect(ask(topic, declared, derived, "trusted")).toBe(trusted);
    expect(ask(topic, declared, derived, "restrict_only")).toBe(restricted);
  });
});

describe("match keys", () => {
  const policy = load(`
  - { id: tenant, match: { topics: [a], tenants: [acme, beta] }, decision: allow }
  - { id: actor, match: { topics: [b], actors: ["agent-*"], actor_types: [agent] }, decision: allow }
  - { id: capability, match: { capabilities: [fs.read, constructor] }, decision: allow }
  - { id: requires, match: { topics: [d], requires: [gpu, net] }, decision: allow }
  - { id: labels, match: { topics: [e], labels: { env: [prod, "eu-*"], ticket: { absent: true }, team: core } }, decision: allow }
`);
  test.each<[DecidableJob, string]>([
    [{ topic: "a", tenantId: "beta" }, "tenant"],
    [{ topic: "a" }, "@default"],
    [{ topic: "b", actor: { id: "agent-1", type: "agent" } }, "actor"],
    [{ topic: "b", actor: { id: "agent-1", type: "human" } }, "@default"],
    [{ topic: "b", actor: { id: "bot", type: "agent" } }, "@default"],
    [{ topic: "b", actor: null }, "@default"],
    [{ topic: "c", capability: "fs.read" }, "capability"],
    [{ topic: "c", capability: "constructor" }, "capability"],
    [{ topic: "c", capability: "toString" }, "@default"],
    [{ topic: "d", requires: ["net", "gpu", "x"] }, "requires"],
    [{ topic: "d", requires: ["gpu"] }, "@default"],
    [{ topic: "e", labels: { env: "eu-1", team: "core" } }, "labels"],
    [{ topic: "e", labels: { env: "prod", team: "core", ticket: "" } }, "@default"],
    [{ topic: "e", labels: { env: "us-1", team: "core" } }, "@default"],
    [{ topic: "e" }, "@default"],
  ])("%j is decided by %s", (job, ruleId) => {
    expect(policy.decide(job).ruleId).toBe(ruleId);
  });
});

describe("outputs", () => {
  const rules = '  - { id: a, match: { topics: ["**"] }, decision: allow }\n';
  const outputs = `${rules}outputs:
  - { id: o1, match: { topics: ["x.*"] }, detect: [secrets, pii], action: quarantine }
  - { id: o2, match: { risk_tags: [o] }, detect: [pii], action: redact }
`;

  test("all matching output rules apply, in file order; the default only where none does", () => {
    const policy = load(outputs);
    const ids = (job: DecidableJob): readonly string[] =>
      policy.decide(job).obligations.outputs.map((rule) => rule.ruleId);
    expect(ids({ topic: "x.y", riskTags: ["o"] })).toEqual(["o1", "o2"]);
    expect(ids({ topic: "y", riskTags: ["o"] })).toEqual(["o2"]);
    expect(ids({ topic: "y" })).toEqual(["@output_default"]);
    expect(load(rules, "output_default: none\n").decide({ topic: "y" }).obligations.outputs).toEqual([]);
  });

  test("a declared tag brings an output rule into force also under restrict_only, beside the default and not for it", () => {
    const decision = decideAdmitted(load(outputs), admitted({ topic: "y", riskTags: ["o"] }), [], "restrict_only");
    expect(decision.obligations.outputs.map((rule) => rule.ruleId)).toEqual(["o2", "@output_default"]);
  });
});

describe("jobs that nobody admitted", () => {
  // A condition may look at any field, so that all of them are read.
  const policy = load(`
  - { id: all, match: { topics: ["**"] }, decision: allow }
  - { id: asks, match: { topics: [asked], when: has(job.payload.x) }, decision: deny }
`);
  const trap = (): never => {
    throw new Error("the caller's code was run");
  };

  test("what no rule looks at is not read", () => {
    const plain = load('  - { id: all, match: { topics: ["**"] }, decision: allow }\n');
    const job = Object.defineProperty({ topic: "x" }, "labels", { get: trap, enumerable: true });
    expect(plain.decide(job).ruleId).toBe("all");
    expect(policy.decide(job).ruleId).toBe("@invalid");
  });

  test("a payload that is not plain JSON is an error of the condition that looks at it", () => {
    const payload = { x: 1n } as never;
    expect(policy.decide({ topic: "asked", payload })).toMatchObject({ type: "DENY", ruleId: "asks", erred: ["asks"] });
    expect(policy.decide({ topic: "asked", payload: { y: 1 } })).toMatchObject({ type: "ALLOW", erred: [] });
  });

  test.each<[string, unknown, string]>([
    ["no object", null, "a job must be a plain object"],
    [
      "a proxy",
      new Proxy({ topic: "x" }, { ownKeys: trap, getOwnPropertyDescriptor: trap }),
      "a job must be a plain object",
    ],
    ["a getter", Object.defineProperty({}, "topic", { get: trap, enumerable: true }), "a job must be a plain object"],
    [
      "a property that cannot be listed",
      Object.defineProperty({}, "topic", { value: "x" }),
      "`topic` must be dot-separated segments of letters, digits and _:@%~+-",
    ],
    ["no topic", {}, "`topic` must be dot-separated segments of letters, digits and _:@%~+-"],
    ["an empty segment", { topic: "a..b" }, "`topic` must be dot-separated segments of letters, digits and _:@%~+-"],
    [
      "a long topic",
      { topic: "a".repeat(257) },
      "`topic` must be dot-separated segments of letters, digits and _:@%~+-",
    ],
    ["an inherited topic", Object.create({ topic: "x" }), "a job must be a plain object"],
    [
      "a field of another spelling",
      { topic: "x", risk_tags: ["d"] },
      "unknown field `risk_tags` (did you mean `riskTags`?)",
    ],
    [
      "tags that are no list",
      { topic: "x", riskTags: "d" },
      "`riskTags` must be a list of at most 64 tags of a-z, 0-9, _ and -",
    ],
    [
      "a tag in capitals",
      { topic: "x", riskTags: ["Prod"] },
      "`riskTags` must be a list of at most 64 tags of a-z, 0-9, _ and -",
    ],
    ["holes", { topic: "x", riskTags: Array(2) }, "`riskTags` must be a list of at most 64 tags of a-z, 0-9, _ and -"],
    ["a label that is no text", { topic: "x", labels: { env: 1 } }, "`labels` must be at most 64 texts by name"],
    [
      "an actor without type",
      { topic: "x", actor: { id: "a" } },
      "`actor` must have an `id` and a `type` of human, service or agent",
    ],
    ["a tenant with a space", { topic: "x", tenantId: "a b" }, "`tenantId` is not an identifier"],
    ["a null tenant", { topic: "x", tenantId: null }, "`tenantId` is not an identifier"],
  ])("%s is denied as @invalid, and nothing is thrown", (_, job, reason) => {
    const decision = policy.decide(job as DecidableJob);
    expect(decision).toMatchObject({
      type: "DENY",
      ruleId: "@invalid",
      reason: `the job is malformed: ${reason}`,
      matched: [],
    });
    expect(Object.isFrozen(decision.obligations.outputs)).toBe(true);
  });

  test("an undefined field is an absent one", () => {
    expect(policy.decide({ topic: "x", riskTags: undefined, tenantId: undefined }).type).toBe("ALLOW");
  });
});
