import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import type { Json, OutcomeError, OutputRule } from "../../src/outcome.js";
import { type ErrorInspection, inspectError } from "../../src/output/inspect.js";
import { ALL } from "./planted.js";

const redactAll: OutputRule = { ruleId: "clean", detect: ["secrets", "pii"], action: "redact" };
const withholdAll: OutputRule = { ...redactAll, ruleId: "hold", action: "quarantine" };
const address = "dana@example.com";

function words(thrown: unknown): OutcomeError {
  const inspection = inspectError(thrown, [redactAll]);
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.error;
}

describe("what leaves of an error", () => {
  test("name, message, code and cause leave, and nothing else", () => {
    const error = Object.assign(new TypeError("no room", { cause: new RangeError("too long") }), {
      code: "E_ROOM",
      config: { password: "hidden" },
    });
    expect(inspectError(error, [redactAll])).toEqual({
      verdict: "clear",
      error: {
        name: "TypeError",
        message: "no room",
        code: "E_ROOM",
        cause: { name: "RangeError", message: "too long" },
      },
      findings: [],
    });
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
    ["an object", { a: 1 }, { name: "NonError", message: "an object without a message was thrown" }],
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
      { name: "Error", message: "ENOENT", code: "ENOENT" },
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
    expect(words(new Getter("a")).name).toBe("Error");
    expect(words(Object.setPrototypeOf(new Error("a"), new Proxy({}, {}))).name).toBe("Error");
  });

  test("no getter and no trap is called", () => {
    const calls: string[] = [];
    const hostile = new Error("m");
    for (const key of ["name", "message", "code", "cause", "stack", "toString", "toJSON"]) {
      Object.defineProperty(hostile, key, {
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
    const proxy = new Proxy(hostile, { get: trap("get"), getPrototypeOf: trap("getPrototypeOf"), has: trap("has") });
    expect(words(hostile)).toEqual({ name: "Error", message: "" });
    expect(words(new Error("outer", { cause: proxy })).cause?.message).toBe("a proxy was thrown");
    expect(calls).toEqual([]);
    // The control: reading it the usual way calls them.
    expect(`${hostile.message}${hostile.name}`).toContain(address);
    expect(calls).toEqual(["message", "name"]);
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
        message: expect.stringMatching(/^output rule `hold` withheld the error: [a-z_]+ at `[a-z/]+`$/),
      });
      for (const inspection of [redacted, withheld]) expectNoTrace(inspection, secret);
    }
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
