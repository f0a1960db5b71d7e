import { describe, expect, test } from "vitest";
import { ask, compiled, jobWith } from "./condition-job.js";

const payload = { s: "ab", n: 2, l: [1, "x"], none: null };
const missing = { error: "`job.payload.gone` is missing" };

describe("a part that fails takes the whole with it", () => {
  test.each([
    ...["job.payload.gone == null", "null == job.payload.gone", "job.payload.gone != null", "null != job.payload.gone"],
    ...["job.payload.gone in []", "job.payload.gone in [null]", "'a' in job.payload.gone", "!job.payload.gone"],
    ...["job.payload.gone ? true : false", "!(job.payload.gone ? true : false)", "-job.payload.gone < 1.0"],
    ...["type(job.payload.gone) == string", "type(job.payload.gone) != string", "size([job.payload.gone]) == 1"],
    ...["job.payload.gone.lowerAscii() == 'x'", "job.payload.gone.trim() == 'x'", "job.payload.gone.matches('x')"],
    ...["job.payload.s.contains(job.payload.gone)", "job.payload.gone.contains('x')", "has(job.payload.gone.x)"],
    ...["int(job.payload.gone) == 1", "double(job.payload.gone) == 1.0", "string(job.payload.gone) == 'x'"],
    ...["size(job.payload.gone) == 1", "job.payload.gone[0] == 1.0", "job.payload.l[job.payload.gone] == 1.0"],
    ...["[1.0].map(x, job.payload.gone) == []", "[1.0].map(x, true, job.payload.gone) == [1.0]"],
    ...["[1.0].filter(x, job.payload.gone) == []", "[1.0].exists_one(x, job.payload.gone)"],
    ...["job.payload.gone.all(x, true)", "[1.0].all(x, job.payload.gone)", "[1.0].exists(x, job.payload.gone)"],
  ])("%s", (source) => {
    expect(ask(source, { payload })).toEqual(missing);
  });

  test.each([
    "job.payload.s.startsWith(job.payload.gone)",
    "job.payload.s.endsWith(job.payload.gone)",
    "job.payload.s.contains(job.payload.gone)",
    "job.payload.gone.matches('x')",
    "job.payload.gone.trim() == 'x'",
    "int(job.payload.gone) == 1",
    "string(job.payload.gone) == 'x'",
  ])("%s takes no step, and leaves what can make up for it those that are left", (source) => {
    const purse = { left: 100 };
    expect(compiled(`${source} || job.payload.s.startsWith('ab')`).evaluate(jobWith({ payload }), purse)).toBe(true);
    const alone = { left: 100 };
    expect(compiled("job.payload.s.startsWith('ab')").evaluate(jobWith({ payload }), alone)).toBe(true);
    expect(purse).toEqual(alone);
  });
});

describe("where two parts fail, the first is blamed", () => {
  test.each([
    "job.payload.gone + job.payload.later == 1.0",
    "job.payload.gone < job.payload.later",
    "job.payload.gone == job.payload.later",
    "job.payload.gone in job.payload.later",
    "job.payload.gone || job.payload.later",
    "job.payload.gone && job.payload.later",
    "[job.payload.gone, job.payload.later] == [1.0]",
    "job.payload.gone.contains(job.payload.later)",
    "job.payload.gone[job.payload.later] == 1.0",
    "[job.payload.gone == 1.0, job.payload.later == 1.0].all(x, x)",
  ])("%s", (source) => {
    expect(ask(source, { payload })).toEqual(missing);
  });
});

describe("lists of which elements cannot be compared", () => {
  const kinds = "compares values of different kinds";
  test.each([
    ["job.payload.l == [1.0, 2.0]", { error: `\`job.payload.l == [1.0, 2.0]\` ${kinds}` }],
    ["job.payload.l == ['x', 'x']", { error: `\`job.payload.l == ['x', 'x']\` ${kinds}` }],
    ["job.payload.l == [2.0, 2.0]", false],
    ["job.payload.l == ['x', 'y']", false],
    ["job.payload.l == [1.0]", false],
    ["2.0 in job.payload.l", { error: `\`2.0 in job.payload.l\` ${kinds}` }],
    ["true in job.payload.l", { error: `\`true in job.payload.l\` ${kinds}` }],
    ["'x' in job.payload.l", true],
    ["1.0 in job.payload.l", true],
    ["null in job.payload.l", false],
  ])("%s: an element that differs, or is found, makes up for them", (source, wanted) => {
    expect(ask(source, { payload })).toEqual(wanted);
  });

  test("what was made up for is not what a later failure is blamed on", () => {
    expect(ask("job.payload.l != ['x', 'y'] && job.payload.gone", { payload })).toEqual(missing);
    expect(ask("'x' in job.payload.l && job.payload.gone", { payload })).toEqual(missing);
    expect(ask("job.payload.l.exists(x, x == 'x') && job.payload.gone", { payload })).toEqual(missing);
  });
});
