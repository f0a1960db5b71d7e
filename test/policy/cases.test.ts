import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readSuite, runSuite, type Suite, type SuiteReport } from "../../src/analysis/suite.js";
import { loadPolicy } from "../../src/load-policy.js";
import type { Json, JsonObject } from "../../src/outcome.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";

/** One file of cases: a policy, and what it must say of some jobs. */
interface Cases {
  readonly file: string;
  readonly suite: Suite;
  readonly policy: Policy;
  /** What the files of the policy say, key by key, before anything is normalised. */
  readonly written: readonly Json[];
}

async function readCases(folder: string, file: string): Promise<Cases> {
  const read = readSuite(readFileSync(join(folder, file), "utf8"));
  if (!read.ok) throw new Error(`${file}: ${read.issues.map(({ line, message }) => `${line} ${message}`).join("; ")}`);
  const { suite } = read;
  if ("document" in suite.policy) {
    const { document } = suite.policy;
    return { file, suite, policy: compilePolicy({ document }), written: [document] };
  }
  const path = join(folder, suite.policy.path);
  return { file, suite, policy: await loadPolicy(path), written: [parse(readFileSync(path, "utf8")) as Json] };
}

const FOLDER = "test/cases";
const names = readdirSync(FOLDER).filter((name) => name.endsWith(".test.yaml"));
const all = await Promise.all(names.map((name) => readCases(FOLDER, name)));
const example = await readCases("examples", "governance-policy.test.yaml");

describe.each([...all, example].map((cases) => [cases.file, cases] as const))("%s", (_, { suite, policy }) => {
  let made: SuiteReport | undefined;
  // Within a test: what runs while tests are only named kills no mutant.
  const report = (): SuiteReport => {
    made ??= runSuite(suite, policy);
    return made;
  };

  test.each(suite.tests.map(({ name }, index) => [name, index] as const))("%s", (name, index) => {
    const result = report().results[index];
    expect([result?.name, result?.differences]).toEqual([name, []]);
  });

  test("every rule and every output rule is matched by some case", () => {
    expect(report().coverage.unmatched).toEqual([]);
  });
});

test("cases bite: under the other way of combining, or with every decision another, some fail", () => {
  const withDocument = (cases: Cases, change: (document: JsonObject) => JsonObject): number =>
    runSuite(cases.suite, compilePolicy({ document: change(cases.policy.document) })).results.filter(({ ok }) => !ok)
      .length;
  for (const name of ["most-restrictive.test.yaml", "first-match.test.yaml"]) {
    const cases = all.find(({ file }) => file === name) as Cases;
    const other = cases.policy.document.combining === "first_match" ? "most_restrictive" : "first_match";
    expect([name, withDocument(cases, (document) => ({ ...document, combining: other })) > 0]).toEqual([name, true]);
  }
  for (const cases of [...all, example]) {
    // A first rule that refuses everything: whatever a case says is permitted fails.
    const closed = { id: "closed-to-all", match: { topics: ["**"] }, decision: "deny" };
    const failed = withDocument(cases, (document) => ({
      ...document,
      rules: [closed, ...(document.rules as readonly Json[])],
    }));
    expect([cases.file, failed > 0]).toEqual([cases.file, true]);
  }
});

/** Every key and every word of the language that stands in a policy, as places in the schema. */
type Node = { readonly [key: string]: unknown };
const SCHEMA = JSON.parse(readFileSync("src/policy/schema.json", "utf8")) as Node;

/** The node that a place stands for, references followed. */
function resolve(node: Node, place: string): readonly [Node, string] {
  const reference = node.$ref;
  if (typeof reference !== "string") return [node, place];
  const name = reference.slice("#/$defs/".length);
  return resolve((SCHEMA.$defs as Readonly<Record<string, Node>>)[name] as Node, name);
}

function childrenOf(node: Node): readonly (readonly [string, Node])[] {
  const properties = Object.entries((node.properties ?? {}) as Readonly<Record<string, Node>>);
  const nested = ["items", "additionalProperties", "then"].filter((key) => typeof node[key] === "object");
  return [...properties, ...nested.map((key) => [`(${key})`, node[key] as Node] as const)];
}

/** All places of the schema that a case file should reach. */
function placesOf(root: Node): ReadonlySet<string> {
  const places = new Set<string>();
  const walked = new Set<string>();
  const walk = (start: Node, from: string): void => {
    const [node, place] = resolve(start, from);
    if (walked.has(place)) return;
    walked.add(place);
    places.add(place);
    for (const word of (node.enum ?? []) as readonly unknown[]) places.add(`${place} = ${String(word)}`);
    for (const [key, child] of childrenOf(node)) {
      if (!key.startsWith("(")) places.add(`${place}/${key}`);
      walk(child, `${place}/${key}`);
    }
  };
  walk(root, "");
  return places;
}

/** The places that one document reaches. */
function reach(start: Node, from: string, value: Json, places: Set<string>): void {
  const [node, place] = resolve(start, from);
  places.add(place);
  if (Array.isArray(node.enum)) places.add(`${place} = ${String(value)}`);
  const children = new Map(childrenOf(node));
  const then = children.get("(then)");
  if (then !== undefined && typeof value === "string") reach(then, `${place}/(then)`, value, places);
  const items = children.get("(items)");
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[])
      if (items !== undefined) reach(items, `${place}/(items)`, item, places);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (children.has(key)) places.add(`${place}/${key}`);
      const known = children.get(key) === undefined ? "(additionalProperties)" : key;
      const child = children.get(known);
      if (child !== undefined) reach(child, `${place}/${known}`, inner, places);
    }
  }
}

function unreached(cases: readonly Cases[]): readonly string[] {
  const places = new Set<string>();
  for (const { written } of cases) for (const document of written) reach(SCHEMA, "", document, places);
  return [...placesOf(SCHEMA)].filter((place) => !places.has(place));
}

describe("the case files as documentation", () => {
  test("every key of the schema, and every word it knows, stands in some case file", () => {
    expect(unreached(all)).toEqual([]);
  });

  test("without the file for it a key is missed: the control", () => {
    const without = (name: string): readonly string[] => unreached(all.filter(({ file }) => file !== name));
    expect(without("imports.test.yaml")).toContain("/imports");
    expect(without("first-match.test.yaml")).toEqual([]);
    expect(without("approvals.test.yaml")).toContain("approval/assurance = token");
    expect(without("unless.test.yaml")).toContain("unless/capabilities");
    expect(without("vocabulary-and-tiers.test.yaml").length + without("remediations.test.yaml").length).toBeGreaterThan(
      3,
    );
  });

  test("every decision that a policy can give is expected by some case", () => {
    const expected = new Set(all.flatMap(({ suite }) => suite.tests.map((one) => one.expect.decision)));
    expect(expected).toEqual(new Set(["allow", "deny", "require_approval", "throttle", "allow_with_constraints"]));
    const rules = new Set(all.flatMap(({ suite }) => suite.tests.map((one) => one.expect.rule)));
    for (const own of ["@default", "@tags", "@tiers"]) expect(rules).toContain(own);
  });

  test("every file says what it shows, and every case is a sentence", () => {
    for (const { file, suite } of [...all, example]) {
      expect([file, suite.note === null]).toEqual([file, false]);
      for (const { name } of suite.tests) expect([file, name, name.split(" ").length >= 3]).toEqual([file, name, true]);
    }
  });
});
