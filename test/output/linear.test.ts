import { describe, expect, test } from "vitest";
import { findEach, findEachJoined } from "../../src/output/clues.js";
import { SETS } from "../../src/output/detect/sets.js";
import type { Finder } from "../../src/output/hit.js";
import { inspectOutput } from "../../src/output/inspect.js";
import { cpu } from "../cpu.js";
import { cases } from "../scale.js";

const MIB = 1024 * 1024;

/** Quadratic work on a quarter of a million characters would take many seconds; linear work none. */
const MOST_CHARACTERS = cases("characters on which each finder is timed", MIB / 4, MIB);

/** Eight times the text may take this many times as long. Linear work takes 8, quadratic 64. */
const MOST = 20;

/** Below this a measurement says nothing, and nobody is harmed. */
const NOISE_MS = 8;

/**
 * How many times longer `work` takes on eight times the size. Noise only adds, so the least of several tries counts: of two
 * at least, since a small size whose only measurement is too long would hide that the large one is.
 */
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
    if (attempt > 0 && large / Math.max(small, NOISE_MS / 16) <= MOST) break;
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
  ["long runs between dots", (size) => fill(`${"aB3".repeat(9)}.`, size)],
  ["dots six apart in one run", (size) => fill(".aB3_-x", size)],
  ["digits", (size) => fill("4", size)],
  ["digits and spaces", (size) => fill("4 2 ", size)],
  ["digits that dashes part", (size) => fill("4242-4242-", size)],
  ["pluses and digits", (size) => fill("+1 ", size)],
  ["brackets of telephone numbers", (size) => fill("(415) 555-01", size)],
  ["a telephone word and a long gap", (size) => `phone${fill(" ", size - 6)}1`],
  ["accounts that never end", (size) => fill("DE89 3704 ", size)],
  ["schemes", (size) => fill("a://", size)],
  ["one long scheme", (size) => `${fill("a", size - 3)}://`],
  ["schemes with a user and no end", (size) => fill("a://b:c", size)],
  ["schemes with many colons", (size) => `a://${fill(":", size - 4)}`],
  ["names of secrets", (size) => fill("password ", size)],
  ["assignments without values", (size) => fill("password=", size)],
  ["an assignment and a quote that never closes", (size) => fill('password="', size)],
  ["an assignment and one long value", (size) => `password=${fill("aB3", size - 9)}`],
  ["escapes before a quote", (size) => fill(`token${"\\\\".repeat(3)}"`, size)],
  ["templates that never close", (size) => fill("password={{{a ", size)],
  ["placeholders that never close", (size) => `password=<${fill("a<", size - 10)}`],
  ["NULs between begins of keys", (size) => fill(`${begin}\0`, size)],
  ["NULs and half ends", (size) => begin + fill(`\0${dashes}END PRIVATE `, size - begin.length)],
];

const finders: readonly Finder[] = [...SETS.values()].flat();
const rules = [{ ruleId: "r", detect: ["secrets", "pii"], action: "redact" } as const];
const nothing = () => (): void => undefined;

describe("the time a finder takes grows no faster than the text", () => {
  test.each(evil)("on %s", (_, make) => {
    const texts = new Map([MOST_CHARACTERS / 8, MOST_CHARACTERS].map((size) => [size, make(size)]));
    for (const finder of finders) {
      const alone = [finder];
      const find = (size: number): void => findEach(alone, texts.get(size) ?? "", nothing);
      const findJoined = (size: number): void => findEachJoined(alone, texts.get(size) ?? "", nothing);
      expect(growth(find, MOST_CHARACTERS / 8), finder.kinds[0]).toBeLessThanOrEqual(MOST);
      expect(growth(findJoined, MOST_CHARACTERS / 8), `${finder.kinds[0]}, joined`).toBeLessThanOrEqual(MOST);
    }
  });

  test.each(evil)("and so does a whole inspection, on %s", (_, make) => {
    const texts = new Map([MIB / 32, MIB / 4].map((size) => [size, make(size)]));
    const work = (size: number): void => void inspectOutput(texts.get(size), rules);
    expect(growth(work, MIB / 32)).toBeLessThanOrEqual(MOST);
  });

  test.each<readonly [string, (size: number) => unknown]>([
    ["a key", (size) => ({ [fill("a", size)]: fill("eyJa@bearer ", size) })],
    ["many short values", (size) => Array.from({ length: size / 16 }, (_, index) => `value ${index} of it`)],
    ["many keys", (size) => Object.fromEntries(Array.from({ length: size / 16 }, (_, n) => [`key ${n}`, `v${n}`]))],
    ["many letters, one a value", (size) => Array.from({ length: size / 16 }, () => "a")],
    ["many halves of a key's begin", (size) => Array.from({ length: size / 32 }, () => begin.slice(0, 20))],
    ["many begins of keys", (size) => Array.from({ length: Math.min(900, size / 64) }, () => begin)],
    ["many names and values", (size) => Array.from({ length: size / 32 }, () => ({ name: "password", value: "none" }))],
    ["many values under many keys", (size) => Array.from({ length: size / 32 }, (_, n) => ({ [`k${n % 99}`]: "ab" }))],
    [
      "a token that goes on and on, in pieces",
      (size) => `${["gh", "p_"].join("")}${fill("A", size)}`.match(/.{1,256}/g) ?? [],
    ],
    ["a token that goes on and on, line by line", (size) => fill(`${["sk", "-"].join("")}${fill("a-", 64)}\n`, size)],
    ["large numbers", (size) => Array.from({ length: size / 16 }, (_, index) => 2 ** 50 + index * 7)],
    ["fake markers", (size) => fill("[REDACTED:nothing] ", size)],
    ["markers", (size) => fill("[REDACTED:email] ", size)],
    ["escapes", (size) => fill("%41\\u0041&#65;", size)],
    [
      "base64 of base64",
      (size) => Buffer.from(Buffer.from(fill("a@b ", size / 2)).toString("base64")).toString("base64"),
    ],
    ["full-width letters", (size) => fill("\uff41\uff20\u200b", size)],
    ["wrapped lines", (size) => fill(`${"a1B2".repeat(19)}\n`, size)],
  ])("and so does one of %s", (_, make) => {
    const values = new Map([MOST_CHARACTERS / 8, MOST_CHARACTERS].map((size) => [size, make(size)]));
    const work = (size: number): void => void inspectOutput(values.get(size), rules);
    expect(growth(work, MOST_CHARACTERS / 8)).toBeLessThanOrEqual(MOST);
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
