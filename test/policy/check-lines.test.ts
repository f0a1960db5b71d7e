import { describe, expect, test } from "vitest";
import { documentIssuesOf, issuesOf, ruleYaml } from "./load.js";

const PLAIN = 'match: { topics: ["**"] }\ndecision: deny';
const LONG = "n".repeat(256);

/** One line an issue: its place in the text, its path, and what people read. */
const told = (yaml: string): readonly string[] =>
  issuesOf(yaml).map(
    ({ line, column, path, code, message, help }) =>
      `${line}:${column} ${path} ${code}: ${message}${help === undefined ? "" : ` (${help})`}`,
  );

const output = (detect: string): string =>
  `${ruleYaml(PLAIN)}outputs:\n  - { id: o, match: { topics: [x] }, detect: ${detect}, action: redact }\n`;

describe("the vocabulary and the tiers are checked where they stand", () => {
  test.each([
    [
      "a tag that no job can carry, at its key",
      "tags: { prod: live, Prod: live }\n",
      ["6:21 /tags/Prod value_invalid: the tag `Prod` must be 1 to 64 of a-z, 0-9, _ and -"],
    ],
    [
      "a tag of 65 characters, and not one of 64",
      `tags:\n  ${"a".repeat(64)}: most\n  ${"b".repeat(65)}: more\n`,
      [
        `8:3 /tags/${"b".repeat(65)} value_invalid: the tag \`${"b".repeat(64)}...\` must be 1 to 64 of a-z, 0-9, _ and -`,
      ],
    ],
    [
      "a tag without a name",
      'tags: { "": nothing }\n',
      ["6:9 /tags/ value_invalid: the tag `` must be 1 to 64 of a-z, 0-9, _ and -"],
    ],
    [
      "a tier that stands twice, at each but the first",
      "tiers: [low, high, low, low]\n",
      [
        "6:20 /tiers/2 value_repeated: the tier `low` stands twice",
        "6:25 /tiers/3 value_repeated: the tier `low` stands twice",
      ],
    ],
  ])("%s", (_, yaml, wanted) => {
    expect(told(ruleYaml(PLAIN) + yaml)).toEqual(wanted);
  });

  test("a tier is a word of the vocabulary, and what is no word offers itself to nobody", () => {
    const rules = [{ id: "a", match: { risk_tags: ["high", "12"] }, decision: "deny" }];
    expect(documentIssuesOf({ version: "v1", tags: { prod: "live" }, tiers: ["high", 12], rules })).toEqual([
      {
        code: "tag_unknown",
        message: "the tag `12` is not in the policy's vocabulary",
        help: "add it to `tags`, or use one that is there",
        path: "/rules/0/match/risk_tags/1",
      },
      {
        code: "type_wrong",
        message: "an item of `tiers` must be a string, not `12`",
        help: "put it in quotes",
        path: "/tiers/1",
      },
    ]);
  });
});

describe("a tag of a match block is one of the vocabulary", () => {
  const tags = "tags: { prod: live, write: it writes }\n";

  test.each([
    [
      "in a list",
      "risk_tags: [prod, prdo]",
      "4:32 /rules/0/match/risk_tags/1 tag_unknown: the tag `prdo` is not in the policy's vocabulary (did you mean `prod`?)",
    ],
    [
      "in `any`",
      "risk_tags: { any: [prod, wirte] }",
      "4:39 /rules/0/match/risk_tags/any/1 tag_unknown: the tag `wirte` is not in the policy's vocabulary (did you mean `write`?)",
    ],
    [
      "in `all`",
      "risk_tags: { all: [payments] }",
      "4:33 /rules/0/match/risk_tags/all/0 tag_unknown: the tag `payments` is not in the policy's vocabulary (add it to `tags`, or use one that is there)",
    ],
    [
      "in `none`",
      "risk_tags: { none: [payments] }",
      "4:34 /rules/0/match/risk_tags/none/0 tag_unknown: the tag `payments` is not in the policy's vocabulary (add it to `tags`, or use one that is there)",
    ],
    [
      "in `unless`",
      "topics: [x], unless: { risk_tags: [prdo] }",
      "4:49 /rules/0/match/unless/risk_tags/0 tag_unknown: the tag `prdo` is not in the policy's vocabulary (did you mean `prod`?)",
    ],
  ])("%s", (_, match, wanted) => {
    expect(told(ruleYaml(`match: { ${match} }\ndecision: deny`) + tags)).toEqual([wanted]);
  });

  test("what is no text is the schema's to report, once", () => {
    expect(told(ruleYaml("match: { risk_tags: [1] }\ndecision: deny") + tags)).toEqual([
      "4:26 /rules/0/match/risk_tags/0 type_wrong: an item of `risk_tags` must be a string, not `1` (put it in quotes)",
    ]);
  });
});

describe("what an output rule looks for", () => {
  test.each([
    [
      "a name of two patterns",
      "[{ name: n, pattern: a }, { name: n, pattern: b }]",
      ["7:80 /outputs/0/detect/1/name value_repeated: the name `n` stands twice"],
    ],
    [
      "a detector that is named twice",
      "[{ detector: d }, { detector: d }]",
      ["7:76 /outputs/0/detect/1/detector value_repeated: the name `d` stands twice"],
    ],
    [
      "a detector called as a pattern is",
      "[{ name: n, pattern: a }, { detector: n }]",
      ["7:84 /outputs/0/detect/1/detector value_repeated: the name `n` stands twice"],
    ],
    [
      "a pattern that cannot be read, with its place",
      "[pii, { name: n, pattern: 'a(' }]",
      ["7:72 /outputs/0/detect/1/pattern pattern_invalid: the pattern `a(` is not valid: missing closing ): `a(`"],
    ],
    [
      "a pattern that finds nothing",
      "[{ name: n, pattern: '^' }]",
      [
        "7:67 /outputs/0/detect/0/pattern pattern_invalid: the pattern `^` is not valid: it can match nothing but the empty text",
      ],
    ],
    [
      "a pattern that is no text",
      "[{ name: n, pattern: 1 }]",
      ["7:67 /outputs/0/detect/0/pattern type_wrong: `pattern` must be a string, not `1` (put it in quotes)"],
    ],
  ])("%s", (_, detect, wanted) => {
    expect(told(output(detect))).toEqual(wanted);
  });

  test("names that are no texts do not clash", () => {
    expect(told(output("[{ name: 1, pattern: a }, { name: 1, pattern: b }]"))).toEqual([
      "7:55 /outputs/0/detect/0/name type_wrong: `name` must be a string, not `1` (put it in quotes)",
      "7:80 /outputs/0/detect/1/name type_wrong: `name` must be a string, not `1` (put it in quotes)",
    ]);
  });
});

describe("the name of a label has 1 to 256 characters", () => {
  const wrong = "value_invalid: a label's name must be 1 to 256 characters";

  test.each([
    [
      "that is matched",
      (name: string) => `match: { labels: { "${name}": x } }\ndecision: deny`,
      "4:24 /rules/0/match/labels/",
    ],
    [
      "that is offered",
      (name: string) => `${PLAIN}\nremediations: [{ title: t }, { title: u, add_labels: { "${name}": x } }]`,
      "6:60 /rules/0/remediations/1/add_labels/",
    ],
  ])("%s", (_, bodyOf, at) => {
    expect(told(ruleYaml(bodyOf("")))).toEqual([`${at} ${wrong}`]);
    // A path shows the first 128 characters of a key.
    expect(told(ruleYaml(bodyOf(`${LONG}n`)))).toEqual([`${at}${LONG.slice(0, 128)} ${wrong}`]);
    expect(() => told(ruleYaml(bodyOf(LONG)))).toThrow("the policy loaded");
  });
});

test("a wildcard is refused, at its place, in every list that is compared exactly", () => {
  const match = "match: { tenants: [a, 'b*'], capabilities: ['*'], requires: [1, 'c*'] }";
  expect(told(ruleYaml(`${match}\ndecision: deny`))).toEqual([
    "4:27 /rules/0/match/tenants/1 pattern_invalid: `tenants` are compared exactly, and `b*` holds a wildcard (write each one out)",
    "4:49 /rules/0/match/capabilities/0 pattern_invalid: `capabilities` are compared exactly, and `*` holds a wildcard (write each one out)",
    "4:66 /rules/0/match/requires/0 type_wrong: an item of `requires` must be a string, not `1` (put it in quotes)",
    "4:69 /rules/0/match/requires/1 pattern_invalid: `requires` are compared exactly, and `c*` holds a wildcard (write each one out)",
  ]);
});

test("an `unless` within another is one problem, whatever it holds", () => {
  const match = "match: { topics: [x], unless: { topics: [y], unless: { topics: ['a.[b]'] } } }";
  expect(told(ruleYaml(`${match}\ndecision: deny`))).toEqual([
    "4:50 /rules/0/match/unless/unless key_unknown: an `unless` must not hold another",
  ]);
});

describe("what has the wrong shape is the schema's to report, and hides nothing else", () => {
  const rules = 'rules:\n  - nothing\n  - { id: a, match: { topics: ["a..b"] }, decision: deny }\n';

  test("a rule that is no map", () => {
    expect(told(`version: v1\n${rules}`)).toEqual([
      "3:5 /rules/0 type_wrong: a rule must be a map, not a string",
      "4:32 /rules/1/match/topics/0 pattern_invalid: the pattern `a..b` is not valid: a pattern must not have an empty segment",
    ]);
  });

  test.each([
    [
      "an id",
      "{ id: 7, match: { topics: [x] }, decision: deny }",
      ["3:11 /rules/0/id type_wrong: `id` must be a string, not `7` (put it in quotes)"],
    ],
    [
      "a decision that is not one, whose blocks nobody can judge",
      "{ id: a, match: { topics: [x] }, decision: 1, throttle: { limit: 1, window_sec: 1 } }",
      [
        "3:48 /rules/0/decision type_wrong: `decision` must be `allow`, `deny`, `require_approval`, `throttle` or `allow_with_constraints`, not `1`",
      ],
    ],
    [
      "a remediation and its labels",
      "{ id: a, match: { topics: [x] }, decision: deny, remediations: [none, { title: t, add_labels: none }] }",
      [
        "3:69 /rules/0/remediations/0 type_wrong: an item of `remediations` must be a map, not a string",
        "3:99 /rules/0/remediations/1/add_labels type_wrong: `add_labels` must be a map, not a string",
      ],
    ],
  ])("%s", (_, rule, wanted) => {
    expect(told(`version: v1\nrules:\n  - ${rule}\n`)).toEqual(wanted);
  });

  test("a policy without rules, at its start", () => {
    expect(told("# nothing\nversion: v1\n")).toEqual(["2:1  key_missing: the policy must have `rules`"]);
  });
});
