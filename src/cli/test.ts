import { readSuite } from "../analysis/suite.js";
import { readArguments } from "./arguments.js";
import { addCoverage, type Coverages } from "./coverage.js";
import { placeIssues } from "./excerpt.js";
import { findSuites } from "./find-suites.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { printLines } from "./print.js";
import { readText } from "./read-text.js";
import { type RanSuite, runAgainst } from "./run-suite.js";
import { isComplete, isPassed, testJson, testLines } from "./test-report.js";

export const TEST_HELP = `usage: dispatch-gate test [PATH...] [options]

Runs suites: files named *.test.yaml that hold jobs and what a policy must say of each. PATH is a suite or a folder,
the current one where none is given.

  --policy FILE   ask this policy, whatever the suites name
  --coverage      a rule that no test matched is a failure
  --json          one JSON document

  dispatch-gate test --coverage policies
  dispatch-gate test --policy draft.yaml

Exit: 0 all passed, 1 a test failed or a suite is wrong, 2 nothing was found or a file cannot be read.`;

/** What it takes. */
export const TEST_SHAPE = {
  options: { policy: "text", coverage: "switch" },
  operands: { least: 0, most: 1_000, name: "PATH" },
} as const;

/** Runs all suites, also after one that cannot be run, and then says what came of them. */
export async function test(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, TEST_SHAPE);
  const files = await findSuites(io, given.operands.length === 0 ? ["."] : given.operands);
  const suites: RanSuite[] = [];
  const coverages: Coverages = new Map();
  for (const file of files) {
    const ran = await runFile(io, file, given.text("policy"));
    if (ran.status === "ran") addCoverage(coverages, ran);
    suites.push(ran);
  }
  const demanded = given.has("coverage");
  if (given.has("json")) printJson(io, testJson(suites, coverages, demanded));
  else printLines(io.stdout, io.env, testLines(suites, coverages, demanded));
  if (suites.some(({ status }) => status === "unreadable")) return EXIT.cannot;
  return suites.every(isPassed) && (!demanded || isComplete(coverages)) ? EXIT.fine : EXIT.findings;
}

async function runFile(io: Io, file: string, policy: string | undefined): Promise<RanSuite> {
  try {
    const read = readSuite(await readText(io, file));
    if (!read.ok) return { status: "refused", file, problems: await placeIssues(io, file, read.issues) };
    return await runAgainst(io, file, read.suite, policy);
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    return { status: "unreadable", file, error };
  }
}
