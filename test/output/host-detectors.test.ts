import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { type HostDetector, readDetectors } from "../../src/output/detectors.js";
import { inspectError, inspectOutput } from "../../src/output/inspect.js";
import type { Looking } from "../../src/output/scan.js";

const PRINT = "0123456789ab";
const BADGE = /\bB-[0-9]{6}\b/g;

const badges: HostDetector = {
  name: "badge",
  find: (text) => [...text.matchAll(BADGE)].map(({ 0: { length }, index }) => ({ start: index, end: index + length })),
};

const rules: readonly OutputRule[] = [{ ruleId: "own", detect: [{ detector: "badge" }], action: "redact" }];

function looking(...detectors: readonly HostDetector[]): Looking {
  return { detectors: readDetectors(detectors), fingerprint: () => PRINT };
}

function redacted(value: unknown, detector: HostDetector = badges): unknown {
  const inspection = inspectOutput(value, rules, looking(detector));
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.output.value;
}

describe("a detector of the host's own", () => {
  test("redacts what it finds in values, keys and words of errors, and its findings bear its name", () => {
    const inspection = inspectOutput({ "B-111111": ["by B-222222."] }, rules, looking(badges));
    expect(inspection).toMatchObject({
      verdict: "clear",
      output: { value: { "[REDACTED:badge]": ["by [REDACTED:badge]."] } },
      findings: [
        {
          kind: "badge",
          path: "/[REDACTED:badge]#key",
          length: 8,
          fingerprint: PRINT,
          ruleId: "own",
          action: "redact",
        },
        { kind: "badge", path: "/[REDACTED:badge]/0", length: 8, fingerprint: PRINT, ruleId: "own", action: "redact" },
      ],
    });
    expect(inspectError(new Error("by B-333333"), rules, looking(badges))).toMatchObject({
      verdict: "clear",
      error: { message: "by [REDACTED:badge]" },
    });
  });

  test("puts a fingerprint into its marker only where it says that nobody can guess", () => {
    expect(redacted("by B-222222")).toBe("by [REDACTED:badge]");
    expect(redacted("by B-222222", { ...badges, guessable: true })).toBe("by [REDACTED:badge]");
    expect(redacted("by B-222222", { ...badges, guessable: false })).toBe(`by [REDACTED:badge:${PRINT}]`);
  });

  test("is asked about each text by itself, and about what it decodes to", () => {
    const asked: string[] = [];
    const hearing: HostDetector = {
      name: "badge",
      find: (text) => {
        asked.push(text);
        return [];
      },
    };
    redacted({ key_one: "first text", list: [2 ** 50, "second text", new Map([["third text", null]])] }, hearing);
    expect([...new Set(asked)]).toEqual([
      "key_one",
      "first text",
      "list",
      String(2 ** 50),
      "second text",
      "third text",
    ]);
    expect(redacted(`payload ${Buffer.from("badge B-222222 of it").toString("hex")}`)).toBe(
      `payload ${Buffer.from("badge ").toString("hex")}[REDACTED:badge]${Buffer.from(" of it").toString("hex")}`,
    );
    expect(redacted("by \uff22-222222, by B%2D333333")).toBe("by [REDACTED:badge], by [REDACTED:badge]");
  });

  test("may look for what is short, and so may a pattern", () => {
    const pattern: OutputRule = { ruleId: "p", detect: [{ name: "ticket", pattern: "T-[0-9]" }], action: "redact" };
    expect(inspectOutput(["T-1", "T-"], [pattern])).toMatchObject({ output: { value: ["[REDACTED:ticket]", "T-"] } });

    const short: HostDetector = { ...badges, find: (text) => (text === "no" ? [{ start: 0, end: 2 }] : []) };
    expect(redacted(["no", "yes", { no: "no" }], short)).toEqual([
      "[REDACTED:badge]",
      "yes",
      { "[REDACTED:badge]": "[REDACTED:badge]" },
    ]);
  });

  test("may answer any iterable, places in any order, and one place twice", () => {
    function* places(text: string): Iterable<{ start: number; end: number }> {
      if (!text.startsWith("a b c")) return;
      yield { start: 4, end: 5 };
      yield { start: 0, end: 1 };
      yield { start: 4, end: 5 };
    }
    const inspection = inspectOutput("a b c, and more", rules, looking({ ...badges, find: places }));
    expect(inspection).toMatchObject({
      verdict: "clear",
      output: { value: "[REDACTED:badge] b [REDACTED:badge], and more" },
    });
    expect(inspection.findings).toHaveLength(2);
  });

  test("that finds something in every text never sees its own marker, and the output settles", () => {
    const greedy: HostDetector = { ...badges, find: (text) => (text === "" ? [] : [{ start: 0, end: text.length }]) };
    expect(redacted(["any text", { one: "other" }], greedy)).toEqual([
      "[REDACTED:badge]",
      { "[REDACTED:badge]": "[REDACTED:badge]" },
    ]);
  });

  test("that finds something new after every redaction withholds the output", () => {
    const endless: HostDetector = {
      ...badges,
      find: (text) => [...text.matchAll(/x/g)].slice(0, 1).map(({ index }) => ({ start: index, end: index + 1 })),
    };
    expect(inspectOutput("x".repeat(50), rules, looking(endless))).toMatchObject({
      verdict: "quarantine",
      message: "the output could not be redacted: more was found after each redaction",
      held: JSON.stringify("x".repeat(50)),
    });
  });
});

describe("a detector that fails withholds the output whole", () => {
  const failed = {
    verdict: "quarantine",
    findings: [],
    message: "a detector failed, so the output was not inspected",
    held: '["some text"]',
  };

  test.each<readonly [string, HostDetector["find"]]>([
    [
      "throws",
      () => {
        throw new Error("secret words of the detector");
      },
    ],
    [
      "throws nothing at all",
      () => {
        throw undefined;
      },
    ],
    ["answers null", () => null as never],
    ["answers undefined", () => undefined as never],
    ["answers a number", () => 7 as never],
    ["answers a promise", () => Promise.resolve([]) as never],
    ["answers a list of null", () => [null] as never],
    ["answers a text", () => "no" as never],
    ["answers a place before the text", () => [{ start: -1, end: 2 }]],
    ["answers a place past the text", () => [{ start: 0, end: 10 }]],
    ["answers an empty place", () => [{ start: 3, end: 3 }]],
    ["answers a place that ends before it starts", () => [{ start: 3, end: 2 }]],
    ["answers a place between characters", () => [{ start: 0.5, end: 2 }]],
    ["answers a place that is no number", () => [{ start: Number.NaN, end: 2 }]],
    ["answers a place in words", () => [{ start: "0", end: "2" }] as never],
    ["answers a place without end", () => [{ start: 0, end: Number.POSITIVE_INFINITY }]],
    ["answers half a place", () => [{ start: 0 }] as never],
    [
      "fails after a right answer",
      function* () {
        yield { start: 0, end: 4 };
        throw new Error("later");
      },
    ],
  ])("one that %s", (_, find) => {
    const inspection = inspectOutput(["some text"], rules, looking({ name: "badge", find }));
    expect(inspection).toEqual(failed);
    expect(inspectError(new Error("some text"), rules, looking({ name: "badge", find }))).toEqual({
      verdict: "quarantine",
      error: { name: "Error", message: "the error was withheld" },
      findings: [],
      message: "a detector failed, so the error was not inspected",
    });
    // The control: without it the same leaves.
    expect(inspectOutput(["some text"], [], {}).verdict).toBe("clear");
  });

  test("one that the host did not give", () => {
    expect(inspectOutput(["some text"], rules)).toEqual(failed);
    expect(inspectOutput(["some text"], rules, looking({ ...badges, name: "other" }))).toEqual(failed);
  });

  test("one that answers without end: after a thousand findings it is enough", () => {
    const endless: HostDetector = {
      ...badges,
      find: function* (text) {
        for (let at = 0; ; at = (at + 1) % text.length) yield { start: at, end: at + 1 };
      },
    };
    expect(inspectOutput("x".repeat(5_000), rules, looking(endless))).toMatchObject({
      verdict: "quarantine",
      message: "the output is over a limit: more than 1000 findings",
    });
  });

  test("the time is over before it has looked, or while it looks", () => {
    const late = { ...looking(badges), timer: () => () => true };
    const message = "the output is over a limit: the time to inspect it";
    expect(inspectOutput(["some text"], rules, late)).toMatchObject({ verdict: "quarantine", message });
    expect(inspectError(new Error("some text"), rules, late)).toMatchObject({
      verdict: "quarantine",
      message: "the error is over a limit: the time to inspect it",
    });
    let isOver = false;
    const slow: HostDetector = {
      ...badges,
      find: () => {
        isOver = true;
        return [];
      },
    };
    expect(inspectOutput(["some text"], rules, { ...looking(slow), timer: () => () => isOver })).toMatchObject({
      verdict: "quarantine",
      message,
    });
  });

  test("each look has its own time", () => {
    let started = 0;
    const timer = (): (() => boolean) => {
      started += 1;
      return () => false;
    };
    inspectOutput("one", rules, { ...looking(badges), timer });
    inspectOutput("two", rules, { ...looking(badges), timer });
    expect(started).toBe(2);
  });

  test("the gate's own sets stop too when the time is over, where there is much to look at", () => {
    const secrets: readonly OutputRule[] = [{ ruleId: "r", detect: ["secrets"], action: "redact" }];
    const late = { timer: () => () => true };
    expect(inspectOutput("word ".repeat(2_000), secrets, late)).toMatchObject({
      verdict: "quarantine",
      message: "the output is over a limit: the time to inspect it",
    });
    expect(inspectOutput("word", secrets, late).verdict).toBe("clear");
  });
});

describe("the detectors that a host gives", () => {
  const wrongName = "a detector's `name` must be 1 to 64 of a-z, 0-9 and _, and neither `secrets` nor `pii`";

  test.each(["", "Badge", "a-b", "a b", "secrets", "pii", "a".repeat(65), "\u00e9", 7 as never, undefined as never])(
    "may not be called %j",
    (name) => {
      expect(() => readDetectors([{ ...badges, name }])).toThrow(new TypeError(wrongName));
    },
  );

  test("have a function, say true or false, and have a name each", () => {
    const wrong = (change: object): void => void readDetectors([{ ...badges, ...change }]);
    expect(() => wrong({ find: "B-" })).toThrow(new TypeError("the detector `badge` needs a function `find`"));
    expect(() => wrong({ guessable: 1 })).toThrow(
      new TypeError("`guessable` of the detector `badge` must be a boolean"),
    );
    expect(() => readDetectors([badges, badges])).toThrow(new TypeError("there are two detectors `badge`"));
    expect([...readDetectors([badges, { ...badges, name: "b2" }]).keys()]).toEqual(["badge", "b2"]);
    expect(readDetectors([])).toEqual(new Map());
  });

  test("are read once: what the host changes later changes nothing", () => {
    const mine = { ...badges };
    const detectors = readDetectors([mine]);
    mine.find = () => [];
    mine.name = "other";
    expect(inspectOutput("by B-222222", rules, { detectors })).toMatchObject({
      output: { value: "by [REDACTED:badge]" },
    });
  });

  test("stand beside the gate's sets and a policy's patterns, the strictest acting", () => {
    const all: readonly OutputRule[] = [
      { ruleId: "one", detect: ["pii", { name: "ticket", pattern: "T-[0-9]+" }], action: "redact" },
      { ruleId: "two", detect: [{ detector: "badge" }], action: "redact" },
    ];
    const value = "dana@example.com closed T-12 as B-222222";
    expect(inspectOutput(value, all, looking(badges))).toMatchObject({
      verdict: "clear",
      output: { value: "[REDACTED:email] closed [REDACTED:ticket] as [REDACTED:badge]" },
      findings: [{ ruleId: "one" }, { ruleId: "one" }, { ruleId: "two" }],
    });
    const strict: OutputRule = { ruleId: "hold", detect: [{ detector: "badge" }], action: "quarantine" };
    expect(inspectOutput(value, [...all, strict], looking(badges))).toMatchObject({
      verdict: "quarantine",
      message: "output rule `hold` withheld the output: badge at ``",
    });
  });
});
