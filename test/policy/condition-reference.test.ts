import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileCondition } from "../../src/policy/condition.js";
import { jobWith } from "./condition-job.js";

// The library whole, evaluator and all: slower, and without bounds.
const reference = new Environment({ homogeneousAggregateLiterals: false }).registerVariable("job", "dyn");

function referenceAnswer(source: string, job: unknown): unknown {
  try {
    const parsed = reference.parse(source);
    // What it refuses at load it has no answer to: `1.0 == null`, which is simply false here.
    return parsed.check().valid ? parsed({ job }) : "refused";
  } catch {
    return "error";
  }
}

const path = fc.constantFrom(
  "job.payload.n",
  "job.payload.m",
  "job.payload.s",
  "job.payload.list",
  "job.payload.on",
  "job.payload.o.n",
  "job.payload.gone",
  "job.topic",
  "job.payload.none",
  "job.labels.env",
);
const literal = fc.constantFrom(
  "1.0",
  "2.5",
  "1",
  "0",
  "-1.0",
  "'a'",
  "'ab'",
  "''",
  "true",
  "false",
  "null",
  "[1.0, 2.0]",
  "['a', 'ab']",
);

const { bool } = fc.letrec<{ bool: string; value: string; number: string; text: string }>((tie) => ({
  value: fc.oneof(path, literal, tie("number"), tie("text")),
  number: fc.oneof(
    path,
    fc
      .tuple(path, fc.constantFrom("+", "-", "*", "/"), fc.constantFrom("1.5", "0.0", "job.payload.m"))
      .map((p) => `(${p.join(" ")})`),
    path.map((p) => `size(${p})`),
    path.map((p) => `int(${p})`),
    path.map((p) => `double(${p})`),
    path.map((p) => `-${p}`),
    path.map((p) => `(int(${p}) % 2)`),
    path.map((p) => `job.payload.list[${p}]`),
  ),
  text: fc.oneof(
    path,
    path.map((p) => `string(${p})`),
    path.map((p) => `${p}.trim()`),
    path.map((p) => `${p}.upperAscii().lowerAscii()`),
    path.map((p) => `(${p} + 'a')`),
  ),
  bool: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    path,
    fc
      .tuple(tie("value"), fc.constantFrom("==", "!=", "<", "<=", ">", ">=", "in"), tie("value"))
      .map((p) => `(${p.join(" ")})`),
    fc.tuple(tie("bool"), fc.constantFrom("&&", "||", "==", "!="), tie("bool")).map((p) => `(${p.join(" ")})`),
    tie("bool").map((p) => `!${p}`),
    fc.tuple(tie("bool"), tie("bool"), tie("bool")).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc.constantFrom("n", "s", "gone", "o.n", "list.x").map((p) => `has(job.payload.${p})`),
    fc.tuple(tie("text"), fc.constantFrom("startsWith", "endsWith", "contains")).map(([p, f]) => `${p}.${f}('a')`),
    fc.tuple(tie("text"), fc.constantFrom("^a", "b$", "a.*b", "[^a]")).map(([p, f]) => `${p}.matches('${f}')`),
    fc
      .tuple(tie("value"), fc.constantFrom("string", "double", "bool", "list", "map", "null_type"))
      .map(([p, t]) => `type(${p}) == ${t}`),
    fc
      .tuple(
        fc.constantFrom("all", "exists", "exists_one"),
        fc.constantFrom("x > 1.0", "x == 'a'", "x", "x.n > 1.0", "x in job.payload.list", "x == job.payload.n"),
      )
      .map(([f, p]) => `job.payload.list.${f}(x, ${p})`),
    fc.constantFrom(
      "job.payload.list.map(x, x + 1.0) == [2.0]",
      "size(job.payload.list.filter(x, x > 1.0)) == 1",
      "job.payload.list.map(x, x > 1.0, x * 2.0).exists(y, y > 2.0)",
    ),
  ),
}));

const leaf = fc.constantFrom(null, true, false, 0, 1, 1.5, 2, -1, "", "a", "ab", " b", "1");
const payload = fc.record(
  {
    n: leaf,
    m: leaf,
    s: leaf,
    on: fc.boolean(),
    none: fc.constant(null),
    list: fc.oneof(
      fc.array(leaf, { maxLength: 3 }),
      fc.array(fc.constantFrom(1, 2, 3), { maxLength: 3 }),
      fc.array(fc.record({ n: leaf }), { maxLength: 3 }),
    ),
    o: fc.record({ n: leaf }, { requiredKeys: [] }),
  },
  { requiredKeys: ["on"] },
);

test("what a condition answers is what the library answers; where they part, a condition gives an error", () => {
  const seen = { same: 0, stricter: 0, both: 0, refused: 0 };
  fc.assert(
    fc.property(bool, payload, (source, sent) => {
      const read = compileCondition(source);
      const job = jobWith({ payload: sent, labels: { env: "a" } });
      const theirs = referenceAnswer(source, job);
      if (!read.ok || theirs === "refused") {
        seen.refused += 1;
        return;
      }
      const ours = read.condition.evaluate(job);
      if (typeof ours === "boolean") {
        expect([source, theirs]).toEqual([source, ours]);
        seen.same += 1;
      } else if (theirs === "error") seen.both += 1;
      else seen.stricter += 1;
    }),
    { numRuns: 6_000 },
  );
  console.info(seen);
  // The control: the two have met often, or nothing was compared.
  expect(seen.same).toBeGreaterThan(1_000);
  expect(seen.both).toBeGreaterThan(200);
});

test.each([
  ["job.payload.mode != 'delete'", { mode: ["delete"] }, true],
  ["job.payload.mode == 'delete'", { mode: ["delete"] }, false],
  ["job.payload.a / job.payload.b > 5.0", { a: 0, b: 0 }, false],
  ["'\u212a'.lowerAscii() == 'k'", {}, true],
])("%s: the library lets it through, a condition does not", (source, sent, theirs) => {
  const job = jobWith({ payload: sent });
  expect(referenceAnswer(source, job)).toBe(theirs);
  const read = compileCondition(source);
  expect(read.ok && read.condition.evaluate(job)).not.toBe(theirs);
});

test("the library's own `matches` is the built-in engine, which doubles with every character: the control", () => {
  const spent = (length: number): number => {
    const start = process.cpuUsage();
    reference.evaluate("job.matches('^(a+)+$')", { job: `${"a".repeat(length)}!` });
    return process.cpuUsage(start).user / 1_000;
  };
  spent(4);
  expect(spent(25)).toBeGreaterThan(50);
  const read = compileCondition("job.payload.matches('^(a+)+$')");
  const start = process.cpuUsage();
  const job = jobWith({ payload: `${"a".repeat(25)}!` });
  expect(read.ok && read.condition.evaluate(job)).toBe(false);
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(20);
});
