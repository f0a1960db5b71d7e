import { describe, expect, test } from "vitest";
import {
  ACTOR_CHARACTER,
  checkCost,
  cut,
  type Glob,
  isLiteral,
  LABEL_CHARACTER,
  matches,
  readValueGlob,
  shown,
} from "../../src/policy/glob.js";

const TOO_SLOW = "its spellings take too long together: use fewer choices, or no `?` behind a `*`";
const TOO_MANY = "braces must not make more than 64 spellings";

describe("a pattern over a value is refused with what is wrong with it", () => {
  test.each([
    ["", "a pattern must not be empty"],
    ["a".repeat(257), "a pattern must have at most 256 characters"],
    ["a".repeat(256), null],
    ["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", null],
    ["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", TOO_MANY],
    // Choices that come to one spelling are counted as they are written.
    ["{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}", TOO_MANY],
    [`{${"a,".repeat(64)}b}`, TOO_MANY],
    ["{a", "`{` is not closed"],
    ["}", "`}` closes nothing"],
    ["*?*", null],
    ["a*b?", null],
    ["aBc", "no legal value holds `B`"],
    ["{a,b}{c, }", "no legal value holds U+0020"],
  ])("%s", (pattern, message) => {
    const read = readValueGlob(pattern, /^[a-z]$/);
    expect(read.ok ? null : read.message).toBe(message);
  });

  test("a wildcard is none of the characters that a value must be able to hold", () => {
    expect(readValueGlob("a*b?c", /^[a-c]$/)).toEqual({ ok: true, value: [["a", "b?c"]] });
  });

  test("an empty text, `~` and `!` are what they are for labels and actors", () => {
    expect(readValueGlob("\u0000\n", LABEL_CHARACTER)).toEqual({ ok: true, value: [["\u0000\n"]] });
    expect(readValueGlob("~", ACTOR_CHARACTER)).toEqual({ ok: true, value: [["~"]] });
    expect(readValueGlob("\u007f", ACTOR_CHARACTER)).toEqual({ ok: false, message: "no legal value holds U+007F" });
  });
});

describe("a character is shown as itself where it can be seen, else by its number", () => {
  test.each([
    ["!", "`!`"],
    ["~", "`~`"],
    [" ", "U+0020"],
    ["`", "U+0060"],
    ["\u007f", "U+007F"],
    ["\n", "U+000A"],
    ["é", "U+00E9"],
    ["😀", "U+1F600"],
  ])("%j is %s", (character, wanted) => {
    expect(shown(character)).toBe(wanted);
  });
});

describe("a spelling is cut at its stars, of which a run is one", () => {
  test.each<[string, Glob]>([
    ["", [""]],
    ["ab", ["ab"]],
    ["*", ["", ""]],
    ["a*b?*", ["a", "b?", ""]],
    ["a**b", ["a", "b"]],
    ["***", ["", ""]],
  ])("%j", (spelling, wanted) => {
    expect(cut(spelling)).toEqual(wanted);
  });

  test("one without `*` and `?` is a literal", () => {
    expect(["", "a-b", "*", "a?", "?a", "a*b"].map(isLiteral)).toEqual([true, true, false, false, false, false]);
  });
});

describe("the whole text must match, a part behind the other", () => {
  test.each([
    ["*a*b", "ab", true],
    ["*a*b", "xab", true],
    ["*a*b", "ba", false],
    ["*a", "a", true],
    ["a*", "ba", false],
    ["*?*", "", false],
    ["*?*", "x", true],
    ["?*?", "x", false],
    ["?*?", "xy", true],
    ["a?*", "a", false],
    ["*a?", "a", false],
    ["*a?*b", "aab", true],
    ["*a?*b", "ab", false],
    ["a*a", "a", false],
    ["?", "\uffff", true],
    ["??", "\uffff", false],
    ["?", "\u{10000}", true],
    ["?b", "\uffffb", true],
    ["?", "", false],
  ])("%s on %j: %s", (pattern, text, wanted) => {
    expect(matches(cut(pattern), text)).toBe(wanted);
  });
});

describe("the spellings of a pattern take 65,536 steps at most, on a text of 256 characters", () => {
  // A part of n characters may start at 257 - n places.
  const times = (count: number, glob: Glob): readonly Glob[] => Array.from({ length: count }, () => glob);

  test.each([
    ["256 times 256 steps", times(256, ["", "?"]), true],
    ["one spelling more", times(257, ["", "?"]), false],
    ["four characters, 64 times 1,012 steps", times(64, ["", "a?bc"]), true],
    ["five characters, 64 times 1,260 steps", times(64, ["", "a?bcd"]), false],
    ["of two such parts only the slower", times(256, ["", "?", "?"]), true],
    ["of two parts the slower, where it comes last", times(64, ["", "?", "a?bcd"]), false],
    ["the part before the first star stands at one place", times(1_000, ["????", "a"]), true],
    ["parts without `?` are the runtime's to find", times(1_000, ["", "aaaa", "bbbb"]), true],
    ["no parts behind a star", times(1_000, ["a?"]), true],
  ])("%s", (_, globs, fits) => {
    expect(checkCost(globs)).toEqual(fits ? null : { ok: false, message: TOO_SLOW });
  });

  test("a written pattern is held to it", () => {
    const braces = "{a,b}".repeat(6);
    // Behind the star each spelling has seven characters: 64 times 1,750 steps.
    expect(readValueGlob(`*?${braces}`, LABEL_CHARACTER)).toEqual({ ok: false, message: TOO_SLOW });
    expect(readValueGlob(`?${braces}*`, LABEL_CHARACTER).ok).toBe(true);
    expect(readValueGlob(`*${braces}`, LABEL_CHARACTER).ok).toBe(true);
  });
});
