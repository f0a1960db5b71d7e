import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import { copyAsCanonical } from "../../src/job/copy.js";
import type { Json } from "../../src/outcome.js";
import { cases } from "../scale.js";

const LIMITS = { maxBytes: 1_000, maxDepth: 8 };
const RUNS = cases("a value copied at its size", 1_000, 20_000);

const trap = (): never => {
  throw new Error("the value's own code ran");
};
const TRAPS: ProxyHandler<object> = { getPrototypeOf: trap, getOwnPropertyDescriptor: trap, ownKeys: trap, get: trap };

function refusalOf(value: unknown, limits = LIMITS): unknown {
  const copy = copyAsCanonical(value, limits, "/payload");
  if (copy.ok) throw new Error(`it was let in: ${copy.text}`);
  return copy.issue;
}

describe("the size of a value", () => {
  const tooLarge = { path: expect.stringMatching(/^\/payload/), message: "the job is larger than the size limit" };

  test.each<[Json]>([
    [null],
    [true],
    [-1.5],
    [""],
    ["abc"],
    ["\n"],
    [[]],
    [{}],
    [[1]],
    [{ a: 1 }],
    [[[], {}]],
    [{ a: {}, b: [] }],
    [{ a: { b: { c: 1 } } }],
    [[{ a: 1 }, { a: 1 }, { a: 1 }]],
  ])("%j is let in at the units of its text, and not at one less", (value) => {
    const { length } = canonicalize(value);
    expect(copyAsCanonical(value, { ...LIMITS, maxBytes: length })).toEqual({ ok: true, text: canonicalize(value) });
    expect(refusalOf(value, { ...LIMITS, maxBytes: length - 1 })).toEqual(tooLarge);
  });

  test("is counted to the unit, whatever it is made of (property)", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const whole = copyAsCanonical(value, { maxBytes: 1_000_000, maxDepth: 8 });
        fc.pre(whole.ok);
        const { length } = whole.text;
        expect(copyAsCanonical(value, { maxBytes: length, maxDepth: 8 })).toEqual(whole);
        expect(refusalOf(value, { maxBytes: length - 1, maxDepth: 8 })).toEqual(tooLarge);
      }),
      { numRuns: RUNS },
    );
  });

  test("ends the walk: what stands behind it is not looked at", () => {
    expect(refusalOf(["x".repeat(2_000), new Proxy({}, TRAPS)])).toEqual({ ...tooLarge, path: "/payload/0" });
    // Nor is a text looked into that is too long by itself.
    expect(refusalOf("\ud800".repeat(2_000))).toEqual({ ...tooLarge, path: "/payload" });
  });
});

describe("the place of a refusal", () => {
  test("is a JSON Pointer, with `~` and `/` of a key escaped", () => {
    expect(refusalOf({ "a/b": [{ "~": undefined }] })).toEqual({
      path: "/payload/a~1b/0/~0",
      message: "a value must not be undefined",
    });
    expect(refusalOf({ "/~1/": undefined })).toMatchObject({ path: "/payload/~1~01~1" });
  });

  test("shows 128 characters of a key, and cuts a longer one", () => {
    expect(refusalOf({ ["k".repeat(128)]: undefined })).toMatchObject({ path: `/payload/${"k".repeat(128)}` });
    expect(refusalOf({ ["k".repeat(129)]: undefined })).toMatchObject({ path: `/payload/${"k".repeat(128)}...` });
  });
});

describe("a list", () => {
  test("with a hole is refused where the hole is, also where another property makes up the number", () => {
    const list = Object.assign([1, 2, 3], { extra: 4 });
    delete list[1];
    expect(refusalOf({ list })).toEqual({ path: "/payload/list/1", message: "a list must not have holes" });
  });
});

// Of another realm only its own `Object.prototype` and `Array.prototype` are roots: what looks a little like one is none.
describe("a value whose prototype is no realm's root is an instance of something", () => {
  const plain = "a value must be a plain object, not an instance of a class";
  const noop = (): void => {};
  const root = (above: object | null, own: readonly string[]): object =>
    Object.assign(Object.create(above) as object, Object.fromEntries(own.map((name) => [name, noop])));

  test.each<[string, object | null]>([
    ["an object with nothing of a root", root(null, [])],
    ["an object with a root's method alone", root(null, ["isPrototypeOf"])],
    ["an object with a constructor alone", root(null, ["constructor"])],
    ["a class's prototype with both", root(Object.prototype, ["isPrototypeOf", "constructor"])],
    ["a function with both", Object.assign(Object.setPrototypeOf(noop, null), { isPrototypeOf: 1, constructor: 1 })],
  ])("an object: %s", (_, prototype) => {
    expect(refusalOf(Object.create(prototype))).toEqual({ path: "/payload", message: plain });
  });

  const listOf = (prototype: object | null): unknown[] => Object.setPrototypeOf([1], prototype) as unknown[];
  const listRoot = (above: object | null): object =>
    Object.setPrototypeOf(Object.assign([], { concat: noop, constructor: noop }), above) as object;

  test.each<[string, object | null]>([
    ["none", null],
    ["a list under this realm's lists", listRoot(Array.prototype)],
    ["an object under a root", root(Object.prototype, ["concat", "constructor"])],
    ["a list under a function", listRoot(Object.setPrototypeOf(() => {}, null) as object)],
  ])("a list: %s", (_, prototype) => {
    expect(refusalOf(listOf(prototype))).toEqual({ path: "/payload", message: "a list must be a plain array" });
  });

  test("a proxy, of which nothing is run", () => {
    const prototype = new Proxy({ isPrototypeOf: noop, constructor: noop }, TRAPS);
    expect(refusalOf(Object.create(prototype))).toEqual({ path: "/payload", message: plain });
  });
});
