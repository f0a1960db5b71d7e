import { dirname, isAbsolute, join } from "node:path";
import { runSuite, type Suite, type SuiteReport } from "../analysis/suite.js";
import { PolicyError } from "../errors.js";
import { compilePolicy, type Policy } from "../policy/policy.js";
import { type PlacedIssue, placeIssues } from "./excerpt.js";
import type { CannotRun, Io } from "./io.js";
import { openPolicy } from "./open-policy.js";

/** What came of one file. */
export type RanSuite =
  | {
      readonly status: "ran";
      readonly file: string;
      readonly suite: Suite;
      /** The path of the policy, or the suite's own file where the policy stands in it. */
      readonly policyFile: string;
      readonly policy: Policy;
      readonly report: SuiteReport;
    }
  /** The suite, or the policy it names, has problems. */
  | { readonly status: "refused"; readonly file: string; readonly problems: readonly PlacedIssue[] }
  /** A file cannot be read. */
  | { readonly status: "unreadable"; readonly file: string; readonly error: CannotRun };

/** Runs a suite against the policy it names, or against another. @throws CannotRun when the policy cannot be read. */
export async function runAgainst(io: Io, file: string, suite: Suite, other: string | undefined): Promise<RanSuite> {
  if (other === undefined && "document" in suite.policy) return runInline(io, file, suite, suite.policy.document);
  const named = "path" in suite.policy ? suite.policy.path : "";
  const policyFile = other ?? (isAbsolute(named) ? named : join(dirname(file), named));
  const opened = await openPolicy(io, policyFile);
  if (!opened.ok) return { status: "refused", file, problems: await placeIssues(io, policyFile, opened.problems) };
  const { policy } = opened;
  return { status: "ran", file, suite, policyFile, policy, report: runSuite(suite, policy) };
}

async function runInline(io: Io, file: string, suite: Suite, document: unknown): Promise<RanSuite> {
  try {
    const policy = compilePolicy({ document });
    return { status: "ran", file, suite, policyFile: file, policy, report: runSuite(suite, policy) };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const issues = error.issues.map((issue) => ({ ...issue, path: `/policy${issue.path}` }));
    return { status: "refused", file, problems: await placeIssues(io, file, issues) };
  }
}
