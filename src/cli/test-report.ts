import type { SuiteResult } from "../analysis/suite.js";
import type { Json } from "../outcome.js";
import { issueJson, toWire } from "../wire.js";
import { type Coverages, type PolicyCoverage, unmatchedOf } from "./coverage.js";
import { issueLines, placeOf } from "./excerpt.js";
import { count, inked, type Line, shownPath } from "./print.js";
import type { RanSuite } from "./run-suite.js";

/** True for a suite that ran, and of which every test passed. */
export function isPassed(suite: RanSuite): boolean {
  return suite.status === "ran" && suite.report.results.every(({ ok }) => ok);
}

/** True when every rule of every policy was matched by some test. */
export function isComplete(coverages: Coverages): boolean {
  return [...coverages.values()].every((coverage) => unmatchedOf(coverage).length === 0);
}

interface Totals {
  readonly suites: number;
  readonly passed: number;
  readonly failed: number;
  /** Suites that could not be run. */
  readonly broken: number;
}

function totalsOf(suites: readonly RanSuite[]): Totals {
  const results = suites.flatMap((suite) => (suite.status === "ran" ? suite.report.results : []));
  const passed = results.filter(({ ok }) => ok).length;
  const broken = suites.filter(({ status }) => status !== "ran").length;
  return { suites: suites.length, passed, failed: results.length - passed, broken };
}

/** The document of `test --json`. */
export function testJson(suites: readonly RanSuite[], coverages: Coverages, demanded: boolean): Json {
  return toWire({
    command: "test",
    ok: suites.every(isPassed) && (!demanded || isComplete(coverages)),
    suites: suites.map(suiteJson),
    coverage: [...coverages.values()].map((coverage) => ({
      policy: coverage.policyFile,
      snapshot: coverage.snapshot,
      rules: [...coverage.rules].map(([id, counts]) => ({ id, ...counts })),
      outputs: [...coverage.outputs].map(([id, counts]) => ({ id, ...counts })),
      unmatched: unmatchedOf(coverage),
    })),
    totals: totalsOf(suites),
  });
}

function suiteJson(suite: RanSuite): object {
  const { status, file } = suite;
  if (status === "refused") {
    const problems = suite.problems.map(({ issue, file: where }) => issueJson(issue, where));
    return { file, status, policy: null, problems, tests: [] };
  }
  if (status === "unreadable") {
    const { code, message, help } = suite.error;
    return { file, status, policy: null, problems: [{ code, message, help, file, path: "" }], tests: [] };
  }
  return { file, status, policy: suite.policyFile, problems: [], tests: suite.report.results };
}

/** A run of suites for people. */
export function testLines(suites: readonly RanSuite[], coverages: Coverages, demanded: boolean): readonly Line[] {
  return [
    ...suites.flatMap((suite) => [...suiteLines(suite), []]),
    ...[...coverages.values()].flatMap((coverage) => coverageLines(coverage, demanded)),
    totalsLine(suites),
  ];
}

function suiteLines(suite: RanSuite): readonly Line[] {
  const { file } = suite;
  const head: Line = [inked("strong", shownPath(file))];
  if (suite.status === "refused") return [head, ...issueLines(suite.problems)];
  if (suite.status === "unreadable") {
    const { message, help } = suite.error;
    const told: readonly Line[] = help === undefined ? [] : [["    ", inked("note", "help"), `: ${help}`]];
    return [head, [inked("bad", "error"), `: ${message}`], ...told];
  }
  const note: readonly Line[] = suite.suite.note === null ? [] : [["  ", inked("faint", `note: ${suite.suite.note}`)]];
  return [head, ...note, ...suite.report.results.flatMap((result) => resultLines(file, result))];
}

function resultLines(file: string, { name, ok, differences, line }: SuiteResult): readonly Line[] {
  if (ok) return [["  ", inked("good", "ok"), `      ${name}`]];
  const place = line === undefined ? "" : `  ${placeOf(file, { line })}`;
  return [
    ["  ", inked("bad", "failed"), `  ${name}`, inked("faint", place)],
    ...differences.flatMap(({ field, expected, actual }): readonly Line[] => [
      [
        `          \`${field}\`: expected `,
        inked("good", JSON.stringify(expected)),
        ", got ",
        inked("bad", JSON.stringify(actual)),
      ],
    ]),
  ];
}

function coverageLines(coverage: PolicyCoverage, demanded: boolean): readonly Line[] {
  const all = coverage.rules.size + coverage.outputs.size;
  const unmatched = unmatchedOf(coverage);
  const ink = unmatched.length === 0 ? "good" : demanded ? "bad" : "wait";
  const head: Line = [
    `${shownPath(coverage.policyFile)}: `,
    inked(ink, `${all - unmatched.length} of ${count(all, "rule")} matched by a test`),
  ];
  return [head, ...unmatched.map((id): Line => ["  ", inked(ink, "never matched"), `  \`${id}\``])];
}

function totalsLine(suites: readonly RanSuite[]): Line {
  const { passed, failed, broken } = totalsOf(suites);
  const told = `${count(passed + failed, "test")} in ${count(suites.length, "suite")}: ${passed} passed, `;
  const wrong = broken === 0 ? "" : `; ${count(broken, "suite")} could not be run`;
  return [told, inked(failed + broken === 0 ? "good" : "bad", `${failed} failed${wrong}`)];
}
