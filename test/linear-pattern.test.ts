import { RE2JS } from "re2js";
import { describe, expect, test, vi } from "vitest";
import { compileLinearPattern, type LinearPattern } from "../src/linear-pattern.js";
import { leastCpu } from "./cpu.js";

function pattern(source: string): LinearPattern {
  const read = compileLinearPattern(source);
  if (!read.ok) throw new Error(read.message);
  return read.value;
}

const cpu = (work: () => void, tries = 3): number => leastCpu(work, tries);

describe("what a pattern finds", () => {
  test.each([
    ["b", "abc", true],
    ["^b", "abc", false],
    ["^a.c$", "abc", true],
    ["(?i)DROP\\s+TABLE", "x drop  table y", true],
    ["\\bfoo\\b", "a foo b", true],
    ["\\bfoo\\b", "afoob", false],
    ["^.$", "😀", true],
    ["\\p{Greek}", "π", true],
    ["(?m)^x$", "a\nx", true],
    ["", "", true],
  ])("%s in %j is %s", (source, text, wanted) => {
    expect(pattern(source).test(text)).toBe(wanted);
  });

  test("matches come leftmost, apart from one another, in UTF-16 units", () => {
    expect(pattern("ACME-[0-9]{6}").findAll("😀ACME-123456, ACME-654321 ACME-1", 10_000)).toEqual([
      { start: 2, end: 13 },
      { start: 15, end: 26 },
    ]);
    expect(pattern("aa").findAll("aaaaa", 10_000)).toEqual([
      { start: 0, end: 2 },
      { start: 2, end: 4 },
    ]);
    expect(pattern("x").findAll("abc", 10_000)).toEqual([]);
  });

  test("a search that could take too long is given up, and one that cannot is not", () => {
    // For each `a` the engine looks for a `b` to the end: 5,000 times 5,000 characters.
    expect(() => pattern("a.*b|a").findAll("a".repeat(5_000), 1_000_000)).toThrow(
      new RangeError("the pattern takes too long on the text"),
    );
    expect(pattern("ab|a").findAll("a".repeat(5_000), 1_000_000)).toHaveLength(5_000);
    expect(() => pattern("a.*b").findAll(`ab${"x".repeat(5_000)}`, 1_000)).toThrow(
      new RangeError("the text is too long for the pattern"),
    );
  });

  test("empty matches are left out, and do not end the search", () => {
    expect(pattern("a*").findAll("baab", 10_000)).toEqual([{ start: 1, end: 3 }]);
  });
});

describe("what is refused", () => {
  const large = "a pattern must have at most 2000 steps with its repetitions written out";
  test.each([
    ["(", "missing closing ): `(`"],
    ["[z-a]", "invalid character class range: `z-a`"],
    ["a**", "invalid nested repetition operator: `**`"],
    ["(?=a)", "invalid or unsupported Perl syntax: `(?=`"],
    ["(a)\\1", "invalid escape sequence: `\\1`"],
    ["[".repeat(500), `missing closing ]: \`${"[".repeat(80)}…\``],
    ["a{1001}", "invalid repeat count: `{1001}`"],
    ["a".repeat(1_001), "a pattern must have at most 1000 characters"],
    ["(a{1000}){1000}", large],
    ["a{1000}".repeat(100), large],
    [`(?:${"abc".repeat(300)}){999}`, large],
    ["((((((((a{9}){9}){9}){9}){9}){9}){9}){9})", large],
    ["(?:[)]xyz){900}", large],
    ["(?:[[:alpha:])]xyz){900}", large],
    ["(?:\\)xyz){900}", large],
  ])("%s", (source, message) => {
    const start = process.cpuUsage();
    expect(compileLinearPattern(source)).toEqual({ ok: false, message });
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(50);
  });

  test("what is as large as it may be is compiled in a tenth of a second", () => {
    for (const source of ["[a-z]{1000}", "(?i)\\pL{900}", "(?:a{100}b){9}", "a".repeat(1_000), "(?:x|yy|zzz){100}"]) {
      expect([source.slice(0, 20), cpu(() => pattern(source)) < 100]).toEqual([source.slice(0, 20), true]);
    }
  });
});

test("a pattern made to be slow to read is read in a tenth of a second", () => {
  const parts = ["[", "[[:", "[:a", "(", "\\", "{1", "a{1,", "[^]", "[\\", "()", "[]]", "[[:a:]"];
  for (const part of parts) {
    const source = part.repeat(Math.floor(1_000 / part.length));
    expect([part, cpu(() => compileLinearPattern(source)) < 100]).toEqual([part, true]);
  }
});

test("what texts make the engine build is let go of", () => {
  const raw = RE2JS.compile("a[ab]{30}[cd]");
  const clear = vi.spyOn(Object.getPrototypeOf(raw.re2().dfa), "clearCache");
  const texts = Array.from({ length: 200 }, (_, n) =>
    (n * 7_919 + 1).toString(2).repeat(20).replace(/0/g, "a").replace(/1/g, "b"),
  );
  // The control: the engine keeps them.
  for (const text of texts) raw.test(text);
  expect(raw.re2().dfa.stateCount).toBeGreaterThan(4_000);
  expect(clear).not.toHaveBeenCalled();
  const wide = pattern("a[ab]{30}[cd]");
  for (const text of texts) wide.test(text);
  expect(clear).toHaveBeenCalled();
  clear.mockClear();
  const narrow = pattern("a[ab]{3}[cd]");
  for (const text of texts) narrow.test(text);
  expect(clear).not.toHaveBeenCalled();
  clear.mockRestore();
});

describe("texts made to be slow", () => {
  const evil = ["^(a+)+$", "(a|aa)+$", "(x+x+)+y", "(.*)(.*)(.*)(.*)!", "^([a-z]+)*\\d$", "(a*)*b", "(?:a?){20}a{20}$"];
  const texts = [256, 4_096, 100_000].flatMap((length) => [
    `${"a".repeat(length)}!`,
    "x".repeat(length),
    "ab".repeat(length / 2),
  ]);

  test("evil patterns stay linear on 256 to 100,000 characters", () => {
    for (const source of evil) {
      const compiled = pattern(source);
      for (const text of texts) {
        expect([source, text.length, cpu(() => compiled.test(text)) < 20]).toEqual([source, text.length, true]);
      }
    }
  });

  test("the built-in engine doubles with every character: the control", () => {
    // The same pattern on 18 and 22 characters; 40 would take hours.
    const short = cpu(() => /^(a+)+$/.test(`${"a".repeat(18)}!`));
    const long = cpu(() => /^(a+)+$/.test(`${"a".repeat(22)}!`));
    expect(long / short).toBeGreaterThan(6);
  });

  test("`steps` bounds what a test costs, also where the automaton is too wide to be written out", () => {
    let seed = 7;
    const random = (length: number): string => {
      let text = "";
      for (let index = 0; index < length; index += 1) {
        seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
        text += seed & 0x10000 ? "a" : "b";
      }
      return text;
    };
    for (const source of ["a[ab]{6}[cd]", "a[ab]{30}[cd]", "a[ab]{60}[cd]", "(?:[ab]{1,20}a){6}[cd]", "[a-z]{1000}"]) {
      const compiled = pattern(source);
      for (const length of [64, 512, 2_048]) {
        const spent = cpu(() => compiled.test(random(length)));
        // 50 ns a step, and half a millisecond for what is measured besides.
        const allowed = compiled.steps(length) * 50e-6 * 2 + 0.5;
        expect([source, length, spent < allowed || `${spent} ms > ${allowed} ms`]).toEqual([source, length, true]);
      }
    }
  });

  test("a pattern whose automaton is small is a hundred times as cheap as one whose is not", () => {
    expect(pattern("^https://([a-z0-9-]+\\.)*example\\.com(/|$)").steps(1_000)).toBeLessThan(1_000);
    expect(pattern("a[ab]{60}[cd]").steps(1_000)).toBeGreaterThan(100_000);
  });
});
