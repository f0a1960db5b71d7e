import { describe, expect, test } from "vitest";
import { compileLinearPattern } from "../../src/linear-pattern.js";
import type { Json } from "../../src/outcome.js";
import { ask, compiled, jobWith } from "./condition-job.js";

// Whether a condition errs depends on the steps it takes, so what each part costs is part of what a policy decides.
const MAX_STEPS = 30_000;
const EXHAUSTED = { error: "the condition takes too many steps on this job" };

const text = (length: number, character = "a"): string => character.repeat(length);
const payload: Json = {
  n: 1,
  half: 0.5,
  small: "3",
  a: text(512),
  same: text(512),
  other: `${text(511)}b`,
  b: text(1_024),
  wide: text(512, "\u00e9"),
  part: text(32),
  long: text(64),
  list: [1, 2, 3],
  equal: [1, 2, 3],
  texts: [text(256), text(256)],
  again: [text(256), text(256)],
};
const job = jobWith({ payload, labels: { env: "prod", zone: "a" }, requires: ["x", "y"] });

/** Steps that one evaluation takes. */
function stepsOf(source: string): number {
  const purse = { left: 2 * MAX_STEPS };
  compiled(source).evaluate(job, purse);
  return 2 * MAX_STEPS - purse.left;
}

describe("the steps of a condition", () => {
  test.each([
    ["job.payload.n > 1.0", 0],
    ["job.payload.n + 1.0 == 2.0 && !has(job.payload.x)", 0],
    ["job.payload.a == job.payload.same", 2],
    ["job.payload.a == job.payload.other", 2],
    ["job.payload.a == job.payload.b", 0],
    ["job.payload.a != job.payload.same", 2],
    ["job.payload.a < job.payload.b", 2],
    ["job.payload.b >= job.payload.a", 2],
    ["job.payload.list == job.payload.equal", 3],
    ["job.payload.list == [9.0, 2.0, 3.0]", 1],
    ["job.payload.texts == job.payload.again", 4],
    ["9.0 in job.payload.list", 3],
    ["1.0 in job.payload.list", 3],
    ["job.payload.small in ['1', '2']", 0],
    ["job.payload.a.lowerAscii() == 'q'", 8 + 64],
    ["job.payload.a.upperAscii() == 'q'", 8 + 64],
    ["job.payload.wide.lowerAscii() == 'q'", 8 + 1_024],
    ["job.payload.a.trim() == 'q'", 4 + 32],
    ["job.payload.a.startsWith(job.payload.long)", 4 + 1],
    ["job.payload.a.endsWith(job.payload.long)", 4 + 1],
    ["job.payload.a.contains(job.payload.part)", 4 + 64],
    ["job.payload.a.contains(job.payload.long)", 4 + 64 + 256],
    ["size(job.payload.a) > 1", 4 + 64],
    ["job.payload.a.size() > 1", 4 + 64],
    ["size(job.payload.list) > 1", 0],
    ["size(job.labels) > 1", 0],
    ["double(job.payload.small) > 1.0", 4],
    ["double(job.payload.n) > 1.0", 0],
    ["double(size(job.payload.list)) > 1.0", 0],
    ["int(job.payload.small) > 1", 4],
    ["int(job.payload.n) > 1", 4],
    ["int(int(job.payload.small)) > 1", 4],
    ["string(job.payload.n) == 'xx'", 4],
    ["string(job.payload.small) == 'xx'", 0],
    ["job.payload.a + job.payload.b == ''", 24],
    ["job.payload.list.exists(x, x > 9.0)", 3 * 4],
    ["job.payload.list.exists(x, x > 0.0)", 4],
    ["job.payload.list.all(x, x > 0.0)", 3 * 4],
    ["job.payload.list.all(x, x > 9.0)", 4],
    ["job.payload.list.exists_one(x, x > 0.0)", 3 * 4],
    ["job.payload.list.filter(x, x > 0.0) == []", 3 * 4],
    ["job.payload.list.map(x, x) == []", 3 * 2],
    ["job.payload.list.map(x, x > 1.0, x) == []", 3 * 5],
    ["job.labels.exists(name, name == '')", 2 * 4],
    ["true || job.payload.a.contains('x')", 0],
    ["false && job.payload.a.contains('x')", 0],
    ["job.payload.n > 9.0 || job.payload.a.trim() == 'q'", 36],
    ["job.payload.n > 9.0 ? job.payload.a.trim() == 'q' : true", 0],
  ])("%s takes %d", (source, steps) => {
    expect(stepsOf(source)).toBe(steps);
  });

  test("a pattern takes what its automaton takes on a text of that length", () => {
    const read = compileLinearPattern("[a-c]*b{20}");
    if (!read.ok) throw new Error(read.message);
    expect(stepsOf("job.payload.a.matches('[a-c]*b{20}')")).toBe(read.value.steps(512));
    expect(stepsOf("job.payload.b.matches('[a-c]*b{20}')")).toBe(read.value.steps(1_024));
  });
});

describe("the purse of a decision", () => {
  // 36 steps.
  const condition = compiled("job.payload.a.trim() != 'q'");

  test("is enough to the step, and one less is not", () => {
    expect(condition.evaluate(job, { left: 36 })).toBe(true);
    expect(condition.evaluate(job, { left: 35 })).toEqual(EXHAUSTED);
    expect(condition.evaluate(job)).toBe(true);
  });

  test("pays also for a condition that failed, and for nothing once it is empty", () => {
    const dear = "the conditions of this decision took too many steps together";
    const purse = { left: 40 };
    expect(condition.evaluate(job, purse)).toBe(true);
    expect(purse.left).toBe(4);
    expect(condition.evaluate(job, purse)).toEqual(EXHAUSTED);
    expect(purse.left).toBe(-32);
    expect(condition.evaluate(job, purse)).toEqual({ error: dear });
    expect(condition.evaluate(job, { left: 0 })).toEqual({ error: dear });
    expect(purse.left).toBe(-32);
  });

  test("lets one condition take 30,000 steps at most", () => {
    // 1,000 elements of 30 steps each are exactly as many.
    const rows = jobWith({ payload: { rows: Array.from({ length: 1_000 }, (_, n) => n) } });
    const sum = (parts: number): string => Array.from({ length: parts }, () => "n").join(" + ");
    const walk = compiled(`job.payload.rows.all(n, ${sum(13)} + n >= 0.0)`);
    const over = compiled(`job.payload.rows.all(n, ${sum(14)} + n >= 0.0)`);
    const purse = { left: 1_000_000 };
    expect(walk.evaluate(rows, purse)).toBe(true);
    expect(1_000_000 - purse.left).toBe(MAX_STEPS);
    expect(over.evaluate(rows)).toEqual(EXHAUSTED);
    expect(over.evaluate(rows, { left: 1_000_000 })).toEqual(EXHAUSTED);
  });
});

describe("bounds of what a condition walks", () => {
  const list = (length: number): Json => Array.from({ length }, () => 1);
  const error = (message: string): { error: string } => ({ error: message });

  test("a list has at most 1,000 elements where it is walked, looked into or compared", () => {
    const full = { payload: { rows: list(1_000), same: list(1_000) } };
    const over = { payload: { rows: list(1_001), same: list(1_001) } };
    expect(ask("job.payload.rows.all(n, true)", full)).toBe(true);
    expect(ask("job.payload.rows.all(n, true)", over)).toEqual(error("`job.payload.rows` has more than 1000 elements"));
    expect(ask("2.0 in job.payload.rows", full)).toBe(false);
    expect(ask("2.0 in job.payload.rows", over)).toEqual(
      error("`2.0 in job.payload.rows` walks more than 1000 elements"),
    );
    expect(ask("job.payload.rows == job.payload.same", full)).toBe(true);
    expect(ask("job.payload.rows == job.payload.same", over)).toEqual(
      error("`job.payload.rows == job.payload.same` compares lists of more than 1000 elements"),
    );
    expect(ask("job.payload.rows == [1.0]", over)).toBe(false);
  });

  test("a text has at most 65,536 characters where a function reads or makes it", () => {
    const full = { payload: { text: text(65_536), half: text(32_768) } };
    const over = { payload: { text: text(65_537), half: text(32_769) } };
    expect(ask("job.payload.text.startsWith('a')", full)).toBe(true);
    expect(ask("job.payload.text.startsWith('a')", over)).toEqual(
      error("`job.payload.text` is longer than 65536 characters"),
    );
    expect(ask("size(job.payload.text) == 65536", full)).toBe(true);
    expect(ask("size(job.payload.text) == 65536", over)).toEqual(
      error("`size(job.payload.text)` counts more than 65536 characters"),
    );
    expect(ask("job.payload.half + job.payload.half != ''", full)).toBe(true);
    expect(ask("job.payload.half + job.payload.half != ''", over)).toEqual(
      error("`job.payload.half + job.payload.half` makes more than 65536 characters"),
    );
  });
});
