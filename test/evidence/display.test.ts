import fc from "fast-check";
import { expect, test } from "vitest";
import { displayLiteral, displaySafe } from "../../src/evidence/display.js";
import { cases } from "../scale.js";

/** What a terminal, a chat or a browser could act on, or draw as nothing. */
const UNSEEN =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u2d7f\u{1107f}\u{13441}\u{13442}\u{16fe4}\u{1d159}]|(?! )\p{Zs}|\p{M}{3}|^"\p{M}/u;

/** Reads a literal back, by its grammar and nothing of its maker's. */
function readLiteral(literal: string): string {
  let text = "";
  let last = "";
  for (let at = 1; at < literal.length - 1; ) {
    const rest = literal.slice(at, at + 24);
    const count = /^\\\{×(\d+)\}/.exec(rest);
    const code = /^\\u\{([0-9a-f]+)\}/.exec(rest);
    if (count !== null) {
      text += last.repeat(Number(count[1]) - 1);
      at += count[0].length;
      continue;
    }
    if (code !== null) last = String.fromCodePoint(Number.parseInt(code[1] ?? "", 16));
    else if (rest[0] === "\\") last = rest[1] ?? "";
    else last = String.fromCodePoint(literal.codePointAt(at) ?? 0);
    text += last;
    at += code?.[0].length ?? (rest[0] === "\\" ? 2 : last.length);
  }
  return text;
}

const HOSTILE: readonly string[] = [
  "\u001b[2J\u001b[1;1Happroved",
  "\u202egnp.exe",
  "a\u200bb\u2060c\ufeffd",
  "nul\0byte",
  "line one\nApproval 1: approved\r\n",
  "\\u{202e} as text, and \\{×40} as text",
  '"quoted", \\ and "again"',
  `pay 1${" ".repeat(100_000)}000 EUR`,
  "\u3164\u115f\u2800\u00a0\u3000",
  `z${"\u0300".repeat(500)}`,
  "\u{e0041}\u{e007f}",
  "\u0300\u0301\u0302\u0303",
  "\u0301a",
  "\u0301".repeat(40),
  "\u2d7f\u{1107f}\u{13441}\u{13442}\u{16fe4}\u{1d159}",
  `${"\\".repeat(50)}${'"'.repeat(40)}`,
  "😀".repeat(40),
];

test("a literal can be read back to the very text, and holds nothing that is not plainly visible", () => {
  for (const text of HOSTILE) {
    const literal = displayLiteral(text);
    expect(readLiteral(literal)).toBe(text);
    expect(literal).not.toMatch(UNSEEN);
    expect(literal.length).toBeLessThan(6_000);
  }
});

test("so can the literal of any text, and no two texts share one", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(...HOSTILE.map((text) => text.slice(0, 40)), "\\u{", "\\{×", "}", "×", "\u0301"),
    fc.tuple(fc.string({ unit: "binary", maxLength: 1 }), fc.integer({ min: 1, max: 80 })).map(([c, n]) => c.repeat(n)),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("").toWellFormed());
  fc.assert(
    fc.property(text, (raw) => {
      const literal = displayLiteral(raw);
      expect(readLiteral(literal)).toBe(raw);
      expect(literal).not.toMatch(UNSEEN);
    }),
    { numRuns: cases("display literals", 3_000, 200_000) },
  );
});

test("control: the literal that JSON writes fails the same tests", () => {
  const shown = HOSTILE.map((text) => JSON.stringify(text));
  expect(shown.filter((literal) => UNSEEN.test(literal)).length).toBeGreaterThan(4);
  expect(shown.some((literal) => literal.length > 6_000)).toBe(true);
});

test("what is plainly visible stays as it is, in every script", () => {
  for (const text of ["Ünïcödé", "日本語", "العربية", "हिन्दी", "emoji 😀", "tab-free text, 1 000"]) {
    expect(displaySafe(text)).toBe(text);
  }
  expect(displaySafe("a\u00a0b")).toBe("a\\u{a0}b");
});
