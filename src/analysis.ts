export type { Finding, FindingKind, LintReport, Undecided, Witness } from "./analysis/finding.js";
export { type LintOptions, lint } from "./analysis/lint.js";
export { readSuite, runSuite, type Suite, type SuiteReport } from "./analysis/suite.js";
export { createUsage, type Usage, type UsageReport } from "./analysis/usage.js";
