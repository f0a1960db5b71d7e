import type { Outcome } from "dispatch-gate";

/** What was found on disk, and whether it is what has to be there. */
export interface Fact {
  readonly found: string;
  readonly ok: boolean;
}

/** One row of the summary. */
export interface Result {
  readonly step: string;
  readonly expected: string;
  readonly got: string;
  readonly disk: Fact;
}

/** True when the gate answered as expected and the disk bears it out. */
export function isRight({ expected, got, disk }: Result): boolean {
  return expected === got && disk.ok;
}

/** Holds an outcome against what was expected of it. */
export function compare(step: string, expected: string, outcome: Outcome, disk: Fact): Result {
  return { step, expected, got: nameOf(outcome), disk };
}

/** An outcome in a few words: what was decided, what came of it, and which rule said so. */
export function nameOf({ decision, status, reason }: Outcome): string {
  const rule = reason.ruleId ?? decision?.ruleId;
  return `${decision?.type ?? "no decision"} → ${status}${rule === undefined ? "" : ` (${rule})`}`;
}

/** Several things found on disk as one: right only when all are. */
export function together(...facts: readonly Fact[]): Fact {
  return { found: facts.map(({ found }) => found).join("; "), ok: facts.every(({ ok }) => ok) };
}
