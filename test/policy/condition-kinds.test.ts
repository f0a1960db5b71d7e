import { describe, expect, test } from "vitest";
import { compileCondition } from "../../src/policy/condition.js";
import { ask, compiled } from "./condition-job.js";

const problems = (source: string): readonly unknown[] => {
  const read = compileCondition(source);
  return read.ok ? [] : read.problems;
};

/** Values worth trying, by path; paths without any are left out. */
const tried = (source: string): unknown =>
  Object.fromEntries(
    compiled(source)
      .probes.filter(({ values }) => values.length > 0)
      .map(({ path, values }) => [path.join("."), values]),
  );

const payload = {
  ...{ on: true, off: false, n: 2, s: "ab", none: null, map: { a: 1 }, texts: ["ab", "c"], numbers: [1, 2] },
  ...{ rows: [{ a: 1 }], mixed: ["x", 1], nulls: [null] },
};
const labels = { env: "prod" };

describe("what operators answer", () => {
  test.each([
    ["1 < 2", true],
    ["2 < 2", false],
    ["3 < 2", false],
    ["2 <= 2", true],
    ["3 <= 2", false],
    ["2 > 2", false],
    ["3 > 2", true],
    ["2 >= 2", true],
    ["1 >= 2", false],
    ["job.payload.n <= 1.5", false],
    ["job.payload.n >= 2", true],
    ["job.topic < 'z'", true],
    ["'b' <= 'a'", false],
    ["job.payload.on == true", true],
    ["job.payload.on != true", false],
    ["job.payload.off == true", false],
    ["job.payload.off == job.payload.off", true],
    ["job.topic == null", false],
    ["null != job.topic", true],
    ["null == job.payload.n", false],
    ["job.payload.none == 'x'", false],
    ["job.payload.none != 'x'", true],
    ["job.payload.none == job.payload.none", true],
    ["null in job.risk_tags", false],
    ["null in job.payload.nulls", true],
    ["job.topic in [null]", false],
    ["'env' in job.labels", true],
    ["'gone' in job.labels", false],
    ["job.payload.s in ['ab', 'cde']", true],
    ["job.payload.s in ['xy', 'cde']", false],
    ["job.payload.s in job.payload.texts", true],
    ["[1.0, 2.0] == job.payload.numbers", true],
    ["job.payload.mixed == [1.0, 2.0]", false],
    ["!job.payload.off", true],
    ["job.payload.on ? true : false", true],
    ["job.payload.off ? true : false", false],
    ["(job.payload.off ? 'a' : 1.0) == 1.0", true],
    ["1.0 in (job.payload.off ? ['a'] : [1.0])", true],
    ["job['topic'] == job.topic", true],
    ["job.payload.map['a'] == 1.0", true],
    ["['a', 'b'].exists(x, job.payload.map[x] == 1.0)", true],
    // What may be a list or a map: nothing is known of what is in it, though both hold texts.
    ["(job.payload.on ? job.requires : job.labels).all(x, x > 1.0)", true],
    ["1.0 in (job.payload.off ? job.labels : job.requires)", false],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, { payload, labels })).toBe(wanted);
  });

  const kinds = "compares values of different kinds";
  test.each([
    ["1.0 < job.payload.s", "`1.0 < job.payload.s` needs two numbers or two texts"],
    ["job.payload.list < 'a'", "`job.payload.list` is missing"],
    ["job.payload.texts < 'a'", "`job.payload.texts < 'a'` needs two numbers or two texts"],
    ["job.payload.gone == null", "`job.payload.gone` is missing"],
    ["null != job.payload.gone", "`job.payload.gone` is missing"],
    ["job.payload.on == job.payload.s", `\`job.payload.on == job.payload.s\` ${kinds}`],
    ["job.payload.s == job.payload.on", `\`job.payload.s == job.payload.on\` ${kinds}`],
    ["job.payload.s != job.payload.n", `\`job.payload.s != job.payload.n\` ${kinds}`],
    ["job.payload.map == job.payload.s", `\`job.payload.map == job.payload.s\` ${kinds}`],
    ["job.payload.s == job.payload.map", `\`job.payload.s == job.payload.map\` ${kinds}`],
    ["job.labels == job.payload.map", "`job.labels == job.payload.map` compares maps"],
    ["job.payload.map == job.labels", "`job.payload.map == job.labels` compares maps"],
    ["job.payload.mixed == [1.0, 1.0]", `\`job.payload.mixed == [1.0, 1.0]\` ${kinds}`],
    ["job.payload.gone in []", "`job.payload.gone` is missing"],
    ["job.payload.gone in [null]", "`job.payload.gone` is missing"],
    ["job.payload.n in ['ab', 'c']", `\`job.payload.n in ['ab', 'c']\` ${kinds}`],
    ["job.payload.s in ['c', 1.0]", `\`job.payload.s in ['c', 1.0]\` ${kinds}`],
    ["job.payload.n in job.payload.texts", `\`job.payload.n in job.payload.texts\` ${kinds}`],
    ["job.payload.n in job.payload.map", "`job.payload.n` is not text, as a key must be"],
    ["job.payload.s[0] == 'a'", "`job.payload.s` is neither a list nor a map"],
    ["job.payload.map[job.payload.n] == 1.0", "`job.payload.n` is not text, as a key must be"],
    ["!job.payload.gone", "`job.payload.gone` is missing"],
    ["!job.payload.s", "`job.payload.s` is neither true nor false"],
    ["job.payload.gone ? true : true", "`job.payload.gone` is missing"],
    ["size(job.payload.rows.map(r, true, r.gone)) == 1", "`r.gone` is missing"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, { payload, labels })).toEqual({ error });
  });
});

describe("what operators refuse at load", () => {
  test.each([
    ["job.labels < job.labels", 0, "`<` cannot compare a map with a map"],
    ["job.requires < job.payload.a", 0, "`<` cannot compare a list with anything"],
    ["job.payload.a >= null", 0, "`>=` cannot compare anything with null"],
    ["job.labels == job.labels", 0, "maps cannot be compared"],
    ["'a' in 5", 0, "`in` looks into lists and maps, not into an integer"],
    ["'a' in null", 0, "`in` looks into lists and maps, not into null"],
    ["1.0 in job.labels", 0, "`in` looks for a number where there is text"],
    ["1.0 in (job.payload.on ? ['a'] : ['b'])", 0, "`in` looks for a number where there is text"],
    ["!job.topic", 0, "`!` needs true or false, not text"],
    ["job.topic ? true : false", 0, "`?` needs true or false, not text"],
    ["1 == (job.payload.on ? 'a' : 'b')", 0, "`==` cannot compare an integer with text"],
    ["[1.0].filter(x, 1) == []", 0, "`filter` asks a question of each element, not for an integer"],
    ["[1.0].map(x, 'a', x) == []", 0, "`map` asks a question of each element, not for text"],
    ["type() == string", 0, "`type` takes one value"],
    ["type(job.topic, job.topic) == string", 0, "`type` takes one value"],
  ])("%s", (source, offset, message) => {
    expect(problems(source)).toStrictEqual([{ message, offset }]);
  });
});

describe("values worth trying", () => {
  test.each([
    ["job.payload.n == null", { "payload.n": [null] }],
    ["job.payload.n == true", { "payload.n": [true, false] }],
    ["job.payload.n > 2.0", { "payload.n": [1, 2, 3] }],
    ["job.payload.l == [1.0]", {}],
    ["job.payload.a == job.payload.b", {}],
    ["job.payload.s in ['a', 'b']", { "payload.s": ["a", "ax", "b", "bx"] }],
    ["'x' in job.payload.l", { "payload.l": [["x"], []] }],
    ["[1.0] in job.payload.l", {}],
    ["'env' in job.labels", {}],
    ["!job.payload.on", { "payload.on": [true, false] }],
    ["job.payload.on ? true : false", { "payload.on": [true, false] }],
  ])("%s names %j", (source, wanted) => {
    expect(tried(source)).toEqual(wanted);
  });
});

test.each(["bool", "double", "string", "null_type", "list", "map"])("a value is a %s or is not", (name) => {
  const values = { bool: true, double: 1.5, string: "x", null_type: null, list: [1], map: { a: 1 } };
  for (const [kind, v] of Object.entries(values)) {
    expect(ask(`type(job.payload.v) == ${name}`, { payload: { v } })).toBe(kind === name);
    expect(ask(`${name} != type(job.payload.v)`, { payload: { v } })).toBe(kind !== name);
  }
  expect(ask(`type(job.payload.v) == ${name}`)).toEqual({ error: "`job.payload.v` is missing" });
  expect(problems(`type(job.topic) == '${name}'`)).toMatchObject([
    { message: "`type` is compared with the name of a type" },
  ]);
});

test("labels are walked by their names, and no other list is taken for them", () => {
  expect(ask("job.requires.all(x, x == 'a')", { labels, requires: ["a"] })).toBe(true);
  expect(problems("job.risk_tags.all(x, x == 1.0)")).toMatchObject([
    { message: "`==` cannot compare text with a number" },
  ]);
});

test("a message repeats 60 characters of a condition at most, on one line and without backticks", () => {
  const named = (length: number): string => `job.payload.${"n".repeat(length - "job.payload.".length)}`;
  expect(ask(named(60))).toEqual({ error: `\`${named(60)}\` is missing` });
  expect(ask(named(61))).toEqual({ error: `\`${named(60)}…\` is missing` });
  expect(ask("job.payload.n  ==\n  '`'", { payload })).toEqual({
    error: "`job.payload.n == '''` compares values of different kinds",
  });
});
