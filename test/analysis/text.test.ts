import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMeter } from "../../src/analysis/meter.js";
import { accepts, exactly, findText, topicLanguage, valueLanguage } from "../../src/analysis/text.js";
import { LABEL_CHARACTER, matches, readValueGlob } from "../../src/policy/glob.js";
import { compilePolicy } from "../../src/policy/policy.js";

const meter = (): ReturnType<typeof createMeter> => createMeter(200_000);

const part = fc.constantFrom("a", "b", "*", "?", "{a,bb}", "{a*,b}");
const pattern = fc
  .array(part, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(""))
  .filter((text) => readValueGlob(text, LABEL_CHARACTER).ok);
const lists = fc.array(fc.array(pattern, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 });

/** The engine's own matcher. */
function engineMatches(patterns: readonly string[], text: string): boolean {
  return patterns.some((one) => {
    const read = readValueGlob(one, LABEL_CHARACTER);
    return read.ok && read.value.some((glob) => matches(glob, text));
  });
}

function textsUpTo(length: number): readonly string[] {
  let last: readonly string[] = [""];
  const texts = [...last];
  for (let at = 0; at < length; at += 1) {
    last = last.flatMap((text) => ["a", "b", "c"].map((sign) => text + sign));
    texts.push(...last);
  }
  return texts;
}

const TEXTS = textsUpTo(6);

/** How often there was a text, and how often there was none. `spoil` changes what the solver is told. */
function compare(spoil: (patterns: readonly string[]) => readonly string[], numRuns: number): readonly number[] {
  const counts = [0, 0];
  fc.assert(
    fc.property(lists, lists, (inside, outside) => {
      const read = (list: readonly (readonly string[])[]): ReturnType<typeof valueLanguage>[] =>
        list.map((patterns) => valueLanguage("label", spoil(patterns)));
      const text = findText("label", read(inside), read(outside), meter());
      const fits = (one: string): boolean =>
        inside.every((patterns) => engineMatches(patterns, one)) &&
        !outside.some((patterns) => engineMatches(patterns, one));
      if (text === null) expect(TEXTS.filter(fits)).toEqual([]);
      else expect([text, fits(text)]).toEqual([text, true]);
      counts[text === null ? 1 : 0] = (counts[text === null ? 1 : 0] ?? 0) + 1;
    }),
    { numRuns },
  );
  return counts;
}

describe("a text in some patterns and not in others", () => {
  it("is found where there is one, and where none is found there is none up to six characters", () => {
    const [found = 0, none = 0] = compare((patterns) => patterns, 1_500);
    expect(found).toBeGreaterThan(150);
    expect(none).toBeGreaterThan(150);
  }, 60_000);

  it.each<[string, (patterns: readonly string[]) => readonly string[]]>([
    ["`?` taken for any run", (patterns) => patterns.map((one) => one.replaceAll("?", "*").replace(/\*+/g, "*"))],
    ["all but the first pattern forgotten", (patterns) => patterns.slice(0, 1)],
    ["a star that takes one character at least", (patterns) => patterns.map((one) => one.replaceAll("*", "?*"))],
  ])(
    "a planted slip is caught: %s",
    (_, spoil) => {
      expect(() => compare(spoil, 1_500)).toThrow();
    },
    60_000,
  );

  it("is judged as the engine judges it, astral characters too", () => {
    const one = valueLanguage("label", ["?"]);
    expect(accepts(one, "\u{1f600}")).toBe(true);
    expect(accepts(one, "ab")).toBe(false);
    expect(accepts(exactly("label", ""), "")).toBe(true);
  });

  it("has at most 256 characters, and is never empty where ids are concerned", () => {
    const longs = ["a".repeat(128), "b".repeat(128)].map((text) => valueLanguage("label", [`*${text}*`]));
    expect(findText("label", longs, [], meter())).toHaveLength(256);
    const more = [...longs, valueLanguage("label", ["c*"])];
    expect(findText("label", more, [], meter())).toBeNull();
    expect(findText("actor", [valueLanguage("actor", ["*"])], [], meter())).toBe("x");
    expect(findText("actor", [valueLanguage("actor", ["*"])], [valueLanguage("actor", ["?*"])], meter())).toBeNull();
  });
});

describe("a topic in some patterns and not in others", () => {
  const step = fc.constantFrom("a", "b", "*", "**", "a*", "?", "{a,b}", "*b", "{*,a}");
  const topic = fc
    .array(step, { minLength: 1, maxLength: 3 })
    .map((steps) => steps.join("."))
    .filter((text) => text.split("**").length <= 3);
  const segments = ["a", "b", "c", "ab", "bb"];
  const topics = segments.flatMap((one) => [
    one,
    ...segments.flatMap((two) => [`${one}.${two}`, ...segments.map((three) => `${one}.${two}.${three}`)]),
  ]);

  it("is what the compiled policy matches, and where there is none it matches none of three segments", () => {
    fc.assert(
      fc.property(topic, fc.array(topic, { maxLength: 2 }), (inside, outside) => {
        const rules = [
          { id: "in", match: { topics: [inside] }, decision: "allow" },
          ...outside.map((one, index) => ({ id: `out${index}`, match: { topics: [one] }, decision: "deny" })),
        ];
        const policy = compilePolicy({ document: { version: "v1", rules } });
        const out = outside.length === 0 ? [] : [topicLanguage(outside)];
        const found = findText("topic", [topicLanguage([inside])], out, meter());
        if (found !== null) expect(policy.decide({ topic: found }).type).toBe("ALLOW");
        else expect(topics.filter((one) => policy.decide({ topic: one }).type === "ALLOW")).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);
});
