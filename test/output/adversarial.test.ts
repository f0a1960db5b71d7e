import { describe, expect, test } from "vitest";
import { findEach, findEachJoined } from "../../src/output/clues.js";
import { SETS } from "../../src/output/detect/sets.js";
import { leastCpu } from "../cpu.js";
import { cases } from "../scale.js";
import { ADVERSARIAL, ADVERSARIAL_SIZE, inspectionsOf } from "./adversarial.js";

/** Milliseconds of processor time that one detector may take on 64 KB, whatever the text. */
const MOST_MS = 50;

/** What a whole inspection may: all detectors over all views. On a quiet machine none takes as long as one detector may. */
const MOST_WHOLE_MS = 150;

/** The least of some tries, and no more tries than it takes. */
function least(work: () => unknown, most: number): number {
  const first = leastCpu(work, 1);
  return first <= most ? first : leastCpu(work, 6);
}

/** In a short run each text comes whole and in one more way, the next one in turn; in the full run in all. */
const WAYS = cases("ways in which each adversarial text comes", 2, 5);

/** Each finder by itself, with its own pass. */
const ALONE = [...SETS.values()].flat().map((finder) => [finder]);

describe("no text of 64 KB takes an inspection long", () => {
  test.each(ADVERSARIAL.map((named, index) => [...named, index] as const))("%s", (_, make, index) => {
    const text = make(ADVERSARIAL_SIZE);
    expect(text.length).toBeLessThanOrEqual(ADVERSARIAL_SIZE);
    const [whole, ...others] = inspectionsOf(text);
    const turned = [...others.slice(index % others.length), ...others.slice(0, index % others.length)];
    for (const inspection of [whole, ...turned].slice(0, WAYS)) {
      if (inspection !== undefined) expect(least(inspection, MOST_WHOLE_MS)).toBeLessThanOrEqual(MOST_WHOLE_MS);
    }
    for (const finders of ALONE) {
      for (const look of [findEach, findEachJoined]) {
        expect(
          least(() => look(finders, text, () => () => undefined), MOST_MS),
          finders[0]?.kinds[0],
        ).toBeLessThanOrEqual(MOST_MS);
      }
    }
  });

  test.each([
    ["a textbook address", /[\w.+-]+@[\w-]+\.[\w.]+/],
    ["a textbook gap", /password\s*[:=]|\s+=/],
  ])("%s takes longer than that on a quarter of one of them (control)", (_, expression) => {
    const slowest = ['repeated "a"', 'repeated " "'].map((wanted) => {
      const text = ADVERSARIAL.find(([name]) => name === wanted)?.[1](ADVERSARIAL_SIZE / 4) ?? "";
      return leastCpu(() => expression.test(text), 2);
    });
    expect(Math.max(...slowest)).toBeGreaterThan(MOST_MS);
  });
});
