/**
 * The files that have a process of their own each; all others share two. Here belongs what changes its process (modules,
 * environment, flags of the engine), and what measures it (time, memory).
 */
export const APART: readonly string[] = [
  "test/analysis/lint-cost.test.ts",
  "test/cli/import-cordum.test.ts",
  "test/dispatch/network-fetch.test.ts",
  "test/dispatch/process.test.ts",
  "test/gate/approval-text.test.ts",
  "test/gate/catches.test.ts",
  "test/gate/streams.test.ts",
  "test/linear-pattern.test.ts",
  "test/otel/no-sdk.test.ts",
  "test/otel/open-telemetry.test.ts",
  "test/otel/sampling.test.ts",
  "test/output/adversarial.test.ts",
  "test/output/linear.test.ts",
  "test/output/stream.test.ts",
  "test/policy/condition-cost.test.ts",
  "test/policy/condition-reference.test.ts",
  "test/policy/decide-cost.test.ts",
  "test/policy/glob.test.ts",
  "test/policy/hazards.test.ts",
  "test/policy/load-cost.test.ts",
  "test/policy/policy.test.ts",
  "test/policy/read-yaml.test.ts",
];
