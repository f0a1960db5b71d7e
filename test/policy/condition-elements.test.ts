import { describe, expect, test } from "vitest";
import { ask, compiled, jobWith, PAYLOAD } from "./condition-job.js";

describe("what is taken out of a list or a map", () => {
  test.each([
    ["job.payload.list[0] == 'a' && job.payload.list[1] == 'b'", true],
    ["job.payload.list[job.payload.n - 1.0] == 'b'", true],
    ["job.requires[size(job.requires) - 1] == 'y'", true],
    ["job.labels[job.payload.text] == 'prod'", true],
    ["job.payload['text'] == 'abc' && job['topic'] == 'job.payments.send'", true],
    ["job.payload.map[job.requires[0].lowerAscii() == 'x' ? 'a' : 'b'] == 1.0", true],
    ["2.0 in [job.payload.n, 1.0] && 1.0 in [job.payload.n, 1.0]", true],
    ["3.0 in [job.payload.n, 1.0]", false],
    ["[job.payload.n, 1.0] == [2.0, 1.0]", true],
    ["size([job.payload.n, 1.0]) == 2 && size([]) == 0", true],
    ["1.0 in ['a', 1.0] || false", true],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, { payload: PAYLOAD, labels: { abc: "prod" }, requires: ["x", "y"] })).toBe(wanted);
  });

  test.each([
    ["job.payload.list[job.payload.key] == 'x'", "`job.payload.key` is not a number"],
    ["job.payload.list[true] == 'a'", "`true` is not a number"],
    ["job.payload.list[0.5] == 'a'", "`job.payload.list[0.5]` is missing"],
    ["job.payload.list[2] == 'a'", "`job.payload.list[2]` is missing"],
    ["job.payload.map[job.payload.n] == 1.0", "`job.payload.n` is not text, as a key must be"],
    ["job.labels[0] == 'prod'", "`0` is not text, as a key must be"],
    ["job.payload.text[job.payload.key] == 3.0", "`job.payload.text` is neither a list nor a map"],
    ["job.payload.text[0] == 'a'", "`job.payload.text` is neither a list nor a map"],
    ["job.payload.none[0] == 'a'", "`job.payload.none` is neither a list nor a map"],
    ["job.payload.gone[0] == 'a'", "`job.payload.gone` is missing"],
    ["job.payload.list[job.payload.gone] == 'a'", "`job.payload.gone` is missing"],
    ["job.payload.map[job.payload.gone] == 1.0", "`job.payload.gone` is missing"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, { payload: PAYLOAD, labels: { abc: "prod" } })).toEqual({ error });
  });

  test("a list with an element that fails is an error, even where another element would settle it", () => {
    const error = { error: "`job.payload.gone` is missing" };
    expect(ask("[job.payload.gone, 1.0] == [5.0, 2.0]", { payload: PAYLOAD })).toEqual(error);
    expect(ask("size([job.payload.gone]) == 1", { payload: PAYLOAD })).toEqual(error);
  });
});

describe("what is not there is the error, and costs nothing", () => {
  const sources = [
    "double(job.payload.gone) > 1.0",
    "int(job.payload.gone) > 1",
    "string(job.payload.gone) == 'x'",
    "size(job.payload.gone) > 1",
    "job.payload.gone.trim() == 'x'",
    "job.payload.gone.lowerAscii() == 'x'",
    "job.payload.gone.startsWith('x')",
    "job.payload.gone.contains('x')",
    "job.payload.gone.matches('x')",
    "'x'.startsWith(job.payload.gone)",
    "'x'.contains(job.payload.gone)",
    "has(job.payload.gone.x)",
    "job.payload.gone[0] == 1.0",
  ];
  test.each(sources)("%s", (source) => {
    const purse = { left: 100 };
    expect(compiled(source).evaluate(jobWith({ payload: PAYLOAD }), purse)).toEqual({
      error: "`job.payload.gone` is missing",
    });
    expect(purse.left).toBe(100);
  });
});
