import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSuite, runSuite, type Suite, type SuiteReport } from "../../src/analysis/suite.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";

const HEAD = "policy: ./policy.yaml\ntests:\n";

function suiteOf(text: string): Suite {
  const read = readSuite(text);
  if (!read.ok) throw new Error(read.issues.map(({ message }) => message).join("; "));
  return read.suite;
}

/** One line an issue, as people see it. */
function told(text: string): readonly string[] {
  const read = readSuite(text);
  if (read.ok) return [];
  return read.issues.map(
    ({ line, column, code, message, help }) =>
      `${line}:${column} ${code}: ${message}${help === undefined ? "" : ` (${help})`}`,
  );
}

const POLICY = compilePolicy({
  yaml: `version: v1
rules:
  - id: open
    match: { topics: ["a.*"] }
    decision: allow
  - id: paced
    match: { topics: ["a.*"] }
    decision: throttle
    throttle: { limit: 1, window_sec: 1 }
  - id: held
    match: { topics: ["a.*"], risk_tags: [prod] }
    decision: require_approval
    reason: a person looks first
    approval: { quorum: 2, roles: [ops, dev] }
    constraints: { max_runtime_sec: 5, max_concurrent: 1, paths: { read: [/b, /a], deny: [/c] }, network: { allow: [] } }
    remediations: [{ title: Try the test system }]
  - id: errs
    match: { topics: ["a.*"], risk_tags: [prod], when: "job.payload.x" }
    decision: allow
  - id: unused
    match: { topics: [z] }
    decision: deny
outputs:
  - { id: pii-out, match: { topics: ["a.*"] }, detect: [pii], action: redact }
  - { id: unused-out, match: { topics: [z] }, detect: [pii], action: redact }
`,
});

const HELD = "job: { topic: a.x, risk_tags: [prod], payload: {} }";
const run = (expectation: string, job = HELD, policy: Policy = POLICY): SuiteReport =>
  runSuite(suiteOf(`${HEAD}  - { name: n, ${job}, expect: { ${expectation} } }\n`), policy);

describe("reading a suite", () => {
  test("what it says, in the spelling of the API, with the line of each test", () => {
    const suite = suiteOf(`note: an example
policy: ./policy.yaml
declared_tags: restrict_only
tests:
  - name: one
    job:
      topic: a.x
      risk_tags: [b, a]
      derived_tags: [z, c, z]
      tenant_id: acme
      actor: { id: bot, type: agent, on_behalf_of: ann }
      labels: { tenant_id: kept }
      capability: c
      requires: [r]
      resources: { paths: [/a], hosts: [h] }
      constraints: { max_runtime_sec: 4, max_retries: 0 }
      payload: { risk_tags: kept, list: [{ max_retries: kept }] }
    expect: { decision: allow }

  - { name: two, job: { topic: a.y, actor: null }, expect: { decision: deny, rule: "@default" } }
`);
    expect(suite).toEqual({
      note: "an example",
      policy: { path: "./policy.yaml" },
      declaredTags: "restrict_only",
      tests: [
        {
          name: "one",
          job: {
            topic: "a.x",
            riskTags: ["b", "a"],
            tenantId: "acme",
            actor: { id: "bot", type: "agent", onBehalfOf: "ann" },
            labels: { tenant_id: "kept" },
            capability: "c",
            requires: ["r"],
            resources: { paths: ["/a"], hosts: ["h"] },
            constraints: { maxRuntimeSec: 4, maxRetries: 0 },
            payload: { risk_tags: "kept", list: [{ max_retries: "kept" }] },
          },
          derivedTags: ["c", "z"],
          expect: { decision: "allow" },
          line: 5,
        },
        {
          name: "two",
          job: { topic: "a.y", actor: null },
          derivedTags: [],
          expect: { decision: "deny", rule: "@default" },
          line: 20,
        },
      ],
    });
  });

  test("the policy may stand in it", () => {
    const suite = suiteOf(
      "policy: { version: v1, rules: [] }\ntests:\n  - { name: n, job: { topic: a }, expect: { decision: deny } }\n",
    );
    expect(suite.policy).toEqual({ document: { version: "v1", rules: [] } });
    expect([suite.note, suite.declaredTags]).toEqual([null, "trusted"]);
  });

  const one = (body: string): string => `${HEAD}  - { name: n, ${body} }\n`;
  const job = "job: { topic: a }";
  const allow = "expect: { decision: allow }";
  test.each([
    ["an empty file", "", "1:1 policy_empty: the suite is empty (a suite has `policy` and `tests`)"],
    ["a list", "[]", "1:1 type_wrong: the suite must be a map, not a list"],
    ["no policy", `tests: [{ name: n, ${job}, ${allow} }]`, "1:1 key_missing: the suite must have `policy`"],
    ["no tests", "policy: x", "1:1 key_missing: the suite must have `tests`"],
    ["an empty list of tests", "policy: x\ntests: []", "2:8 list_empty: `tests` must not be an empty list"],
    [
      "an empty path",
      `policy: ""\ntests: [{ name: n, ${job}, ${allow} }]`,
      "1:9 value_invalid: `policy` must not be an empty path",
    ],
    [
      "a misspelt key",
      `polcy: x\n${one(`${job}, ${allow}`)}`,
      "1:1 key_unknown: unknown key `polcy` (did you mean `policy`?)",
    ],
    [
      "a misspelt key of a test",
      one(`${job}, ${allow}, expects: {}`),
      "3:64 key_unknown: unknown key `expects` in a test (did you mean `expect`?)",
    ],
    ["a test without expectations", one(job), "3:5 key_missing: a test must have `expect`"],
    [
      "a test without a decision",
      one(`${job}, expect: { rule: x }`),
      "3:43 key_missing: `expect` must have `decision`",
    ],
    ["empty expectations", one(`${job}, expect: {}`), "3:43 key_missing: `expect` must have `decision`"],
    [
      "a misspelt expectation",
      one(`${job}, expect: { decision: allow, rul: x }`),
      "3:62 key_unknown: unknown key `rul` in `expect` (did you mean `rule`?)",
    ],
    [
      "a misspelt decision",
      one(`${job}, expect: { decision: alow }`),
      "3:55 word_unknown: `decision` cannot be `alow` (did you mean `allow`?)",
    ],
    [
      "a decision in the spelling of the API",
      one(`${job}, expect: { decision: REQUIRE_APPROVAL }`),
      "3:55 word_unknown: `decision` cannot be `REQUIRE_APPROVAL` (did you mean `require_approval`?)",
    ],
    [
      "a misspelt constraint",
      one(`${job}, expect: { decision: allow, constraints: { max_runtime: 1 } }`),
      "3:77 key_unknown: unknown key `max_runtime` in `constraints` (did you mean `max_runtime_sec`?)",
    ],
    [
      "an allow list that is no list of lists",
      one(`${job}, expect: { decision: allow, constraints: { paths: { read: [/a] } } }`),
      "3:93 type_wrong: an item of `read` must be a list, not a string",
    ],
    [
      "paths that say nothing",
      one(`${job}, expect: { decision: allow, constraints: { paths: {} } }`),
      "3:84 map_empty: `paths` must not be empty",
    ],
    [
      "an approval that says nothing",
      one(`${job}, expect: { decision: allow, approvals: [{}] }`),
      "3:74 map_empty: an item of `approvals` must not be empty",
    ],
    [
      "a misspelt key of an approval",
      one(`${job}, expect: { decision: allow, approvals: [{ quorom: 2 }] }`),
      "3:76 key_unknown: unknown key `quorom` in an item of `approvals` (did you mean `quorum`?)",
    ],
    [
      "a number of approvals",
      one(`${job}, expect: { decision: allow, approvals: [{ quorum: two }] }`),
      "3:84 type_wrong: `quorum` must be a number, not a string",
    ],
    [
      "an answer that is no flag",
      one(`${job}, expect: { decision: allow, approvals: [{ allow_self: "true" }] }`),
      "3:88 type_wrong: `allow_self` must be true or false, not a string",
    ],
    [
      "an expectation of nothing",
      one(`${job}, expect: { decision: allow, matched: null }`),
      "3:71 type_wrong: `matched` must be a list, not nothing",
    ],
    [
      "a rule id that is a number",
      one(`${job}, expect: { decision: allow, rule: 7 }`),
      "3:68 type_wrong: `rule` must be a string, not `7` (put it in quotes)",
    ],
    [
      "a job field in the spelling of the API",
      one(`job: { topic: a, riskTags: [x] }, ${allow}`),
      "3:33 key_unknown: unknown key `riskTags` in `job` (did you mean `risk_tags`?)",
    ],
    [
      "a misspelt key of an actor",
      one(`job: { topic: a, actor: { id: x, type: agent, onbehalfof: y } }, ${allow}`),
      "3:62 key_unknown: unknown key `onbehalfof` in `actor` (did you mean `on_behalf_of`?)",
    ],
    [
      "a misspelt limit of a job",
      one(`job: { topic: a, constraints: { retries: 1 } }, ${allow}`),
      "3:48 key_unknown: unknown key `retries` in `constraints` (use `max_runtime_sec` or `max_retries`)",
    ],
    [
      "a derived tag in capitals",
      one(`job: { topic: a, derived_tags: [Prod] }, ${allow}`),
      "3:48 value_invalid: the tag `Prod` must be 1 to 64 of a-z, 0-9, _ and -",
    ],
    [
      "a name that stands twice",
      `${one(`${job}, ${allow}`)}  - { name: n, ${job}, ${allow} }\n`,
      "4:13 value_repeated: the name `n` stands twice",
    ],
    [
      "a misspelt way of taking tags",
      `declared_tags: restricted\n${one(`${job}, ${allow}`)}`,
      "1:16 word_unknown: `declared_tags` cannot be `restricted` (use `trusted` or `restrict_only`)",
    ],
    [
      "an alias",
      `note: &a x\n${one(`${job}, ${allow}`)}`,
      "1:7 yaml_anchor: a suite must not use an anchor (`&a`) (remove it and write the value out where it is used)",
    ],
    [
      "a duplicate key",
      one(`${job}, ${allow}, ${job}`),
      "3:64 yaml_duplicate_key: the key `job` stands twice (keep one)",
    ],
  ])("%s is refused with its place", (_, text, wanted) => {
    expect(told(text)).toEqual([wanted]);
  });

  test("all problems come at once, in the order of their places", () => {
    const text = "polcy: x\ntests:\n  - { name: 1, job: {}, expect: { decision: no } }\n";
    expect(told(text).map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "1:1 key_missing:",
      "1:1 key_unknown:",
      "3:13 type_wrong:",
      "3:21 key_missing:",
      "3:45 word_unknown:",
    ]);
  });
});

test("whatever is written, it is read or refused with issues, and what is read can be run", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), tie("map")),
    map: fc.dictionary(
      fc.constantFrom(
        "policy",
        "tests",
        "job",
        "expect",
        "name",
        "topic",
        "actor",
        "decision",
        "approvals",
        "paths",
        "x",
      ),
      tie("any"),
      { maxKeys: 4 },
    ),
  })).map;
  const topic = fc.oneof({ weight: 3, arbitrary: fc.constant("a.x") }, { weight: 1, arbitrary: fc.jsonValue() });
  const expectation = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ decision: "allow" }) },
    { weight: 1, arbitrary: value },
  );
  const suite = fc.record({
    policy: fc.constant("./p.yaml"),
    tests: fc.tuple(
      fc.record({ name: fc.constant("n"), job: fc.record({ topic, payload: fc.jsonValue() }), expect: expectation }),
    ),
  });
  let ran = 0;
  fc.assert(
    fc.property(fc.oneof(value, suite), (written) => {
      const read = readSuite(JSON.stringify(written));
      if (!read.ok) return read.issues.length > 0;
      ran += 1;
      return runSuite(read.suite, POLICY).results.length === 1;
    }),
    { numRuns: 300 },
  );
  expect(ran).toBeGreaterThan(30);
});

describe("running a suite", () => {
  test("everything as it is passes", () => {
    const { results } =
      run(`decision: require_approval, rule: held, reason: a person looks first, matched: [open, paced, held, errs],
      erred: [errs], constraints: { network: { allow: [[]] }, paths: { deny: [/c], read: [[/b, /a]] }, max_runtime_sec: 5 },
      approvals: [{ rule: held, quorum: 2, roles: [ops, dev], kinds: [human], allow_self: false, confirm_view: false }],
      limits: [paced], pools: [held], outputs: [pii-out], remediations: [Try the test system]`);
    expect(results).toEqual([{ name: "n", ok: true, differences: [], line: 3 }]);
  });

  test.each([
    ["decision: allow", "decision", "allow", "require_approval"],
    ["decision: require_approval, rule: open", "rule", "open", "held"],
    [
      "decision: require_approval, reason: A person looks first",
      "reason",
      "A person looks first",
      "a person looks first",
    ],
    ["decision: require_approval, matched: [held]", "matched", ["held"], ["open", "paced", "held", "errs"]],
    [
      "decision: require_approval, matched: [paced, open, held, errs]",
      "matched",
      ["paced", "open", "held", "errs"],
      ["open", "paced", "held", "errs"],
    ],
    ["decision: require_approval, erred: []", "erred", [], ["errs"]],
    ["decision: require_approval, limits: []", "limits", [], ["paced"]],
    ["decision: require_approval, pools: [held, open]", "pools", ["held", "open"], ["held"]],
    ["decision: require_approval, outputs: ['@output_default']", "outputs", ["@output_default"], ["pii-out"]],
    ["decision: require_approval, remediations: []", "remediations", [], ["Try the test system"]],
    ["decision: require_approval, approvals: [{ rule: held, quorum: 1 }]", "approvals[0].quorum", 1, 2],
    ["decision: require_approval, approvals: [{ roles: [ops] }]", "approvals[0].roles", ["ops"], ["dev", "ops"]],
    ["decision: require_approval, approvals: [{ kinds: [service] }]", "approvals[0].kinds", ["service"], ["human"]],
    ["decision: require_approval, approvals: [{ allow_self: true }]", "approvals[0].allow_self", true, false],
    ["decision: require_approval, approvals: [{ confirm_view: true }]", "approvals[0].confirm_view", true, false],
    ["decision: require_approval, approvals: [{ assurance: token }]", "approvals[0].assurance", "token", null],
    ["decision: require_approval, approvals: [{ expires_in_sec: 5 }]", "approvals[0].expires_in_sec", 5, null],
  ])("{ %s } names what is different", (expectation, field, expected, actual) => {
    const [result] = run(expectation).results;
    expect(result).toEqual({ name: "n", ok: false, differences: [{ field, expected, actual }], line: 3 });
  });

  const whole = { max_runtime_sec: 5, paths: { read: [["/a", "/b"]], deny: ["/c"] }, network: { allow: [[]] } };
  test.each([
    ["{}", {}],
    ["{ max_runtime_sec: 5 }", { max_runtime_sec: 5 }],
    [
      "{ max_runtime_sec: 5, max_retries: 0, paths: { read: [[/a, /b]], deny: [/c] }, network: { allow: [[]] } }",
      { ...whole, max_retries: 0 },
    ],
    [
      "{ max_runtime_sec: 5, paths: { read: [[/a], [/b]], deny: [/c] }, network: { allow: [[]] } }",
      { ...whole, paths: { read: [["/a"], ["/b"]], deny: ["/c"] } },
    ],
    [
      "{ max_runtime_sec: 5, paths: { read: [[/a, /b]], deny: [/c] }, network: { allow: [] } }",
      { ...whole, network: { allow: [] } },
    ],
  ])("constraints are compared as a whole: %s is not them", (constraints, expected) => {
    const [result] = run(`decision: require_approval, constraints: ${constraints}`).results;
    expect(result?.differences).toEqual([{ field: "constraints", expected, actual: whole }]);
  });

  test("one approval more or less is a difference of all of them", () => {
    for (const list of ["[]", "[{ rule: held }, { rule: held }]"]) {
      const [result] = run(`decision: require_approval, approvals: ${list}`).results;
      expect(result?.differences.map(({ field }) => field)).toEqual(["approvals"]);
    }
  });

  test("every difference is named at once", () => {
    const [result] = run("decision: deny, rule: x, limits: [], approvals: [{ quorum: 9, roles: [z] }]").results;
    expect(result?.differences.map(({ field }) => field)).toEqual([
      "decision",
      "rule",
      "limits",
      "approvals[0].quorum",
      "approvals[0].roles",
    ]);
  });

  test.each([
    ["{ topic: a..b }", "`topic` must be 1 to 256 characters, dot-separated segments of letters, digits and _:@%~+-"],
    ["{ topic: a, risk_tags: [Prod] }", "an item of `risk_tags` must be 1 to 64 of a-z, 0-9, _ and -"],
    ["{ topic: a, tenant_id: 'a b' }", "`tenant_id` must be 1 to 256 printable ASCII characters without spaces"],
    ["{ topic: a, actor: { id: x, type: robot } }", "`actor.type` must be human, service or agent"],
    ["{ topic: a, constraints: { max_retries: -1 } }", "`max_retries` must be an integer from 0 to 1000"],
  ])("a job that the gate refuses, %s, fails its test and says why", (job, actual) => {
    for (const decision of ["allow", "deny"]) {
      const { results, coverage } = run(`decision: ${decision}`, `job: ${job}`);
      const differences = [{ field: "job", expected: "a job that the gate admits", actual }];
      expect(results).toEqual([{ name: "n", ok: false, differences, line: 3 }]);
      expect(coverage.rules.every(({ matched }) => matched === 0)).toBe(true);
    }
  });

  test("coverage counts how often a rule was matched and named, and lists what no test reached", () => {
    const suite = suiteOf(`${HEAD}
  - { name: one, ${HELD}, expect: { decision: require_approval } }
  - { name: two, job: { topic: a.y }, expect: { decision: allow } }
  - { name: three, job: { topic: q }, expect: { decision: allow } }
`);
    const { results, coverage } = runSuite(suite, POLICY);
    expect(results.map(({ ok }) => ok)).toEqual([true, true, false]);
    expect(coverage).toEqual({
      rules: [
        { id: "open", matched: 2, decided: 1 },
        { id: "paced", matched: 2, decided: 0 },
        { id: "held", matched: 1, decided: 1 },
        { id: "errs", matched: 1, decided: 0 },
        { id: "unused", matched: 0, decided: 0 },
      ],
      outputs: [
        { id: "pii-out", matched: 2 },
        { id: "unused-out", matched: 0 },
      ],
      unmatched: ["unused", "unused-out"],
    });
  });

  test("declared tags are taken as the suite says", () => {
    const policy = compilePolicy({
      yaml: "version: v1\nrules:\n  - { id: safe, match: { risk_tags: [safe] }, decision: allow }\n",
    });
    const test = "tests:\n  - { name: n, job: { topic: a, risk_tags: [safe] }, expect: { decision: allow } }\n";
    for (const [how, ok] of [
      ["trusted", true],
      ["restrict_only", false],
    ] as const) {
      const suite = suiteOf(`policy: x\ndeclared_tags: ${how}\n${test}`);
      expect(runSuite(suite, policy).results.map((result) => result.ok)).toEqual([ok]);
    }
  });
});

test("an expectation whose keys nobody checks would pass whatever the policy says: the control", () => {
  const naive = (expected: Readonly<Record<string, unknown>>, actual: Readonly<Record<string, unknown>>): boolean =>
    Object.keys(actual).every((key) => expected[key] === undefined || expected[key] === actual[key]);
  const actual = { decision: "allow", rule: "open" };
  expect(naive({ decison: "deny" }, actual)).toBe(true);
  expect(told(`${HEAD}  - { name: n, job: { topic: a }, expect: { decison: deny } }\n`)).toHaveLength(2);
});

test("the example's suite passes with every rule reached, and fails for another policy", () => {
  const suite = suiteOf(readFileSync("examples/governance-policy.test.yaml", "utf8"));
  const yaml = readFileSync("examples/governance-policy.yaml", "utf8");
  const report = runSuite(suite, compilePolicy({ yaml }));
  expect(report.results.filter(({ ok }) => !ok)).toEqual([]);
  expect([report.results.length, report.coverage.unmatched]).toEqual([8, []]);
  const without = yaml.slice(0, yaml.indexOf("  - id: deny-destructive"));
  expect(runSuite(suite, compilePolicy({ yaml: without })).results.filter(({ ok }) => !ok).length).toBeGreaterThan(2);
});
