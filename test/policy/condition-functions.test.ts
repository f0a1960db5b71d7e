import { describe, expect, test } from "vitest";
import { ask, PAYLOAD } from "./condition-job.js";

const payload = {
  one: 1,
  text: "aB",
  yes: true,
  none: null,
  list: ["x", "y"],
  map: { k: 1, "a key": 2 },
  number: "12",
  signed: "+7",
  pair: "a😀b",
  halves: "\ude00\ud83d",
  kelvin: "\u212aAb",
};
const FIELDS = { payload, labels: { env: "prod" }, risk_tags: ["money"], constraints: { max_retries: 2 } };

describe("functions", () => {
  test.each([
    ["int(job.payload.number) == 12", true],
    ["int(job.payload.signed) == 7", true],
    ["int('-12') == -12", true],
    ["int(1.9) == 1", true],
    ["int(-1.9) == -1", true],
    ["int(size('ab')) == 2", true],
    ["int('9223372036854775807') == 9223372036854775807", true],
    ["int('-9223372036854775808') == -9223372036854775808", true],
    ["double(job.payload.number) == 12.0", true],
    ["double(size('ab')) == 2.0", true],
    ["double('1e2') == 100.0", true],
    ["double('-0.5') == -0.5", true],
    ["double(job.payload.one) == 1.0", true],
    ["string(job.payload.yes) == 'true'", true],
    ["string(job.payload.one) == '1'", true],
    ["string(0.5) == '0.5'", true],
    ["string(size('ab')) == '2'", true],
    ["string(job.payload.text) == 'aB'", true],
    ["size(job.payload.pair) == 3", true],
    ["size(job.payload.list) == 2", true],
    ["size(job.labels) == 1", true],
    ["job.risk_tags.size() == 1", true],
    ["job.payload.text.upperAscii() == 'AB'", true],
    ["job.payload.text.lowerAscii() == 'ab'", true],
    ["job.payload.kelvin.lowerAscii() == '\u212aab'", true],
    ["'\u00e4a'.upperAscii() == '\u00e4A'", true],
    ["' a b '.trim() == 'a b'", true],
    ["job.payload.text.startsWith('a')", true],
    ["job.payload.text.startsWith('B')", false],
    ["job.payload.text.endsWith('B')", true],
    ["job.payload.text.contains('aB')", true],
    ["job.payload.text.contains('ab')", false],
    ["job.payload.text.matches('^a')", true],
    ["job.payload.text.matches('^B')", false],
    ["job.payload.list[0] == 'x'", true],
    ["job.payload.list[1.0] == 'y'", true],
    ["job.payload.map['a key'] == 2.0", true],
    ["job.payload.map[job.payload.list[0] + ''] == 2.0 || true", true],
    ["has(job.topic)", true],
    ["has(job.actor)", true],
    ["has(job.payload.none)", true],
    ["has(job.payload.map.k)", true],
    ["has(job.payload.map.gone)", false],
    ["[job.payload.one, 2.0] == [1.0, 2.0]", true],
    ["job.payload.one in [1.0, 'a']", true],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, FIELDS)).toBe(wanted);
  });

  test.each([
    ["int('1.5') == 1", "`int('1.5')` is given what is not an integer"],
    ["int('123456789012345678901') == 1", "`int('123456789012345678901')` is given what is not an integer"],
    ["int('9999999999999999999') == 1", "`int('9999999999999999999')` is beyond 64 bits"],
    ["int(job.payload.yes) == 1", "`int(job.payload.yes)` is given what is not an integer"],
    ["int(job.payload.gone) == 1", "`job.payload.gone` is missing"],
    ["double('0x10') == 16.0", "`double('0x10')` is given what is not a number"],
    ["double(' 1') == 1.0", "`double(' 1')` is given what is not a number"],
    ["double('') == 0.0", "`double('')` is given what is not a number"],
    ["double(job.payload.yes) == 1.0", "`double(job.payload.yes)` is given what is not a number"],
    ["double(job.payload.none) == 1.0", "`double(job.payload.none)` is given what is not a number"],
    ["string(job.payload.none) == 'null'", "`string(job.payload.none)` is given what has no text"],
    ["string(job.payload.list) == ''", "`string(job.payload.list)` is given what has no text"],
    ["size(job.payload.one) == 1", "`size(job.payload.one)` counts what is neither text nor a list"],
    ["size(job.payload.map) == 1", "`size(job.payload.map)` counts the fields of a map"],
    ["size(job.payload.gone) == 1", "`job.payload.gone` is missing"],
    ["job.payload.one.trim() == ''", "`job.payload.one` is not text"],
    ["job.payload.gone.trim() == ''", "`job.payload.gone` is missing"],
    ["job.payload.text.contains(job.payload.one)", "`job.payload.one` is not text"],
    ["job.payload.one.contains('a')", "`job.payload.one` is not text"],
    ["job.payload.gone.matches('a')", "`job.payload.gone` is missing"],
    ["job.payload.list[2] == 'x'", "`job.payload.list[2]` is missing"],
    ["job.payload.list[-1.0] == 'x'", "`job.payload.list[-1.0]` is missing"],
    ["job.payload.list[job.payload.text] == 'x'", "`job.payload.text` is not a number"],
    ["job.payload.list[job.payload.gone] == 'x'", "`job.payload.gone` is missing"],
    ["job.payload.gone[0] == 'x'", "`job.payload.gone` is missing"],
    ["job.payload.map[job.payload.one] == 1.0", "`job.payload.one` is not text, as a key must be"],
    ["job.payload.map[job.payload.text] == 1.0", "`job.payload.map[job.payload.text]` is missing"],
    ["job.payload.text[0] == 'x'", "`job.payload.text` is neither a list nor a map"],
    ["[job.payload.gone, 1.0] == [1.0, 1.0]", "`job.payload.gone` is missing"],
    ["has(job.payload.gone.deep)", "`job.payload.gone` is missing"],
    ["has(job.payload.one.deep)", "`job.payload.one` is not a map"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, FIELDS)).toEqual({ error });
  });

  test("a text of half a character counts each half", () => {
    expect(ask("size(job.payload.halves) == 2", FIELDS)).toBe(true);
  });
});

/** The error of a part of the condition: its first 60 characters stand for a longer one. */
function cut(words: string, rest: string): string {
  return `\`${words.length > 60 ? `${words.slice(0, 60)}…` : words}\`${rest}`;
}

describe("what a function makes of a value", () => {
  test.each([
    ["double(1.5) == 1.5", true],
    ["string(job.topic) == job.topic", true],
    ["'aBc-1'.upperAscii() == 'ABC-1'", true],
    ["'aBc-1'.lowerAscii() == 'abc-1'", true],
    ["'a\u00dfb\u00e9'.upperAscii() == 'A\u00dfB\u00e9'", true],
    ["'A\u0130B\u00c9'.lowerAscii() == 'a\u0130b\u00c9'", true],
    ["size('\u{1f600}\u{1f600}') == 2", true],
    ["size('a\u{1f600}b') == 3", true],
    ["size('\u00e9') == 1", true],
    ["size('') == 0", true],
    // Half of a pair, which JSON can send, is a character of its own.
    ["size(job.payload.high) == 2", true],
    ["size(job.payload.low) == 2", true],
    ["job.payload.list.size() == 2", true],
    ["double('1') == 1.0 && double('-2.5') == -2.5 && double('+1e3') == 1000.0", true],
    [`double('-${"1".repeat(32)}.${"1".repeat(32)}e-100') < 0.0`, true],
    ["double(size('ab')) == 2.0 && double(job.payload.half) == 0.5", true],
    ["int('12') == 12 && int('+5') == 5 && int('-5') == -5", true],
    ["int('-9223372036854775808') == -9223372036854775808", true],
    ["int('9223372036854775807') == 9223372036854775807", true],
    ["int(2.9) == 2 && int(-2.9) == -2 && int(size('ab')) == 2", true],
    ["int(job.payload.digits) + 1 == 8", true],
    ["string(true) == 'true' && string(job.payload.on) == 'true' && string(1 > 2) == 'false'", true],
    ["string(size('abc')) == '3' && string(-7) == '-7'", true],
    ["string(job.payload.n) == '2' && string(job.payload.half) == '0.5'", true],
    ["string(job.payload.text) == 'abc'", true],
    ["job.payload.n - 1.5 == job.payload.half", true],
    ["-1 + 3 == 2 && -2 != -3 && -1.5 + 2.0 == 0.5", true],
    ["job.payload.on ? false : true", false],
    ["!job.payload.on ? false : true", true],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, { payload: PAYLOAD })).toBe(wanted);
  });

  test.each([
    ...["job.payload.blank", "' 1'", "'1 '", "'0x10'", "'1_0'", "'1e400'", "'Infinity'", "'.5'", "'5.'"],
    ...["job.payload.on", "job.payload.none", "job.payload.numbers", "job.payload.map", `'${"1".repeat(81)}'`],
  ])("double(%s) fails: neither a number nor written as JSON writes one", (value) => {
    const error = cut(`double(${value})`, " is given what is not a number");
    expect(ask(`double(${value}) == 1.0`, { payload: PAYLOAD })).toEqual({ error });
  });

  test.each([
    ...["job.payload.blank", "' 1'", "'1 '", "'0x10'", "'1.0'", "'1e3'", "'++1'"],
    ...["job.payload.on", "job.payload.none", "job.payload.numbers", "job.payload.map"],
  ])("int(%s) fails: neither an integer nor the digits of one", (value) => {
    const error = `\`int(${value})\` is given what is not an integer`;
    expect(ask(`int(${value}) == 1`, { payload: PAYLOAD })).toEqual({ error });
  });

  test.each([
    ["int('9223372036854775808') > 1", "`int('9223372036854775808')` is beyond 64 bits"],
    ["int('-9223372036854775809') < 1", "`int('-9223372036854775809')` is beyond 64 bits"],
    ["int(job.payload.big) > 1", "`int(job.payload.big)` is beyond 64 bits"],
    ["string(job.payload.none) == 'null'", "`string(job.payload.none)` is given what has no text"],
    ["string(job.payload.list) == 'a,b'", "`string(job.payload.list)` is given what has no text"],
    ["string(job.payload.map) == 'x'", "`string(job.payload.map)` is given what has no text"],
    ["size(job.payload.n) == 0", "`size(job.payload.n)` counts what is neither text nor a list"],
    ["size(job.payload.on) == 0", "`size(job.payload.on)` counts what is neither text nor a list"],
    ["job.payload.none.size() == 0", "`job.payload.none.size()` counts what is neither text nor a list"],
    ["job.payload.n.trim() == ''", "`job.payload.n` is not text"],
    ["job.payload.none.lowerAscii() == ''", "`job.payload.none` is not text"],
    ["job.payload.list.contains('a')", "`job.payload.list` is not text"],
    ["job.payload.text.startsWith(job.payload.list)", "`job.payload.list` is not text"],
    ["job.payload.map.matches('a')", "`job.payload.map` is not text"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, { payload: PAYLOAD })).toEqual({ error });
  });
});
