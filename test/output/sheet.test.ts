import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { inspectOutput } from "../../src/output/inspect.js";
import { layOut, layOutChunks, type Sheet, textOf } from "../../src/output/sheet.js";
import { ALL } from "./planted.js";

const rules: readonly OutputRule[] = [{ ruleId: "clean", detect: ["secrets", "pii"], action: "redact" }];

function redacted(value: unknown): unknown {
  const inspection = inspectOutput(value, rules, { fingerprint: () => "0123456789ab" });
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.output.value;
}

/** Each leaf as it stands in the sheet. */
function leavesOf({ text, leaves }: Sheet): readonly string[] {
  return leaves.map(({ kind, number, start, end }) => `${kind} ${number}: ${text.slice(start, end)}`);
}

describe("the text of a value", () => {
  test.each<readonly [unknown, string | undefined]>([
    ["words", "words"],
    ["", ""],
    [999_999_999_999, undefined],
    [1e12, "1000000000000"],
    [-1e12, "-1000000000000"],
    [1e12 + 0.5, "1000000000000.5"],
    [Number("42".repeat(8)), "42".repeat(8)],
    [1e21, "1e+21"],
    [Number.POSITIVE_INFINITY, undefined],
    [Number.NaN, undefined],
    [999_999_999_999n, undefined],
    [10n ** 12n, "1000000000000"],
    [-(10n ** 12n), "-1000000000000"],
    [new URL("https://example.com/a?b"), "https://example.com/a?b"],
    [new Uint8Array([104, 105]), "hi"],
    [new Uint8Array([0xc3, 0xbc]), "\u00fc"],
    [new Uint8Array([0xff, 104, 105]), "\u00ffhi"],
    [true, undefined],
    [null, undefined],
    [undefined, undefined],
    [new Date(0), undefined],
    [[], undefined],
    [{}, undefined],
  ])("of %o is %j", (value, text) => {
    expect(textOf(value, "")).toBe(text);
  });
});

describe("a sheet", () => {
  test("holds every text of a value once, keys before what they hold, each value ended", () => {
    const sheet = layOut({
      a: "one",
      b: ["two", { c: "three" }],
      d: new Map([["e", new Set(["four"])]]),
      f: 1,
      g: null,
    });
    expect(leavesOf(sheet)).toEqual([
      "key 0: a",
      "value 0: one",
      "key 1: b",
      "value 1: two",
      "key 5: c",
      "value 2: three",
      "key 2: d",
      "key 6: e",
      "value 3: four",
      "key 3: f",
      "key 4: g",
    ]);
    for (const { start, end, kind } of sheet.leaves) {
      if (kind === "value") expect(sheet.text[end]).toBe("\0");
      expect(start).toBeLessThan(end);
    }
  });

  test("numbers each large number, bigint, URL and list of bytes as a value", () => {
    const sheet = layOut([2 ** 50, 7, 2n ** 60n, new URL("https://example.com/"), Buffer.from("bytes"), "text"]);
    expect(leavesOf(sheet)).toEqual([
      `value 0: ${2 ** 50}`,
      `value 1: ${2n ** 60n}`,
      "value 2: https://example.com/",
      "value 3: bytes",
      "value 4: text",
    ]);
  });

  test("holds a NUL only where a value ends, and every offset stays", () => {
    const sheet = layOut(["a\0b", "\0\0"]);
    expect(sheet.text).toBe("a\u0001b\0\u0001\u0001\0");
    expect(redacted(["dana\0@example.com", "by dana@example.com\0"])).toEqual([
      "[REDACTED:email]",
      "by [REDACTED:email]\0",
    ]);
  });

  test("knows the nearest key that a value stands under", () => {
    const { leaves } = layOut({ a: ["x", { b: "y" }, "z"], c: "w" });
    const under = leaves.filter(({ kind }) => kind === "value").map((leaf) => leaf.under);
    expect(under).toEqual(["a", "b", "a", "c"]);
  });

  test("of chunks is their text without an end between, up to a chunk that is none", () => {
    const sheet = layOutChunks(["one ", "text", { a: "b" }, "", "more"]);
    expect(sheet.text.startsWith("one text")).toBe(true);
    expect(sheet.leaves.map(({ follows }) => follows)).toEqual([false, true, expect.any(Boolean), false, false, true]);
  });

  test("of nothing is empty", () => {
    for (const value of [undefined, null, 1, [], {}, new Map(), new Set(), [[{}]]]) {
      expect(layOut(value).leaves).toEqual([]);
      expect(layOutChunks([]).text).toBe("");
    }
  });
});

const password = `Vq${"8sT2".repeat(3)}!`;
const opaque = ALL.find(({ kind }) => kind === "secret_value")?.secret ?? "";

describe("a value that another names", () => {
  test.each<readonly [string, unknown, unknown]>([
    ["name and value", { name: "DB_PASSWORD", value: password }, { name: "DB_PASSWORD", value: "[REDACTED:password]" }],
    ["value and name", { value: password, name: "DB_PASSWORD" }, { value: "[REDACTED:password]", name: "DB_PASSWORD" }],
    [
      "variables of a task",
      [
        { Name: "API_KEY", Value: opaque },
        { Name: "REGION", Value: "eu-central-1" },
      ],
      [
        { Name: "API_KEY", Value: "[REDACTED:secret_value]" },
        { Name: "REGION", Value: "eu-central-1" },
      ],
    ],
    [
      "key and value",
      { key: "client_secret", value: opaque },
      { key: "client_secret", value: "[REDACTED:secret_value]" },
    ],
    [
      "a header by name",
      { header: "Authorization", value: "Bearer x1y2" },
      { header: "Authorization", value: "Bearer [REDACTED:bearer_token]" },
    ],
    [
      "a label and a default",
      { label: "token", default: opaque },
      { label: "token", default: "[REDACTED:secret_value]" },
    ],
    ["a large number", { name: "password", value: 2 ** 50 }, { name: "password", value: "[REDACTED:password]" }],
    [
      "a pair of a list",
      [
        ["Authorization", "Bearer x1y2"],
        ["Accept", "*/*"],
      ],
      [
        ["Authorization", "Bearer [REDACTED:bearer_token]"],
        ["Accept", "*/*"],
      ],
    ],
    [
      "raw headers of Node",
      ["Host", "example.com", "Authorization", "Bearer x1y2", "X-Api-Key", opaque, "Accept", "*/*"],
      [
        "Host",
        "example.com",
        "Authorization",
        "Bearer [REDACTED:bearer_token]",
        "X-Api-Key",
        "[REDACTED:secret_value]",
        "Accept",
        "*/*",
      ],
    ],
    [
      "arguments of a command",
      ["--user", "dana", "--password", password],
      ["--user", "dana", "--password", "[REDACTED:password]"],
    ],
    [
      "entries of a Map",
      new Map<unknown, unknown>([
        ["DB_PASSWORD", password],
        ["Authorization", "Basic eDE6eTI="],
        ["name", "dana"],
      ]),
      new Map<unknown, unknown>([
        ["DB_PASSWORD", "[REDACTED:password]"],
        ["Authorization", "Basic [REDACTED:bearer_token]"],
        ["name", "dana"],
      ]),
    ],
    ["a key above a list", { password: [password, "other"] }, { password: ["[REDACTED:password]", "other"] }],
    ["a telephone number by its name", { mobile: "030 2312 5000" }, { mobile: "[REDACTED:phone]" }],
    ["a key above its value", { db_password: { value: password } }, { db_password: { value: "[REDACTED:password]" } }],
  ])("is known by that: %s", (_, value, wanted) => {
    expect(redacted(value)).toStrictEqual(wanted);
  });

  test.each<readonly [string, unknown]>([
    ["a name of nothing secret", { name: "DB_HOST", value: password }],
    ["a value without a name", { value: password }],
    ["names in a list", ["password", "token", "secret"]],
    ["headers without a secret", ["Host", "example.com", "Accept", "*/*", "Authorization"]],
    ["a schema", { properties: { password: { type: "string", minLength: 8 }, token: { type: "string" } } }],
    ["a form", { password: { required: true, label: "Password", pattern: "[a-z]{8}" } }],
    ["errors of a form", { errors: { password: ["is too short (minimum is 8 characters)"] } }],
    ["a required list", { required: ["password", "email"] }],
    ["a reference to a secret", { secretKeyRef: { name: "db-credentials", key: "password" } }],
    ["counts of tokens", { usage: { prompt_tokens: 12, total_tokens: 46 }, max_tokens: "4096" }],
    ["an object under the name of a secret", { token: { id: 7, created: "2026-03-04", active: true } }],
    ["a list of columns and its rows", { columns: ["user", "id"], rows: [["dana", "a1b2"]] }],
    ["nothing under the name of a secret", { password: null, token: undefined, secret: "", key: [], api_key: {} }],
  ])("leaves as it is: %s", (_, value) => {
    expect(inspectOutput(value, rules).findings).toEqual([]);
    expect(redacted(value)).toStrictEqual(value);
  });

  test("is not known to one who looks at each text by itself (control)", () => {
    for (const text of ["Authorization", "Bearer x1y2", "DB_PASSWORD", password]) expect(redacted(text)).toBe(text);
  });
});

describe("what begins in a key", () => {
  const dashes = "-".repeat(5);
  const begin = `${dashes}BEGIN PRIVATE KEY${dashes}`;

  test("and goes on in its value goes from both", () => {
    const body = ALL.find(({ kind }) => kind === "private_key")?.secret.split("\n")[1] ?? "";
    const value = { [`${begin}\n${body}`]: `${body}\n${dashes}END PRIVATE KEY${dashes}` };
    expect(JSON.stringify(redacted(value))).not.toContain(body.slice(0, 20));
    expect(JSON.stringify(redacted({ [begin]: body }))).not.toContain(body.slice(0, 20));
  });

  test("what begins in a value leaves the keys between alone", () => {
    const lines = (ALL.find(({ kind }) => kind === "private_key")?.secret ?? "").split("\n");
    const marker = "[REDACTED:private_key:0123456789ab]";
    expect(redacted(Object.fromEntries(lines.map((line, index) => [`line${index}`, line])))).toEqual({
      line0: marker,
      line1: marker,
      line2: marker,
    });
  });
});

describe("numbers that become their markers", () => {
  const [one, two] = [Number("42".repeat(8)), 4_000_056_655_665_556];

  test("are looked at from twelve zeros on, and leave a text", () => {
    expect(redacted([one, BigInt(two), 7, 2 ** 50])).toEqual([
      "[REDACTED:payment_card]",
      "[REDACTED:payment_card]",
      7,
      2 ** 50,
    ]);
  });

  test("as keys of a Map and members of a Set stay as many as they were", () => {
    const map = new Map<unknown, unknown>([
      [one, "a"],
      [two, "b"],
      [String(one), "c"],
    ]);
    expect([...(redacted(map) as Map<unknown, unknown>).values()]).toEqual(["a", "b", "c"]);
    expect((redacted(new Set([one, two, String(one), BigInt(one)])) as Set<unknown>).size).toBe(4);
  });
});
