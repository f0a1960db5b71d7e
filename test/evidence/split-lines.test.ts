import fc from "fast-check";
import { expect, test } from "vitest";
import { createLineSplitter } from "../../src/evidence/split-lines.js";
import { cases } from "../scale.js";

/** The lines of chunks, null for one that is too long, and whether something stands after the last. */
function split(chunks: readonly Uint8Array[], most: number): readonly [readonly (string | null)[], boolean] {
  const splitter = createLineSplitter(most);
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  return [lines.map((line) => line && Buffer.from(line).toString("latin1")), splitter.isUnfinished()];
}

test("a line ends with LF and with nothing else, and may be empty", () => {
  expect(split([Buffer.from("a\r\n\n\rb\u2028\nc", "latin1")], 9)).toEqual([["a\r", "", "\rb("], true]);
  expect(split([Buffer.from("a\n")], 9)).toEqual([["a"], false]);
  expect(split([], 9)).toEqual([[], false]);
});

test("however the bytes are cut into chunks, the lines are the same", () => {
  const bytes = fc.array(fc.constantFrom(0x0a, 0x0d, 0x61, 0xff), { maxLength: 40 });
  const cuts = fc.array(fc.nat(40), { maxLength: 8 });
  fc.assert(
    fc.property(bytes, cuts, (list, at) => {
      const whole = Buffer.from(list);
      const places = [0, ...at.filter((place) => place <= whole.length).sort((a, b) => a - b), whole.length];
      const chunks = places.slice(1).map((to, index) => whole.subarray(places[index], to));
      expect(Buffer.concat(chunks)).toEqual(whole);
      const lines = whole.toString("latin1").split("\n");
      const ended = lines.slice(0, -1).map((line) => (line.length > 5 ? null : line));
      expect(split(chunks, 5)).toEqual([ended, lines.at(-1) !== ""]);
    }),
    { numRuns: cases("lines in chunks", 500, 20_000) },
  );
});
