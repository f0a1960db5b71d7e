import { describe, expect, test } from "vitest";
import { ask, compiled } from "./condition-job.js";

const l = ["payload", "l"];

describe("where a written value is looked for in a list, analysis tries a list that holds it and an empty one", () => {
  test.each([
    ["'x' in job.payload.l", "x"],
    ["1.0 in job.payload.l", 1],
    ["1 in job.payload.l", 1],
    ["-2 in job.payload.l", -2],
    ["true in job.payload.l", true],
    ["false in job.payload.l", false],
    ["null in job.payload.l", null],
  ])("%s", (source, held) => {
    const { probes } = compiled(source);
    expect(probes).toEqual([{ path: l, values: [[held], []] }]);
    const answers = probes.flatMap(({ values }) => values.map((tried) => ask(source, { payload: { l: tried } })));
    expect(answers).toEqual([true, false]);
  });

  test.each([
    ["[1.0] in job.payload.l", [{ path: l, values: [] }]],
    ["job.payload.a in job.payload.l", []],
    ["size(job.topic) in job.payload.l", []],
    ["'env' in job.labels", []],
    ["'a' in ['a', 'b']", []],
  ])("%s names no such list", (source, probes) => {
    expect(compiled(source).probes).toEqual(probes);
  });

  test.each([
    ["job.payload.a in [1, 'x']", [0, 1, 2, "x", "xx"]],
    ["job.payload.a in [false]", [true, false]],
  ])("%s names what is in the list, with neighbours", (source, values) => {
    expect(compiled(source).probes).toEqual([{ path: ["payload", "a"], values }]);
  });
});
