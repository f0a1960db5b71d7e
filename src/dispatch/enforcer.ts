import type { Constraints } from "../outcome.js";

/** Constraints that the gate itself cannot hold a function to: somebody must, or the job does not run. */
export type EnforceableKey = "paths" | "network";

/** Who holds a dispatch function to constraints that the gate cannot hold it to. */
export interface Enforcer {
  /** 1 to 128 printable ASCII characters without spaces; stands in the record. `guard` is the gate's own. */
  readonly name: string;
  /**
   * What it will hold this very run to. A key that it does not name here is enforced by nobody as far as the gate knows, and
   * the job is refused. MUST NOT name what it cannot hold.
   */
  readonly enforces: readonly EnforceableKey[] | ((constraints: Constraints) => readonly EnforceableKey[]);
}
