import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import type { Json } from "../../src/outcome.js";
import { decodeOutput } from "../../src/output/decode.js";
import { encodeOutput } from "../../src/output/encode.js";
import { copyPlain } from "../../src/output/plain.js";

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string(),
  fc.constantFrom("\ud800", "a\udfffb", "$gate.date", "$gate.", "__proto__", "constructor", "\\ud800", '"', ""),
  fc.constantFrom("\u0000\ud834", "10", "9"),
);

const anyKey = anyText.filter((text) => text !== "__proto__");

const plainData = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true, maxDepth: 5 },
    fc.oneof(
      anyText,
      fc.double(),
      fc.constantFrom(null, undefined, true, false, -0, 2 ** 53, 2 ** 60, 1e21, 5e-324),
      fc.bigInt(),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array(),
      fc.webUrl({ withQueryParameters: true }).map((href) => new URL(href)),
    ),
    fc.array(tie("value")),
    fc.dictionary(anyKey, tie("value"), { noNullPrototype: true }),
    fc.array(fc.tuple(tie("value"), tie("value"))).map((pairs) => new Map(pairs)),
    fc.array(tie("value")).map((members) => new Set(members)),
  ),
})).value;

describe("the recorded form", () => {
  test("every plain value comes back equal (property)", () => {
    fc.assert(
      fc.property(plainData, (value) => {
        const text = encodeOutput(value);
        // Not toStrictEqual: it takes an own key `constructor` for the type of its object.
        expect(isDeepStrictEqual(decodeOutput(text), value)).toBe(true);
        expect(encodeOutput(decodeOutput(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  test("it is canonical JSON (property)", () => {
    fc.assert(
      fc.property(plainData, (value) => {
        const text = encodeOutput(value);
        expect(canonicalize(JSON.parse(text) as Json)).toBe(text);
        expect(text).not.toMatch(/\p{Surrogate}/u);
      }),
      { numRuns: 200 },
    );
  });

  test("plain JSON is just its canonical JSON (property)", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(
          !JSON.stringify(value).includes("$gate.") &&
            JSON.stringify(value, (_, item) => (Object.is(item, -0) ? "minus" : item)) === JSON.stringify(value),
        );
        expect(encodeOutput(copyOf(value))).toBe(canonicalize(value as Json));
      }),
      { numRuns: 200 },
    );
  });

  test("what JSON cannot hold is tagged", () => {
    const value = [
      undefined,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      -0,
      12n,
      new Date(0),
      new Uint8Array([0, 255]),
      new Map<unknown, unknown>([[1, new Set(["a"])]]),
      new URL("https://example.com"),
      "\ud800",
    ];
    expect(encodeOutput(value)).toBe(
      `[{"$gate.undefined":true},{"$gate.number":"NaN"},{"$gate.number":"-Infinity"},{"$gate.number":"-0"},` +
        `{"$gate.bigint":"12"},{"$gate.date":"1970-01-01T00:00:00.000Z"},{"$gate.bytes":"AP8="},` +
        `{"$gate.map":[[1,{"$gate.set":["a"]}]]},{"$gate.url":"https://example.com/"},{"$gate.text":"\\"\\\\ud800\\""}]`,
    );
  });

  test("an object that looks like a tag comes back as the object it was", () => {
    const value = { "$gate.date": "1970-01-01T00:00:00.000Z" };
    expect(encodeOutput(value)).toBe('{"$gate.object":[["$gate.date","1970-01-01T00:00:00.000Z"]]}');
    expect(decodeOutput(encodeOutput(value))).toStrictEqual(value);
    // The control: without the escape it would come back as a Date.
    expect(decodeOutput(JSON.stringify(value))).toBeInstanceOf(Date);
  });

  test("an own key `__proto__` comes back as an own key", () => {
    for (const text of ['{"__proto__":{"a":1}}', '{"__proto__":{"$gate.bigint":"1"}}']) {
      const value = decodeOutput(text) as object;
      expect(Object.keys(value)).toEqual(["__proto__"]);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(encodeOutput(value)).toBe(text);
    }
  });

  test("keys are sorted by UTF-16 code units, few and many", () => {
    const few = { b: 1, a: 2, "10": 3, "9": 4, "\ufb33": 5, "\ud83d\ude00": 6, A: 7 };
    expect(encodeOutput(few)).toBe(canonicalize(few));
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${(index * 17) % 40}`, index]));
    expect(encodeOutput(many)).toBe(canonicalize(many));
  });

  test("what is not plain data throws", () => {
    expect(() => encodeOutput(() => 1)).toThrow("a recorded output cannot hold a function");
    expect(() => encodeOutput(/a/)).toThrow("a recorded output cannot hold an instance of a class");
  });

  test.each([
    ['{"$gate.later":1}', "a recorded output holds an unknown tag `$gate.later`"],
    ['{"$gate.date":5}', "a recorded output holds a damaged tag"],
    ['{"$gate.date":"soon"}', "a recorded output holds a damaged tag"],
    ['{"$gate.map":[1]}', "a recorded output holds a damaged tag"],
    ['{"$gate.object":[[1,2]]}', "a recorded output holds a damaged tag"],
  ])("the damaged record %s throws", (text, message) => {
    expect(() => decodeOutput(text)).toThrow(message);
  });
});

function copyOf(value: unknown): unknown {
  const copy = copyPlain(value);
  if (!copy.ok) throw new Error(copy.message);
  return copy.value;
}
