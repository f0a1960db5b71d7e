import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import type { Json, OutcomeError, OutputRule } from "../../src/outcome.js";
import { type ErrorInspection, inspectError } from "../../src/output/inspect.js";
import { ALL } from "./planted.js";

const redactAll: OutputRule = { ruleId: "clean", detect: ["secrets", "pii"], action: "redact" };
const withholdAll: OutputRule = { ...redactAll, ruleId: "hold", action: "quarantine" };
const address = "dana@example.com";

const PRINT = "0123456789ab";

/** What leaves, stacks and all. */
function whole(thrown: unknown): OutcomeError {
  const inspection = inspectError(thrown, [redactAll], { fingerprint: () => PRINT });
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.error;
}

/** What leaves, without the stacks, which name the files of this machine. */
function words(thrown: unknown): OutcomeError {
  return withoutStack(whole(thrown));
}

function withoutStack({ stack: _, cause, errors, ...rest }: OutcomeError): OutcomeError {
  return {
    ...rest,
    ...(errors === undefined ? {} : { errors: errors.map(withoutStack) }),
    ...(cause === undefined ? {} : { cause: withoutStack(cause) }),
  };
}

const TRAPS = Object.getOwnPropertyNames(Reflect);

describe("what leaves of an error", () => {
  test("name, message, code, stack, own properties and cause leave", () => {
    const cause = Object.assign(new RangeError("too long"), { stack: "RangeError: too long\n    at far.js:1:2" });
    const error = Object.assign(new TypeError("no room", { cause }), {
      code: "E_ROOM",
      stack: "TypeError: no room\n    at near.js:3:4",
      config: { url: "https://service.internal/", tries: [1, 2] },
    });
    expect(inspectError(error, [redactAll])).toEqual({
      verdict: "clear",
      error: {
        name: "TypeError",
        message: "no room",
        code: "E_ROOM",
        stack: "TypeError: no room\n    at near.js:3:4",
        properties: { config: { url: "https://service.internal/", tries: [1, 2] } },
        cause: { name: "RangeError", message: "too long", stack: "RangeError: too long\n    at far.js:1:2" },
      },
      findings: [],
    });
  });

  test("the stack is the one that the engine wrote", () => {
    const error = new Error("here");
    expect(whole(error).stack).toBe(error.stack);
    expect(whole({ message: "m", stack: 7 })).toEqual({ name: "NonError", message: "m" });
    expect(whole("a text")).toEqual({ name: "NonError", message: "a text" });
  });

  test("the errors that one gathers leave, eight of them, each with its own words", () => {
    const gathered = Array.from({ length: 12 }, (_, index) => Object.assign(new Error(`number ${index}`), { index }));
    const error = new AggregateError(gathered, "all failed");
    expect(words(error)).toEqual({
      name: "AggregateError",
      message: "all failed",
      errors: gathered.slice(0, 8).map(({ message, index }) => ({ name: "Error", message, properties: { index } })),
    });
    const nested = new AggregateError([new AggregateError([new Error("inner")], "middle"), "a text", null], "outer");
    expect(words(nested)).toEqual({
      name: "AggregateError",
      message: "outer",
      errors: [
        { name: "AggregateError", message: "middle", errors: [{ name: "Error", message: "inner" }] },
        { name: "NonError", message: "a text" },
        { name: "NonError", message: "null" },
      ],
    });
  });

  test("an error that gathers itself, or causes and gathers without end, ends", () => {
    const self = new AggregateError([], "self");
    self.errors = [self, new Error("other", { cause: self })];
    expect(words(self)).toEqual({
      name: "AggregateError",
      message: "self",
      errors: [{ name: "Error", message: "other" }],
    });
    let deep = new AggregateError([], "0");
    for (let level = 1; level < 12; level += 1) deep = new AggregateError([new Error("x"), deep], String(level));
    let depth = 0;
    for (let error = words(deep).errors?.[1]; error !== undefined; error = error.errors?.[1]) depth += 1;
    expect(depth).toBe(5);
  });

  test("what few errors gather from one another is not many times as large", () => {
    const own = Object.fromEntries([...Array(32).keys()].map((n) => [`k${n}`, "x".repeat(8_000)]));
    let wide: unknown = Object.assign(new Error("m"), own, { stack: "" });
    for (let level = 0; level < 3; level += 1) {
      wide = Object.assign(new AggregateError(Array(8).fill(wide), ""), { stack: "" });
    }
    expect(inspectError(wide, [])).toMatchObject({
      verdict: "quarantine",
      message: "the error is over a limit: more than 8388608 characters",
    });
  });

  test("only own properties that are plain JSON leave, 32 of at most 8,192 characters", () => {
    const calls: string[] = [];
    const error = Object.assign(new Error("m"), {
      list: [1, null, "a"],
      when: new Date(0),
      big: 7n,
      map: new Map([[1, 2]]),
      run: () => calls.push("run"),
      text: "x".repeat(8_190),
      long: "x".repeat(8_191),
      promise: Promise.resolve(1),
      none: undefined,
      own: Object.create({ inherited: 1 }),
      json: { toJSON: () => calls.push("toJSON") },
      [Symbol("hidden")]: 1,
    });
    Object.defineProperty(error, "getter", { enumerable: true, get: () => calls.push("getter") });
    Object.defineProperty(error, "hidden", { enumerable: false, value: 1 });
    expect(words(error)).toEqual({
      name: "Error",
      message: "m",
      properties: { list: [1, null, "a"], text: "x".repeat(8_190) },
    });
    expect(calls).toEqual([]);
    const many = Object.assign(new Error("m"), Object.fromEntries([...Array(40).keys()].map((n) => [`k${n}`, n])));
    expect(Object.keys(words(many).properties ?? {})).toEqual([...Array(32).keys()].map((n) => `k${n}`));
  });

  test("an own property `__proto__` stays one", () => {
    const error = new Error("m");
    Object.defineProperty(error, "__proto__", { enumerable: true, value: { admin: true } });
    const { properties } = words(error);
    expect(JSON.stringify(properties)).toBe('{"__proto__":{"admin":true}}');
    expect(Object.getPrototypeOf(properties)).toBe(Object.prototype);
  });

  test.each<readonly [string, unknown, OutcomeError]>([
    ["a string", "plain words", { name: "NonError", message: "plain words" }],
    ["undefined", undefined, { name: "NonError", message: "undefined" }],
    ["null", null, { name: "NonError", message: "null" }],
    ["a number", -0.5, { name: "NonError", message: "-0.5" }],
    ["a bigint", 7n, { name: "NonError", message: "7" }],
    ["a huge bigint", 7n ** 400_000n, { name: "NonError", message: "a large bigint was thrown" }],
    ["a symbol", Symbol("words"), { name: "NonError", message: "a symbol was thrown" }],
    ["a function", () => 1, { name: "", message: "a function without a message was thrown" }],
    [
      "an object",
      { a: 1 },
      { name: "NonError", message: "an object without a message was thrown", properties: { a: 1 } },
    ],
    ["an object with a message", { message: "m", code: 404 }, { name: "NonError", message: "m", code: "404" }],
    ["an error without a message", new Error(), { name: "Error", message: "" }],
    ["a proxy", new Proxy(new Error("inner"), {}), { name: "NonError", message: "a proxy was thrown" }],
    ["an error whose code is an object", Object.assign(new Error("m"), { code: {} }), { name: "Error", message: "m" }],
    [
      "an error whose cause is null",
      new Error("m", { cause: null }),
      { name: "Error", message: "m", cause: { name: "NonError", message: "null" } },
    ],
    ["an error of another realm", runInNewContext("new SyntaxError('far')"), { name: "SyntaxError", message: "far" }],
    ["an aborted call", AbortSignal.abort().reason, { name: "AbortError", message: "This operation was aborted" }],
    [
      "an error of the file system",
      Object.assign(new Error("ENOENT"), { code: "ENOENT", errno: -2 }),
      { name: "Error", message: "ENOENT", code: "ENOENT", properties: { errno: -2 } },
    ],
  ])("%s", (_, thrown, error) => {
    expect(words(thrown)).toEqual(error);
  });

  test("the name comes from the prototype where that runs no code", () => {
    class Named extends Error {}
    Object.defineProperty(Named.prototype, "name", { value: "NamedError" });
    class Getter extends Error {
      override get name(): string {
        throw new Error("the getter ran");
      }
    }
    expect(words(new Named("a")).name).toBe("NamedError");
    expect(words(new Getter("a"))).toEqual({ name: "Error", message: "a" });
    expect(words(Object.setPrototypeOf(new Error("a"), new Proxy({}, {}))).name).toBe("Error");
  });

  test("no getter and no trap is called", () => {
    const calls: string[] = [];
    const hostile = new Error("m");
    for (const key of ["name", "message", "code", "cause", "stack", "errors", "config", "toString", "toJSON"]) {
      Object.defineProperty(hostile, key, {
        enumerable: true,
        get: () => {
          calls.push(key);
          return address;
        },
      });
    }
    // Defining `stack` made the runtime write the trace, for which it read name and message.
    calls.length = 0;
    const trap = (name: string) => () => {
      calls.push(name);
      throw new Error(name);
    };
    const proxy = new Proxy(hostile, Object.fromEntries(TRAPS.map((name) => [name, trap(name)])));
    const list = new Proxy([hostile], Object.fromEntries(TRAPS.map((name) => [name, trap(name)])));
    expect(whole(hostile)).toEqual({ name: "Error", message: "" });
    expect(words(new Error("outer", { cause: proxy })).cause).toEqual({
      name: "NonError",
      message: "a proxy was thrown",
    });
    expect(words(Object.assign(new Error("outer"), { errors: list, config: proxy, rows: [proxy] }))).toEqual({
      name: "Error",
      message: "outer",
    });
    expect(words(Object.assign(new Error("outer"), { errors: [proxy, hostile] })).errors).toEqual([
      { name: "NonError", message: "a proxy was thrown" },
      { name: "Error", message: "" },
    ]);
    expect(calls).toEqual([]);
    // The control: reading it the usual way calls them.
    expect(`${hostile.message}${hostile.name}`).toContain(address);
    expect(calls).toEqual(["message", "name"]);
  });

  test("reading the stack, which engines write when it is first read, calls none either", () => {
    const calls: string[] = [];
    class Counting extends Error {
      override get name(): string {
        calls.push("name");
        return "Counting";
      }
    }
    const speaking = new Error("m");
    Object.assign(speaking, {
      message: {
        toString: () => {
          calls.push("toString");
          return "m";
        },
      },
    });
    expect(whole(new Counting("a"))).toEqual({ name: "Error", message: "a" });
    expect(whole(new Error("a", { cause: new Counting("b") })).cause).toEqual({ name: "Error", message: "b" });
    expect(whole(speaking)).toEqual({ name: "Error", message: "" });
    expect(calls).toEqual([]);
    // The control: so it is read usually.
    expect(typeof new Counting("a").stack).toBe("string");
    expect(calls).toContain("name");
  });

  test("a cycle of causes ends, and at most five causes leave", () => {
    const a = new Error("a");
    const b = new Error("b", { cause: a });
    a.cause = b;
    expect(words(a)).toEqual({ name: "Error", message: "a", cause: { name: "Error", message: "b" } });
    const self = new Error("self");
    self.cause = self;
    expect(words(self)).toEqual({ name: "Error", message: "self" });
    let deep = new Error("0");
    for (let level = 1; level < 10; level += 1) deep = new Error(String(level), { cause: deep });
    const messages: string[] = [];
    for (let error: OutcomeError | undefined = words(deep); error !== undefined; error = error.cause)
      messages.push(error.message);
    expect(messages).toEqual(["9", "8", "7", "6", "5", "4"]);
  });

  test("a long message is cut after redaction, and the cut is shown", () => {
    expect(words(new Error("x".repeat(9_000))).message).toBe(`${"x".repeat(8_192)}... [808 more characters were cut]`);
    const spaced = words(new Error(`${"x ".repeat(4_092)}${address} end`)).message;
    expect(spaced).toBe(`${"x ".repeat(4_092)}[REDACTE... [12 more characters were cut]`);
    expect(whole({ message: "m", stack: "s".repeat(8_200) }).stack).toBe(
      `${"s".repeat(8_192)}... [8 more characters were cut]`,
    );
    expect(words({ message: "m", code: "c".repeat(300) }).code).toBe(
      `${"c".repeat(256)}... [44 more characters were cut]`,
    );
  });

  test("words with lone surrogates can be recorded", () => {
    const error = words(Object.assign(new Error(`\ud800 ${"😀".repeat(5_000)}`), { code: "\udfff" }));
    expect(() => canonicalize(error as unknown as Json)).not.toThrow();
    expect(error.code).toBe("\ufffd");
  });
});

describe("secrets in errors", () => {
  const places: readonly (readonly [string, string, (text: string) => unknown])[] = [
    ["its message", "/message", (text) => new Error(`failed: ${text}`)],
    ["its name", "/name", (text) => Object.assign(new Error("m"), { name: text })],
    ["its code", "/code", (text) => Object.assign(new Error("m"), { code: text })],
    [
      "the message of a cause",
      "/cause/cause/message",
      (text) => new Error("a", { cause: new Error("b", { cause: new Error(text) }) }),
    ],
    ["a cause that is a string", "/cause/message", (text) => new Error("a", { cause: text })],
    ["a thrown string", "/message", (text) => text],
    ["a thrown object", "/message", (text) => ({ message: text, stack: text, [text]: text })],
    ["its stack", "/stack", (text) => Object.assign(new Error("m"), { stack: `Error: m\n    at ${text}` })],
    [
      "its own property",
      "/properties/config/list/0",
      (text) => Object.assign(new Error("m"), { config: { list: [text] } }),
    ],
    [
      "an error that it gathers",
      "/errors/1/message",
      (text) => new AggregateError([new Error("a"), new Error(text)], "m"),
    ],
    [
      "the property of a cause of one that it gathers",
      "/errors/0/cause/properties/body",
      (text) => new AggregateError([new Error("a", { cause: { message: "b", body: text } })], "m"),
    ],
  ];

  test.each(places)("in %s a secret is redacted, or the words are withheld", (_, path, plant) => {
    for (const { secret, text, kind } of ALL) {
      const redacted = inspectError(plant(text), [redactAll]);
      expect(redacted.verdict).toBe("clear");
      expect(redacted.findings.map((finding) => `${finding.kind} ${finding.path}`)).toContain(`${kind} ${path}`);
      const withheld = inspectError(plant(text), [withholdAll]);
      expect(withheld).toMatchObject({
        verdict: "quarantine",
        error: { name: "Error", message: "the error was withheld" },
        message: expect.stringMatching(/^output rule `hold` withheld the error: [a-z_]+ at `[a-z0-9/]+`$/),
      });
      for (const inspection of [redacted, withheld]) expectNoTrace(inspection, secret);
    }
  });

  test("a message that stands in the stack too goes from both, and from a key", () => {
    const error = Object.assign(new Error(`no route to ${address}`), { [address]: [address] });
    error.stack = `Error: no route to ${address}\n    at near.js:3:4`;
    expect(whole(error)).toEqual({
      name: "Error",
      message: "no route to [REDACTED:email]",
      stack: "Error: no route to [REDACTED:email]\n    at near.js:3:4",
      properties: { "[REDACTED:email]": ["[REDACTED:email]"] },
    });
  });

  test("what is cut into several words of an error goes from each", () => {
    const { secret } = ALL.find(({ kind }) => kind === "github_token") ?? { secret: "" };
    const error = new Error(`so ${secret.slice(0, 20)}`, { cause: `${secret.slice(20)} it is` });
    error.stack = "";
    expect(JSON.stringify(whole(error))).not.toContain(secret.slice(20));
    expect(JSON.stringify(whole(error))).not.toContain(secret.slice(0, 20));
  });

  test("a naive reading fails the same check (control)", () => {
    const error = new Error("outer", { cause: new Error(`see ${address}`) });
    const naive = { name: error.name, message: error.message, cause: String(error.cause) };
    expect(JSON.stringify(naive)).toContain(address);
  });

  test("an error over a cap is withheld", () => {
    expect(inspectError(new Error("x".repeat(8 * 1024 * 1024 + 1)), [])).toEqual({
      verdict: "quarantine",
      error: { name: "Error", message: "the error was withheld" },
      findings: [],
      message: "the error is over a limit: more than 8388608 characters",
    });
    expect(inspectError(new Error("a@b.co ".repeat(1_001)), [redactAll])).toMatchObject({
      verdict: "quarantine",
      message: "the error is over a limit: more than 1000 findings",
    });
  });

  test("a detector that fails withholds the error", () => {
    const broken: OutputRule = { ruleId: "new", detect: ["streams" as never], action: "redact" };
    expect(inspectError(new Error(address), [broken])).toEqual({
      verdict: "quarantine",
      error: { name: "Error", message: "the error was withheld" },
      findings: [],
      message: "a detector failed, so the error was not inspected",
    });
  });
});

function expectNoTrace(inspection: ErrorInspection, secret: string): void {
  const text = JSON.stringify(inspection);
  for (const line of secret.split("\n")) if (line.length > 3) expect(text).not.toContain(line);
}
