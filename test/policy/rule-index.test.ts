import { describe, expect, test } from "vitest";
import type { MatchDocument } from "../../src/policy/document.js";
import { createRuleIndex } from "../../src/policy/rule-index.js";
import { NONE, type View } from "../../src/policy/view.js";

const view = (fields: Partial<View>): View => ({
  topic: "t",
  tenantId: "default",
  actor: null,
  capability: null,
  requires: NONE,
  labels: {},
  tags: NONE,
  trustedTags: NONE,
  untrusted: NONE,
  rest: {},
  admitted: true,
  conditionJob: undefined,
  purse: undefined,
  ...fields,
});

const candidates = (matches: readonly object[], fields: Partial<View> = {}): readonly number[] =>
  createRuleIndex(matches as readonly MatchDocument[]).candidates(view(fields));

const letters = ["a", "b", "c", "d", "e", "f"];
const agent = (id: string): View["actor"] => ({ id, type: "agent" });

describe("the rules that are looked at", () => {
  test("are those of the topic, and those that leave none out, ascending and each once", () => {
    const matches = [{ topics: ["b"] }, { topics: ["a", "a*"] }, {}, { topics: ["x", "**"] }, { topics: ["*"] }];
    expect(candidates(matches, { topic: "a" })).toEqual([1, 2, 3, 4]);
    expect(candidates(matches, { topic: "b" })).toEqual([0, 2, 3, 4]);
    expect(candidates(matches, { topic: "b.c" })).toEqual([2, 3]);
    expect(candidates([{ topics: ["b"] }], { topic: "a" })).toEqual([]);
    expect(candidates([{ topics: ["a"] }], { topic: "a" })).toEqual([0]);
    expect(candidates([{ topics: ["a.b", "a.{b,c}"] }], { topic: "a.b" })).toEqual([0]);
    expect(candidates([{ topics: ["a.b", "a.{b,c}", "a.b"] }, { topics: ["a.b"] }], { topic: "a.b" })).toEqual([0, 1]);
  });

  test("are all of four that share a topic, and of five only those whose values the job carries", () => {
    const by = (count: number): readonly object[] => letters.slice(0, count).map((name) => ({ tenants: [name] }));
    expect(candidates(by(4), { tenantId: "b" })).toEqual([0, 1, 2, 3]);
    expect(candidates(by(5), { tenantId: "b" })).toEqual([1]);
    expect(candidates(by(5), { tenantId: "z" })).toEqual([]);
  });

  test.each<[string, (value: string) => object, (value: string) => Partial<View>]>([
    ["one of some tags", (tag) => ({ risk_tags: { any: [tag, `${tag}2`] } }), (tag) => ({ tags: ["x", tag] })],
    ["all of some tags", (tag) => ({ risk_tags: { all: ["common", tag] } }), (tag) => ({ tags: ["common", tag] })],
    ["a tenant", (name) => ({ tenants: [name, `${name}2`] }), (name) => ({ tenantId: name })],
    ["a capability", (name) => ({ capabilities: [name] }), (name) => ({ capability: name })],
    ["a need", (name) => ({ requires: ["common", name] }), (name) => ({ requires: ["common", name] })],
    ["an actor", (id) => ({ actors: [id, `{${id}1,${id}2}`] }), (id) => ({ actor: agent(id) })],
    ["a label", (value) => ({ labels: { env: [value] } }), (value) => ({ labels: { zone: "z", env: value } })],
  ])("asking for %s, are found by it, also where the rules have a topic", (_, keys, carried) => {
    for (const topics of [undefined, ["t", "u"]]) {
      const matches = letters.map((name) => ({ ...(topics === undefined ? {} : { topics }), ...keys(name) }));
      for (const [index, name] of letters.entries()) expect(candidates(matches, carried(name))).toEqual([index]);
      expect(candidates(matches)).toEqual([]);
      expect(candidates(matches, carried("z"))).toEqual([]);
    }
  });

  const CARRIED = { capability: "c", requires: ["n"], actor: agent("a"), labels: { env: "prod" }, tags: ["m"] };
  test.each<[string, (value: string) => object, Partial<View>]>([
    ["tags", (tag) => ({ risk_tags: { any: [tag] } }), { tags: ["b"] }],
    ["tenants", (name) => ({ tenants: [name] }), { tenantId: "b" }],
    ["capabilities", (name) => ({ capabilities: [name] }), { capability: "b" }],
    ["needs", (name) => ({ requires: [name] }), { requires: ["b"] }],
    ["actors", (id) => ({ actors: [id] }), { actor: agent("b") }],
    ["labels", (value) => ({ labels: { env: [value] } }), { labels: { env: "b" } }],
  ])("asking for nothing but %s, are found by those of a job that carries everything", (_, keys, carried) => {
    expect(candidates(letters.map(keys), { ...CARRIED, ...carried })).toEqual([1]);
  });

  test("by a value that stands in several are found in each, in file order", () => {
    const matches = letters.map((name, index) => ({ tenants: index % 2 === 0 ? [name, "even"] : [name] }));
    expect(candidates(matches, { tenantId: "even" })).toEqual([0, 2, 4]);
    expect(candidates(matches, { tenantId: "d" })).toEqual([3]);
  });

  test("stay among them when they ask for nothing by name", () => {
    const named = letters.map((name) => ({ tenants: [name] }));
    const unnamed: readonly object[] = [
      {},
      { risk_tags: [] },
      { risk_tags: { none: ["x"] } },
      { actors: ["a*"] },
      { actors: ["?"] },
      { actors: ["x", "a*"] },
      { labels: { env: { absent: true } } },
      { labels: { env: ["e*"] } },
      { actor_types: ["agent"] },
      { when: "true" },
      { unless: { tenants: ["a"] } },
    ];
    const places = unnamed.map((_, index) => letters.length + index);
    expect(candidates([...named, ...unnamed], { tenantId: "c" })).toEqual([2, ...places]);
    expect(candidates([...named, ...unnamed], { tenantId: "z" })).toEqual(places);
  });

  test("are filed under the key that fewest others share", () => {
    const matches = letters.map((name) => ({ risk_tags: { any: ["common"] }, tenants: [name] }));
    expect(candidates(matches, { tags: ["common"], tenantId: "b" })).toEqual([1]);
    expect(candidates(matches, { tags: ["common"], tenantId: "z" })).toEqual([]);
    const labelled = letters.map((name) => ({ tenants: [name], labels: { env: ["common"] } }));
    expect(candidates(labelled, { labels: { env: "common" }, tenantId: "b" })).toEqual([1]);
  });

  test("of labels are told apart by name and value together", () => {
    const matches = letters.map((name) => ({ labels: { a: [`b${name}`], [`a${name}`]: ["b"] } }));
    expect(candidates(matches, { labels: { aa: "b" } })).not.toContain(1);
    const pairs = letters.map((name, index) => ({
      labels: { ["x".repeat(index + 1)]: [`${"x".repeat(6 - index)}${name}`] },
    }));
    expect(candidates(pairs, { labels: { xx: "xxxxxb" } })).toEqual([1]);
    expect(candidates(pairs, { labels: { x: "xxxxxxb" } })).toEqual([]);
  });

  test("of several lists that are filed come together, ascending", () => {
    const matches = [
      ...letters.map((name) => ({ topics: ["t"], tenants: [name] })),
      ...letters.map((name) => ({ topics: ["*"], tenants: [name] })),
      ...letters.map((name) => ({ tenants: [name] })),
      { topics: ["t"] },
      { topics: ["t.u"] },
    ];
    expect(candidates(matches, { tenantId: "b" })).toEqual([1, 7, 13, 18]);
    expect(candidates(matches, { tenantId: "z" })).toEqual([18]);
    expect(candidates(matches, { topic: "u", tenantId: "b" })).toEqual([7, 13]);
  });

  test("are in order also where they are many", () => {
    const many = Array.from({ length: 60 }, (_, n) => ({ topics: n % 2 === 0 ? ["*"] : ["t"], risk_tags: [] }));
    expect(candidates([...many].reverse())).toEqual(many.map((_, n) => n));
    const few = Array.from({ length: 12 }, (_, n) => ({ topics: n % 2 === 0 ? ["t", "*"] : ["*", "t"] }));
    expect(candidates(few)).toEqual(few.map((_, n) => n));
    expect(candidates(few)).toEqual(few.map((_, n) => n));
  });
});

describe("a topic", () => {
  test("is known once it was looked up, and not looked up again", () => {
    const index = createRuleIndex([{ topics: ["a"] }, { topics: ["a*"] }] as readonly MatchDocument[]);
    expect(index.knows("a")).toBe(false);
    index.candidates(view({ topic: "a" }));
    expect([index.knows("a"), index.knows("b")]).toEqual([true, false]);
    expect(index.candidates(view({ topic: "a" }))).toBe(index.candidates(view({ topic: "a" })));
  });

  test("is forgotten among thousands of others", () => {
    const index = createRuleIndex([{ topics: ["a"] }] as readonly MatchDocument[]);
    for (let n = 0; n < 3_000; n += 1) index.candidates(view({ topic: `a${n}` }));
    // A generation are 1,024, and there are two.
    expect(["a0", "a1023", "a1024", "a2047", "a2048", "a2999"].map(index.knows)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
  });

  test("that leads to many rules takes the room of several", () => {
    const matches = Array.from({ length: 640 }, () => ({ topics: ["a*"] })) as readonly MatchDocument[];
    const index = createRuleIndex(matches);
    for (let n = 0; n < 150; n += 1) index.candidates(view({ topic: `a${n}` }));
    // Of 640 rules each takes 21 places: 49 fill a generation.
    expect(["a0", "a97", "a98", "a149"].map(index.knows)).toEqual([false, false, true, true]);
  });
});
