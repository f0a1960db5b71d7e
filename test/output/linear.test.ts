import { describe, expect, test } from "vitest";
import { detectorSet } from "../../src/output/detectors.js";
import { inspectOutput } from "../../src/output/inspect.js";
import { cpu } from "../cpu.js";

const MIB = 1024 * 1024;

/** Eight times the text may take this many times as long. Linear work takes 8, quadratic 64. */
const MOST = 20;

/** Below this a measurement says nothing, and nobody is harmed. */
const NOISE_MS = 8;

/** How many times longer `work` takes on eight times the size. Noise only adds, so the least of several tries counts. */
function growth(work: (size: number) => void, size: number): number {
  let large = Number.POSITIVE_INFINITY;
  let small = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 8; attempt += 1) {
    large = Math.min(
      large,
      cpu(() => work(size * 8)),
    );
    if (large < NOISE_MS) return 1;
    small = Math.min(
      small,
      cpu(() => work(size)),
    );
    if (attempt > 1 && large / Math.max(small, NOISE_MS / 16) <= MOST) break;
  }
  return large / Math.max(small, NOISE_MS / 16);
}

function fill(unit: string, size: number): string {
  return unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
}

const dashes = "-".repeat(5);
const begin = `${dashes}BEGIN PRIVATE KEY${dashes}`;
const a40 = "a".repeat(40);

/** Texts that make a careless pattern start at every character, walk far and fail. */
const evil: readonly (readonly [string, (size: number) => string])[] = [
  ...["a", "A", "-", " ", ".", "@", "=", "\n", "0", "_", "é"].map(
    (unit) => [`one character ${JSON.stringify(unit)}`, (size: number) => fill(unit, size)] as const,
  ),
  ...[
    "a@",
    "@a",
    "a.@",
    "a@a.",
    "a@b.c1",
    "a@-.",
    "@.a1",
    "eyJ",
    "eyJaaaaaaaa",
    "eyJaaaaaaaa.",
    "xoxb-",
    "xoxb-aaaaaaaaaa",
  ].map((unit) => [`repeated ${unit}`, (size: number) => fill(unit, size)] as const),
  ...[
    ["AK", "IA"],
    ["AI", "za"],
    ["gh", "p_"],
    ["github_", "pat_"],
    ["gl", "pat-"],
    ["np", "m_"],
    ["sk_", "live_"],
  ].flatMap((parts): readonly (readonly [string, (size: number) => string])[] => {
    const literal = parts.join("");
    return [
      [`repeated ${literal}`, (size) => fill(literal, size)],
      [`${literal} before one long run`, (size) => literal + fill("A", size)],
      [`repeated ${literal} with a run too short`, (size) => fill(`${literal}${"A".repeat(12)}!`, size)],
    ];
  }),
  ["repeated bearer", (size) => fill("bearer ", size)],
  ["repeated bearer with long gaps", (size) => fill(`bearer${" ".repeat(9)}`, size)],
  ["repeated bearer before prose", (size) => fill("bearer abcdefghijklmnopqrstuvw", size)],
  ["repeated authorization", (size) => fill("authorization:", size)],
  ["authorization and a long gap", (size) => fill(`authorization${":".repeat(65)}`, size)],
  ["repeated secret key", (size) => fill("secretkey=", size)],
  ["secret keys whose values touch", (size) => fill(`secretkey=${a40}=`, size)],
  ["secret key and a long gap", (size) => fill(`secret access key${" ".repeat(65)}`, size)],
  ["repeated account key", (size) => fill("accountkey", size)],
  ["repeated begin of a key", (size) => fill(begin, size)],
  ["repeated half begin", (size) => fill(`${dashes}BEGIN `, size)],
  ["repeated begin with long labels", (size) => fill(`${dashes}BEGIN ${"A ".repeat(30)}`, size)],
  ["one begin and many half ends", (size) => begin + fill(`${dashes}END PRIVATE `, size)],
  ["tokens with dots", (size) => fill(`eyJ${"a".repeat(20)}.a `, size)],
];

describe("the time a detector takes grows no faster than the text", () => {
  test.each(evil)("on %s", (_, text) => {
    for (const name of ["secrets", "pii"] as const) {
      const work = (size: number): void => {
        detectorSet(name).find(text(size), () => undefined);
        for (const clue of detectorSet(name).clues) clue.test(text(size));
      };
      expect(growth(work, MIB / 8), name).toBeLessThanOrEqual(MOST);
    }
  });

  test("and so does a whole inspection", () => {
    const rules = [{ ruleId: "r", detect: ["secrets", "pii"], action: "redact" } as const];
    const work = (size: number): void => void inspectOutput({ [fill("a", size)]: fill("eyJa@bearer ", size) }, rules);
    expect(growth(work, MIB / 8)).toBeLessThanOrEqual(MOST);
  });

  test("a textbook address pattern fails the same check (control)", () => {
    const textbook = /[\w.+-]+@[\w-]+\.[\w.]+/g;
    expect(growth((size) => void textbook.exec(fill("a", size)), 1024)).toBeGreaterThan(MOST);
  });

  test("a nested quantifier fails the same check (control)", () => {
    const nested = /^(a+)+$/;
    expect(growth((size) => void nested.test(`${fill("a", size)}!`), 3)).toBeGreaterThan(MOST);
  });
});
