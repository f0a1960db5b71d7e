import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copyPlain, OUTPUT_CAPS } from "../../src/output/plain.js";

function copied(value: unknown): unknown {
  const copy = copyPlain(value);
  if (!copy.ok) throw new Error(copy.message);
  return copy.value;
}

function refusal(value: unknown): readonly [string, string, readonly (string | number)[]] {
  const copy = copyPlain(value);
  if (copy.ok) throw new Error("the value was copied");
  return [copy.reason, copy.message, copy.steps];
}

function nested(depth: number): unknown {
  let value: unknown = "deep";
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

class Account {
  readonly owner = "dana";
}

describe("what is plain data", () => {
  test("JSON, undefined, any number, bigint, Date, bytes, Map, Set and URL are copied to equal values", () => {
    const value = {
      json: [null, true, 1.5, "text", { inner: [] }],
      nothing: undefined,
      numbers: [Number.NaN, Number.POSITIVE_INFINITY, -0, 2 ** 60],
      big: 10n ** 30n,
      date: new Date(0),
      bytes: new Uint8Array([1, 2, 255]),
      map: new Map<unknown, unknown>([
        ["a", new Set([1])],
        [{ key: "object" }, new Date(5)],
      ]),
      url: new URL("https://example.com/a?b=c"),
    };
    const copy = copied(value) as typeof value;
    expect(copy).toStrictEqual(value);
    expect(copy).not.toBe(value);
    expect(copy.bytes).not.toBe(value.bytes);
    expect(copy.url).not.toBe(value.url);
    expect(Object.is(copy.numbers[2], -0)).toBe(true);
  });

  test("a Buffer is copied as a Uint8Array with memory of its own", () => {
    const buffer = Buffer.from("abc");
    const copy = copied(buffer) as Uint8Array;
    expect(Object.getPrototypeOf(copy)).toBe(Uint8Array.prototype);
    buffer.fill(0);
    expect([...copy]).toEqual([97, 98, 99]);
    expect(copy.buffer.byteLength).toBe(3);
  });

  test("an object without a prototype is copied as a plain object", () => {
    const bare = Object.assign(Object.create(null), { a: 1 });
    expect(copied(bare)).toStrictEqual({ a: 1 });
  });

  test("values of another realm are plain, and their copies belong to this one", () => {
    const value = runInNewContext(
      "({ list: [1, { a: 2 }], map: new Map([['k', new Set(['v'])]]), date: new Date(7), bytes: new Uint8Array([9]) })",
    );
    expect(value instanceof Object).toBe(false);
    expect(copied(value)).toStrictEqual({
      list: [1, { a: 2 }],
      map: new Map([["k", new Set(["v"])]]),
      date: new Date(7),
      bytes: new Uint8Array([9]),
    });
  });

  test("the same object in two places is no cycle", () => {
    const shared = { a: 1 };
    expect(copied([shared, shared])).toStrictEqual([{ a: 1 }, { a: 1 }]);
  });

  test("an own key `__proto__` stays data and sets no prototype", () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":true},"constructor":1}');
    const copy = copied(value) as object;
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(Object.keys(copy)).toEqual(["__proto__", "constructor"]);
    expect(Reflect.get(copy, "admin")).toBeUndefined();
    // The control: assigning key by key sets the prototype.
    const naive: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value as object)) naive[key] = item;
    expect(naive.admin).toBe(true);
  });

  test("a copy equals its plain original and shares no object with it (property)", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(copied(value)).toEqual(value);
      }),
    );
  });
});

describe("what is not plain data", () => {
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const cycle: Record<string, unknown> = {};
  cycle.self = { again: cycle };
  const cyclicMap = new Map<string, unknown>();
  cyclicMap.set("me", cyclicMap);
  const sparse = [1, 2, 3];
  delete sparse[1];

  const cases: readonly (readonly [string, unknown, readonly (string | number)[]])[] = [
    ["a function", () => 1, []],
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is refused here
    ["a function", { deep: [{ then: () => 1 }] }, ["deep", 0, "then"]],
    ["a symbol", [Symbol("s")], [0]],
    ["a symbol key", { a: { [Symbol("s")]: 1 } }, ["a"]],
    ["an instance of a class", { account: new Account() }, ["account"]],
    ["an instance of a class", new (class extends Map {})(), []],
    ["an instance of a class", new (class extends Array {})(), []],
    ["an instance of a class", new (class extends Uint8Array {})(2), []],
    ["an instance of a class", new (class extends URL {})("https://example.com"), []],
    ["an instance of a class", Object.create(URL.prototype), []],
    ["an instance of a class", Object.setPrototypeOf(new Map([["a", 1]]), Object.prototype), []],
    ["a Promise", [Promise.resolve(1)], [0]],
    ["a Promise", Object.setPrototypeOf(Promise.resolve(1), Object.prototype), []],
    // As async hooks leave their ids on a promise.
    ["a Promise", Object.assign(Object.setPrototypeOf(Promise.resolve(1), null), { [Symbol("async id")]: 7 }), []],
    ["a proxy", { p: new Proxy({}, {}) }, ["p"]],
    ["a proxy", new Proxy([], {}), []],
    [
      "a getter or setter",
      {
        get secret(): string {
          throw new Error("the getter ran");
        },
      },
      ["secret"],
    ],
    ["a getter or setter", Object.defineProperty([1], "0", { get: () => 1, enumerable: true }), [0]],
    ["a property that is not enumerable", Object.defineProperty({}, "hidden", { value: 1 }), ["hidden"]],
    ["a value that contains itself", cycle, ["self", "again"]],
    ["a value that contains itself", cyclicMap, ["me"]],
    ["a RegExp", { r: /a/ }, ["r"]],
    ["an Error", [new TypeError("no")], [0]],
    ["a typed array other than Uint8Array", new Uint16Array(2), []],
    ["a typed array other than Uint8Array", new DataView(new ArrayBuffer(2)), []],
    ["an ArrayBuffer", new ArrayBuffer(2), []],
    ["a value that cannot be read", { bytes: detached }, ["bytes"]],
    ["an invalid Date", { when: new Date(Number.NaN) }, ["when"]],
    ["a weak collection", new WeakMap(), []],
    ["a boxed primitive", Object("text"), []],
    ["a generator", (async function* () {})(), []],
    ["an instance of a class", new ReadableStream(), []],
    ["a list with holes", { list: sparse }, ["list"]],
    ["a list with properties of its own", /a(b)/.exec("ab"), []],
    ["a Map with properties of its own", Object.assign(new Map(), { entries: () => [] }), []],
    ["a Set with properties of its own", Object.assign(new Set(), { extra: 1 }), []],
    ["a Date with properties of its own", Object.assign(new Date(0), { toJSON: () => "x" }), []],
    ["a symbol", new Map([["k", Symbol("s")]]), ["k"]],
    ["a function", new Map([[() => 1, 1]]), [0]],
    ["a function", new Set([1, () => 1]), [1]],
  ];

  test.each(cases.map(([message, value, steps], index) => ({ index, message, value, steps })))(
    "$index: $message is refused with the way to it",
    ({ message, value, steps }) => {
      expect(refusal(value)).toEqual(["not_plain", message, steps]);
    },
  );
});

describe("no code of the value's owner runs", () => {
  test("getters, toJSON, iterators, overridden methods and proxy traps stay uncalled", () => {
    const calls: string[] = [];
    const note = (name: string) => () => {
      calls.push(name);
      return undefined;
    };
    const traps = new Proxy({}, { get: (_, trap) => note(String(trap)) });
    const date = Object.setPrototypeOf(new Date(3), {
      __proto__: Date.prototype,
      getTime: note("getTime"),
      toJSON: note("date toJSON"),
    });
    const hostile = [
      { toJSON: note("toJSON") },
      Object.defineProperty({}, "a", { get: note("getter"), enumerable: true }),
      Object.assign(new Map([["a", 1]]), { forEach: note("forEach"), entries: note("entries") }),
      Object.assign([1], { map: note("map"), [Symbol.iterator]: note("iterator") }),
      new Proxy({ a: 1 }, traps),
      new Proxy([], traps),
      Object.create(new Proxy({}, traps)),
      date,
    ];
    for (const value of hostile) expect(copyPlain(value).ok).toBe(false);
    expect(calls).toEqual([]);
    // The control: a naive copy runs what it copies.
    JSON.parse(JSON.stringify(hostile[0]) ?? "null");
    structuredClone(hostile[1]);
    expect(calls).toEqual(["toJSON", "getter"]);
  });

  test("methods that are replaced on the built-in prototypes later are not called", () => {
    const original = { forEach: Map.prototype.forEach, getTime: Date.prototype.getTime };
    const calls: string[] = [];
    Map.prototype.forEach = () => void calls.push("forEach");
    Date.prototype.getTime = () => calls.push("getTime");
    try {
      const copy = copied([new Map([["a", 1]]), new Date(11)]) as [Map<string, number>, Date];
      expect(copy[0].get("a")).toBe(1);
      expect(Number(copy[1])).toBe(11);
    } finally {
      Map.prototype.forEach = original.forEach;
      Date.prototype.getTime = original.getTime;
    }
    expect(calls).toEqual([]);
  });
});

describe("caps", () => {
  test("64 levels are read and 65 are refused", () => {
    expect(copyPlain(nested(64)).ok).toBe(true);
    expect(refusal(nested(65)).slice(0, 2)).toEqual(["over_cap", "more than 64 levels"]);
    expect(refusal(nested(100_000)).slice(0, 2)).toEqual(["over_cap", "more than 64 levels"]);
  });

  test("a list of more than 1,000,000 values is refused before it is read", () => {
    expect(refusal(new Array(4_000_000_000)).slice(0, 2)).toEqual(["over_cap", "more than 1000000 values"]);
    expect(refusal(new Array(OUTPUT_CAPS.nodes).fill(0)).slice(0, 2)).toEqual(["over_cap", "more than 1000000 values"]);
  });

  test("few objects that stand for very many values are refused", () => {
    let value: unknown = [1];
    for (let level = 0; level < 40; level += 1) value = [value, value];
    expect(refusal(value).slice(0, 2)).toEqual(["over_cap", "more than 1000000 values"]);
  });

  test("8 MiB of content is read and one character or byte more is refused, keys among it", () => {
    const message = "more than 8388608 characters and bytes of content";
    expect(copyPlain("x".repeat(OUTPUT_CAPS.content)).ok).toBe(true);
    expect(refusal(["x".repeat(OUTPUT_CAPS.content), "y"])).toEqual(["over_cap", message, [1]]);
    expect(refusal(new Uint8Array(OUTPUT_CAPS.content + 1))).toEqual(["over_cap", message, []]);
    expect(refusal({ ["k".repeat(OUTPUT_CAPS.content + 1)]: 1 })).toEqual(["over_cap", message, []]);
  });

  test("a huge bigint is refused before it is written out", () => {
    expect(copyPlain(2n ** 8_192n - 1n).ok).toBe(true);
    expect(refusal([2n ** 8_192n])).toEqual(["over_cap", "a bigint of more than 8192 bits", [0]]);
    const many = new Array(10_000).fill(2n ** 8_191n);
    expect(refusal(many).slice(0, 2)).toEqual(["over_cap", "more than 8388608 characters and bytes of content"]);
    expect(refusal([-(2n ** 8_192n)])).toEqual(["over_cap", "a bigint of more than 8192 bits", [0]]);
  });
});
