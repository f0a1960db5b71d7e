import type { RanSuite } from "./run-suite.js";

/** How often the tests of all suites reached each rule of one policy. */
export interface PolicyCoverage {
  readonly policyFile: string;
  readonly snapshot: string;
  /** Rules in file order. */
  readonly rules: Map<string, { readonly matched: number; readonly decided: number }>;
  /** Output rules in file order. */
  readonly outputs: Map<string, { readonly matched: number }>;
}

/** By policy. */
export type Coverages = Map<string, PolicyCoverage>;

/** Adds what one suite reached: suites of the same policy count together. */
export function addCoverage(coverages: Coverages, ran: Extract<RanSuite, { readonly status: "ran" }>): void {
  const { policyFile, policy, report } = ran;
  const key = `${policyFile}\n${policy.snapshot}`;
  const known = coverages.get(key) ?? { policyFile, snapshot: policy.snapshot, rules: new Map(), outputs: new Map() };
  coverages.set(key, known);
  for (const { id, matched, decided } of report.coverage.rules) {
    const before = known.rules.get(id) ?? { matched: 0, decided: 0 };
    known.rules.set(id, { matched: before.matched + matched, decided: before.decided + decided });
  }
  for (const { id, matched } of report.coverage.outputs) {
    known.outputs.set(id, { matched: (known.outputs.get(id)?.matched ?? 0) + matched });
  }
}

/** Rules, then output rules, that no test matched. */
export function unmatchedOf({ rules, outputs }: PolicyCoverage): readonly string[] {
  return [...rules, ...outputs].filter(([, { matched }]) => matched === 0).map(([id]) => id);
}
