import type { AdmittedJob } from "../job/job.js";
import type {
  ApprovalRequirement,
  ApprovalState,
  ApproverKind,
  Assurance,
  Constraints,
  Decision,
  Json,
} from "../outcome.js";
import type { ApprovalBinding } from "../store/rows.js";

/** One vote on a request. */
export interface Vote {
  readonly approver: {
    readonly id: string;
    readonly kind: ApproverKind;
    readonly roles: readonly string[];
    /** What the identity rests on: the host's word, a signed token, or nothing but what was typed. */
    readonly assurance: Assurance | "none";
  };
  readonly vote: "approve" | "reject";
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
  readonly note: string | null;
  /** Whether the vote named the view that was shown, and it was this one. */
  readonly confirmed: boolean;
}

/** One thing that a fresh request asks otherwise than the request it takes the place of. */
export interface ApprovalChange {
  /** What changed, as a path into the request: `decision.type`, `constraints.maxRuntimeSec`, `requirements`, `derivedTags`, ... */
  readonly field: string;
  /** Null where it was absent. */
  readonly before: Json;
  /** Null where it is absent now. */
  readonly after: Json;
}

/** A request for approval, as data. */
export interface Approval {
  readonly id: string;
  readonly state: ApprovalState;
  /** SHA-256 over everything about this request that a reviewer is shown and that does not change while it is open. */
  readonly view: string;
  readonly tenantId: string;
  /** The job that opened it. Others of equal content may have joined. */
  readonly jobId: string;
  readonly traceId: string;
  /** SHA-256 of the job's canonical bytes: what an approval is bound to, and nothing else. */
  readonly jobHash: string;
  /** SHA-256 of the policy that asked. */
  readonly snapshot: string;
  /** What of the decision the approval is given for: its type, its obligations, and who will act. */
  readonly fingerprint: string;
  /** Whether any other policy ends it, or only one whose decision about the job differs: of the gate that asked. */
  readonly binding: ApprovalBinding;
  /** The one dispatcher that may run it. */
  readonly dispatcher: string;
  /**
   * The job, read back from the bytes that were hashed; null once it was erased, or where it is not what was hashed: then
   * it cannot be approved. Its `riskTags` are those it declared.
   */
  readonly job: AdmittedJob | null;
  /** Tags that the host derived when approval was asked for. */
  readonly derivedTags: readonly string[];
  /** Further tags that were derived for equal jobs that joined: they count when the job is decided again. */
  readonly derivedSince: readonly string[];
  readonly decision: Decision;
  /** The limits that the run will be held to, from policy, job and gate together; a claim may tighten them, never widen. */
  readonly constraints: Constraints;
  readonly requirements: readonly ApprovalRequirement[];
  /** Everybody who asked: none of them may vote unless every requirement says so. Compared folded, and shown so. */
  readonly requesters: readonly string[];
  /** When the first request in this place was opened: what its age counts from. Milliseconds since 1970-01-01T00:00:00Z, as are all times here. */
  readonly queuedSince: number;
  readonly requestedAt: number;
  /** Milliseconds since `queuedSince`. */
  readonly ageMs: number;
  /** When a pending request, or the use of an approved one, lapses. */
  readonly expiresAt: number;
  /** How long an approval may wait for its use, in milliseconds. */
  readonly useWithinMs: number;
  /** How long a rejection would stand against the same content, in milliseconds. */
  readonly rejectionStandsMs: number;
  /** When the votes decided it; null while they have not. */
  readonly decidedAt: number | null;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
  /** The request that this one takes the place of. */
  readonly supersedes: string | null;
  /** The request that took this one's place. */
  readonly supersededBy: string | null;
  /** What this request asks otherwise than the one it takes the place of; empty where it takes no place. */
  readonly changes: readonly ApprovalChange[];
  /** Until when a rejection stands against the same content; null where none does. */
  readonly standsUntil: number | null;
  /**
   * The oldest signed checkpoint (C2SP tlog-checkpoint) that covers the request, moments after it was made; null until then. Who
   * keeps it can show later that the log was changed. It is not part of the view.
   */
  readonly checkpoint: string | null;
  readonly votes: readonly Vote[];
}

/** A request with everything that a reviewer needs, as text that is safe to show. */
export interface ShownApproval extends Approval {
  /**
   * All of it in rows of at most 78 columns, made from the canonical bytes. Control, bidi, zero-width and other invisible
   * characters are written out; long runs of one character are told by their count; a row that goes on from the one before
   * begins with `| `; nothing is left out.
   */
  readonly text: string;
}
