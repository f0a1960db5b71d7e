import { describe, expect, test } from "vitest";
import type { Path } from "../../src/policy/source.js";
import { translate } from "../../src/policy/translate.js";
import { issuesOf, ruleYaml } from "./load.js";

const ALL = 'match: { topics: ["**"] }';
const DENY = `${ALL}\ndecision: deny`;

/** One line an issue, as people see it. */
const told = (yaml: string): readonly string[] =>
  issuesOf(yaml).map(
    ({ line, column, code, message, help }) =>
      `${line}:${column} ${code}: ${message}${help === undefined ? "" : ` (${help})`}`,
  );

const labels = (count: number): string => Array.from({ length: count }, (_, index) => `l${index}: x`).join(", ");

describe("what the schema finds is said in words, with what may stand there", () => {
  test.each([
    [
      "more labels than 64",
      `match: { labels: { ${labels(65)} } }\ndecision: deny`,
      "",
      "4:22 value_invalid: `labels` must not have more than 64 items",
    ],
    [
      "more remediations than 16",
      `${DENY}\nremediations: [${Array.from({ length: 17 }, () => "{ title: t }").join(", ")}]`,
      "",
      "6:19 value_invalid: `remediations` must not have more than 16 items",
    ],
    [
      "a truth for a text",
      "match: { topics: [true] }\ndecision: deny",
      "",
      "4:23 type_wrong: an item of `topics` must be a string, not `true` (put it in quotes)",
    ],
    [
      "a map for a text",
      "match: { topics: [{ a: b }] }\ndecision: deny",
      "",
      "4:23 type_wrong: an item of `topics` must be a string, not a map",
    ],
    [
      "nothing for a text",
      "match: { topics: [~] }\ndecision: deny",
      "",
      "4:23 type_wrong: an item of `topics` must be a string, not nothing",
    ],
    ["a list for a map", "match: [x]\ndecision: deny", "", "4:12 type_wrong: `match` must be a map, not a list"],
    [
      "a text for either of two",
      "match: { risk_tags: x }\ndecision: deny",
      "",
      "4:25 type_wrong: `risk_tags` must be a list or a map, not a string",
    ],
    [
      "a number for any of three",
      "match: { labels: { a: 1 } }\ndecision: deny",
      "",
      "4:27 type_wrong: `a` must be a string, a list or a map, not `1` (put it in quotes)",
    ],
    [
      "one word of two",
      DENY,
      "combining: all\n",
      "6:12 word_unknown: `combining` cannot be `all` (use `most_restrictive` or `first_match`)",
    ],
    [
      "`allow` where it is no default",
      DENY,
      "combining: allow\n",
      "6:12 word_unknown: `combining` cannot be `allow` (use `most_restrictive` or `first_match`)",
    ],
    [
      "another default",
      DENY,
      "default: nay\n",
      "6:10 word_unknown: `default` cannot be `nay` (use `deny` or `require_approval`)",
    ],
    [
      "`unless` outside of a match",
      `${DENY}\nunless: { topics: [x] }`,
      "",
      "6:5 key_unknown: unknown key `unless` in a rule (use `id`, `match`, `decision`, `reason`, `approval`, `throttle`, `constraints` or `remediations`)",
    ],
    [
      "an unknown key of an `unless`",
      "match: { unless: { topic: x } }\ndecision: deny",
      "",
      "4:24 key_unknown: unknown key `topic` in `unless` (did you mean `topics`?)",
    ],
    [
      "an output without what it needs",
      DENY,
      "outputs:\n  - { id: o, match: { topics: [x] }, detect: [pii] }\n",
      "7:5 key_missing: an output rule must have `action`",
    ],
    [
      "an unknown key of what is looked for",
      DENY,
      "outputs:\n  - { id: o, match: { topics: [x] }, detect: [{ detector: d, nam: n }], action: redact }\n",
      "7:62 key_unknown: unknown key `nam` in an item of `detect` (use `detector`)",
    ],
    [
      "an item of a label that is called `rules`",
      "match: { labels: { rules: [1] } }\ndecision: deny",
      "",
      "4:32 type_wrong: an item of `rules` must be a string, not `1` (put it in quotes)",
    ],
    [
      "an item of a label that is called `outputs`",
      "match: { labels: { outputs: [1] } }\ndecision: deny",
      "",
      "4:34 type_wrong: an item of `outputs` must be a string, not `1` (put it in quotes)",
    ],
    [
      "an item of a label that is called `labels`",
      "match: { labels: { labels: [x, 1] } }\ndecision: deny",
      "",
      "4:36 type_wrong: an item of `labels` must be a string, not `1` (put it in quotes)",
    ],
    [
      "a label whose name is a number",
      'match: { labels: { "7": [x], "12": [x, 1] } }\ndecision: deny',
      "",
      "4:44 type_wrong: an item of `12` must be a string, not `1` (put it in quotes)",
    ],
    [
      "a label that a remediation adds, whose name is a number",
      `${DENY}\nremediations: [{ title: t, add_labels: { "7": [x] } }]`,
      "",
      "6:51 type_wrong: `7` must be a string, not a list",
    ],
    [
      "a text for a number",
      `${ALL}\ndecision: allow_with_constraints\nconstraints: { max_runtime_sec: x }`,
      "",
      "6:37 type_wrong: `max_runtime_sec` must be a number, not a string",
    ],
    [
      "a text for a truth",
      `${ALL}\ndecision: require_approval\napproval: { allow_self: x }`,
      "",
      "6:29 type_wrong: `allow_self` must be true or false, not a string",
    ],
    [
      "a tag whose name is a number",
      DENY,
      'tags: { "12": [x] }\n',
      "6:15 type_wrong: `12` must be a string, not a list",
    ],
  ])("%s", (_, body, rest, wanted) => {
    expect(told(ruleYaml(body) + rest)).toEqual([wanted]);
  });
});

describe("a place is asked for by the keys and positions on the way", () => {
  const asked = (keyword: string, instancePath: string, params = {}) => {
    const places: [Path, string][] = [];
    const schema = {
      instancePath,
      keyword,
      params,
      schema: 1,
      parentSchema: { properties: {} },
      data: 0,
    };
    const issues = translate([schema], (...place) => {
      places.push(place);
      return { line: 1, column: 2 };
    });
    return { issues, places };
  };

  test.each<[string, string, Path]>([
    ["positions, of one figure and of more", "/rules/10/match/topics/3", ["rules", 10, "match", "topics", 3]],
    ["keys that only start or end with figures", "/a1/2b", ["a1", "2b"]],
    ["keys that are of figures alone", "/tags/12", ["tags", "12"]],
    ["a position behind such a key", "/rules/0/match/labels/7/12", ["rules", 0, "match", "labels", "7", 12]],
    [
      "a position behind a key called as a map of them is",
      "/rules/0/match/labels/tags/1",
      ["rules", 0, "match", "labels", "tags", 1],
    ],
    ["what RFC 6901 escapes", "/tags/a~1b~0c~01", ["tags", "a/b~c~1"]],
    ["the whole policy", "", []],
  ])("%s", (_, instancePath, path) => {
    const { issues, places } = asked("minimum", instancePath);
    expect(places).toEqual([[path, "value"]]);
    expect(issues.map((issue) => issue.path)).toEqual([instancePath]);
  });

  test("an unknown key is asked for as a key", () => {
    expect(asked("additionalProperties", "/rules/0", { additionalProperty: "x/y" }).places).toEqual([
      [["rules", 0, "x/y"], "key"],
    ]);
  });

  test("a keyword without words of its own is named, and no help is made up", () => {
    expect(asked("multipleOf", "/rules/0/reason").issues).toStrictEqual([
      {
        code: "value_invalid",
        message: "`reason` is not valid (multipleOf)",
        path: "/rules/0/reason",
        line: 1,
        column: 2,
      },
    ]);
  });

  test("that a branch failed says nothing more than what failed in it", () => {
    expect(asked("if", "/outputs/0/detect/0")).toEqual({ issues: [], places: [] });
  });
});
