import { describe, expect, test } from "vitest";
import { compiled, jobWith } from "./condition-job.js";

describe("the values that a condition is worth trying with", () => {
  test.each([
    ["job.payload.on", [{ path: ["payload", "on"], values: [true, false] }]],
    ["job.topic.startsWith('job.pay')", [{ path: ["topic"], values: ["job.pay", "job.payx"] }]],
    ["job.payload.a.endsWith('.md')", [{ path: ["payload", "a"], values: [".md", ".mdx"] }]],
    ["job.payload.a.contains('')", [{ path: ["payload", "a"], values: ["", "x"] }]],
    ["job.topic.startsWith(job.payload.start)", []],
    ["'job.pay'.startsWith(job.topic)", []],
    ["job.payload.a.trim() == 'x'", []],
    ["has(job.payload.a)", []],
    ["true", []],
  ])("of %s are %j", (source, probes) => {
    expect(compiled(source).probes).toEqual(probes);
  });
});

describe("the tags that a condition names", () => {
  test.each([
    ["'a' in job.risk_tags", ["a"]],
    ["'a' in job.requires", []],
    ["'a' in job['risk_tags']", null],
    ["null in job.risk_tags", null],
    ["job.topic in job.risk_tags", null],
    ["job.requires.exists(r, r in job.risk_tags)", null],
    ["'a' in job.risk_tags && has(job.risk_tags)", null],
  ])("of %s are %j", (source, tags) => {
    const { tagsNamed } = compiled(source);
    expect(tagsNamed === null ? null : [...tagsNamed]).toEqual(tags);
  });
});

describe("a condition that reads nothing of the job", () => {
  test.each([
    ["1 < 2", true],
    ["size('abc') == 4", false],
    ["1 / 0 == 1", { error: "`1 / 0` divides by zero" }],
    ["'b'.matches('a|b')", true],
  ])("%s is always %j, and takes nothing from the purse", (source, wanted) => {
    const condition = compiled(source);
    expect(condition.constant).toEqual(wanted);
    const purse = { left: 0 };
    expect(condition.evaluate(jobWith(), purse)).toEqual(wanted);
    expect(purse.left).toBe(0);
  });

  test.each(["job.payload.on", "has(job.topic)", "true || job.topic == 'x'"])("%s is not one", (source) => {
    expect(compiled(source).constant).toBeUndefined();
  });
});

describe("what a condition cost to compile", () => {
  const built = (source: string): number => compiled(source).built;
  const chain = (parts: number): string => Array.from({ length: parts }, () => "true").join(" && ");

  test("grows in step with its parts", () => {
    expect(built("true")).toBeGreaterThan(1);
    // An operator between each two parts is a part itself.
    expect(built(chain(100))).toBe(199 * built("true"));
  });

  test("is the same for a tag as for what is required: both are three parts", () => {
    expect(built("'a' in job.risk_tags")).toBe(3 * built("true"));
    expect(built("'a' in job.requires")).toBe(3 * built("true"));
  });

  test("grows with its patterns, whose costs add up", () => {
    const parts = built("job.topic.startsWith('a')");
    const short = built("job.topic.matches('a')") - parts;
    const long = built("job.topic.matches('a{500}')") - parts;
    expect(short).toBeGreaterThan(0);
    expect(long).toBeGreaterThan(10 * short);
    const both = built("job.topic.matches('a') && job.topic.matches('a{500}')");
    expect(both).toBe(2 * parts + built("true") + short + long);
  });
});

describe("values that are worth trying", () => {
  const tried = (source: string): unknown => compiled(source).probes.map(({ path, values }) => [path, values]);

  test.each([
    [
      "job.payload.n > 5.0",
      [
        [
          ["payload", "n"],
          [4, 5, 6],
        ],
      ],
    ],
    [
      "5.0 < job.payload.n",
      [
        [
          ["payload", "n"],
          [4, 5, 6],
        ],
      ],
    ],
    [
      "job.payload.t == 'a'",
      [
        [
          ["payload", "t"],
          ["a", "ax"],
        ],
      ],
    ],
    [
      "job.payload.b == true",
      [
        [
          ["payload", "b"],
          [true, false],
        ],
      ],
    ],
    ["job.payload.x == null", [[["payload", "x"], [null]]]],
    [
      "job.payload.b",
      [
        [
          ["payload", "b"],
          [true, false],
        ],
      ],
    ],
    [
      "!job.payload.b",
      [
        [
          ["payload", "b"],
          [true, false],
        ],
      ],
    ],
    [
      "job.payload.b && true",
      [
        [
          ["payload", "b"],
          [true, false],
        ],
      ],
    ],
    [
      "job.payload.b ? true : false",
      [
        [
          ["payload", "b"],
          [true, false],
        ],
      ],
    ],
    [
      "job.payload.t in ['a']",
      [
        [
          ["payload", "t"],
          ["a", "ax"],
        ],
      ],
    ],
    [
      "'a' in job.payload.l",
      [
        [
          ["payload", "l"],
          [["a"], []],
        ],
      ],
    ],
    [
      "job.payload.t.startsWith('a')",
      [
        [
          ["payload", "t"],
          ["a", "ax"],
        ],
      ],
    ],
  ])("of %s are its constants and their neighbours", (source, wanted) => {
    expect(tried(source)).toEqual(wanted);
  });
});
