import { describe, expect, test } from "vitest";
import { PolicyError, type PolicyIssue } from "../../src/errors.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { cpu } from "../cpu.js";

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const allow = (match: object, id = "a"): object => ({ id, match, decision: "allow" });
const load = (rules: readonly object[], more: object = {}): Policy =>
  compilePolicy({ document: { version: "v1", rules, ...more } });

function issuesOf(run: () => unknown): readonly PolicyIssue[] {
  try {
    run();
  } catch (error) {
    if (error instanceof PolicyError) return error.issues;
    throw error;
  }
  return [];
}

// What a policy of 2 MiB can be made to cost, by whoever writes it: linear, or an error.
describe("loading", () => {
  test("ten thousand globs under one node are filed in linear time", () => {
    const topics = (count: number): readonly object[] => [allow({ topics: numbers(count).map((n) => `a${n}*`) })];
    load(topics(1_000));
    const [small, large] = [cpu(() => load(topics(5_000))), cpu(() => load(topics(20_000)))];
    // Four times as many; where each was compared with all before it, it was sixteen.
    expect(large / small).toBeLessThan(9);
  });

  test("patterns that multiply are an error before they fill the memory", () => {
    const long = (count: number): string[] =>
      numbers(count).map((n) => `${"{a,b}.".repeat(6)}r${n}${".x".repeat(105)}`);
    let issues: readonly PolicyIssue[] = [];
    const spent = cpu(() => {
      issues = issuesOf(() => load([allow({ topics: long(5_000) })]));
    });
    expect(issues).toMatchObject([
      {
        code: "policy_too_complex",
        message: "the policy's patterns have too many spellings together",
        help: "write fewer or simpler ones",
      },
    ]);
    expect(spent).toBeLessThan(3_000);
    expect(load([allow({ topics: long(50) })]).ruleIds).toEqual(["a"]);
  });

  test("conditions with patterns that are slow to compile are an error before they hold the process for minutes", () => {
    const heavy = (n: number): object =>
      allow({ topics: ["**"], when: `job.topic.matches("(a|b)*a(a|b){12}${n}")` }, `r${n}`);
    let issues: readonly PolicyIssue[] = [];
    const spent = cpu(() => {
      issues = issuesOf(() => load(numbers(5_000).map(heavy)));
    });
    expect(issues).toMatchObject([
      { code: "policy_too_complex", message: "the policy's conditions and patterns are too large together" },
    ]);
    expect(spent).toBeLessThan(10_000);
    // Written ten thousand times, a condition is compiled once.
    const same = numbers(10_000).map((n) =>
      allow({ topics: ["**"], when: 'job.topic.matches("(a|b)*a(a|b){12}")' }, `r${n}`),
    );
    expect(cpu(() => load(same))).toBeLessThan(5_000);
  });

  test("unknown tags are compared with the vocabulary only as far as they are listed", () => {
    const tags = Object.fromEntries(numbers(5_000).map((n) => [`known-tag-${n}`, ""]));
    const rules = numbers(5_000).map((n) => allow({ risk_tags: [`unknown-tag-${n}`] }, `r${n}`));
    let count = 0;
    const spent = cpu(() => {
      count = issuesOf(() => load(rules, { tags })).length;
    });
    expect(count).toBe(1_000);
    expect(spent).toBeLessThan(4_000);
  });
});

describe("deciding", () => {
  test("a stray tag is not compared with a vocabulary of thousands", () => {
    const tags = Object.fromEntries(numbers(20_000).map((n) => [`tag-${n}`, ""]));
    const policy = load([allow({ topics: ["**"] })], { tags });
    const spent = cpu(() => {
      for (let round = 0; round < 100; round += 1) policy.decide({ topic: "a", riskTags: ["stray-tag"] });
    });
    expect(policy.decide({ topic: "a", riskTags: ["stray-tag"] }).reason).toBe(
      "the tag `stray-tag` is not in the policy's vocabulary",
    );
    expect(spent).toBeLessThan(300);
  });

  test("the constraints of thousands of rules meet in linear time, and the longest combination is kept", () => {
    const constrained = (n: number): object => ({
      id: `r${n}`,
      match: { topics: ["**"] },
      decision: "allow_with_constraints",
      constraints: { paths: { read: [`/data/${n}`], deny: [`/data/${n}/x`] } },
    });
    const policy = load(numbers(6_000).map(constrained));
    let first = policy.decide({ topic: "a" });
    expect(cpu(() => policy.decide({ topic: "b" }))).toBeLessThan(500);
    expect(policy.decide({ topic: "a" })).toBe(first);
    expect(first.constraints.paths?.read).toHaveLength(6_000);
    const fresh = load(numbers(6_000).map(constrained));
    expect(cpu(() => (first = fresh.decide({ topic: "a" })))).toBeLessThan(3_000);
  });

  test("what many different jobs lead to is forgotten, and decided the same again", () => {
    const policy = load([
      ...numbers(200).map((n) => allow({ topics: ["**"] }, `wide${n}`)),
      ...numbers(12).map((n) => ({ id: `tag${n}`, match: { risk_tags: [`t${n}`] }, decision: "require_approval" })),
    ]);
    const ask = (n: number): string =>
      JSON.stringify(
        policy.decide({
          topic: `a.b${n}`,
          riskTags: numbers(12)
            .filter((bit) => (n >> bit) & 1)
            .map((bit) => `t${bit}`),
        }),
      );
    const early = numbers(50).map(ask);
    for (let n = 0; n < 4_096; n += 1) ask(n);
    expect(numbers(50).map(ask)).toEqual(early);
  });

  test("a condition that reads nothing pays for nothing: no other condition can make it err", () => {
    const greedy = numbers(8).map((n) => ({
      id: `greedy${n}`,
      match: {
        topics: ["**"],
        when: `job.payload.t.contains("${"ab".repeat(8)}${n}") || job.payload.t.contains("${"ba".repeat(8)}${n}")`,
      },
      decision: "throttle",
      throttle: { limit: 1, window_sec: 1 },
    }));
    const policy = load([
      ...greedy,
      { id: "never", match: { topics: ["**"], when: "false" }, decision: "deny" },
      { id: "reads", match: { topics: ["**"], when: "job.payload.t == 'x'" }, decision: "deny" },
      allow({ topics: ["**"] }),
    ]);
    const decision = policy.decide({ topic: "a", payload: { t: "a".repeat(64_000) } });
    expect(decision.erred).not.toContain("never");
    expect(decision.matched).not.toContain("never");
  });
});

describe("documents", () => {
  test("an escape that writes a lone surrogate is an error with a place, wherever it stands", () => {
    const rule = '{ id: a, match: { topics: ["**"] }, decision: deny';
    for (const [yaml, place] of [
      [`version: v1\ntags: { a: "\\uD800" }\nrules: [${rule} }]\n`, [2, 12]],
      [`version: v1\nrules:\n  - ${rule}, reason: "\\uD800" }\n`, [3, 65]],
      [`version: v1\nrules: [{ id: a, match: { labels: { "\\uD800": [x] } }, decision: deny }]\n`, [2, 37]],
    ] as const) {
      const issues = issuesOf(() => compilePolicy({ yaml }));
      expect(issues).toMatchObject([{ code: "encoding_invalid", message: "a text must not hold a lone surrogate" }]);
      expect([issues[0]?.line, issues[0]?.column]).toEqual(place);
    }
  });

  test("characters that nobody sees are written as escapes, or not at all", () => {
    for (const character of ["\u202e", "\u2028", "\u0085", "\u200b", "\u00ad"]) {
      const hidden = `version: v1\nrules: # ${character}\n  - { id: a, match: { topics: ["**"] }, decision: deny }\n`;
      expect(issuesOf(() => compilePolicy({ yaml: hidden }))).toMatchObject([
        { code: "encoding_invalid", line: 2, column: 10 },
      ]);
    }
    const escaped = 'version: v1\nrules: [{ id: a, match: { capabilities: ["\\u202E"] }, decision: deny }]\n';
    expect(compilePolicy({ yaml: escaped }).decide({ topic: "a", capability: "\u202e" }).ruleId).toBe("a");
  });

  test("a detector that can match nothing but the empty text finds nothing, and is an error", () => {
    for (const pattern of ["\\b", "^$", "a{0}", "(?:)", "$"]) {
      const outputs = [{ id: "o", match: { topics: ["**"] }, detect: [{ name: "x", pattern }], action: "quarantine" }];
      expect(issuesOf(() => load([allow({ topics: ["**"] })], { outputs }))).toMatchObject([
        {
          code: "pattern_invalid",
          message: `the pattern \`${pattern}\` is not valid: it can match nothing but the empty text`,
        },
      ]);
    }
  });

  test("one snapshot is one answer: the order in which a vocabulary is written changes no word", () => {
    const [one, other] = [
      { prodx: "", prody: "" },
      { prody: "", prodx: "" },
    ].map((tags) => load([allow({ topics: ["**"] })], { tags })) as [Policy, Policy];
    expect(one.snapshot).toBe(other.snapshot);
    const job = { topic: "a", riskTags: ["prodz"] };
    expect(one.decide(job)).toEqual(other.decide(job));
  });
});

describe("jobs that nobody admitted, read where a rule looks at them", () => {
  const policy = load([
    { id: "prod", match: { labels: { env: ["prod"] } }, decision: "deny" },
    {
      id: "asks",
      match: { topics: ["asks"], when: "!has(job.constraints.max_runtime_sec) || size(job.resources.paths) > 2" },
      decision: "allow",
    },
    allow({ topics: ["open"] }),
  ]);
  const revoked = (() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  })();
  test.each<[string, unknown]>([
    ["a revoked proxy", revoked],
    ["a revoked proxy as labels", { topic: "open", labels: revoked }],
    ["a revoked proxy as tags", { topic: "open", riskTags: revoked, labels: {} }],
    ["a Map as labels", { topic: "open", labels: new Map([["env", "prod"]]) }],
    ["labels on a prototype", { topic: "open", labels: Object.create({ env: "prod" }) }],
    ["a label with a lone surrogate", { topic: "open", labels: { env: "\ud800" } }],
    [
      "an instance of a class",
      new (class Job {
        topic = "open";
      })(),
    ],
    ["a key of another spelling in constraints", { topic: "asks", constraints: { MaxRuntimeSec: 1 } }],
    ["a text in place of a list", { topic: "asks", resources: { paths: "/etc/passwd" } }],
  ])("%s is not allowed", (_, job) => {
    expect(policy.decide(job as { topic: string }).type).toBe("DENY");
  });

  test("a tag that stands twice is one tag", () => {
    const tiered = load([allow({ topics: ["**"] })], { tiers: ["low", "high"] });
    expect(tiered.decide({ topic: "a", riskTags: ["low", "low"] }).type).toBe("ALLOW");
  });
});
