import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { inspectOutput } from "../../src/output/inspect.js";

// What hostile readers found, so that it stays found. Every secret here is made up.

const RULES: readonly OutputRule[] = [{ ruleId: "r", detect: ["secrets", "pii"], action: "redact" }];

function left(value: unknown): unknown {
  const inspection = inspectOutput(value, RULES);
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.output.value;
}

const TOKEN = `gh${"p"}_${"a1B2c3D4".repeat(4)}e5F6`;
const esc = String.fromCharCode(27);

describe("a field that is a password is redacted whole", () => {
  test.each([
    "hunter2#Sommer99!",
    "Tr0ub4dor&3",
    "[hunter2!]",
    "(hunter2!)",
    "Grüße2024!",
    "pa:ss:w0rd",
    "a;b1c2d3",
    "it's4me!",
    "correct horse battery 9",
    "$ummer2024!",
    "%hunter2!",
    "<hunter2!>",
    "env.hunter2!",
    "x1".repeat(700),
  ])("%s", (password) => {
    expect(left({ user: "ann", password })).toEqual({ user: "ann", password: "[REDACTED:password]" });
  });

  test.each(["$DB_PASSWORD", ["$", "{DB_PASSWORD}"].join(""), "{{ password }}", "<password>", "********", "string"])(
    "but not what stands in its place: %s",
    (password) => {
      expect(left({ password })).toEqual({ password });
    },
  );
});

describe("a name says of a value what it is", () => {
  test.each([
    [
      { id: "var_1", key: "DB_PASSWORD", value: "hunter2!x" },
      { id: "var_1", key: "DB_PASSWORD", value: "[REDACTED:password]" },
    ],
    [{ phone: 4155550132 }, { phone: "[REDACTED:phone]" }],
    [{ password: 8675309 }, { password: "[REDACTED:password]" }],
    [{ count: 8675309 }, { count: 8675309 }],
  ])("%o", (value, redacted) => {
    expect(left(value)).toEqual(redacted);
  });

  test("in a Map, too", () => {
    const map = new Map<string, unknown>([
      ["name", "DB_PASSWORD"],
      ["value", "hunter2!x"],
      ["pin", new Map([["password", 8675309]])],
    ]);
    expect(left(map)).toEqual(
      new Map<string, unknown>([
        ["name", "DB_PASSWORD"],
        ["value", "[REDACTED:password]"],
        ["pin", new Map([["password", "[REDACTED:password]"]])],
      ]),
    );
  });
});

describe("escapes and colours hide nothing", () => {
  test.each([
    JSON.stringify({ log: `a\n${TOKEN}` }),
    `${esc}[31m${TOKEN}${esc}[0m`,
    `${TOKEN.slice(0, 9)}${esc}[31m${TOKEN.slice(9)}`,
    `\\t+1 415 555 0132`,
    `{&quot;password&quot;:&quot;hunter2!x&quot;}`,
    `\\u{67}\\u{68}\\u{70}${TOKEN.slice(3)}`,
  ])("%j", (text) => {
    expect(left(text)).not.toBe(text);
    expect(String(left(text))).not.toMatch(/hunter2|a1B2c3D4|555 0132/);
  });
});

describe("ordinary texts stay as they are", () => {
  test.each([
    'const HEADER = "-----BEGIN PRIVATE KEY-----";\nexport function isPem(text) {}',
    "A key begins with -----BEGIN PRIVATE KEY----- and goes on for some lines.",
    "git@github.com:octocat/Hello-World.git",
    "user@1000.service getty@tty1.service logo@2x.png this@MainActivity.finish()",
    "SELECT id, password, oauth2_id FROM users",
    "login(user, password, mfa_code2)",
    "+2024-01-15 release\n+1700000100",
    "0000010: 0010 2030 4050 6070",
  ])("%s", (text) => {
    expect(left(text)).toBe(text);
  });

  test.each([
    [["text", "password", "datetime-local", "number", "email"]],
    [{ required: ["username", "password", "remember-me"] }],
    [{ PasswordLastUsed: "2024-01-15T10:20:30Z", password_changed: "2024-01-01" }],
  ])("%o", (value) => {
    expect(left(value)).toEqual(value);
  });

  test("a URL of a repository is no personal data", () => {
    expect(inspectOutput({ ssh: new URL("ssh://git@github.com/octocat/hello") }, RULES).verdict).toBe("clear");
  });
});
