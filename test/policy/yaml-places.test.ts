import { describe, expect, test } from "vitest";
import { readYaml } from "../../src/policy/read-yaml.js";
import { syntaxMessage } from "../../src/policy/scan-yaml.js";
import type { Path } from "../../src/policy/source.js";
import { issuesOf } from "./load.js";

/** One line an issue of the text itself: its place, and its path where it has one. */
const told = (yaml: string): readonly string[] =>
  readYaml(yaml, 10_000).issues.map(
    ({ line, column, path, code, message }) => `${line}:${column} ${path === "" ? "" : `${path} `}${code}: ${message}`,
  );

describe("what is wrong in the text is told where it stands", () => {
  test.each([
    [
      "a bracket that closes nothing",
      "version: v1\n]\n",
      ["2:1 yaml_syntax: not valid YAML: unexpected flow-seq-end token in YAML stream"],
    ],
    [
      "what comes behind a list that nobody closed",
      "a: [x\nb: &c 1\n",
      [
        "2:4 yaml_anchor: a policy must not use an anchor (`&c`)",
        "2:1 yaml_syntax: not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]",
      ],
    ],
    [
      "a key of two lines",
      'a: 1\n"b\nc": 1\n',
      ["2:1 yaml_syntax: not valid YAML: implicit keys need to be on a single line"],
    ],
    [
      "lines that are empty, before anything else",
      "\n\na: &c 1\n",
      ["3:4 yaml_anchor: a policy must not use an anchor (`&c`)"],
    ],
    [
      "a key that nothing follows",
      "a: 1\nbc\n",
      ["2:1 yaml_syntax: not valid YAML: implicit map keys need to be followed by map values"],
    ],
    [
      "what the parser only warns of",
      "a: &b: x\n",
      [
        "1:4 yaml_anchor: a policy must not use an anchor (`&b:`)",
        "1:6 yaml_warning: not valid YAML: anchor ending in : is ambiguous",
      ],
    ],
    [
      "a directive, without its comment",
      "%YAML 1.1  # old\n---\na: 1\n",
      ["1:1 yaml_directive: a policy must not use a directive (`%YAML 1.1`)"],
    ],
    [
      "numbers no double holds",
      "a: 1e999\nb: [9007199254740993]\nc: -.inf\n",
      [
        "1:4 /a number_invalid: the number `1e999` cannot be represented exactly",
        "2:5 /b/0 number_invalid: the number `9007199254740993` cannot be represented exactly",
        "3:4 /c number_invalid: the number `-.inf` cannot be represented exactly",
      ],
    ],
    [
      "a mark of byte order within",
      "a: x\ufeffy\n",
      ["1:5 encoding_invalid: a policy must not hold the invisible or control character U+FEFF"],
    ],
    [
      "a space of no width",
      "a: b\n# \u200b\n",
      ["2:3 encoding_invalid: a policy must not hold the invisible or control character U+200B"],
    ],
    [
      "half a pair, in a key and in a text",
      '"\\ud800": 1\na: ["\\udc00"]\n',
      [
        "1:1 encoding_invalid: a text must not hold a lone surrogate",
        "2:5 /a/0 encoding_invalid: a text must not hold a lone surrogate",
      ],
    ],
    [
      "lines that end as on Windows",
      "a: 1\r\nb: &c 1\r\n",
      ["2:4 yaml_anchor: a policy must not use an anchor (`&c`)"],
    ],
  ])("%s", (_, yaml, wanted) => {
    expect(told(yaml)).toEqual(wanted);
  });

  test("an issue without help has no key for it", () => {
    const place = { path: "", line: 1, column: 5 };
    const message = "not valid YAML: invalid escape sequence \\q";
    expect(readYaml('a: "\\q"\n', 100).issues).toStrictEqual([{ code: "yaml_syntax", message, ...place }]);
    const tooLarge = { code: "policy_too_large", message: "a policy must not be larger than 3 bytes", path: "" };
    expect(readYaml("a: b", 3).issues).toStrictEqual([tooLarge]);
    // Refused for its length before anybody looks into it.
    expect(readYaml("\ud800: b", 3).issues).toStrictEqual([tooLarge]);
  });
});

describe("reading stops where going on would say no more, or never end", () => {
  test("what is no YAML at all is not looked into", () => {
    expect(told('a: "\\q"\na: 1\n')).toEqual(["1:5 yaml_syntax: not valid YAML: invalid escape sequence \\q"]);
    expect(told("a: 1\na: 2\n---\nb: 1\n")).toEqual(["3:1 yaml_documents: a policy must be a single YAML document"]);
    expect(readYaml("a: 1\n---\nb: 1\n", 100)).not.toHaveProperty("value");
  });

  test("a third document is not read", () => {
    expect(told("a: 1\n---\nb: 1\n---\nc: &x 1\n")).toEqual([
      "2:1 yaml_documents: a policy must be a single YAML document",
    ]);
  });

  test.each([
    ["anchors", "a: &x 1\n", 4, "yaml_anchor: a policy must not use an anchor (`&x`)"],
    ["tags", "- !x 1\n", 3, "yaml_tag: a policy must not use a tag (`!x`)"],
    ["escapes", '- "\\q"\n', 4, "yaml_syntax: not valid YAML: invalid escape sequence \\q"],
  ])("of a hundred and more %s a hundred are told, and nothing else", (_, line, column, issue) => {
    const hundred = Array.from({ length: 100 }, (_, index) => `${index + 1}:${column} ${issue}`);
    expect(told(line.repeat(150))).toEqual(hundred);
    expect(told(line.repeat(99))).toEqual(expect.arrayContaining(hundred.slice(0, 99)));
  });

  test("a nesting without end is left where it is certain", () => {
    const { issues } = readYaml("[".repeat(9_000), 10_000);
    const message = "a policy must not nest deeper than 64";
    expect(issues).toStrictEqual([{ code: "yaml_too_deep", message, path: "", line: 1, column: expect.any(Number) }]);
    expect(issues[0]?.column).toBeGreaterThan(64);
    expect(issues[0]?.column).toBeLessThan(72);
  });

  test.each([
    ["64 lists around nothing", "- ".repeat(64), true],
    ["64 lists around a text", `${"- ".repeat(64)}x`, true],
    ["65 lists around nothing", "- ".repeat(65), false],
    ["64 lists in brackets", `${"[".repeat(64)}${"]".repeat(64)}`, true],
    ["65 lists in brackets", `${"[".repeat(65)}${"]".repeat(65)}`, false],
    ["64 maps", `${"{ a: ".repeat(64)}x${" }".repeat(64)}`, true],
    ["64 maps around a key alone", `${"{ a: ".repeat(63)}{ a }${" }".repeat(63)}`, true],
    ["65 maps", `${"{ a: ".repeat(65)}x${" }".repeat(65)}`, false],
  ])("64 is as deep as a policy may be: %s", (_, yaml, fits) => {
    const { issues } = readYaml(yaml, 10_000);
    expect(issues.map(({ code, line }) => [code, line])).toEqual(fits ? [] : [["yaml_too_deep", 1]]);
  });
});

describe("what is YAML is read as the core schema of YAML 1.2 has it", () => {
  test.each<[string, string, unknown]>([
    ["a key without a value", "? version\n", { version: null }],
    ["a key alone in braces", "{ topics }\n", { topics: null }],
    ["a text of the top that starts with a star", "--- >\n*bold\n", "*bold\n"],
    ["a text of the top that starts with a sign of percent", "--- |\n %x\n", "%x\n"],
    ["a text", "x\n", "x"],
    ["a number", "7\n", 7],
    [
      "words that only YAML 1.1 has",
      "[yes, no, on, 010, 1_000, 0o10, 0x1f, 12:30]\n",
      ["yes", "no", "on", 10, "1_000", 8, 31, "12:30"],
    ],
  ])("%s", (_, yaml, value) => {
    expect(readYaml(yaml, 100)).toMatchObject({ value, issues: [] });
  });

  test("a policy that is no map is not empty", () => {
    expect(issuesOf("x\n")).toEqual([
      { code: "type_wrong", message: "the policy must be a map, not a string", path: "", line: 1, column: 1 },
    ]);
  });
});

describe("a place is that of the value or its key, or of the nearest thing around it", () => {
  const TEXT = '# why\nversion: v1\nrules:\n  - id: a\n    "7": { x: [1, 22] }\n  - b\n? none\n';

  test.each<[Path, "key" | "value", string]>([
    [[], "value", "2:1"],
    [["version"], "value", "2:10"],
    [["version"], "key", "2:1"],
    [["rules"], "value", "4:3"],
    [["rules"], "key", "3:1"],
    [["rules", 0], "value", "4:5"],
    [["rules", 0, "7", "x", 1], "value", "5:19"],
    [["rules", 0, "7", "x"], "key", "5:12"],
    [["rules", 1], "value", "6:5"],
    [["none"], "value", "7:3"],
    [["none"], "key", "7:3"],
    // What is not there.
    [["missing"], "value", "2:1"],
    [["missing", "more"], "key", "2:1"],
    [["version", "more"], "value", "2:10"],
    [["none", "more"], "value", "7:3"],
    [["rules", 0, "missing"], "key", "4:5"],
    [["rules", 2], "value", "4:3"],
    [["rules", "id"], "value", "4:3"],
    [["rules", 0, 7], "value", "4:5"],
  ])("%j, the %s: %s", (path, at, wanted) => {
    const { line, column } = readYaml(TEXT, 1_000).locate(path, at);
    expect(`${line}:${column}`).toBe(wanted);
  });
});

test("what the parser says is told on one line, in lower case, without its last period", () => {
  expect(syntaxMessage("Nested. Things.")).toBe("not valid YAML: nested. Things");
  expect(syntaxMessage("Map Keys\nat line 1\n")).toBe("not valid YAML: map Keys");
  expect(syntaxMessage("A\u0007b")).toBe("not valid YAML: a\\u{7}b");
  expect(syntaxMessage("x".repeat(201))).toBe(`not valid YAML: ${"x".repeat(200)}`);
  expect(syntaxMessage("")).toBe("not valid YAML: ");
});
