import type { AdmittedJob } from "../job/job.js";

/** What the host found out about the effect of a job that nobody saw end. */
export type Finding = "happened" | "not_happened" | "unknown";

/** A claim of which nobody knows how it ended. */
export interface LostClaim {
  readonly dispatcher: string;
  /** What its attempts were given to tell the job by. */
  readonly idempotencyKey: string;
  /** When it was last heard of, in milliseconds since 1970-01-01T00:00:00Z. */
  readonly lastSeenAt: number;
  /** Aborted when the answer would come too late: after 30 seconds. */
  readonly signal: AbortSignal;
}

/**
 * Looks at what the job acts on and says whether its effect happened. It sees the frozen copy. What it throws, or answers
 * otherwise, leaves the job `UNKNOWN`.
 */
export type Reconcile = (job: AdmittedJob, claim: LostClaim) => Finding | Promise<Finding>;
