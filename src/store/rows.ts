import type { SealedEvent } from "../evidence/event.js";
import type { ApprovalRequirement, ApprovalState, OutcomeStatus, Reason } from "../outcome.js";

/** Which policy is in force for everybody on a store. */
export interface PolicyHead {
  /** Raised by one with each activation; starts at 1. */
  readonly epoch: number;
  readonly snapshot: string;
}

/** The policy in force, whole. */
export interface ActivePolicy extends PolicyHead {
  /** Canonical text of the compiled policy's document. */
  readonly document: string;
}

/** A job as the store knows it. */
export interface JobRow {
  readonly tenantId: string;
  readonly id: string;
  readonly traceId: string;
  readonly hash: string;
  readonly status: OutcomeStatus;
  /** The owner that claimed it; null before a claim. A job that was ever claimed is spent. */
  readonly owner: string | null;
  readonly dispatcher: string;
  readonly approvalId: string | null;
  /** JSON text of the decision; null where the gate came to none. */
  readonly decision: string | null;
  readonly reason: Reason;
  /** JSON text of the limits in force: the policy's, the job's own and the gate's, met. Null before a claim. */
  readonly constraints: string | null;
  /** JSON text of what settling recorded: findings, error, quarantine id. */
  readonly result: string | null;
  /** The job's salted commitment, as its events carry it. */
  readonly commitment: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** How a job ended, as its row has it. */
export type JobEnd = Pick<JobRow, "status" | "reason" | "result">;

/** Who holds the claim of a job, and how it stands. */
export type JobHold = Pick<JobRow, "owner" | "status">;

/** A vote, as recorded. */
export interface VoteRow {
  readonly approvalId: string;
  readonly approverId: string;
  /** The id trimmed, NFKC, lower case: what makes two votes one person's. */
  readonly approverKey: string;
  readonly kind: "human" | "service";
  readonly roles: readonly string[];
  readonly vote: "approve" | "reject";
  readonly at: number;
}

/** An approval request, as recorded. */
export interface ApprovalRow {
  readonly id: string;
  /** What makes two submissions equal: digest of tenant, job hash and dispatcher. */
  readonly key: string;
  readonly tenantId: string;
  readonly jobId: string;
  readonly traceId: string;
  readonly jobHash: string;
  readonly snapshot: string;
  readonly fingerprint: string;
  readonly dispatcher: string;
  readonly state: ApprovalState;
  readonly requirements: readonly ApprovalRequirement[];
  /** Folded ids of all who asked: none of them may vote. */
  readonly requesters: readonly string[];
  readonly decision: string;
  readonly requestedAt: number;
  /** When a pending request lapses. */
  readonly expiresAt: number;
  /** How long an approval may wait for its use, in milliseconds. */
  readonly useWithinMs: number;
  /** How long a rejection stands against the same content, in milliseconds. */
  readonly rejectionStandsMs: number;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
}

/** Kinds of private values: they stand outside the log, under salted commitments. */
export type VaultKind = "job" | "annotations" | "output" | "held" | "error" | `note:${string}` | `late:${string}`;

/** One private value with the salt of its commitment. */
export interface VaultRow {
  readonly tenantId: string;
  readonly jobId: string;
  readonly kind: VaultKind;
  readonly salt: string;
  readonly value: string;
}

/** A process that opened a gate on the store. */
export interface OwnerRow {
  readonly id: string;
  readonly pid: number;
  /** Machine, boot and process namespace: within the same one a pid can be looked at. */
  readonly realm: string;
  /** When the process started, in the realm's own words: tells a reused pid. */
  readonly started: string;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly leaseUntil: number;
}

/** One step of a transaction, the same for every store. */
export type Write =
  | { readonly to: "events"; readonly event: SealedEvent }
  | { readonly to: "jobs"; readonly row: JobRow }
  /** How a claimed job ended; what the claim wrote stays. */
  | ({ readonly to: "ended"; readonly tenantId: string; readonly id: string; readonly updatedAt: number } & JobEnd)
  | { readonly to: "approvals"; readonly row: ApprovalRow }
  | { readonly to: "votes"; readonly row: VoteRow }
  | { readonly to: "vault"; readonly row: VaultRow }
  | { readonly to: "policies"; readonly row: ActivePolicy; readonly at: number }
  | { readonly to: "owners"; readonly row: OwnerRow }
  | { readonly to: "owners_gone"; readonly id: string }
  /** A place taken in a rate limit's log; entries older than `keepAfter` are of no more use. */
  | { readonly to: "limits"; readonly bucket: string; readonly at: number; readonly keepAfter: number }
  /** Ends every job still waiting for this approval, but the one named. */
  | {
      readonly to: "waiting";
      readonly approvalId: string;
      readonly except: { readonly tenantId: string; readonly id: string } | null;
      readonly reason: Reason;
      readonly at: number;
    };

/** What a pure judge answers: what to tell the caller, and what to write in the same transaction. */
export interface Judgement<Answer> {
  readonly answer: Answer;
  readonly writes: readonly Write[];
}
