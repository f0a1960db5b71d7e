import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beginningsInAnyCase, beginningsOf, findEach } from "../../src/output/clues.js";
import { aroundNumbers } from "../../src/output/detect/numbers.js";
import { TOKENS } from "../../src/output/detect/token-table.js";
import { charset, type Finder } from "../../src/output/hit.js";

/** A finder of literals: each clue that stands where it is told. */
function literal(kind: string, clues: readonly string[]): Finder {
  return {
    kinds: [kind],
    clues,
    find: (text, report, places) => {
      for (const start of places) {
        if (clues.includes(text.slice(start, start + 3))) report({ kind, start, end: start + 3 });
      }
    },
    breaks: "never",
    guessable: false,
  };
}

function placesIn(text: string, clues: readonly string[]): readonly number[] {
  const places = new Set<number>();
  for (const clue of clues) {
    for (let at = text.indexOf(clue); at !== -1; at = text.indexOf(clue, at + 1)) places.add(at);
  }
  return [...places].sort((a, b) => a - b);
}

const letters = fc.array(fc.constantFrom("a", "b", "A", "-", "0", "ß", "\u{1f600}", "\0"), { maxLength: 40 });
const text = letters.map((each) => each.join(""));
const clue = fc
  .array(fc.constantFrom("a", "b", "A", "-", "0"), { minLength: 3, maxLength: 3 })
  .map((each) => each.join(""));

describe("one pass tells every finder where its clues stand", () => {
  test("all of them, in ascending order, and each finder its own (property)", () => {
    fc.assert(
      fc.property(text, fc.array(fc.array(clue, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), (read, each) => {
        const finders = each.map((clues, index) => literal(`kind_${index}`, clues));
        const found = finders.map((): number[] => []);
        findEach(finders, read, (finder) => (hit) => found[finders.indexOf(finder)]?.push(hit.start));
        expect(found).toEqual(each.map((clues) => placesIn(read, clues)));
      }),
    );
  });

  test("one that is not to look is not asked, and one without clues is told none", () => {
    const asked: (readonly number[])[] = [];
    const silent: Finder = { ...literal("a", ["abc"]), find: () => expect.unreachable() };
    const { clues: _, ...rest } = literal("b", []);
    const own: Finder = { ...rest, find: (_text, _report, places) => asked.push(places) };
    findEach([silent, own], "abc abc", (finder) => (finder === silent ? null : () => undefined));
    expect(asked).toEqual([[]]);
  });

  test("more than eight finders with clues are refused", () => {
    const finders = Array.from({ length: 9 }, (_, index) => literal(`kind_${index}`, ["abc"]));
    expect(() => findEach(finders, "abc", () => null)).toThrow(RangeError);
  });
});

describe("how what matches an expression begins", () => {
  test.each([
    ["sk-ant-", ["sk-"]],
    ["A[KS]IA", ["AKI", "ASI"]],
    ["hv[sbr]\\.", ["hvb", "hvr", "hvs"]],
    ["\\.we", [".we"]],
    ["gl(?:pat|c)-", ["glc", "glp"]],
    ["gl(?:sa|c)_", ["glc", "gls"]],
    ["SK[0-2]{32}", ["SK0", "SK1", "SK2"]],
    ["-us[0-9]{1,2}", ["-us"]],
  ])("%s", (pattern, beginnings) => {
    expect([...beginningsOf(pattern)].sort()).toEqual(beginnings);
  });

  test.each([
    "ab",
    "",
    "a*bcd",
    "ab?c",
    "a.cd",
    "a[bc]{0,2}d",
    "[ab]{2}cd",
    "ab{0}c",
    "ab|cde",
    "(abc)",
    "\\dab",
    "^abc",
  ])("of %j it cannot tell", (pattern) => {
    expect(() => beginningsOf(pattern)).toThrow(SyntaxError);
  });

  test("of words in any case, every one", () => {
    expect([...beginningsInAnyCase(["ab-"])].sort()).toEqual(["AB-", "Ab-", "aB-", "ab-"]);
  });

  test("every token has few enough that most of a text is none of them", () => {
    for (const { head } of TOKENS) expect(beginningsOf(head.source).length, head.source).toBeLessThanOrEqual(16);
  });
});

describe("parts around numbers", () => {
  const EXACT = /(?<![0-9a-z]|[0-9][.-])[0-9]{3}-[0-9]{3}-[0-9]{4}(?![0-9]|-[0-9])/g;
  const pieces = fc.constantFrom(
    "1",
    "22",
    "333",
    "-",
    " ",
    ".",
    "(",
    "x",
    "555-123-4567",
    "x555-123-4567-8 ",
    "a".repeat(40),
  );

  test("hold all that stands in the text, and nothing that does not (property)", () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), fc.constantFrom(0, 2, 32), (each, more) => {
        const whole = each.join("");
        const found: number[] = [];
        aroundNumbers(whole, { of: charset("0-9 .()-"), digits: 10, before: 2 + more }, (part, from) => {
          expect(whole.startsWith(part, from)).toBe(true);
          for (const { index } of part.matchAll(EXACT)) found.push(from + index);
        });
        expect(found).toEqual([...whole.matchAll(EXACT)].map(({ index }) => index));
      }),
    );
  });

  test("what has too few digits is not looked at", () => {
    aroundNumbers("2026-11-25 and 12.5 %, 4 (of 7)", { of: charset("0-9 .()-"), digits: 10, before: 2 }, () => {
      expect.unreachable();
    });
  });
});
