import fc from "fast-check";
import { expect, test } from "vitest";
import { foldIdentity } from "../../src/store/approval-state.js";

test.each([
  ["ΣΑΣ", "σασ"],
  ["STRASSE", "straße"],
  ["alice", "al\u200bice"],
  ["alice", "ali\u00adce"],
  ["alice", " ALICE "],
  ["ﬁne", "FINE"],
  ["J̌x", "ǰx"],
  ["bot", "bo\u2028t"],
  ["bot", "bot\u2800"],
  ["bot", "b\u{13441}ot"],
  ["ann  smith", "Ann\u00a0Smith"],
  ["\u1f80", "\u1f88"],
  ["\u03b1\u0345", "\u0391\u0399"],
])("%j and %j are one person", (one, other) => {
  expect(foldIdentity(one)).toBe(foldIdentity(other));
});

test("two names that differ are two people", () => {
  expect(foldIdentity("alice")).not.toBe(foldIdentity("alicia"));
  expect(foldIdentity("ann@a.example")).not.toBe(foldIdentity("ann@b.example"));
});

test("every character, alone and between others, is folded once and for all, and like its capitals", () => {
  const wrong: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += 1) {
    if (code === 0xd800) code = 0xe000;
    const character = String.fromCodePoint(code);
    for (const id of [character, `a${character}b`]) {
      const folded = foldIdentity(id);
      if (folded !== foldIdentity(folded) || folded !== foldIdentity(id.toUpperCase())) wrong.push(code.toString(16));
    }
  }
  expect(wrong).toEqual([]);
});

test("folding what is folded changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 8 }), (id) => {
      expect(foldIdentity(foldIdentity(id))).toBe(foldIdentity(id));
    }),
    { numRuns: 5_000 },
  );
});
