import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { canonicalize, canonicalNumber } from "../../src/canonical.js";
import type { Json } from "../../src/outcome.js";
import { cases, FULL_TIME } from "../scale.js";

// The published test of numbers of the JCS reference (cyberphone/json-canonicalization, testdata): lines of
// `bits in hex,text` for values that a rule gives, and the SHA-256 of the first so many lines.
const PUBLISHED: ReadonlyMap<number, string> = new Map([
  [1_000, "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687"],
  [10_000, "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892"],
  [100_000, "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7"],
  [1_000_000, "49415fee2c56c77864931bd3624faad425c3c577d6d74e89a83bc725506dad16"],
]);

/** A third of a power of ten, from 10^22 down to 10^-27: bits that the rule lists, some of them an ulp off. */
const THIRDS = `
  446696695dbd1cc3 443211ede4974a35 43fce97ca0f21056 43c7213080c1a6ac 439280f39a348556 435d9b1f5d20d557 4327af4c4a80aaac
  42f2f2a36ecd5556 42be51057e155558 428840d131aaaaac 4253670dc1555557 421f0b4935555557 41e8d5d42aaaaaac 41b3de4355555556
  417fca0555555556 41496e6aaaaaaaab 4114585555555555 40e046aaaaaaaaab 40aa0aaaaaaaaaaa 4074d55555555555 4040aaaaaaaaaaab
  400aaaaaaaaaaaab 3fd5555555555555 3fa1111111111111 3f6b4e81b4e81b4f 3f35d867c3ece2a5 3f0179ec9cbd821e 3ecbf647612f3696
  3e965e9f80f29212 3e61e54c672874db 3e2ca213d840baf8 3df6e80fe033c8c6 3dc2533fe68fd3d2 3d8d51ffd74c861c 3d5774ccac3d3817
  3d22c3d6f030f9ac 3cee0624b3818f79 3cb804ea293472c7 3c833721ba905bd3 3c4ebe9c5db3c61e 3c18987d17c304e5 3be3ad30dfcf371d
  3baf7b816618582f 3b792f9ab81379bf 3b442615600f9499 3b101e77800c76e1 3ad9ca58cce0be35 3aa4a1e0a3e6fe90 3a708180831f320d
  3a3a68cd9e985016`;

/** The other listed values, where a number stands for itself and no two texts read as the same one. */
const LISTED = [
  ...[10, 5, 0.5, 0.05, 0.005, 0.0005, 0.00005, 0.000005, 5e-7, 5e-8, 5e-9],
  // 5 millionths and a digit ever further behind, until it is lost.
  ...Array.from({ length: 15 }, (_, zeros) => Number(`0.000005${"0".repeat(zeros + 1)}6`)),
  ...[1, -1, -0.9999999999999993, -0.9999999999999994, 0.9999999999999993, 0.9999999999999994, 0.9999999999999996],
  ...[0.9999999999999998, -0.9999999999999999, -0.9999999999999999, 0.9999999999999999, 0.9999999999999999],
  ...[0.29999999999999993, 0.3, 0.30000000000000004, 2 ** -1022, 2.2250738585072e-308, 2.225073858507201e-308],
  ...[Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** 53, -(2 ** 53), 2 ** 68, 9.999999999999997e22, 1e23],
  ...[1.0000000000000001e23, 999999999999999700000, 999999999999999900000, 1e21, 9.999999999999997e-7, 0.000001],
  ...[333333333.3333332, 333333333.33333325, 333333333.3333333, 333333333.3333334, 333333333.33333343],
  ...[-0.0000033333333333333333, 1424953923781206.2],
];

const view = new DataView(new ArrayBuffer(8));

function numberOf(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function bitsOf(number: number): bigint {
  view.setFloat64(0, number);
  return view.getBigUint64(0);
}

/** The published sequence: listed values, 2,000 from the smallest normal one on, and then a chain of SHA-256. */
function* published(): Generator<number> {
  const thirds = THIRDS.trim()
    .split(/\s+/)
    .map((bits) => numberOf(BigInt(`0x${bits}`)));
  yield* [0, -0, Number.MIN_VALUE, -Number.MIN_VALUE, ...thirds.map((third) => -third), ...thirds, ...LISTED];
  for (let n = 0n; n < 2_000n; n += 1n) yield numberOf(0x0010_0000_0000_0000n + n);
  for (let block = Buffer.alloc(32); ; ) {
    block = createHash("sha256").update(block).digest();
    for (const at of [0, 8, 16, 24]) {
      const number = block.readDoubleLE(at);
      if (Number.isFinite(number) && number !== 0) yield number;
    }
  }
}

/** The hash of that many lines, each number written so. */
function hashOf(count: number, write: (number: number) => string): string {
  const hash = createHash("sha256");
  const numbers = published();
  for (let done = 0; done < count; ) {
    let lines = "";
    for (const end = Math.min(count, done + 10_000); done < end; done += 1) {
      const number = numbers.next().value as number;
      lines += `${bitsOf(number).toString(16)},${write(number)}\n`;
    }
    hash.update(lines);
  }
  return hash.digest("hex");
}

describe("canonical numbers (RFC 8785, 3.2.2.3)", () => {
  const most = cases("canonical numbers of the JCS reference", 10_000, 1_000_000);

  test(
    "are those of the published test",
    () => {
      for (const [count, hash] of PUBLISHED) {
        if (count <= most) expect(hashOf(count, canonicalNumber)).toBe(hash);
      }
    },
    FULL_TIME,
  );

  test("the control: one digit fewer, or a zero with its sign, is another hash", () => {
    expect(hashOf(1_000, (number) => String(Number(number.toPrecision(16))))).not.toBe(PUBLISHED.get(1_000));
    expect(hashOf(1_000, (number) => (Object.is(number, -0) ? "-0" : String(number)))).not.toBe(PUBLISHED.get(1_000));
  });

  test("are written as the table of appendix B says", () => {
    const table: readonly (readonly [bits: bigint, text: string])[] = [
      [0x0000000000000000n, "0"],
      [0x8000000000000000n, "0"],
      [0x0000000000000001n, "5e-324"],
      [0x8000000000000001n, "-5e-324"],
      [0x7fefffffffffffffn, "1.7976931348623157e+308"],
      [0xffefffffffffffffn, "-1.7976931348623157e+308"],
      [0x4340000000000000n, "9007199254740992"],
      [0xc340000000000000n, "-9007199254740992"],
      [0x4430000000000000n, "295147905179352830000"],
      [0x44b52d02c7e14af5n, "9.999999999999997e+22"],
      [0x44b52d02c7e14af6n, "1e+23"],
      [0x44b52d02c7e14af7n, "1.0000000000000001e+23"],
      [0x444b1ae4d6e2ef4en, "999999999999999700000"],
      [0x444b1ae4d6e2ef4fn, "999999999999999900000"],
      [0x444b1ae4d6e2ef50n, "1e+21"],
      [0x3eb0c6f7a0b5ed8cn, "9.999999999999997e-7"],
      [0x3eb0c6f7a0b5ed8dn, "0.000001"],
      [0x41b3de4355555553n, "333333333.3333332"],
      [0x41b3de4355555554n, "333333333.33333325"],
      [0x41b3de4355555555n, "333333333.3333333"],
      [0x41b3de4355555556n, "333333333.3333334"],
      [0x41b3de4355555557n, "333333333.33333343"],
      [0xbecbf647612f3696n, "-0.0000033333333333333333"],
      [0x43143ff3c1cb0959n, "1424953923781206.2"],
    ];
    expect(table.map(([bits]) => canonicalNumber(numberOf(bits)))).toEqual(table.map(([, text]) => text));
    for (const bits of [0x7fffffffffffffffn, 0x7ff0000000000000n, 0xfff0000000000000n]) {
      expect(() => canonicalNumber(numberOf(bits))).toThrow("canonical JSON cannot hold a number that is not finite");
    }
  });
});

describe("canonical JSON (RFC 8785)", () => {
  // The six of the JCS reference: JSON as somebody may write it, and the one text it has.
  const vectors: readonly (readonly [name: string, written: string, canonical: string])[] = [
    ["arrays", '[ 56, { "d": true, "10": null, "1": [ ] } ]', '[56,{"1":[],"10":null,"d":true}]'],
    [
      "french",
      `{ "peach": "This sorting order", "p\u00e9ch\u00e9": "is wrong according to French",
         "p\u00eache": "but canonicalization MUST", "sin": "ingnore locale" }`,
      '{"peach":"This sorting order","p\u00e9ch\u00e9":"is wrong according to French",' +
        '"p\u00eache":"but canonicalization MUST","sin":"ingnore locale"}',
    ],
    [
      "structures",
      '{ "1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ {} ], "A": { } }',
      '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}',
    ],
    ["unicode", '{ "Unnormalized Unicode": "\\u1e0d\\u0307" }', '{"Unnormalized Unicode":"\u1e0d\u0307"}'],
    [
      "values",
      `{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
         "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false] }`,
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ],
    [
      "weird",
      `{ "\\u20ac": "Euro Sign", "\\r": "Carriage Return", "\\u000a": "Newline", "1": "One",
         "\\u0080": "Control\\u007f", "\\ud83d\\ude02": "Smiley", "\\u00f6": "Latin Small Letter O With Diaeresis",
         "\\ufb33": "Hebrew Letter Dalet With Dagesh", "</script>": "Browser Challenge" }`,
      '{"\\n":"Newline","\\r":"Carriage Return","1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f",' +
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign","\ud83d\ude02":"Smiley",' +
        '"\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
  ];

  test.each(vectors)("writes `%s` as published, and what it wrote once more as it is", (_, written, text) => {
    expect(canonicalize(JSON.parse(written) as Json)).toBe(text);
    expect(canonicalize(JSON.parse(text) as Json)).toBe(text);
  });

  test("the control: JSON.stringify leaves the order as it was given", () => {
    const wrong = vectors.filter(([, written, text]) => JSON.stringify(JSON.parse(written)) !== text);
    expect(wrong.map(([name]) => name)).toEqual(["structures", "values", "weird"]);
  });

  test("escapes what ECMAScript escapes and nothing more", () => {
    expect(canonicalize('\u0007"\\\u2028\u007f/')).toBe('"\\u0007\\"\\\\\u2028\u007f/"');
  });

  test("refuses what JSON cannot hold", () => {
    expect(() => canonicalize(Number.NaN)).toThrow(TypeError);
    expect(() => canonicalize("\ud800")).toThrow(TypeError);
    expect(() => canonicalize(undefined as never)).toThrow(TypeError);
  });
});
