import type { PolicyIssue } from "../errors.js";
import { admit, DEFAULT_MAX_JOB_BYTES } from "../job/admit.js";
import { MAX_ITEMS, TAG } from "../job/fields.js";
import { JOB_FIELDS, JOB_FIELDS_BELOW } from "../job/spelling.js";
import type { Decision, Json, JsonObject } from "../outcome.js";
import { decideAdmitted, type Policy } from "../policy/policy.js";
import { readYaml } from "../policy/read-yaml.js";
import { isMap, itemsOf, type Loose, type Report, reportTo } from "../policy/report.js";
import { DEFAULT_MAX_BYTES, quoted } from "../policy/source.js";
import { compare, type Difference, type Expectation } from "./suite/compare.js";
import { checkShape } from "./suite/shape.js";
import { SUITE } from "./suite/shapes.js";

export type { Difference, Expectation } from "./suite/compare.js";

/** Tests of one policy: jobs, and what it must say of each. */
export interface Suite {
  /** What the file shows; null where it does not say. */
  readonly note: string | null;
  /** Where the policy is: a path that is relative to the suite's own file, or the policy itself. */
  readonly policy: { readonly path: string } | { readonly document: JsonObject };
  /** As the gate's option of that name. Default `trusted`. */
  readonly declaredTags: "trusted" | "restrict_only";
  readonly tests: readonly SuiteTest[];
}

export interface SuiteTest {
  /** Stands once in a suite. */
  readonly name: string;
  /** In the spelling of the API, for `admit` to judge. */
  readonly job: JsonObject;
  /** What the host would derive, sorted. */
  readonly derivedTags: readonly string[];
  readonly expect: Expectation;
  /** 1-based, in the suite's text. */
  readonly line?: number;
}

export type ReadSuite =
  | { readonly ok: true; readonly suite: Suite }
  | { readonly ok: false; readonly issues: readonly PolicyIssue[] };

/** What came of a suite. */
export interface SuiteReport {
  /** In the order of the suite. */
  readonly results: readonly SuiteResult[];
  readonly coverage: Coverage;
}

export interface SuiteResult {
  readonly name: string;
  readonly ok: boolean;
  /** Empty where the test passed. */
  readonly differences: readonly Difference[];
  readonly line?: number;
}

/** Which parts of the policy some test reached, failed tests among them. */
export interface Coverage {
  /** By how many tests each rule was matched, and in how many it named the decision. */
  readonly rules: readonly { readonly id: string; readonly matched: number; readonly decided: number }[];
  readonly outputs: readonly { readonly id: string; readonly matched: number }[];
  /** Ids of rules, then of output rules, that no test matched. */
  readonly unmatched: readonly string[];
}

/**
 * Reads a suite, whole or not at all: a misspelt key MUST NOT turn into an expectation that always holds.
 * Never throws. The issues are in the order of their places.
 */
export function readSuite(text: string): ReadSuite {
  const { value, issues: found, locate } = readYaml(text, DEFAULT_MAX_BYTES);
  const issues: PolicyIssue[] = found.map(aboutSuites);
  if (value !== undefined) {
    const report = reportTo(issues, locate);
    checkShape(SUITE, value, [], report);
    checkTests(value, report);
  }
  if (issues.length > 0 || !isMap(value)) return { ok: false, issues: issues.toSorted(byPlace) };
  const tests = itemsOf(value.tests).map((test, index) => {
    const { line } = locate(["tests", index], "value");
    return { ...testOf(test as Loose), ...(line === undefined ? {} : { line }) };
  });
  const { note, policy, declared_tags: declared } = value;
  return {
    ok: true,
    suite: {
      note: typeof note === "string" ? note : null,
      policy: typeof policy === "string" ? { path: policy } : { document: policy as JsonObject },
      declaredTags: declared === "restrict_only" ? "restrict_only" : "trusted",
      tests,
    },
  };
}

/** The reader of YAML speaks of policies. */
function aboutSuites(issue: PolicyIssue): PolicyIssue {
  const message = issue.message.replace(/^(a|the) policy\b/, "$1 suite");
  if (issue.code === "policy_empty") return { ...issue, message, help: "a suite has `policy` and `tests`" };
  return {
    ...issue,
    message,
    ...(issue.help === undefined ? {} : { help: issue.help.replace("a policy", "a suite") }),
  };
}

function byPlace(a: PolicyIssue, b: PolicyIssue): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** What a shape cannot say. */
function checkTests(suite: Json, report: Report): void {
  if (!isMap(suite)) return;
  if (suite.policy === "") report("value_invalid", "`policy` must not be an empty path", ["policy"]);
  const names = new Set<Json>();
  itemsOf(suite.tests).forEach((test, index) => {
    if (!isMap(test)) return;
    const { name, job } = test;
    const path = ["tests", index];
    if (name === "") report("value_invalid", "`name` must not be empty", [...path, "name"]);
    if (typeof name === "string") {
      if (names.has(name)) report("value_repeated", `the name ${quoted(name)} stands twice`, [...path, "name"]);
      names.add(name);
    }
    if (!isMap(job)) return;
    const derived = itemsOf(job.derived_tags);
    const at = [...path, "job", "derived_tags"];
    if (derived.length > MAX_ITEMS) report("value_invalid", `a host derives at most ${MAX_ITEMS} tags`, at);
    derived.forEach((tag, position) => {
      if (typeof tag !== "string" || TAG.test(tag)) return;
      report("value_invalid", `the tag ${quoted(tag)} must be 1 to 64 of a-z, 0-9, _ and -`, [...at, position]);
    });
  });
}

/** The test MUST have been checked. */
function testOf(test: Loose): SuiteTest {
  const { derived_tags: derived, ...job } = test.job as Loose;
  return {
    name: test.name as string,
    job: jobOf(job),
    derivedTags: [...new Set(itemsOf(derived) as readonly string[])].sort(),
    expect: test.expect as unknown as Expectation,
  };
}

const BELOW = [...JOB_FIELDS_BELOW.values()].flatMap((names) => [...names]);
const SNAKE: ReadonlyMap<string, string> = new Map([...JOB_FIELDS, ...BELOW].map(([snake, camel]) => [camel, snake]));

/** The gate's own keys, in the spelling of the API; what stands under labels and payload is the caller's. */
function jobOf(job: Loose): JsonObject {
  const entries = Object.entries(job).map(([key, value]) => {
    const names = JOB_FIELDS_BELOW.get(key);
    return [JOB_FIELDS.get(key) ?? key, names !== undefined && isMap(value) ? rename(value, names) : value] as const;
  });
  return Object.fromEntries(entries);
}

function rename(map: Loose, names: ReadonlyMap<string, string>): JsonObject {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [names.get(key) ?? key, value]));
}

/** Asks the policy about every job of the suite. Pure: the same suite and policy give the same report. */
export function runSuite(suite: Suite, policy: Policy): SuiteReport {
  const ran = suite.tests.map((test) => runTest(test, suite, policy));
  return {
    results: ran.map(({ result }) => result),
    coverage: coverageOf(
      policy,
      ran.flatMap(({ decision }) => decision ?? []),
    ),
  };
}

/** What came of one test, and the decision; null where the job was refused before. */
interface Ran {
  readonly result: SuiteResult;
  readonly decision: Decision | null;
}

function runTest(test: SuiteTest, suite: Suite, policy: Policy): Ran {
  const came = (differences: readonly Difference[], decision: Decision | null): Ran => {
    const { name, line } = test;
    const result = { name, ok: differences.length === 0, differences, ...(line === undefined ? {} : { line }) };
    return { result, decision };
  };
  const admitted = admit(test.job, { jobId: "suite", traceId: "suite", maxJobBytes: DEFAULT_MAX_JOB_BYTES });
  if (!admitted.ok) {
    const actual = inSnake(admitted.issue.message);
    return came([{ field: "job", expected: "a job that the gate admits", actual }], null);
  }
  const decision = decideAdmitted(policy, admitted.admission.job, test.derivedTags, suite.declaredTags);
  return came(compare(test.expect, decision), decision);
}

/** The gate's words about a job, with its fields spelt as the suite spells them. */
function inSnake(message: string): string {
  return message.replace(/[a-z]+(?:[A-Z][a-z]+)+/g, (name) => SNAKE.get(name) ?? name);
}

function coverageOf(policy: Policy, decisions: readonly Decision[]): Coverage {
  const matched = tally(decisions.flatMap((decision) => decision.matched));
  const decided = tally(decisions.map((decision) => decision.ruleId));
  const looked = tally(decisions.flatMap(({ obligations }) => obligations.outputs.map(({ ruleId }) => ruleId)));
  const rules = policy.ruleIds.map((id) => ({ id, matched: matched.get(id) ?? 0, decided: decided.get(id) ?? 0 }));
  const outputs = itemsOf(policy.document.outputs).map((output) => {
    const id = String((output as Loose).id);
    return { id, matched: looked.get(id) ?? 0 };
  });
  const unmatched = [...rules, ...outputs].filter((rule) => rule.matched === 0).map(({ id }) => id);
  return { rules, outputs, unmatched };
}

function tally(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
