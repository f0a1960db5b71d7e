/**
 * The hazards of policies that were measured in other engines and libraries, and where each is held off:
 *
 * | hazard | tested in |
 * |---|---|
 * | first match lets a destructive write through | decide.test.ts (the seed's policy, with its control), cases/first-match |
 * | dead rules, each with a witness | test/analysis/lint*.test.ts |
 * | a misspelt key or decision is taken for nothing | issues.test.ts; in imported files imports.test.ts; in policy tests test/analysis/suite.test.ts |
 * | a condition that cannot be read never fires | here, and condition.test.ts |
 * | an allow beats an approval | here, and cases/most-restrictive |
 * | `0` and `[]` are read as no limit | here, meet.test.ts and cases/constraints |
 * | YAML 1.1, merge keys, last key wins, alias bombs | read-yaml.test.ts |
 * | a glob library's own ideas (dot files, `[z-a]`, `!`, empty segments) | here, and glob.test.ts |
 * | globs that take seconds on a long text | here, and glob.test.ts |
 * | a native regular expression in a condition | here, condition-cost.test.ts and linear-pattern.test.ts |
 * | a missing field throws, a condition without a budget | here, condition.test.ts, condition-cost.test.ts, cases/halves-and-errors |
 * | integer literals against a job's numbers | here, and condition.test.ts |
 * | patterns of a policy on a native engine | linear-pattern.test.ts, test/output/linear.test.ts |
 * | size, depth and number of rules without limits | here, and read-yaml.test.ts |
 */
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, test } from "vitest";
import type { DecidableJob } from "../../src/job/job.js";
import type { Decision, Json } from "../../src/outcome.js";
import { compilePolicy, decideAdmitted, type Policy } from "../../src/policy/policy.js";
import { readTopicPattern } from "../../src/policy/topic-pattern.js";
import { leastCpu } from "../cpu.js";
import { admitted } from "./job.js";
import { issuesOf, ruleYaml } from "./load.js";

/** Milliseconds of CPU a round. */
function cpu(work: () => void, rounds = 20, tries = 5): number {
  const many = (): void => {
    for (let round = 0; round < rounds; round += 1) work();
  };
  return leastCpu(many, tries) / rounds;
}

const load = (rules: string, head = ""): Policy => compilePolicy({ yaml: `version: v1\n${head}rules:\n${rules}` });
const oneRule = (match: Json, decision = "allow"): Policy =>
  compilePolicy({ document: { version: "v1", rules: [{ id: "a", match, decision }] } });

describe("a condition that cannot be read is no rule that never fires", () => {
  test.each([
    [
      "a condition that breaks off",
      'match: { when: "job.payload.amount >" }',
      "the condition is not valid at character 21: a condition cannot be read: unexpected token: EOF",
      undefined,
    ],
    [
      "a misspelt field",
      "match: { when: \"job.riskTags == ['x']\" }",
      "the condition is not valid at character 5: a job has no field `riskTags`",
      "did you mean `job.risk_tags`?",
    ],
    [
      "an integer literal beside a job's number",
      'match: { when: "job.payload.n + 1 > 2.0" }',
      "the condition is not valid at character 1: `+` cannot mix an integer with a double, and a job's numbers are doubles",
      "write `1.0`",
    ],
    [
      "a remainder of a job's number",
      'match: { when: "job.payload.n % 2 == 0" }',
      "the condition is not valid at character 1: `%` works on integers, and a job's numbers are doubles",
      "write `int(job.payload.n) % 2`",
    ],
    [
      "comprehensions inside one another",
      'match: { when: "job.payload.a.exists(x, x.b.exists(y, y.c.exists(z, z)))" }',
      "the condition is not valid at character 25: `exists` stands inside another comprehension",
      "comprehensions must not stand inside one another; put the inner one in a rule of its own",
    ],
    [
      "a clock",
      "match: { when: \"timestamp('2026-01-01T00:00:00Z') > 1\" }",
      "the condition is not valid at character 1: `timestamp` is not there: a condition has no dates and no clock",
      "compare dates as text: in ISO 8601 and UTC they sort",
    ],
    [
      "a pattern that a job computes",
      'match: { when: "job.topic.matches(job.payload.p)" }',
      "the condition is not valid at character 1: the pattern of `matches` must be written out, not computed",
      "write the pattern out, between quotes",
    ],
  ])("%s is refused at load, with its place and help", (_, match, message, help) => {
    for (const decision of ["allow", "deny"]) {
      const issue = { code: "condition_invalid", message, path: "/rules/0/match/when", line: 4, column: 20 };
      expect(issuesOf(ruleYaml(`${match}\ndecision: ${decision}`))[0]).toEqual(
        help === undefined ? issue : { ...issue, help },
      );
    }
  });

  test("also in an exception and in an output rule, each with its own place", () => {
    const yaml = `${ruleYaml('match: { topics: [x], unless: { when: "(" } }\ndecision: deny')}outputs:
  - { id: o, match: { when: ")" }, detect: [pii], action: redact }
`;
    expect(issuesOf(yaml).map(({ code, path, line, column }) => [code, path, line, column])).toEqual([
      ["condition_invalid", "/rules/0/match/unless/when", 4, 43],
      ["condition_invalid", "/outputs/0/match/when", 7, 29],
    ]);
  });

  test("the library alone takes integer arithmetic at load and fails at every job: the control", () => {
    const environment = new Environment({ unlistedVariablesAreDyn: true });
    const parsed = environment.parse("n % 2 == 0");
    expect(() => parsed({ n: 4 })).toThrow("no such overload");
  });
});

describe("a condition that cannot be told follows the two halves", () => {
  const AT_LARGE = Array.from({ length: 3_000 }, (_, n) => n);
  const failures: readonly (readonly [string, string, Json])[] = [
    ["misses a field", "job.payload.gone > 1.0", {}],
    ["meets a value of another kind", "job.payload.n > 1.0", { n: "text" }],
    ["divides by zero", "1.0 / job.payload.n > 1.0", { n: 0 }],
    ["walks a list that is too long", "job.payload.list.exists(n, n < -1.0)", { list: AT_LARGE }],
    [
      "runs over its budget",
      `job.payload.list.all(n, ${Array.from({ length: 90 }, () => "n >= 0.0").join(" && ")})`,
      { list: AT_LARGE.slice(0, 1_000) },
    ],
    ["asks a payload that is not there", "job.payload.a.b == 1.0", null],
  ];
  const rules = (when: string, decision: string): string =>
    `  - { id: erring, match: { topics: ["**"], when: "${when}" }, ${decision} }\n`;
  const open = '  - { id: open, match: { topics: ["**"] }, decision: allow }\n';
  const decisions: readonly (readonly [string, string, string])[] = [
    ["decision: allow", "DENY @default", "ALLOW open"],
    ["decision: deny", "DENY erring", "DENY erring"],
    // Alone, the default is the more severe: an error never makes an answer milder.
    ["decision: throttle", "DENY @default", "THROTTLE erring"],
    ["decision: throttle, throttle: { limit: 1, window_sec: 1 }", "DENY @default", "ALLOW open"],
    ["decision: require_approval", "DENY @default", "REQUIRE_APPROVAL erring"],
    [
      "decision: allow_with_constraints, constraints: { max_retries: 0 }",
      "DENY @default",
      "ALLOW_WITH_CONSTRAINTS erring",
    ],
  ];

  describe.each(failures)("one that %s", (_, when, payload) => {
    const job: DecidableJob = { topic: "x", payload };
    test.each(decisions)("{ %s } alone is %s, beside a permission %s", (decision, alone, beside) => {
      const named = (policy: Policy): string => {
        // As the gate decides it, and as a trusted caller may ask.
        const { type, ruleId, erred } = policy.decide(admitted(job));
        expect(policy.decide(job)).toBe(policy.decide(job));
        expect(erred).toEqual(["erring"]);
        return `${type} ${ruleId}`;
      };
      expect(named(load(rules(when, decision)))).toBe(alone);
      const both = load(open + rules(when, decision));
      expect(named(both)).toBe(beside);
      // What the rule binds holds, although nobody knows whether it is for this job.
      const { constraints, obligations } = both.decide(job);
      const binds = [
        obligations.limits.map(({ ruleId }) => ruleId),
        obligations.approvals.map(({ ruleId }) => ruleId),
        constraints,
      ];
      expect(binds).toEqual([
        decision.includes("window_sec") ? ["erring"] : [],
        decision.includes("approval") ? ["erring"] : [],
        decision.includes("max_retries") ? { maxRetries: 0 } : {},
      ]);
    });

    test("under `first_match` it ends the search as a refusal", () => {
      for (const [decision] of decisions) {
        const policy = load(rules(when, decision) + open, "combining: first_match\n");
        const { type, ruleId, matched, erred } = policy.decide(job);
        expect([decision, type, ruleId, matched, erred]).toEqual([decision, "DENY", "erring", ["erring"], ["erring"]]);
      }
    });

    test("in an exception it lifts no refusal, and leaves no permission", () => {
      const except = (decision: string): string =>
        `  - { id: erring, match: { topics: ["**"], unless: { when: "${when}" } }, decision: ${decision} }\n`;
      expect(load(except("deny") + open).decide(job).ruleId).toBe("erring");
      expect(load(except("allow")).decide(job).ruleId).toBe("@default");
    });
  });

  test("an allow that permits nothing never names the decision, in whatever order", () => {
    const erring = load(rules("job.payload.gone > 1.0", "decision: allow") + open);
    expect(erring.decide({ topic: "x", payload: {} })).toMatchObject({ type: "ALLOW", ruleId: "open" });
    // Nor where it fails by a tag that only the job declares.
    const tagged = load(`  - { id: safe, match: { risk_tags: [safe] }, decision: allow }\n${open}`);
    const decision = decideAdmitted(tagged, admitted({ topic: "x", riskTags: ["safe"] }), [], "restrict_only");
    expect(decision).toMatchObject({ type: "ALLOW", ruleId: "open" });
  });

  test("an engine that takes an erring rule for an absent one lets the job through: the control", () => {
    const environment = new Environment({ unlistedVariablesAreDyn: true });
    const naive = (): string => {
      try {
        return environment.evaluate("payload.gone > 1.0", { payload: {} }) === true ? "DENY" : "ALLOW";
      } catch {
        return "ALLOW";
      }
    };
    expect(naive()).toBe("ALLOW");
  });
});

describe("nothing given is not nothing allowed", () => {
  const policy = load(
    '  - { id: a, match: { topics: ["**"] }, decision: allow_with_constraints, constraints: { max_retries: 0, max_output_bytes: 0, max_concurrent: 0, paths: { read: [] }, network: { allow: [] } } }\n',
  );

  test("`0` and `[]` come out of a policy as they went in, and what is absent stays absent", () => {
    const { constraints, obligations } = policy.decide({ topic: "x" });
    expect(constraints).toEqual({ maxRetries: 0, maxOutputBytes: 0, paths: { read: [[]] }, network: { allow: [[]] } });
    expect(obligations.pools).toEqual([{ ruleId: "a", maxConcurrent: 0 }]);
    expect(constraints).not.toHaveProperty("maxRuntimeSec");
    expect(constraints.paths).not.toHaveProperty("write");
  });

  test("a shipped engine's way of reading them makes them no limit: the control", () => {
    const given: { readonly maxRetries: number; readonly allow: readonly string[] } = { maxRetries: 0, allow: [] };
    expect(given.maxRetries || Number.POSITIVE_INFINITY).toBe(Number.POSITIVE_INFINITY);
    expect(given.allow.length === 0 || given.allow.includes("x")).toBe(true);
  });

  test("an allow beside an approval does not lift it, in whatever order", () => {
    const two = [
      "  - { id: a, match: { topics: [x] }, decision: allow }\n",
      "  - { id: h, match: { topics: [x] }, decision: require_approval }\n",
    ];
    for (const order of [two, two.toReversed()]) {
      expect(load(order.join("")).decide({ topic: "x" })).toMatchObject({ type: "REQUIRE_APPROVAL", ruleId: "h" });
    }
  });
});

describe("patterns mean what they say, or are refused", () => {
  test.each([
    ["topics", "'files.[z-a]'", "the pattern `files.[z-a]` is not valid: `[` has no meaning in a pattern", 22],
    ["topics", "'!prod.**'", "the pattern `!prod.**` is not valid: `!` has no meaning in a pattern", 22],
    ["topics", "'files/**'", "the pattern `files/**` is not valid: `**` must stand alone between dots, in topics", 22],
    [
      "topics",
      "'prod..delete'",
      "the pattern `prod..delete` is not valid: a pattern must not have an empty segment",
      22,
    ],
    ["topics", "'a.*b*c*d'", "the pattern `a.*b*c*d` is not valid: a segment may hold at most 2 `*`", 22],
    ["actors", "'[z-a]'", "the pattern `[z-a]` is not valid: `[` has no meaning in a pattern", 22],
  ])("%s: [%s] is refused with its place", (key, pattern, message, column) => {
    const issues = issuesOf(ruleYaml(`match: { ${key}: [${pattern}] }\ndecision: deny`));
    expect(issues).toEqual([
      { code: "pattern_invalid", message, path: `/rules/0/match/${key}/0`, line: 4, column: column + 1 },
    ]);
  });

  test("a topic with an empty segment is no topic, so that no star can stand for it", () => {
    const policy = oneRule({ topics: ["prod.*.delete"] });
    expect(policy.decide({ topic: "prod..payments.delete" })).toMatchObject({ type: "DENY", ruleId: "@invalid" });
    expect(policy.decide({ topic: "prod.payments.delete" }).type).toBe("ALLOW");
  });

  test("a text that starts with a dot is matched by a star", () => {
    const policy = oneRule({ topics: ["x"], labels: { file: "*" } }, "deny");
    expect(policy.decide({ topic: "x", labels: { file: ".env" } }).ruleId).toBe("a");
  });

  test("the library alone does all of this: the control", () => {
    expect(picomatch.isMatch("files/.env", "files/**")).toBe(false);
    expect(picomatch.isMatch("m", "[z-a]")).toBe(false);
    expect(picomatch.isMatch("dev", "!prod")).toBe(true);
    expect(picomatch.isMatch("prod..payments.delete", "prod.*.delete")).toBe(true);
  });
});

/** Texts of 256 characters that look as if they matched until late. */
const TEXTS = ["a".repeat(256), `${"a".repeat(255)}b`, "ab".repeat(128), "b".repeat(256)];

describe("a text of 256 characters against a pattern of any shape is decided within 1 ms of CPU", () => {
  /** What one decision takes at most, over all the texts; topics are changed each time, since answers are kept. */
  const slowest = (pattern: string): readonly [number, string] => {
    const byTopic = oneRule({ topics: [pattern] });
    const deepTopic = oneRule({ topics: [`**.${pattern}`] });
    const byActor = oneRule({ topics: ["x"], actors: [pattern] });
    const byLabel = oneRule({ topics: ["x"], labels: { l: pattern } });
    let turn = 0;
    const spent = TEXTS.flatMap((text) => {
      const fresh = (): string => text.slice(0, 252) + String(1_000 + (turn++ % 9_000));
      return [
        cpu(() => byTopic.decide({ topic: fresh() }), 10, 3),
        cpu(() => deepTopic.decide({ topic: `a.${fresh().slice(2)}` }), 10, 3),
        cpu(() => byActor.decide({ topic: "x", actor: { id: text, type: "agent" } }), 10, 3),
        cpu(() => byLabel.decide({ topic: "x", labels: { l: text } }), 10, 3),
      ];
    });
    return [Math.max(...spent), pattern];
  };
  const accepted = (pattern: string): boolean => pattern !== "**" && readTopicPattern(`**.${pattern}`).ok;

  test("of every short shape", () => {
    const parts = ["a", "b", "*", "?", "{a,b}", "{a*,b}", "{?,aa}"];
    const short = parts.flatMap((one) => parts.flatMap((two) => parts.map((three) => one + two + three)));
    const shapes = [...new Set(short)].filter(accepted);
    expect(shapes.length).toBeGreaterThan(150);
    const [most, pattern] = shapes.map(slowest).reduce((one, other) => (other[0] > one[0] ? other : one));
    console.info(`${shapes.length} short shapes: at most ${most.toFixed(3)} ms (${pattern})`);
    expect([pattern, most < 1]).toEqual([pattern, true]);
  }, 60_000);

  test("of long shapes as they come", () => {
    const part = fc.constantFrom("a", "aaaaaaaa", "a".repeat(60), "b", "*", "?", "{a,c}", "{?,a}", "ab");
    const patterns = fc.sample(
      fc
        .array(part, { minLength: 1, maxLength: 12 })
        .map((parts) => parts.join(""))
        .filter((pattern) => pattern.length <= 250 && accepted(pattern)),
      { numRuns: 150, seed: 11 },
    );
    const [most, pattern] = patterns.map(slowest).reduce((one, other) => (other[0] > one[0] ? other : one));
    console.info(`${patterns.length} long shapes, seed 11: at most ${most.toFixed(3)} ms (${pattern})`);
    expect([pattern, most < 1]).toEqual([pattern, true]);
  }, 60_000);

  test.each([
    ["a long part with a question mark between stars", `*?${"a".repeat(127)}b*`],
    ["64 spellings of a long part with a question mark", `*?${"a".repeat(90)}${"{a,c}".repeat(6)}b*`],
    ["64 spellings of question marks before a long part", `*${"{?,a}".repeat(6)}${"a".repeat(97)}b*`],
    [
      "64 spellings of question marks around a long part",
      `*${"{?,a}".repeat(3)}${"a".repeat(97)}${"{?,a}".repeat(3)}b`,
    ],
  ])("of a shape that is made to be slow: %s", (_, pattern) => {
    // Refused at load, or decided in time.
    if (!accepted(pattern)) return;
    const [most] = slowest(pattern);
    console.info(`${pattern.slice(0, 12)}... takes ${most.toFixed(3)} ms`);
    expect(most).toBeLessThan(1);
  });

  test("a regular expression made of three stars takes longer than that: the control", () => {
    const text = "a".repeat(256);
    expect(cpu(() => picomatch.isMatch(text, "*a*a*a*b"), 1, 3)).toBeGreaterThan(1);
  });
});

describe("a condition over a list of 3,000 elements is refused at load, or decided within 5 ms of CPU", () => {
  const list = Array.from({ length: 3_000 }, (_, n) => n);
  const job = admitted({
    topic: "x",
    payload: { list, rows: list.slice(0, 1_000).map((n) => ({ n, tags: ["a", "b"] })) },
  });

  test.each([
    ["two deep", "job.payload.list.exists(a, job.payload.list.exists(b, a + b < 0.0))", 27],
    ["three deep", "job.payload.list.all(a, job.payload.list.all(b, job.payload.list.exists(c, c == a)))", 24],
    ["in the list that is walked", "job.payload.rows.filter(r, r.tags.exists(t, t == 'a')).exists(r, r.n > 1.0)", 27],
  ])("%s it is refused at load", (_, when, at) => {
    const [issue] = issuesOf(ruleYaml(`match: { when: "${when}" }\ndecision: deny`));
    expect(issue).toMatchObject({
      code: "condition_invalid",
      help: "comprehensions must not stand inside one another; put the inner one in a rule of its own",
      line: 4,
      column: 20,
    });
    expect(issue?.message).toMatch(new RegExp(`^the condition is not valid at character ${at + 1}: `));
  });

  test.each([
    ["walked", "job.payload.list.exists(n, n < 0.0)"],
    ["walked four times", Array.from({ length: 4 }, (_, n) => `job.payload.list.all(n, n > ${n}.5)`).join(" || ")],
    ["made smaller, and walked again", "job.payload.list.filter(n, n > 5.0).map(n, n * 2.0).exists(n, n == 7.0)"],
    ["looked into", "7.5 in job.payload.list"],
    ["looked into for each of a thousand", "job.payload.rows.exists(r, r.n in job.payload.list)"],
    ["compared", "job.payload.list == job.payload.list"],
  ])("%s it is decided, and the decision is a refusal", (_, when) => {
    const policy = load(
      `  - { id: refuse, match: { when: "${when}" }, decision: deny }\n  - { id: open, match: { topics: ["**"] }, decision: allow }\n`,
    );
    // As the gate decides it: what was admitted is not copied again.
    const decide = (): Decision => decideAdmitted(policy, job, [], "trusted");
    const decision = decide();
    expect([decision.type, decision.ruleId, decision.erred]).toEqual(["DENY", "refuse", ["refuse"]]);
    expect(cpu(decide)).toBeLessThan(5);
  });

  test("the library alone walks a list inside a list without end: the control", () => {
    const environment = new Environment({ unlistedVariablesAreDyn: true });
    const naive = environment.parse("l.exists(a, l.exists(b, a + b < 0.0))");
    const few = list.slice(0, 400).map((n) => n + 0.5);
    expect(cpu(() => naive({ l: few }), 1, 2)).toBeGreaterThan(5);
  });

  test("an evil pattern on an evil text is decided within 5 ms, and takes the built-in engine longer: the control", () => {
    const policy = load("  - { id: a, match: { when: \"job.payload.matches('^(a+)+$')\" }, decision: allow }\n");
    const text = `${"a".repeat(27)}!`;
    expect(policy.decide({ topic: "x", payload: text }).ruleId).toBe("@default");
    expect(policy.decide({ topic: "x", payload: "aaa" }).ruleId).toBe("a");
    expect(cpu(() => policy.decide({ topic: "x", payload: text }))).toBeLessThan(5);
    expect(cpu(() => /^(a+)+$/.test(text.slice(5)), 1, 1)).toBeGreaterThan(5);
  });
});

describe("limits are errors, not hangs", () => {
  const plain = (index: number): string =>
    `  - { id: rule-number-${index}, match: { topics: ["job.team-${index}.*"] }, decision: allow }\n`;
  const many = `version: v1\nrules:\n${Array.from({ length: 10_000 }, (_, index) => plain(index)).join("")}`;
  /** Generous on purpose, and of CPU: what must not be is minutes. */
  const SOON = 15_000;

  test("10,000 rules are loaded and decided", () => {
    expect(Buffer.byteLength(many)).toBeLessThan(2_097_152);
    let policy: Policy | undefined;
    expect(cpu(() => (policy = compilePolicy({ yaml: many })), 1, 1)).toBeLessThan(SOON);
    expect(policy?.ruleIds).toHaveLength(10_000);
    expect(policy?.decide({ topic: "job.team-9999.x" }).ruleId).toBe("rule-number-9999");
  }, 60_000);

  test("2 MiB to the byte are read, one byte more is refused at once", () => {
    const full = `${many}#${" ".repeat(2_097_152 - Buffer.byteLength(many) - 1)}`;
    expect(compilePolicy({ yaml: full }).ruleIds).toHaveLength(10_000);
    let issues: readonly unknown[] = [];
    expect(cpu(() => (issues = issuesOf(`${full} `)), 1, 1)).toBeLessThan(100);
    expect(issues).toEqual([
      { code: "policy_too_large", message: "a policy must not be larger than 2097152 bytes", path: "" },
    ]);
  }, 60_000);

  test("10,000 rules each with a wrong key, an unreadable pattern and an unreadable condition list 1,000 of a kind, soon", () => {
    const wrong = many.replace(/match: \{ topics: \["(.*?)"\] \}/g, 'match: { topics: ["$1["], when: "(", rist: 1 }');
    let issues: ReturnType<typeof issuesOf> = [];
    expect(cpu(() => (issues = issuesOf(wrong)), 1, 1)).toBeLessThan(SOON);
    const counts = ["pattern_invalid", "condition_invalid", "key_unknown"].map(
      (code) => issues.filter((issue) => issue.code === code).length,
    );
    expect(counts).toEqual([500, 500, 1_000]);
    expect(issues[0]).toMatchObject({ line: 3 });
  }, 60_000);

  test("10,000 rules that share an id list 1,000 of them, each with the first one's place", () => {
    const issues = issuesOf(many.replace(/rule-number-\d+/g, "same"));
    expect(issues).toHaveLength(1_000);
    expect(issues.at(-1)).toMatchObject({
      code: "rule_id_duplicate",
      message: "the id `same` is already that of `/rules/0`",
      help: "give each rule its own id",
      line: 1_003,
      column: 11,
    });
  }, 60_000);

  test("what nests 64 deep inside a rule is refused by its shape, 65 deep by its depth, with the place of each", () => {
    // The list of rules, the rule and its match block are three of them.
    const nested = (depth: number): string => {
      const inner = `${"[".repeat(depth - 4)}${"]".repeat(depth - 4)}`;
      return ruleYaml(`match: { topics: ${inner} }\ndecision: deny`);
    };
    expect(issuesOf(nested(64))).toEqual([
      expect.objectContaining({ code: "type_wrong", path: "/rules/0/match/topics/0", line: 4, column: 23 }),
    ]);
    expect(issuesOf(nested(65))).toEqual([
      expect.objectContaining({ code: "yaml_too_deep", message: "a policy must not nest deeper than 64", line: 4 }),
    ]);
  });

  test("exceptions do not nest: 60 in one another are one unknown key", () => {
    const match = `${"{ topics: [x], unless: ".repeat(59)}{ topics: [x] }${" }".repeat(59)}`;
    expect(issuesOf(ruleYaml(`match: ${match}\ndecision: deny`))).toEqual([
      {
        code: "key_unknown",
        message: "an `unless` must not hold another",
        path: "/rules/0/match/unless/unless",
        line: 4,
        column: 12 + "{ topics: [x], unless: ".length + "{ topics: [x], ".length,
      },
    ]);
  });

  test("a condition of 4,096 characters is taken, one more is refused with its place", () => {
    const padded = (length: number): string => `true${" ".repeat(length - 4)}`;
    const yaml = (length: number): string => ruleYaml(`match: { when: "${padded(length)}" }\ndecision: allow`);
    expect(compilePolicy({ yaml: yaml(4_096) }).decide({ topic: "x" }).type).toBe("ALLOW");
    expect(issuesOf(yaml(4_097))[0]).toMatchObject({ path: "/rules/0/match/when", line: 4, column: 20 });
  });
});
