import { describe, expect, test } from "vitest";
import type { PolicyIssue } from "../../src/errors.js";
import { reportTo } from "../../src/policy/report.js";
import { pointer, quoted } from "../../src/policy/source.js";

describe("what is reported becomes an issue with its place", () => {
  const collect = (): { issues: PolicyIssue[]; report: ReturnType<typeof reportTo> } => {
    const issues: PolicyIssue[] = [];
    return { issues, report: reportTo(issues, (path, at) => ({ line: path.length, column: at === "value" ? 1 : 2 })) };
  };

  test("of the value, unless the key is meant, and with help where there is some", () => {
    const { issues, report } = collect();
    report("a", "no help", ["rules", 0]);
    report("b", "some", ["x"], "key", "do this");
    report("c", "looked for", [], "value", () => "found");
    expect(issues).toStrictEqual([
      { code: "a", message: "no help", path: "/rules/0", line: 2, column: 1 },
      { code: "b", message: "some", help: "do this", path: "/x", line: 1, column: 2 },
      { code: "c", message: "looked for", help: "found", path: "", line: 0, column: 1 },
    ]);
  });

  test("a thousand are listed, and help is looked for with the first twenty", () => {
    const { issues, report } = collect();
    let looked = 0;
    for (let count = 0; count < 1_002; count += 1) {
      report("a", `${count}`, [], "value", () => {
        looked += 1;
        return "found";
      });
    }
    expect(issues.map(({ message }) => message)).toEqual(Array.from({ length: 1_000 }, (_, count) => `${count}`));
    expect(looked).toBe(20);
    expect(issues.filter(({ help }) => help === "found")).toEqual(issues.slice(0, 20));
    expect(issues[20]).not.toHaveProperty("help");
  });

  test("help that is there is given with every one", () => {
    const { issues, report } = collect();
    for (let count = 0; count < 21; count += 1) report("a", "b", [], "value", "do this");
    expect(issues.at(-1)?.help).toBe("do this");
  });
});

describe("a path is written as RFC 6901 has it", () => {
  test.each([
    [[], ""],
    [["rules", 10, "match"], "/rules/10/match"],
    [[""], "/"],
    [["a/b", "c~d", "~1", "/~"], "/a~1b/c~0d/~01/~1~0"],
    [["k".repeat(128)], `/${"k".repeat(128)}`],
    [["k".repeat(129), "x"], `/${"k".repeat(128)}/x`],
  ])("%j", (path, wanted) => {
    expect(pointer(path)).toBe(wanted);
  });
});

describe("user input in a message is short, on one line and within its backticks", () => {
  test.each([
    ["prod", "`prod`"],
    ["", "``"],
    ["a`b``c", "`a'b''c`"],
    ["x".repeat(64), `\`${"x".repeat(64)}\``],
    ["x".repeat(65), `\`${"x".repeat(64)}...\``],
    ["a\nb\u2028\u202e\u0000", "`a\\u{a}b\\u{2028}\\u{202e}\\u{0}`"],
    ["a\ud800b", "`a\ufffdb`"],
  ])("%j", (input, wanted) => {
    expect(quoted(input)).toBe(wanted);
  });
});
