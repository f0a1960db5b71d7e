export type { Finding, FindingKind, LintReport, Severity, Undecided, Witness } from "./analysis/finding.js";
export { type LintOptions, lint } from "./analysis/lint.js";
export {
  type Coverage,
  type Difference,
  type Expectation,
  type ReadSuite,
  readSuite,
  runSuite,
  type Suite,
  type SuiteReport,
  type SuiteResult,
  type SuiteTest,
} from "./analysis/suite.js";
export {
  type ApprovalUsage,
  createUsage,
  type OutputUsage,
  type RuleUsage,
  type Usage,
  type UsageReport,
} from "./analysis/usage.js";
