import { describe, expect, test } from "vitest";
import type { Json } from "../../src/outcome.js";
import { check } from "../../src/policy/check.js";
import { type CheckContext, createEffort, type Effort, hasRoom } from "../../src/policy/check-context.js";
import { checkMatch } from "../../src/policy/check-match.js";
import type { Condition } from "../../src/policy/condition.js";
import type { Report } from "../../src/policy/report.js";

type Told = Parameters<Report>;

/** What checking takes, and what it reports. */
function effortOf(run: (context: CheckContext, report: Report) => void, spent: Partial<Effort> = {}) {
  const effort = { ...createEffort(), ...spent };
  const told: Told[] = [];
  const conditions = new Map<string, Condition>();
  const context = { ids: new Map(), vocabulary: null, conditions, effort, role: "main", file: "" } as const;
  run(context, (...issue) => void told.push(issue));
  return { effort, told, conditions };
}

const FULL = { spellings: 500_001 };
const HELP = "write fewer or simpler ones";
const SPELLINGS = "the policy's patterns have too many spellings together";
const BUILT = "the policy's conditions and patterns are too large together";

describe("there is room up to 500,000 spellings and 20,000,000 units of what is built", () => {
  test.each<[string, Partial<Effort>, readonly Told[]]>([
    ["nothing spent", {}, []],
    ["the last of both", { spellings: 500_000, built: 20_000_000 }, []],
    ["one spelling more", { spellings: 500_001 }, [["policy_too_complex", SPELLINGS, ["rules", 0], "value", HELP]]],
    ["one unit more", { built: 20_000_001 }, [["policy_too_complex", BUILT, ["rules", 0], "value", HELP]]],
    [
      "the last spelling and one unit more",
      { spellings: 500_000, built: 20_000_001 },
      [["policy_too_complex", BUILT, ["rules", 0], "value", HELP]],
    ],
    [
      "one more of both, which is one problem",
      { spellings: 500_001, built: 20_000_001 },
      [["policy_too_complex", SPELLINGS, ["rules", 0], "value", HELP]],
    ],
  ])("%s", (_, spent, wanted) => {
    const effort = { ...createEffort(), ...spent };
    const told: Told[] = [];
    const room = hasRoom(effort, ["rules", 0], (...issue) => void told.push(issue));
    expect({ room, told }).toEqual({ room: wanted.length === 0, told: wanted });
    // Where it ran out is reported once.
    expect(hasRoom(effort, ["rules", 1], (...issue) => void told.push(issue))).toBe(room);
    expect(told).toEqual(wanted);
  });
});

describe("a pattern takes as much as filing it does: all steps of a topic's spellings, each spelling of another", () => {
  test.each<[string, Json, number]>([
    ["a topic of three segments", { topics: ["a.b.c"] }, 3],
    ["its spellings, three steps each", { topics: ["a.{b,c}.{d,e}"] }, 12],
    ["topics one after the other", { topics: ["a.b", "**", "{a,b}"] }, 5],
    ["actors", { actors: ["bot-*", "{a,b,c}"] }, 4],
    ["a label, in a list or alone", { labels: { a: "{x,y}", b: ["x", "{y,z}"], c: { absent: true } } }, 5],
    ["an `unless` beside the rest", { topics: ["a"], unless: { topics: ["a.b"] } }, 3],
    ["a pattern that cannot be read: nothing", { topics: ["a..b"] }, 0],
    ["what is no text: nothing", { topics: [1], actors: "x", labels: { a: 1 } }, 0],
  ])("%s", (_, match, wanted) => {
    const { effort } = effortOf((context, report) => checkMatch(match, ["match"], context, report));
    expect(effort).toEqual({ spellings: wanted, built: 0, told: false });
  });
});

describe("what is built is counted", () => {
  const output = (detect: readonly string[]): Json => ({
    version: "v1",
    rules: [],
    outputs: [{ id: "o", match: {}, detect: detect.map((pattern, index) => ({ name: `n${index}`, pattern })) }],
  });
  const builtBy = (detect: readonly string[], spent?: Partial<Effort>) =>
    effortOf((context, report) => check(output(detect), context, report), spent);

  test("a condition once, however often it stands", () => {
    const when = "job.topic == 'a'";
    const once = effortOf((context, report) => checkMatch({ when }, [], context, report));
    const twice = effortOf((context, report) => checkMatch({ when, unless: { when } }, [], context, report));
    expect(once.effort.built).toBe(once.conditions.get(when)?.built);
    expect(once.effort.built).toBeGreaterThan(0);
    expect(twice.effort).toEqual(once.effort);
  });

  test("two conditions for two", () => {
    const [a, b] = ["job.topic == 'a'", "job.tenant_id.matches('[a-z]+')"];
    const both = effortOf((context, report) => checkMatch({ when: a, unless: { when: b } }, [], context, report));
    const [first, second] = [a, b].map((when) => both.conditions.get(when as string)?.built as number);
    expect(both.effort.built).toBe((first as number) + (second as number));
  });

  test("patterns of outputs, and none for one that cannot be read", () => {
    const [a, b] = [builtBy(["a+"]), builtBy(["[0-9]{16}"])].map(({ effort }) => effort.built) as [number, number];
    expect(Math.min(a, b)).toBeGreaterThan(0);
    expect(builtBy(["a+", "[0-9]{16}", "a("]).effort.built).toBe(a + b);
  });

  test("a pattern that can be read and finds nothing took as much as another", () => {
    expect(builtBy(["^"]).effort.built).toBeGreaterThan(0);
  });

  test("a pattern of an output is not read once there is no room", () => {
    const { effort, told } = builtBy(["a(", "b"], { built: 20_000_001 });
    expect(told).toEqual([["policy_too_complex", BUILT, ["outputs", 0, "detect", 0, "pattern"], "value", HELP]]);
    expect(effort.built).toBe(20_000_001);
  });
});

describe("once there is no room nothing more is read, and that is reported at the first of what is left", () => {
  test.each<[string, Json, readonly (string | number)[]]>([
    ["topics", { topics: ["a", "a..b"] }, ["topics", 0]],
    ["actors", { actors: ["!"] }, ["actors", 0]],
    ["a label", { labels: { env: "!" } }, ["labels", "env"]],
    ["labels in a list", { labels: { env: ["!", "!"] } }, ["labels", "env", 0]],
    ["a condition", { when: "nonsense(" }, ["when"]],
  ])("%s", (_, match, path) => {
    const { effort, told, conditions } = effortOf(
      (context, report) => checkMatch(match, ["match"], context, report),
      FULL,
    );
    expect(told).toEqual([["policy_too_complex", SPELLINGS, ["match", ...path], "value", HELP]]);
    expect(effort).toEqual({ spellings: 500_001, built: 0, told: true });
    expect(conditions.size).toBe(0);
  });

  test("a condition that is known already needs none", () => {
    const when = "job.topic == 'a'";
    const { told } = effortOf((context, report) => {
      checkMatch({ when }, [], context, report);
      context.effort.spellings = 500_001;
      checkMatch({ when }, [], context, report);
    });
    expect(told).toEqual([]);
  });
});

test("a block that is no map, and keys that are none of its own, are the schema's to report", () => {
  const misshapen: readonly (Json | undefined)[] = [undefined, null, 1, "x", ["a..b"]];
  for (const match of [...misshapen, { topics: "a..b", when: 1, labels: ["!"], tenants: "*" }]) {
    expect(effortOf((context, report) => checkMatch(match, [], context, report)).told).toEqual([]);
  }
});
