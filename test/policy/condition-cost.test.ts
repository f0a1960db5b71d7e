import { describe, expect, test } from "vitest";
import type { Json } from "../../src/outcome.js";
import { leastCpu } from "../cpu.js";
import { compiled, jobWith } from "./condition-job.js";

const cpu = (work: () => void, tries = 8): number => leastCpu(work, tries);

const times = (count: number, part: string, join: string): string =>
  Array.from({ length: count }, () => part).join(join);
const list = (length: number, item: (index: number) => Json): Json => Array.from({ length }, (_, index) => item(index));
const tree = (depth: number): Json => (depth === 0 ? 1 : [tree(depth - 1), tree(depth - 1)]);
const deep = (depth: number): Json => (depth === 0 ? 1 : [deep(depth - 1)]);
const EXHAUSTED = { error: "the condition takes too many steps on this job" };

// About 1 MiB together, whatever a condition below does not look at included.
const payload: Json = {
  rows: list(1_000, (n) => ({ n, text: `${"x".repeat(60)}${n}`, role: "user" })),
  long: list(3_000, (n) => n),
  numbers: list(1_000, (n) => n),
  texts: list(1_000, () => "abcdefghij".repeat(20)),
  left: tree(12),
  right: tree(12),
  deep: deep(60),
  deeper: deep(60),
  plain: "a".repeat(65_536),
  mixed: "é".repeat(30_000),
  needle: `${"a".repeat(2_048)}b${"a".repeat(100)}`,
  same: "x".repeat(180_000),
  alike: "x".repeat(180_000),
  wide: Object.fromEntries(Array.from({ length: 8_000 }, (_, n) => [`key${n}`, n])),
};
const job = jobWith({ payload });

describe("a condition on a job of 1 MiB takes at most 5 ms of CPU", () => {
  test("the job is about that large", () => {
    expect(JSON.stringify(payload).length).toBeGreaterThan(900_000);
    expect(JSON.stringify(payload).length).toBeLessThan(1_048_576);
  });

  test.each([
    [
      "four comprehensions in a row, over 1,000 elements",
      "job.payload.rows.filter(r, r.n >= 0.0).filter(r, r.role == 'user').map(r, r.n).all(n, n + 1.0 > 0.0)",
      true,
    ],
    [
      "four comprehensions side by side",
      times(4, "job.payload.rows.all(r, r.role in ['user', 'admin'])", " && "),
      true,
    ],
    [
      "a list of 3,000 elements",
      "job.payload.long.exists(n, n > 5000)",
      { error: "`job.payload.long` has more than 1000 elements" },
    ],
    [
      "`in` a list of 3,000 elements",
      "5000 in job.payload.long",
      { error: "`5000 in job.payload.long` walks more than 1000 elements" },
    ],
    [
      "two lists of 3,000 elements",
      "job.payload.long == job.payload.long.filter(n, true)",
      { error: "`job.payload.long` has more than 1000 elements" },
    ],
    ["a body that is as long as it may be", `job.payload.rows.all(r, ${times(90, "r.n >= 0.0", " && ")})`, EXHAUSTED],
    ["`in` inside a comprehension", "job.payload.numbers.exists(n, n + 0.5 in job.payload.numbers)", EXHAUSTED],
    [
      "a thousand missing fields, four times",
      times(4, "job.payload.rows.exists(r, r.gone > 1)", " || "),
      { error: "`r.gone` is missing" },
    ],
    [
      "all the functions of text",
      "job.payload.texts.exists(t, t.contains('zz') || t.lowerAscii() == 'q' || t.upperAscii() == 'q' || t.trim() == 'q' || size(t) > 900)",
      EXHAUSTED,
    ],
    [
      "texts that grow",
      "job.payload.texts.map(t, t + t).map(t, t + t).map(t, t + t).exists(t, t.contains('zzz'))",
      EXHAUSTED,
    ],
    ["deep equality of wide trees", times(60, "job.payload.left != job.payload.right", " || "), EXHAUSTED],
    ["deep equality of deep trees", times(60, "job.payload.deep != job.payload.deeper", " || "), false],
    ["long texts, compared", times(60, "job.payload.same < job.payload.alike", " || "), EXHAUSTED],
    ["a search made to be quadratic", times(40, "job.payload.plain.contains(job.payload.needle)", " || "), EXHAUSTED],
    ["many searches of a long text", times(60, "job.payload.plain.contains('ab')", " || "), EXHAUSTED],
    ["letters of a long text", times(70, "job.payload.mixed.lowerAscii() == 'x'", " || "), EXHAUSTED],
    [
      "a text that is too long",
      "job.payload.same.contains('y')",
      { error: "`job.payload.same` is longer than 65536 characters" },
    ],
    ["fields of a wide map", "job.payload.wide.exists(k, k == 'x')", { error: "`job.payload.wide` is not a list" }],
    ["an evil pattern", "job.payload.plain.matches('^(a+)+b$')", EXHAUSTED],
    ["an evil pattern on a thousand texts", "job.payload.texts.exists(t, t.matches('^([a-z]+)*!$'))", EXHAUSTED],
    ["a pattern with a wide automaton", "job.payload.plain.matches('a[ab]{60}[cd]')", EXHAUSTED],
    [
      "integers that grow",
      "job.payload.numbers.map(n, int(n) + 1).map(n, n * n).map(n, n * n).exists(n, n * n < 0)",
      expect.objectContaining({}),
    ],
  ])("%s", (_name, source, wanted) => {
    const condition = compiled(source);
    expect(condition.evaluate(job)).toEqual(wanted);
    expect(cpu(() => condition.evaluate(job))).toBeLessThan(5);
  });

  test("without a budget, a list inside a list takes longer than that: the control", () => {
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    const naive = (): boolean => numbers.some((n) => numbers.map((m) => [m]).some(([m]) => m === n + 0.5));
    expect(cpu(() => naive(), 2)).toBeGreaterThan(5);
  });

  test("a short comparison takes less than a microsecond", () => {
    const condition = compiled("job.payload.amount > 1000.0");
    const small = jobWith({ payload: { amount: 1_500 } });
    const rounds = 100_000;
    const spent = cpu(() => {
      for (let round = 0; round < rounds; round += 1) condition.evaluate(small);
    });
    console.info(`a short comparison: ${Math.round((spent / rounds) * 1e6)} ns`);
    expect((spent / rounds) * 1e6).toBeLessThan(1_000);
  });
});
