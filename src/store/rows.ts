import type { SealedEvent } from "../evidence/event.js";
import type { ApprovalRequirement, ApprovalState, Assurance, Constraints, OutcomeStatus, Reason } from "../outcome.js";

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
  /** Folded ids of who asked for this very job, and may withdraw it; null where nobody but its actor is known to have. */
  readonly requesters: readonly string[] | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When its private values, and its hash, were erased. */
  readonly erasedAt: number | null;
  /** Whether it was claimed while the store was away. */
  readonly degraded: boolean;
}

/** How a job ended, as its row has it. */
export type JobEnd = Pick<JobRow, "status" | "reason" | "result">;

/** Who holds the claim of a job, and how it stands. */
export type JobHold = Pick<JobRow, "owner" | "status" | "erasedAt"> & {
  /** Whether it holds a place in a pool. */
  readonly pooled: boolean;
};

/** What an approver's identity rests on. */
export type VoteAssurance = Assurance | "none";

/** A vote, as recorded. */
export interface VoteRow {
  readonly approvalId: string;
  /** 1 for the first of its request. */
  readonly number: number;
  readonly approverId: string;
  /** The id folded: what makes two votes one person's. */
  readonly approverKey: string;
  readonly kind: "human" | "service";
  readonly roles: readonly string[];
  readonly assurance: VoteAssurance;
  readonly vote: "approve" | "reject";
  /** The view that the vote named, which was the request's; null where it named none. */
  readonly view: string | null;
  readonly at: number;
}

/** Whether an approval holds for one policy snapshot, or for as long as the decision stays the same. */
export type ApprovalBinding = "snapshot" | "decision";

/** What of a request is fixed when it opens and stands in no other column, as JSON text in its row. */
export interface ShownFacts {
  readonly derivedTags: readonly string[];
  readonly constraints: Constraints;
  /** Salted commitment of the annotations that are shown. */
  readonly annotations: string;
  /** The view of the request that this one takes the place of. */
  readonly before: string | null;
}

/** An approval request, as recorded. */
export interface ApprovalRow {
  readonly id: string;
  /** What makes two submissions equal: job hash, tenant and dispatcher. */
  readonly key: string;
  readonly tenantId: string;
  /** The job that opened it, or the request it takes the place of. */
  readonly jobId: string;
  readonly traceId: string;
  readonly jobHash: string;
  /** The salted commitment of that job. */
  readonly commitment: string;
  /** Tenant and folded actor: whose requests are counted together. */
  readonly actorKey: string;
  readonly snapshot: string;
  /** The epoch it was asked under: within one epoch no request takes the place of another unless its tags grew. */
  readonly epoch: number;
  readonly binding: ApprovalBinding;
  readonly fingerprint: string;
  readonly dispatcher: string;
  readonly state: ApprovalState;
  readonly requirements: readonly ApprovalRequirement[];
  /** Folded ids of all who asked: none of them may vote. */
  readonly requesters: readonly string[];
  /** All tags that were ever derived for this content: none is forgotten when it is decided again. */
  readonly derivedTags: readonly string[];
  readonly decision: string;
  /** JSON text of {@link ShownFacts}. */
  readonly shown: string;
  /** When the first request in this place was opened. */
  readonly queuedSince: number;
  readonly requestedAt: number;
  /** When a pending request lapses. */
  readonly expiresAt: number;
  /** How long an approval may wait for its use, in milliseconds. */
  readonly useWithinMs: number;
  /** How long a rejection stands against the same content, in milliseconds. */
  readonly rejectionStandsMs: number;
  /** When the votes decided it. */
  readonly decidedAt: number | null;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
  /** When a rejection was lifted before its time. */
  readonly liftedAt: number | null;
  readonly supersedes: string | null;
  readonly supersededBy: string | null;
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

/** A private value as it is kept, without where. */
export type KeptValue = Pick<VaultRow, "salt" | "value">;

/** What was signed of the log at one size. */
export interface CheckpointRow {
  readonly size: number;
  readonly at: number;
  /** The signed note (C2SP tlog-checkpoint). */
  readonly note: string;
}

/** One turn of the switch that stops every claim on the store; the one with the highest number counts. */
export interface HaltRow {
  /** 1 for the first. */
  readonly number: number;
  readonly halted: boolean;
  /** Who turned it: the host's word. */
  readonly by: string;
  readonly reason: string;
  /** Which jobs that run are to be aborted, by whatever process runs them. */
  readonly abort: "none" | "running";
  readonly at: number;
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
  /** What it does while the store is away. */
  readonly failMode: "closed" | "open";
}

/** One step of a transaction, the same for every store. */
export type Write =
  | { readonly to: "events"; readonly event: SealedEvent }
  | { readonly to: "jobs"; readonly row: JobRow }
  /** How a claimed job ended; what the claim wrote stays. */
  | ({ readonly to: "ended"; readonly tenantId: string; readonly id: string; readonly updatedAt: number } & JobEnd)
  | { readonly to: "approvals"; readonly row: ApprovalRow }
  | { readonly to: "votes"; readonly row: VoteRow }
  | { readonly to: "checkpoints"; readonly row: CheckpointRow }
  /** Takes away all private values of a job, their salts, and whatever a guess could be held against: its hash among it. */
  | { readonly to: "erased"; readonly tenantId: string; readonly jobId: string; readonly at: number }
  | { readonly to: "vault"; readonly row: VaultRow }
  | { readonly to: "policies"; readonly row: ActivePolicy; readonly at: number }
  | { readonly to: "halts"; readonly row: HaltRow }
  | { readonly to: "owners"; readonly row: OwnerRow }
  /** Takes an owner away, and with it every place in a pool that it holds. */
  | { readonly to: "owners_gone"; readonly id: string }
  | { readonly to: "boots"; readonly id: string; readonly tickOffset: number }
  /** A place in a pool, held until the function has ended or its owner is dead. */
  | {
      readonly to: "slots";
      readonly pool: string;
      readonly tenantId: string;
      readonly jobId: string;
      readonly owner: string;
    }
  /** Gives back every place in a pool that a job holds. */
  | { readonly to: "slots_free"; readonly tenantId: string; readonly jobId: string }
  /** A permit that was spent; those that expired before `now` are forgotten. */
  | { readonly to: "permits"; readonly id: string; readonly expiresAt: number; readonly now: number }
  /** A place taken in a rate limit's log; entries older than `keepAfter` are of no more use. */
  | { readonly to: "limits"; readonly bucket: string; readonly at: number; readonly keepAfter: number }
  /** Gives back one place of that time. */
  | { readonly to: "places_free"; readonly bucket: string; readonly at: number }
  /** Ends every job still waiting for this approval, but the one named. */
  | {
      readonly to: "waiting";
      readonly approvalId: string;
      readonly except: { readonly tenantId: string; readonly id: string } | null;
      readonly reason: Reason;
      readonly at: number;
    }
  /** Lets every job that waits for one request wait for the one that takes its place. */
  | { readonly to: "moved"; readonly from: string; readonly approvalId: string };

/** What a pure judge answers: what to tell the caller, and what to write in the same transaction. */
export interface Judgement<Answer> {
  readonly answer: Answer;
  readonly writes: readonly Write[];
}

/** An answer with the events that its step appended to the log, in order. */
export type Recorded<Answer> = Answer & { readonly events: readonly SealedEvent[] };

/** What a store answers once the writes of a judgement are durable. */
export function recorded<Answer extends object>({ answer, writes }: Judgement<Answer>): Recorded<Answer> {
  const events: SealedEvent[] = [];
  for (const write of writes) if (write.to === "events") events.push(write.event);
  return { ...answer, events };
}
