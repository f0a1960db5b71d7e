import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { compilePolicy } from "../../src/policy/policy.js";
import { cpu } from "../cpu.js";
import { issuesOf, ruleYaml } from "./load.js";

const GOOD = 'version: v1\nrules:\n  - id: a\n    match: { topics: ["**"] }\n    decision: allow\n';

describe("what else is wrong", () => {
  const codes = (yaml: string): readonly string[] => issuesOf(yaml).map(({ code }) => code);

  test.each([
    ["a directive", "%FOO bar\n---\nversion: v2\n", "yaml_directive"],
    ["a tag", "version: !!str v2\n", "yaml_tag"],
    ["an alias", "version: *v\n", "yaml_alias"],
  ])("is not looked for beside %s, which changes what is read", (_, yaml, code) => {
    expect(codes(yaml)).toEqual([code]);
  });

  test.each([
    ["an anchor", "version: &v v2\n", "yaml_anchor"],
    ["half a character", 'version: "\\ud800"\n', "encoding_invalid"],
    ["a number that no double holds", "version: 1e999\n", "number_invalid"],
  ])("is told beside %s", (_, yaml, code) => {
    expect(codes(yaml)).toEqual(expect.arrayContaining([code, "key_missing"]));
  });
});

describe("what YAML must not do in a policy", () => {
  test.each([
    ["empty", "", "policy_empty", "the policy is empty", 1, 1],
    ["only a comment", "# nothing\n", "policy_empty", "the policy is empty", 1, 1],
    ["only null", "~\n", "policy_empty", "the policy is empty", 1, 1],
  ])("%s: %j", (_, yaml, code, message, line, column) => {
    const help = "a policy starts with `version: v1` and has `rules`";
    expect(issuesOf(yaml)).toEqual([{ code, message, help, path: "", line, column }]);
  });

  test("a directive is refused, so that `NO` stays a string", () => {
    expect(issuesOf(`%YAML 1.1\n---\n${GOOD}`)).toEqual([
      {
        code: "yaml_directive",
        message: "a policy must not use a directive (`%YAML 1.1`)",
        help: "remove the line: a policy is YAML 1.2 without directives",
        path: "",
        line: 1,
        column: 1,
      },
    ]);
    // The control: the parser obeys the directive.
    expect(parse("%YAML 1.1\n---\na: NO")).toEqual({ a: false });
    const policy = compilePolicy({ yaml: ruleYaml("match: { tenants: [NO] }\ndecision: allow") });
    expect(policy.decide({ topic: "x", tenantId: "NO" }).type).toBe("ALLOW");
  });

  test("a merge key is refused", () => {
    expect(issuesOf(ruleYaml('<<: { x: 1 }\nmatch: { topics: ["**"] }\ndecision: allow'))).toEqual([
      {
        code: "yaml_merge_key",
        message: "a policy must not use a merge key (`<<`)",
        help: "write the keys out",
        path: "/rules/0",
        line: 4,
        column: 5,
      },
    ]);
  });

  test("two spellings of one key, of which the parser keeps the last, are refused", () => {
    expect(issuesOf(`${GOOD}1: a\n"1": b\n`)).toEqual([
      {
        code: "yaml_key_not_string",
        message: "a key must be a string (`1`)",
        help: "quote the key",
        path: "",
        line: 6,
        column: 1,
      },
      {
        code: "key_unknown",
        message: "unknown key `1`",
        help: "use `version`, `combining`, `default`, `imports`, `tags`, `tiers`, `queue`, `approvals`, `rules`, `outputs` or `output_default`",
        path: "/1",
        line: 7,
        column: 1,
      },
    ]);
    // The control.
    expect(parse('1: a\n"1": b', { uniqueKeys: false })).toEqual({ 1: "b" });
  });

  test.each([
    ["null", "~: a", "`~`"],
    ["a list", "? [x]\n: a", ""],
    ["a boolean", "true: a", "`true`"],
    ["nothing", ": a", ""],
  ])("%s as a key is refused", (_, line, shown) => {
    const message = `a key must be a string${shown === "" ? "" : ` (${shown})`}`;
    expect(issuesOf(`${GOOD}${line}\n`)).toMatchObject([{ code: "yaml_key_not_string", message, line: 6 }]);
  });

  test("a duplicate key is refused at its second place", () => {
    expect(issuesOf(`${GOOD}    decision: deny\n`)).toEqual([
      {
        code: "yaml_duplicate_key",
        message: "the key `decision` stands twice",
        help: "keep one",
        path: "/rules/0/decision",
        line: 6,
        column: 5,
      },
    ]);
  });

  test("anchors, aliases and tags are refused with their places", () => {
    expect(issuesOf("a: &x 1\nb: *x\nc: !!str 1\nd: !evil {}\n")).toEqual([
      {
        code: "yaml_anchor",
        message: "a policy must not use an anchor (`&x`)",
        help: "remove it and write the value out where it is used",
        path: "",
        line: 1,
        column: 4,
      },
      {
        code: "yaml_alias",
        message: "a policy must not use an alias (`*x`)",
        help: "write the value out",
        path: "",
        line: 2,
        column: 4,
      },
      {
        code: "yaml_tag",
        message: "a policy must not use a tag (`!!str`)",
        help: "remove it: quote what must be a string",
        path: "",
        line: 3,
        column: 4,
      },
      {
        code: "yaml_tag",
        message: "a policy must not use a tag (`!evil`)",
        help: "remove it: quote what must be a string",
        path: "",
        line: 4,
        column: 4,
      },
    ]);
  });

  test("a glob that starts with a star must be quoted, and the issue says where", () => {
    expect(issuesOf(ruleYaml("match:\n  topics: [**]\ndecision: allow"))).toMatchObject([
      { code: "yaml_alias", line: 5, column: 16 },
    ]);
  });

  test("a second document is refused", () => {
    expect(issuesOf(`${GOOD}---\n${GOOD}`)).toMatchObject([
      {
        code: "yaml_documents",
        message: "a policy must be a single YAML document",
        help: "keep one document a file",
        line: 6,
        column: 1,
      },
    ]);
    expect(compilePolicy({ yaml: `---\n${GOOD}...\n` }).snapshot).toBe(compilePolicy({ yaml: GOOD }).snapshot);
  });

  test("a syntax error has its place", () => {
    expect(issuesOf("version: v1\nrules: [\n")).toMatchObject([{ code: "yaml_syntax", line: 3, column: 1 }]);
    expect(issuesOf("version: v1\n\trules: x\n")[0]).toMatchObject({ code: "yaml_syntax", line: 2 });
    expect(issuesOf('reason: "\\q"\n')[0]).toMatchObject({
      code: "yaml_syntax",
      message: "not valid YAML: invalid escape sequence \\q",
      line: 1,
    });
  });

  test("text may start with any character once it is quoted or a block", () => {
    for (const reason of ['"*bold"', "'&x'", '"!tag %d"', ">-\n      *bold* &x\n      %text"]) {
      const yaml = ruleYaml(`match: { topics: ["**"] }\ndecision: deny\nreason: ${reason}`);
      expect(compilePolicy({ yaml }).decide({ topic: "x" }).type).toBe("DENY");
    }
    expect(compilePolicy({ yaml: `${GOOD}    reason: a\n     &b *c\n` }).decide({ topic: "x" }).reason).toBe("a &b *c");
  });

  test("numbers that JSON cannot hold are refused", () => {
    const yaml = ruleYaml(
      'match: { topics: ["**"] }\ndecision: throttle\nthrottle: { limit: .inf, window_sec: 9007199254740993 }',
    );
    const codes = issuesOf(yaml).map(({ code, line, column }) => [code, line, column]);
    expect(codes).toContainEqual(["number_invalid", 6, 24]);
    expect(codes).toContainEqual(["number_invalid", 6, 42]);
    // Beside what else is wrong.
    expect(issuesOf(`${GOOD}tiers: 1e999\nrulez: []\n`).map(({ code }) => code)).toContain("key_unknown");
  });

  test("`__proto__` is no key", () => {
    expect(issuesOf(ruleYaml("match: { labels: { __proto__: [x] } }\ndecision: allow"))).toContainEqual({
      code: "key_unknown",
      message: "a key must not be `__proto__`",
      path: "/rules/0/match/labels/__proto__",
      line: 4,
      column: 24,
    });
  });
});

describe("bytes", () => {
  test("what is not UTF-8 is refused", () => {
    expect(issuesOf(Uint8Array.of(0xff, 0xfe, 0x61, 0))).toEqual([
      { code: "encoding_invalid", message: "a policy must be UTF-8", help: "save the file as UTF-8", path: "" },
    ]);
    expect(issuesOf("version: \ud800")).toEqual([
      { code: "encoding_invalid", message: "a policy must not hold a lone surrogate", path: "" },
    ]);
    expect(issuesOf("version: v1\n# \u0007\n")).toEqual([
      {
        code: "encoding_invalid",
        message: "a policy must not hold the invisible or control character U+0007",
        help: "remove it; where it is meant, write it as an escape in double quotes",
        path: "",
        line: 2,
        column: 3,
      },
    ]);
  });

  test("one byte order mark at the start is taken, hashed, and not counted as a column", () => {
    const marked = compilePolicy({ yaml: `\ufeff${GOOD}` });
    const plain = compilePolicy({ yaml: GOOD });
    expect(marked.snapshot).toBe(plain.snapshot);
    expect(marked.sourceHash).not.toBe(plain.sourceHash);
    expect(issuesOf("\ufeffverzion: v1\nrules: []\n")).toContainEqual(
      expect.objectContaining({ code: "key_unknown", line: 1, column: 1 }),
    );
  });

  test("a string and its bytes have one source hash, and line ends change no decision", () => {
    expect(compilePolicy({ yaml: Buffer.from(GOOD) }).sourceHash).toBe(compilePolicy({ yaml: GOOD }).sourceHash);
    expect(compilePolicy({ yaml: GOOD.replaceAll("\n", "\r\n") }).snapshot).toBe(
      compilePolicy({ yaml: GOOD }).snapshot,
    );
  });
});

describe("bounds", () => {
  test("a policy over the size limit is refused, one at it is not", () => {
    const bytes = Buffer.byteLength(GOOD);
    expect(issuesOf(GOOD, bytes - 1)).toEqual([
      { code: "policy_too_large", message: `a policy must not be larger than ${bytes - 1} bytes`, path: "" },
    ]);
    expect(compilePolicy({ yaml: GOOD }, { maxBytes: bytes }).ruleIds).toEqual(["a"]);
    // In bytes, not in characters.
    expect(issuesOf(`${GOOD}#é`, bytes + 2)).toMatchObject([{ code: "policy_too_large" }]);
    expect(issuesOf(`#${" ".repeat(2_097_152)}`)).toMatchObject([{ code: "policy_too_large" }]);
  });

  test("depth 64 is read, depth 65 is refused", () => {
    const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(issuesOf(nested(64)).map((issue) => issue.code)).toEqual(["type_wrong"]);
    expect(issuesOf(nested(65))).toEqual([
      {
        code: "yaml_too_deep",
        message: "a policy must not nest deeper than 64",
        path: "/0".repeat(64),
        line: 1,
        column: 65,
      },
    ]);
    expect(issuesOf(nested(80))).toMatchObject([{ code: "yaml_too_deep", line: 1 }]);
    expect(issuesOf("- ".repeat(80))).toMatchObject([{ code: "yaml_too_deep", line: 1 }]);
  });

  test("an alias bomb is refused within a second of processor time", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 60; level += 1) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ")}]`);
    }
    let codes: ReadonlySet<string> = new Set();
    const spent = cpu(() => {
      codes = new Set(issuesOf(lines.join("\n")).map((issue) => issue.code));
    });
    expect(codes).toEqual(new Set(["yaml_anchor", "yaml_alias"]));
    expect(spent).toBeLessThan(1_000);
    // The control: only its own count stops the parser from making 9^60 values.
    expect(() => parse(lines.join("\n"))).toThrow("Excessive alias count");
  });

  const MEGABYTES = 2_000_000;
  test.each([
    ["open lists", "[".repeat(MEGABYTES)],
    ["open maps", "{a: ".repeat(MEGABYTES / 4)],
    ["list items on one line", "- ".repeat(MEGABYTES / 2)],
    ["explicit keys", "? ".repeat(MEGABYTES / 2)],
    ["closing brackets", "]".repeat(MEGABYTES)],
    ["anchors", "&a ".repeat(MEGABYTES / 3)],
    ["tags", "!a ".repeat(MEGABYTES / 3)],
    ["documents", "---\n".repeat(MEGABYTES / 4)],
    ["directives", "%a b\n".repeat(MEGABYTES / 5)],
  ])("2 MB of %s are refused within a second of processor time", (_, yaml) => {
    let count = 0;
    const spent = cpu(() => {
      count = issuesOf(yaml).length;
    });
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(110);
    expect(spent).toBeLessThan(1_000);
  });

  test.each([
    ["commas", (size: number) => `[${",".repeat(size)}]`],
    ["adjacent strings", (size: number) => '""'.repeat(size / 2)],
    ["distinct unknown keys", (size: number) => Array.from({ length: size / 8 }, (_, i) => `k${i}: 1`).join("\n")],
    ["rules that are numbers", (size: number) => `version: v1\nrules: [${"1,".repeat(size / 2)}]`],
  ])("the cost of %s grows no faster than their number", (_, make) => {
    const spend = (size: number): number => cpu(() => void issuesOf(make(size)));
    spend(20_000);
    const small = spend(50_000);
    const large = spend(400_000);
    // Eight times as much; something quadratic would take sixty-four times as long.
    expect(large).toBeLessThan(small * 24 + 200);
    expect(issuesOf(make(1_000)).filter((issue) => /enough/.test(issue.message))).toEqual([]);
  });
});
