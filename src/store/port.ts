import type { EventFacts, EventType, SealedEvent } from "../evidence/event.js";
import type { ApprovalRequirement, ApprovalState, JsonObject, OutcomeStatus, Reason } from "../outcome.js";
import type {
  ActivePolicy,
  ApprovalBinding,
  ApprovalRow,
  CheckpointRow,
  HaltRow,
  JobRow,
  KeptValue,
  OwnerRow,
  PolicyHead,
  Recorded,
  VaultKind,
  VaultRow,
  VoteAssurance,
  VoteRow,
} from "./rows.js";
import type { VerifyAnswer, VerifyRequest } from "./verify/problem.js";

const STORE = Symbol.for("dispatch-gate.store");

/**
 * Marks an object with all the verbs as a store that a gate may use. A store is known by this mark and not by its shape:
 * whoever sets it says that the store keeps the contract, which `storeContract` in `dispatch-gate/testing` checks.
 */
export function defineStore<Made extends Store>(store: Made): Made {
  return Object.defineProperty(store, STORE, { value: true });
}

/** True for a store, also one that another copy of this package defined. */
export function isStore(value: unknown): value is Store {
  return typeof value === "object" && value !== null && Reflect.get(value, STORE) === true;
}

/**
 * Where a gate keeps its state. A few coarse verbs, each one atomic step.
 *
 * Every verb takes one plain, structured-cloneable value and answers one. A verb MUST be atomic and isolated:
 * when its promise resolves, everything it says it did is durable, also through a crash of the machine (a
 * store that keeps nothing, such as the in-memory one, says so); when it rejects with a `StoreError`, it
 * MUST have done nothing, except that a failure while committing may leave the step done.
 * Verbs MUST NOT block the event loop while they wait for a lock, and MUST give up with `store_busy` when
 * `waitMs` has passed before the step could begin. What is *not* promised: an order between verbs that
 * were called without awaiting the first.
 *
 * All arithmetic and all decisions are in the pure judges beside this file; a store only loads what a judge
 * looks at, calls it inside the transaction, and applies what it answers.
 */
export interface Store {
  /** For messages: `sqlite`, `memory`. */
  readonly kind: string;
  /** Bytes that are free where it keeps its state; null where that is not known now. Absent: where that is never known. */
  readonly freeBytes?: () => number | null;
  /** Where the key that signs this log is kept where nobody says otherwise. Absent: nowhere. */
  readonly keyFile?: string;
  /**
   * The one step before dispatch. MUST check id, replay, epoch, approval and limits, and either take all that
   * the job needs and record the intent, or take nothing and record why not.
   */
  claim(request: ClaimRequest): Promise<Recorded<ClaimAnswer>>;
  /** Records how a dispatch ended. MUST change nothing for a job whose claim is not the caller's. */
  settle(request: SettleRequest): Promise<SettleAnswer>;
  /** Records one vote. MUST count it only against the request as it now stands. */
  vote(request: VoteRequest): Promise<Recorded<VoteAnswer>>;
  /** Everything else that changes state. */
  change(request: Change): Promise<Recorded<ChangeAnswer>>;
  /** Ends the claims of owners that are gone as `UNKNOWN`. MUST NOT touch a claim of a live owner. */
  recover(request: RecoverRequest): Promise<Recorded<RecoverAnswer>>;
  /** Reads one thing as last committed. */
  read(query: Query): Promise<QueryAnswer>;
  /** Reads a bounded part of a list as last committed. MUST NOT keep a snapshot open between pages. */
  page(query: PageQuery): Promise<PageAnswer>;
  /**
   * Waits for something to happen: resolves once a step was committed since `mark`, whoever made it. MUST notice a step
   * of another process within 100 ms, and MUST resolve after `waitMs` at the latest. A null mark is answered at once.
   */
  watch(request: WatchRequest): Promise<WatchAnswer>;
  /**
   * Recomputes all that can be: the tree from the bytes of every event, every stored hash and checkpoint against it, and, where
   * `state` is asked for, every table against what the log comes to when it is replayed. MUST look at log and tables as of one
   * moment, MUST NOT hold the event loop for long, and MUST tell what is wrong in the answer and never by rejecting; for `keys`
   * that are none it rejects with a `TypeError`.
   */
  verify(request: VerifyRequest): Promise<VerifyAnswer>;
  /**
   * Opens again what stopped after an error of its disk. MUST verify the log first, and that it goes on from all that was
   * acknowledged; rejects, and stays as it is, where that does not hold or the disk still fails. Does nothing for one that works.
   * Absent: such a store has to be made anew.
   */
  reopen?(): Promise<void>;
  /** Finishes what was begun, then lets go of everything. Later verbs MUST reject with `store_closed`. */
  close(): Promise<void>;
}

/** A job as a claim carries it. */
export interface ClaimedJob {
  readonly tenantId: string;
  readonly id: string;
  readonly traceId: string;
  readonly hash: string;
  /** RFC 8785 text of the hashed fields. */
  readonly canonical: string;
  /** RFC 8785 text of the annotations. */
  readonly annotations: string;
  readonly salt: string;
  readonly commitment: string;
  /** True when the caller chose the id. */
  readonly named: boolean;
  /** Folded ids of the actor, whom it acts for, and who submits. */
  readonly requesters: readonly string[];
  /** Tenant and folded actor: whose requests are counted together. */
  readonly actorKey: string;
}

/** Bounds of the queue of requests. */
export interface QueueBounds {
  readonly maxPending: number;
  readonly maxPendingPerActor: number;
  /** At most `limit` new requests of one actor in any interval of `windowMs`. */
  readonly maxRequestsPerActor: { readonly limit: number; readonly windowMs: number };
}

/** What the gate concluded before it asked the store. */
export type Verdict =
  | { readonly kind: "permit" }
  | {
      readonly kind: "approve";
      /** The id of the request, should one be opened. */
      readonly approvalId: string;
      readonly fingerprint: string;
      readonly binding: ApprovalBinding;
      readonly requirements: readonly ApprovalRequirement[];
      readonly expiresInMs: number;
      readonly useWithinMs: number;
      readonly rejectionStandsMs: number;
      readonly queue: QueueBounds;
      /** Why approval is asked for. */
      readonly reason: Reason;
    }
  | { readonly kind: "refuse"; readonly status: "DENIED" | "THROTTLED"; readonly reason: Reason };

/** A limit with the bucket that this job falls into. */
export interface ClaimedLimit {
  readonly ruleId: string;
  /** What to say when it has no room. */
  readonly reason: string;
  readonly bucket: string;
  readonly limit: number;
  readonly windowMs: number;
}

/** A pool of which this job takes a place for as long as its function runs. */
export interface ClaimedPool {
  readonly ruleId: string;
  /** What to say when it has no room. */
  readonly reason: string;
  /** An integer of 0 or more. */
  readonly maxConcurrent: number;
}

export interface ClaimRequest {
  readonly now: number;
  /** The time that windows are told by, in milliseconds: it never goes back, stands still or jumps while a process lives. */
  readonly tick: number;
  /** Whether that time goes on while the step waits for its turn. Not where a test holds it still. */
  readonly ticks: boolean;
  /** Milliseconds the step may wait for its turn. */
  readonly waitMs: number;
  readonly owner: string;
  /** The epoch the decision was made under. */
  readonly epoch: number;
  readonly snapshot: string;
  /** `evaluate` decides, records and opens an approval, but claims nothing. */
  readonly intent: "dispatch" | "evaluate";
  /** False: no request is opened but in place of one that no longer holds. A job without one is answered as it stands. */
  readonly opens: boolean;
  readonly job: ClaimedJob;
  readonly dispatcher: string;
  readonly approvalKey: string;
  /** The tags that the decision counts with beside the declared ones; null when they could not be had. */
  readonly derivedTags: readonly string[] | null;
  readonly verdict: Verdict;
  readonly limits: readonly ClaimedLimit[];
  readonly pools: readonly ClaimedPool[];
  /** JSON text of the decision. */
  readonly decision: string | null;
  /** JSON text of the limits that the run will be held to. */
  readonly constraints: string;
  /** What every event of this job says. */
  readonly facts: EventFacts;
  /**
   * Refusals that are not to be written where they change nothing else: `code rule_id`, or all. MUST answer as it would have, with
   * `counted`.
   */
  readonly counted: readonly string[] | "all";
  /** Made before the lock is taken; used when no approval stands behind the job. */
  readonly dispatching: SealedEvent | null;
}

export type ClaimAnswer =
  | {
      readonly status: "claimed";
      readonly job: JobRow;
      readonly approval: ApprovalRow | null;
      /** The time of the places that it took in rate limits. */
      readonly takenAt: number;
    }
  | { readonly status: "ready"; readonly job: JobRow; readonly approval: ApprovalRow | null }
  | { readonly status: "pending"; readonly job: JobRow; readonly approval: ApprovalRow }
  | {
      readonly status: "throttled";
      readonly job: JobRow;
      /** Null: waiting does not help. */
      readonly retryAfterMs: number | null;
      readonly approval: ApprovalRow | null;
      readonly counted?: true;
    }
  | {
      readonly status: "refused";
      readonly job: JobRow;
      readonly approval: ApprovalRow | null;
      readonly counted?: true;
    }
  | {
      readonly status: "finished" | "running";
      readonly job: JobRow;
      readonly approval: ApprovalRow | null;
      /** The recorded output, where one was kept. */
      readonly output: string | null;
    }
  | { readonly status: "id_reused"; readonly counted?: true }
  /** Another policy is in force: adopt it (`read` it) and decide again. Nothing was done. */
  | { readonly status: "policy_changed" }
  /** Tags were derived for this content before that the decision did not count with: decide with these. Nothing was done. */
  | { readonly status: "tags_known"; readonly derivedTags: readonly string[] };

export interface SettleRequest {
  readonly now: number;
  readonly waitMs: number;
  readonly owner: string;
  readonly tenantId: string;
  readonly jobId: string;
  /** The status to record; null for a late result, which changes nothing but the record. */
  readonly status: OutcomeStatus | null;
  readonly reason: Reason;
  readonly result: string | null;
  /** True once the function has really ended: then its places in pools are free again. */
  readonly ended: boolean;
  readonly vault: readonly VaultRow[];
  readonly event: SealedEvent;
}

export type SettleAnswer = { readonly status: "settled" } | { readonly status: "not_claimed" };

/** Who votes. It comes from the host, never from an agent. */
export interface Approver {
  readonly id: string;
  /** The id folded. */
  readonly key: string;
  readonly kind: "human" | "service";
  readonly roles: readonly string[];
  /** Tenants whose jobs this person may decide; null for all. */
  readonly tenants: readonly string[] | null;
  readonly assurance: VoteAssurance;
}

/** A person's words, with the commitment that the log holds in their place. */
export interface Note {
  readonly text: string;
  readonly salt: string;
  readonly commitment: string;
}

/** What a gate decides of the job now. */
export interface DecidedAnew {
  readonly epoch: number;
  readonly snapshot: string;
  /** Null when approval is not what the policy asks for now. */
  readonly fingerprint: string | null;
  readonly derivedTags: readonly string[];
  readonly binding: ApprovalBinding;
}

export interface VoteRequest {
  readonly now: number;
  readonly waitMs: number;
  readonly approvalId: string;
  readonly vote: "approve" | "reject";
  /** `"approved"`: only a request that is approved already is voted on. */
  readonly on: "open" | "approved";
  readonly approver: Approver;
  /** The view that was shown; null for a vote on whatever stands there. */
  readonly view: string | null;
  /** What the policy in force says of the job, for a vote that approves; null from one who cannot decide it. */
  readonly decided: DecidedAnew | null;
  readonly note: Note | null;
}

/** Why a vote does not count. */
export type VoteRefusal =
  | "unknown"
  | "resolved"
  | "expired"
  | "view_mismatch"
  | "not_approved"
  | "not_rejected"
  /** What was asked is no longer what the policy asks: decide the job again, which puts another request in its place. */
  | "stale"
  | "is_requester"
  | "tenant_mismatch"
  | "not_eligible"
  | "view_required"
  | "already_voted"
  | "not_requester";

export type VoteAnswer =
  | { readonly status: "voted"; readonly approval: ApprovalRow }
  | { readonly status: VoteRefusal; readonly approval: ApprovalRow | null }
  /** Another policy is in force, or tags are known that were not counted with: look again and decide again. */
  | { readonly status: "policy_changed" };

/** What a gate did while its store was away, in the words of the store. */
export type Spooled =
  | {
      readonly kind: "claim";
      readonly row: JobRow;
      readonly vault: readonly VaultRow[];
      readonly event: SealedEvent;
    }
  | { readonly kind: "settle"; readonly request: SettleRequest };

/** What the windows of one machine are told by, from one start of it to the next. */
export interface Ticks {
  /** The same for all processes that read one monotonic clock. */
  readonly boot: string;
  /** What that clock reads, in whole milliseconds. */
  readonly reading: number;
  /** What to add to it for the time since 1970, as far as this process knows: whoever is first says it for all. */
  readonly offset: number;
}

/** A change of state that is neither claim, settle nor vote. */
export type Change = { readonly now: number; readonly waitMs: number } & (
  | { readonly kind: "open"; readonly owner: OwnerRow; readonly ticks: Ticks | null; readonly facts: EventFacts }
  | { readonly kind: "renew"; readonly owner: OwnerRow }
  /** `lingers`: the owner as it stays, for functions that hold places in pools and run on. */
  | { readonly kind: "leave"; readonly owner: string; readonly lingers: OwnerRow | null; readonly facts: EventFacts }
  /** Raises the epoch unless this very snapshot is active already. */
  | { readonly kind: "activate"; readonly snapshot: string; readonly document: string; readonly facts: EventFacts }
  /** Turns the switch that stops every claim on the store: from then on, until it is turned back, none is made. */
  | {
      readonly kind: "halt";
      readonly halted: boolean;
      readonly by: string;
      readonly reason: string;
      readonly abort: HaltRow["abort"];
      readonly facts: EventFacts;
    }
  /** Appends one event that changes no other state. */
  | { readonly kind: "note"; readonly type: EventType; readonly facts: EventFacts }
  /** Asks, before a further attempt, whether policy and claim still stand: `not_claimed` when others gave the claim up. */
  | {
      readonly kind: "retry";
      readonly epoch: number;
      readonly tenantId: string;
      readonly jobId: string;
      readonly owner: string;
      readonly event: SealedEvent;
    }
  /**
   * Gives up a claim whose function was never called, and never will be: MUST give back its approval, its places and its slots.
   * `not_claimed` for a claim that is not the owner's.
   */
  | {
      readonly kind: "abandon";
      readonly tenantId: string;
      readonly jobId: string;
      readonly owner: string;
      /** The places in rate limits that the claim took. */
      readonly taken: { readonly buckets: readonly string[]; readonly at: number };
      readonly reason: Reason;
      readonly facts: EventFacts;
    }
  /** Settles a job that is `UNKNOWN`, by what the host found out. `not_claimed` for any other, and while its owner lives. */
  | {
      readonly kind: "reconcile";
      readonly tenantId: string;
      readonly jobId: string;
      /** Who asks. */
      readonly owner: string;
      readonly happened: boolean;
      readonly facts: EventFacts;
    }
  /** Takes over what a gate did while the store was away. MUST leave alone what it took before. */
  | {
      readonly kind: "spooled";
      /** At most 64. */
      readonly entries: readonly Spooled[];
      /** With the last of them: how long the store was away, and what came of it. */
      readonly ended: EventFacts | null;
    }
  /** Records what has lapsed: at most `limit` requests in one step. */
  | { readonly kind: "expire"; readonly limit: number }
  /** Takes a job that waits out of its request, and ends the request when no other waits for it. */
  | {
      readonly kind: "cancel";
      readonly approvalId: string;
      readonly tenantId: string;
      readonly jobId: string;
      readonly by: { readonly id: string; readonly key: string };
      readonly note: Note | null;
    }
  /**
   * Spends a permit: `spent` when it was spent before and is remembered, which it MUST be until `expiresAt`. Either is
   * recorded.
   */
  | { readonly kind: "spend"; readonly permitId: string; readonly expiresAt: number; readonly facts: EventFacts }
  /** Lets a rejection stand no longer. */
  | {
      readonly kind: "lift";
      readonly approvalId: string;
      readonly approver: Approver;
      readonly note: Note | null;
    }
  /**
   * Takes away the private values of a job, with their salts and its hash: MUST leave no copy of them in what it keeps, but
   * for what a crash-safe store clears at its next checkpoint. MUST refuse while the job is open.
   */
  | {
      readonly kind: "erase";
      readonly tenantId: string;
      readonly jobId: string;
      /** False: what copies are left is cleared by an erasure that follows. */
      readonly clear?: boolean;
      /** Whether what is kept may be written anew for that, however long it takes. Default: where it takes no more than a second or so. */
      readonly compact?: boolean;
      readonly facts: EventFacts;
    }
  /** Keeps what was signed of the log. MUST refuse a root that is not the tree's at that size. Appends no event. */
  | {
      readonly kind: "checkpoint";
      readonly size: number;
      /** Standard base64. */
      readonly root: string;
      readonly note: string;
    }
  /** Delivers an output that was withheld: MUST answer it once, and only once that is durable. */
  | {
      readonly kind: "release";
      readonly tenantId: string;
      readonly jobId: string;
      readonly approver: Approver;
      /** The view that was shown. */
      readonly view: string;
      readonly note: Note | null;
    }
);

/** Why an output is not released. */
export type ReleaseRefusal =
  | "unknown"
  | "not_quarantined"
  /** Nothing of it is kept, or it was erased. */
  | "not_kept"
  /** What is kept is not what was withheld. */
  | "damaged"
  /** It was delivered before. */
  | "released"
  | "view_mismatch"
  | "is_requester"
  | "tenant_mismatch"
  | "not_eligible";

export type ReleaseAnswer =
  /** `output` is its recorded form, which `decodeOutput` reads. */
  | { readonly status: "delivered"; readonly job: JobRow; readonly output: string }
  | { readonly status: ReleaseRefusal; readonly job: JobRow | null };

/** Why nothing is erased. */
export type EraseRefusal =
  | "unknown"
  /** The job runs or waits, its request is open, or others are left waiting for that. */
  | "open"
  /** A rejection of it still stands, and would stand no more. */
  | "rejected";

export type ChangeAnswer =
  | {
      readonly status: "done";
      readonly active: PolicyHead | null;
      /** `open`: what to add to the monotonic clock, for this and every other process on this boot. */
      readonly tickOffset?: number;
      /** The request that was changed, where one was. */
      readonly approval?: ApprovalRow;
    }
  | { readonly status: "policy_changed" }
  /** The claim is not the owner's any more, or the job does not run. */
  | { readonly status: "not_claimed" }
  /** `retry`: claims are stopped, and so are further attempts. */
  | { readonly status: "halted" }
  /** The permit was spent before. */
  | { readonly status: "spent" }
  /** `values`: how many were erased now. `cleared`: whether no copy of them is left in the store's own files. */
  | { readonly status: "erased"; readonly values: number; readonly cleared: boolean }
  | { readonly status: "not_erased"; readonly refusal: EraseRefusal }
  /** What was signed is not what the log is. Nothing was kept. */
  | { readonly status: "head_changed" }
  | { readonly status: VoteRefusal; readonly approval: ApprovalRow | null }
  | ReleaseAnswer;

export interface WatchRequest {
  /** The answer of the last call; null for the first. */
  readonly mark: string | null;
  readonly waitMs: number;
}

export interface WatchAnswer {
  readonly mark: string;
}

export interface RecoverRequest {
  readonly now: number;
  readonly waitMs: number;
  /** Owners known to be gone, whatever their lease says. */
  readonly gone: readonly string[];
  /** Never recovered: the caller's own. */
  readonly owner: string;
}

export interface RecoverAnswer {
  /** Jobs that became `UNKNOWN`. */
  readonly jobs: readonly { readonly tenantId: string; readonly id: string; readonly traceId: string }[];
}

export type Query =
  | { readonly kind: "policy" }
  | { readonly kind: "policy_head" }
  /** The highest time that any event carries; 0 in an empty store. */
  | { readonly kind: "time" }
  | { readonly kind: "owners" }
  /** Whether claims are stopped: the last turn of the switch. */
  | { readonly kind: "halt" }
  | { readonly kind: "job"; readonly id: string; readonly tenantId: string | null }
  | { readonly kind: "approval"; readonly id: string }
  /** How these requests stand. Unknown ids are left out. At most 1,000 ids. */
  | { readonly kind: "approval_marks"; readonly ids: readonly string[] }
  /** Jobs that wait for a request, oldest first. */
  | { readonly kind: "waiting"; readonly approvalId: string; readonly limit: number }
  | { readonly kind: "approval_stats"; readonly now: number; readonly since: number; readonly tenantId: string | null }
  | { readonly kind: "approval_of"; readonly jobId: string; readonly tenantId: string | null }
  /** The job whose output was withheld under this id. */
  | { readonly kind: "quarantine"; readonly id: string }
  /** All jobs of that id, with what is kept of what was withheld of them. */
  | { readonly kind: "quarantine_of"; readonly jobId: string; readonly tenantId: string | null }
  /** The head of the log's Merkle tree (RFC 6962). */
  | { readonly kind: "tree" }
  /** One event, with the proof that it stands in the tree of that size. */
  | { readonly kind: "inclusion"; readonly seq: number; readonly size: number }
  /** The proof that the tree of one size begins with that of another, 1 or more. */
  | { readonly kind: "consistency"; readonly from: number; readonly to: number }
  /** The smallest checkpoint of that size or more; null: the largest of all. */
  | { readonly kind: "checkpoint"; readonly size: number | null }
  /** A policy that was in force, by its snapshot. */
  | { readonly kind: "policy_of"; readonly snapshot: string }
  /** The private values of one job with their salts: what opens the commitments of its events. */
  | { readonly kind: "values"; readonly tenantId: string; readonly jobId: string };

export interface QueryAnswer {
  readonly policy?: ActivePolicy | null;
  readonly head?: PolicyHead | null;
  readonly at?: number;
  readonly owners?: readonly OwnerRow[];
  readonly halt?: HaltRow | null;
  /** All jobs of that id: more than one when several tenants used it. */
  readonly jobs?: readonly StoredJob[];
  readonly approvals?: readonly StoredApproval[];
  readonly quarantines?: readonly StoredQuarantine[];
  readonly marks?: readonly ApprovalMark[];
  readonly stats?: ApprovalCounts;
  readonly tree?: StoredHead;
  readonly event?: LoggedEvent | null;
  readonly proof?: StoredProof | null;
  readonly checkpoint?: CheckpointRow | null;
  readonly values?: readonly VaultRow[];
}

/** The head of the log at one size; the root in standard base64. */
export interface StoredHead {
  readonly size: number;
  readonly root: string;
}

/** Hashes in standard base64, from the leaf's side to the root's, and the roots that they lead to. */
export interface StoredProof {
  /** `consistency`: the root of the smaller tree. */
  readonly fromRoot?: string;
  readonly root: string;
  readonly hashes: readonly string[];
}

/** How a request stands, and when it lapses. */
export type ApprovalMark = Pick<ApprovalRow, "id" | "tenantId" | "state" | "decidedAt" | "useWithinMs" | "expiresAt">;

/** What a store counts of its requests. */
export interface ApprovalCounts {
  /** Pending and not lapsed. */
  readonly pending: number;
  /** Since when the oldest of them stands in the queue. */
  readonly oldest: number | null;
  /** Approved, neither used nor lapsed. */
  readonly approved: number;
  /** Decided by votes since the beginning of the window. */
  readonly decided: number;
  /** Lapsed since the beginning of the window, recorded or not. */
  readonly expired: number;
  /** Milliseconds from queue to decision of those that votes decided in the window, the latest 10,000. */
  readonly decisionMs: readonly number[];
}

/** A job with its private values. */
export interface StoredJob {
  readonly row: JobRow;
  readonly approval: ApprovalRow | null;
  readonly vault: ReadonlyMap<VaultKind, string>;
}

/** An approval with its votes and the private values of its job. */
export interface StoredApproval {
  readonly row: ApprovalRow;
  readonly votes: readonly VoteRow[];
  readonly vault: ReadonlyMap<VaultKind, string>;
  /** The request it took the place of. */
  readonly before: ApprovalRow | null;
  /** The oldest checkpoint that covers the event that opened it; null until the log is signed. */
  readonly checkpoint: CheckpointRow | null;
}

/** A job with what is kept of its withheld output. */
export interface StoredQuarantine {
  readonly row: JobRow;
  readonly approval: ApprovalRow | null;
  readonly kept: KeptValue | null;
}

export type PageQuery = { readonly after: string | null /** 1 to 1,000. */; readonly limit: number } /**
 * A page may hold fewer events than its limit, or none, and still have a next one: a store looks at a bounded part of the
 * log for each.
 */ & (
  | { readonly kind: "events"; readonly filter?: EventFilter }
  | { readonly kind: "checkpoints" }
  | { readonly kind: "timeline"; readonly traceId: string }
  | { readonly kind: "jobs"; readonly status: OutcomeStatus | null; readonly tenantId: string | null }
  /** Jobs of which nobody knows how they ended. */
  | { readonly kind: "unknown" }
  | { readonly kind: "approvals"; readonly states: readonly ApprovalState[]; readonly tenantId: string | null }
  /** Jobs of these dispatchers that are left waiting for a request that ended without another in its place, oldest first. */
  | { readonly kind: "released"; readonly dispatchers: readonly string[] }
);

/** Which events are asked for: those that meet all that is given. */
export interface EventFilter {
  readonly types?: readonly EventType[];
  /**
   * Milliseconds since 1970-01-01T00:00:00Z, the first included, the last not. By the time of the log, which never goes back:
   * the latest that any event said so far.
   */
  readonly from?: number;
  readonly to?: number;
  readonly traceId?: string;
  readonly jobId?: string;
  readonly approvalId?: string;
  readonly tenantId?: string;
  /** Who acted, or whom for. */
  readonly actorId?: string;
  readonly topic?: string;
  /** The rule that decided. */
  readonly ruleId?: string;
  /** An outcome's status. */
  readonly status?: string;
}

/** One event of the log. */
export interface LoggedEvent {
  /** Position in the log, from 1, without gaps. */
  readonly seq: number;
  readonly type: EventType;
  readonly at: number;
  readonly traceId: string | null;
  readonly approvalId: string | null;
  /** The exact bytes' text. */
  readonly text: string;
  /** The same, parsed. */
  readonly body: JsonObject;
}

export interface PageAnswer {
  readonly events?: readonly LoggedEvent[];
  readonly jobs?: readonly StoredJob[];
  readonly approvals?: readonly StoredApproval[];
  readonly checkpoints?: readonly CheckpointRow[];
  /** Give it as `after` for the next page; null at the end. */
  readonly next: string | null;
}
