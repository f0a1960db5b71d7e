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
])("%j and %j are one person", (one, other) => {
  expect(foldIdentity(one)).toBe(foldIdentity(other));
});

test("two names that differ are two people", () => {
  expect(foldIdentity("alice")).not.toBe(foldIdentity("alicia"));
  expect(foldIdentity("ann@a.example")).not.toBe(foldIdentity("ann@b.example"));
});

test("folding what is folded changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 8 }), (id) => {
      expect(foldIdentity(foldIdentity(id))).toBe(foldIdentity(id));
    }),
    { numRuns: 5_000 },
  );
});
