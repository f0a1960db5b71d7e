import { describe, expect, test } from "vitest";
import { documentIssuesOf, issuesOf, ruleYaml } from "./load.js";

const ALL = 'match: { topics: ["**"] }';

/** One line an issue, as people see it. */
const told = (yaml: string): readonly string[] =>
  issuesOf(yaml).map(
    ({ line, column, code, message, help }) =>
      `${line}:${column} ${code}: ${message}${help === undefined ? "" : ` (${help})`}`,
  );

describe("one problem, one issue with code, place and help", () => {
  test.each([
    [
      "a misspelt match key",
      `match: { risk_tag: [prod] }\ndecision: allow`,
      "4:14 key_unknown: unknown key `risk_tag` in `match` (did you mean `risk_tags`?)",
    ],
    [
      "a misspelt decision",
      `${ALL}\ndecision: require_aproval`,
      "5:15 word_unknown: `decision` cannot be `require_aproval` (did you mean `require_approval`?)",
    ],
    [
      "a decision of another product",
      `${ALL}\ndecision: block`,
      "5:15 word_unknown: `decision` cannot be `block` (use `allow`, `deny`, `require_approval`, `throttle` or `allow_with_constraints`)",
    ],
    ["a missing decision", ALL, "3:5 key_missing: a rule must have `decision`"],
    ["a missing match", "decision: deny", "3:5 key_missing: a rule must have `match`"],
    [
      "an empty match",
      "match: {}\ndecision: deny",
      '4:12 match_empty: `match` must not be empty (to match every job write `topics: ["**"]`)',
    ],
    ["an empty list", "match: { topics: [] }\ndecision: deny", "4:22 list_empty: `topics` must not be an empty list"],
    [
      "an empty any-of",
      "match: { risk_tags: { any: [] } }\ndecision: deny",
      "4:32 list_empty: `any` must not be an empty list",
    ],
    ["an empty tag map", "match: { risk_tags: {} }\ndecision: deny", "4:25 map_empty: `risk_tags` must not be empty"],
    [
      "a tag in capitals",
      "match: { risk_tags: [Prod] }\ndecision: deny",
      "4:26 value_invalid: `Prod` in an item of `risk_tags` must be 1 to 64 of a-z, 0-9, _ and -",
    ],
    [
      "a string for a list",
      "match: { topics: job.x }\ndecision: deny",
      "4:22 type_wrong: `topics` must be a list, not a string",
    ],
    [
      "a number for a string",
      "match: { topics: [1] }\ndecision: deny",
      "4:23 type_wrong: an item of `topics` must be a string, not `1` (put it in quotes)",
    ],
    [
      "a label that is false",
      "match: { labels: { a: { absent: false } } }\ndecision: deny",
      "4:37 type_wrong: `absent` must be `true`, not `false`",
    ],
    [
      "a label without a word",
      "match: { labels: { a: {} } }\ndecision: deny",
      "4:27 key_missing: `a` must have `absent`",
    ],
    [
      "an unknown kind of actor",
      "match: { actor_types: [robot] }\ndecision: deny",
      "4:28 word_unknown: an item of `actor_types` cannot be `robot` (use `human`, `service` or `agent`)",
    ],
    [
      "a malformed glob",
      "match: { topics: [job.*, 'job.[a-z]'] }\ndecision: deny",
      "4:30 pattern_invalid: the pattern `job.[a-z]` is not valid: `[` has no meaning in a pattern",
    ],
    [
      "a glob for actors",
      "match: { actors: ['**'] }\ndecision: deny",
      "4:23 pattern_invalid: the pattern `**` is not valid: `**` must stand alone between dots, in topics",
    ],
    [
      "a glob for labels",
      "match: { labels: { env: '!x' } }\ndecision: deny",
      "4:29 pattern_invalid: the pattern `!x` is not valid: `!` has no meaning in a pattern",
    ],
    [
      "a wildcard where words are exact",
      "match: { tenants: ['acme-*'] }\ndecision: deny",
      "4:24 pattern_invalid: `tenants` are compared exactly, and `acme-*` holds a wildcard (write each one out)",
    ],
    [
      "constraints nobody uses",
      `${ALL}\ndecision: allow\nconstraints: { max_retries: 1 }`,
      "6:5 block_unused: the decision `allow` has no use for `constraints` (use `allow_with_constraints` or `require_approval`, or remove the block)",
    ],
    [
      "a limit nobody uses",
      `${ALL}\ndecision: deny\nthrottle: { limit: 1, window_sec: 1 }`,
      "6:5 block_unused: the decision `deny` has no use for `throttle` (put it in a rule of its own with the decision `throttle`, or remove the block)",
    ],
    [
      "no constraints",
      `${ALL}\ndecision: allow_with_constraints`,
      "5:15 block_missing: the decision `allow_with_constraints` needs `constraints`",
    ],
    [
      "empty constraints",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: {}`,
      "6:18 map_empty: `constraints` must not be empty",
    ],
    [
      "a negative limit",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { max_retries: -1 }`,
      "6:33 value_invalid: `max_retries` must be at least 0",
    ],
    [
      "no time at all",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { max_runtime_sec: 0 }`,
      "6:37 value_invalid: `max_runtime_sec` must be more than 0",
    ],
    [
      "more than a year",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { max_runtime_sec: 31536001 }`,
      "6:37 value_invalid: `max_runtime_sec` must be at most 31536000",
    ],
    [
      "half a retry",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { max_retries: 0.5 }`,
      "6:33 type_wrong: `max_retries` must be a whole number, not `0.5`",
    ],
    [
      "a climbing path",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { paths: { read: [/a/../b] } }`,
      "6:36 value_invalid: `/a/../b` in an item of `read` must be an absolute path of at most 4096 characters without wildcards, `.` or `..` components or control characters",
    ],
    [
      "a URL for a host",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { network: { allow: ['http://x'] } }`,
      "6:39 value_invalid: `http://x` in an item of `allow` must be a host, `*.host`, address or CIDR range, with an optional `:port`",
    ],
    [
      "a window without a limit",
      `${ALL}\ndecision: throttle\nthrottle: { window_sec: 1 }`,
      "6:15 key_missing: `throttle` must have `limit`",
    ],
    [
      "an unknown bucket",
      `${ALL}\ndecision: throttle\nthrottle: { limit: 1, window_sec: 1, per: [user] }`,
      "6:48 value_invalid: `user` in an item of `per` must be one of tenant, actor, topic or label:NAME",
    ],
    [
      "a reason of two lines",
      `${ALL}\ndecision: deny\nreason: "a\\nb"`,
      "6:13 value_invalid: `a\\u{a}b` in `reason` must be one line of 1 to 1000 characters",
    ],
  ])("%s", (_, body, wanted) => {
    expect(told(ruleYaml(body))).toEqual([wanted]);
  });

  test("the default can never be allow", () => {
    expect(told(`${ruleYaml(`${ALL}\ndecision: allow`)}default: allow\n`)).toEqual([
      "6:10 word_unknown: `default` cannot be `allow` (to permit everything write a rule that does)",
    ]);
  });

  test("another version is refused, quoted or not", () => {
    const rest = ruleYaml(`${ALL}\ndecision: allow`).slice(12);
    expect(told(`version: v2\n${rest}`)).toEqual(["1:10 word_unknown: `version` cannot be `v2` (did you mean `v1`?)"]);
    expect(told(`version: 1\n${rest}`)).toEqual(["1:10 type_wrong: `version` must be `v1`, not `1`"]);
  });

  test("an id is unique over rules and outputs, and does not start with `@`", () => {
    const outputs =
      "outputs:\n  - { id: a, match: { topics: [x] }, detect: [pii], action: redact }\n  - { id: '@x', match: { topics: [x] }, detect: [pii], action: redact }\n";
    expect(told(ruleYaml(`${ALL}\ndecision: allow`) + outputs)).toEqual([
      "7:11 rule_id_duplicate: the id `a` is already that of `/rules/0` (give each rule its own id)",
      "8:11 rule_id_reserved: the id `@x` starts with `@`, which is kept for the gate's own",
    ]);
  });
});

test("all problems of a policy come at once, in the order of their places", () => {
  const yaml = `version: v1
defualt: deny
rules:
  - id: a
    match: { topics: ["a.[b]"], risk_tag: [x] }
    decision: alow
    <<: { a: 1 }
  - id: a
    match: {}
    decision: allow
    decision: deny
    throttle: { limit: 0 }
`;
  expect(issuesOf(yaml).map(({ code, line, column }) => `${line}:${column} ${code}`)).toEqual([
    "2:1 key_unknown",
    "5:23 pattern_invalid",
    "5:33 key_unknown",
    "6:15 word_unknown",
    "7:5 yaml_merge_key",
    "8:9 rule_id_duplicate",
    "9:12 match_empty",
    "11:5 yaml_duplicate_key",
    "12:5 block_unused",
    "12:15 key_missing",
    "12:24 value_invalid",
  ]);
});

test("what the user wrote cannot break out of its line in a message", () => {
  const [issue] = issuesOf(`${ruleYaml(`${ALL}\ndecision: allow`)}"a\\nb\`\\u202e": 1\n`);
  expect(issue?.message).toBe("unknown key `a\\u{a}b'\\u{202e}`");
});

describe("a document given as data", () => {
  test.each<[string, unknown, string, string, string]>([
    [
      "a getter",
      {
        version: "v1",
        get rules(): never {
          throw new Error("run");
        },
      },
      "document_invalid",
      "/rules",
      "a property must not be a getter or setter",
    ],
    ["a proxy", new Proxy({}, {}), "document_invalid", "", "a value must not be a proxy"],
    [
      "a Map",
      { version: "v1", rules: new Map() },
      "document_invalid",
      "/rules",
      "a value must be a plain object, not a Map",
    ],
    [
      "a key `__proto__`",
      JSON.parse('{"version":"v1","rules":[],"__proto__":{}}'),
      "document_invalid",
      "/__proto__",
      "a key must not be `__proto__`",
    ],
    ["null", null, "type_wrong", "", "the policy must be a map, not nothing"],
    ["a list", [], "type_wrong", "", "the policy must be a map, not a list"],
  ])("%s is refused without a place in a text", (_, document, code, path, message) => {
    expect(documentIssuesOf(document)).toEqual([{ code, message, path }]);
  });

  test("a document too deep or too large is refused", () => {
    let deep: unknown = "x";
    for (let depth = 0; depth < 65; depth += 1) deep = [deep];
    expect(documentIssuesOf(deep)).toMatchObject([
      { code: "document_invalid", message: "a value must not nest deeper than 64" },
    ]);
    expect(documentIssuesOf({ version: "x".repeat(9_000_000) })).toMatchObject([
      { code: "policy_too_large", message: "the policy is larger than the size limit" },
    ]);
  });

  test("its issues have paths, and stand in the order of the rules", () => {
    const rules = Array.from({ length: 12 }, (_, index) => ({
      id: `r${index}`,
      match: { topics: ["a..b"] },
      decision: "deny",
    }));
    expect(documentIssuesOf({ version: "v1", rules }).map((issue) => issue.path)).toEqual(
      rules.map((_, index) => `/rules/${index}/match/topics/0`),
    );
  });
});
