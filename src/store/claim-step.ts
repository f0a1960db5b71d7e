import { type EventFacts, reasonFacts, type SealedEvent, sealEvent } from "../evidence/event.js";
import type { OutcomeStatus, Reason, ReasonCode } from "../outcome.js";
import { expiryOf, isOpen, isReleased, isWaiting, union, waitsFor } from "./approval-state.js";
import type { ClaimAnswer, ClaimRequest } from "./port.js";
import type { ApprovalRow, JobRow, Judgement, PolicyHead, VoteRow, Write } from "./rows.js";

/** What a store loads, inside the transaction, for one claim. */
export interface ClaimView {
  readonly active: PolicyHead | null;
  /** Whether claims are stopped. */
  readonly halted: boolean;
  /** The job of that tenant and id. */
  readonly job: JobRow | null;
  /** The request that `job` waits on or consumed. */
  readonly jobApproval: ApprovalRow | null;
  /** The recorded output of `job`. */
  readonly output: string | null;
  /**
   * The open request of the same approval key. Where there is none: the latest, if one may be asked for; else, for a job
   * without an id of its own, the latest if it was released.
   */
  readonly approval: ApprovalRow | null;
  /** The job that waits longest for `approval`. */
  readonly firstWaiting: JobRow | null;
  /** The votes on `approval`, where it is open. */
  readonly votes: readonly VoteRow[];
  /** Where `approval` is not null, the highest time that any event carries; else 0. */
  readonly loggedAt: number;
  /** Where a request may have to be opened: how full the queue is. */
  readonly queue: QueueView | null;
  /** For each limit of the request, the time of its latest place and of its `limit`-th latest, or null. */
  readonly places: readonly { readonly latest: number | null; readonly nth: number | null }[];
  /** Whole milliseconds that the step waited for its turn. */
  readonly waitedMs: number;
  /** For each pool of the request, how many live owners hold a place in it. */
  readonly held: readonly number[];
}

/** Whether a store must load the queue for a claim: a request may have to be opened, and there is none to join. */
export function looksAtQueue(
  { verdict, opens, now }: ClaimRequest,
  { approval, job, loggedAt }: Pick<ClaimView, "approval" | "job" | "loggedAt">,
): boolean {
  if (verdict.kind !== "approve" || !(opens || (job !== null && isWaiting(job)))) return false;
  return !isOpen(approval) || Math.max(now, loggedAt) >= expiryOf(approval);
}

/** How full the queue of requests is, as far as one more request looks at it. */
export interface QueueView {
  /** Pending and not lapsed, of everybody. */
  readonly pending: number;
  /** The same of the actor. */
  readonly pendingOfActor: number;
  /** When the actor's `limit`-th latest request within the window was opened, or null. */
  readonly nthRequestAt: number | null;
}

/** One claim on its way: which job it is, and what it will write. */
export interface Claim {
  readonly request: ClaimRequest;
  readonly view: ClaimView;
  /** No earlier than what is logged already: a request does not come back to life when a clock is behind. */
  readonly now: number;
  /** The job's row as it will stand, before its status is known. */
  readonly row: JobRow;
  readonly facts: EventFacts;
  /** The job as the store holds it already, with its private values. */
  readonly before: JobRow | null;
  /** The request that it waits on, or did. */
  readonly waitsOn: ApprovalRow | null;
  readonly writes: Write[];
}

/** Says which job a submission is. */
export function begin(request: ClaimRequest, view: ClaimView): Claim {
  const { job } = request;
  const before = adoptedBy(request, view) ?? view.job;
  const row: JobRow = {
    tenantId: job.tenantId,
    id: before?.id ?? job.id,
    traceId: before?.traceId ?? job.traceId,
    hash: job.hash,
    status: "DENIED",
    owner: null,
    dispatcher: request.dispatcher,
    approvalId: before?.approvalId ?? null,
    decision: request.decision,
    reason: { code: "internal_error", message: "not judged" },
    constraints: null,
    result: null,
    commitment: before?.commitment ?? job.commitment,
    requesters: before?.requesters ?? null,
    createdAt: before?.createdAt ?? request.now,
    updatedAt: request.now,
    erasedAt: null,
    degraded: false,
  };
  const facts =
    before === null
      ? request.facts
      : { ...request.facts, job_id: row.id, trace_id: row.traceId, job: row.commitment, submitted_as: job.id };
  const waitsOn = before?.approvalId === view.approval?.id ? view.approval : view.jobApproval;
  return { request, view, now: Math.max(request.now, view.loggedAt), row, facts, before, waitsOn, writes: [] };
}

/** Everybody who ever asked for this job. */
export function askersOf({ before, request }: Claim): readonly string[] {
  return union(before?.requesters ?? [], request.job.requesters);
}

/** True for a job that is left waiting for a request that ended without another in its place. */
export function isLeftWaiting({ before, waitsOn }: Claim): boolean {
  return before !== null && before.owner === null && isWaiting(before) && isReleased(waitsOn);
}

/** Without an id of its own, an equal submission *is* the job that waits: for the open request, or for one released. */
function adoptedBy({ job }: ClaimRequest, { approval, firstWaiting }: ClaimView): JobRow | null {
  if (job.named || !(isOpen(approval) || isReleased(approval))) return null;
  return waitsFor(firstWaiting, approval.id) ? firstWaiting : null;
}

/** Puts the job's row as it now stands and, the first time, its private values beside it. */
export function put(
  claim: Claim,
  change: {
    readonly status: OutcomeStatus;
    readonly reason: Reason;
    readonly owner?: string;
    readonly constraints?: string;
    readonly approvalId?: string | null;
    readonly requesters?: readonly string[];
    readonly result?: string;
  },
): JobRow {
  const row: JobRow = { ...claim.row, ...change };
  claim.writes.push({ to: "jobs", row });
  if (claim.before !== null) return row;
  const { tenantId, id: jobId, canonical, annotations, salt } = claim.request.job;
  claim.writes.push({ to: "vault", row: { tenantId, jobId, kind: "job", salt, value: canonical } });
  if (annotations !== "{}") {
    claim.writes.push({ to: "vault", row: { tenantId, jobId, kind: "annotations", salt, value: annotations } });
  }
  return row;
}

/** True for a refusal that is not written: one of many, and nothing else changes with it. */
export function isOnlyCounted(
  { request: { counted }, before, writes }: Claim,
  reason: Reason,
  status: OutcomeStatus,
  waits: boolean,
): boolean {
  if (!isCounted(counted, reason) || writes.length > 0) return false;
  if (before === null || waits) return true;
  return before.owner === null && before.status === status && before.reason.code === reason.code;
}

export function isCounted(counted: ClaimRequest["counted"], { code, ruleId = "" }: Reason): boolean {
  return counted === "all" || counted.includes(`${code} ${ruleId}`);
}

/** Why the policy itself says no. */
export const POLICY_REFUSALS: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "rule_matched",
  "no_rule_matched",
  "condition_error",
  "tags_refused",
]);

/** Refusals that another request of the same content is the cause of. */
const BY_REQUEST: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["approval_rejected", "approval_conflict"]);

export function append(claim: Claim, event: SealedEvent): void {
  claim.writes.push({ to: "events", event });
}

/**
 * Refuses the job and records it. A job that waits on a request that is open goes on waiting, and so does one that is left
 * waiting, unless the policy or a reviewer says no: its row stays as it is.
 */
export function refuse(
  claim: Claim,
  refusal: {
    readonly status: "DENIED" | "THROTTLED";
    readonly reason: Reason;
    readonly approval: ApprovalRow | null;
  },
): Judgement<ClaimAnswer> {
  const { status, reason, approval } = refusal;
  const waits = isOpen(approval)
    ? waitsFor(claim.before, approval.id)
    : isLeftWaiting(claim) && reason.code !== "approval_rejected" && !POLICY_REFUSALS.has(reason.code);
  if (isOnlyCounted(claim, reason, status, waits)) {
    return {
      answer: { status: "refused", job: { ...claim.row, status, reason }, approval, counted: true },
      writes: [],
    };
  }
  const row = waits ? { ...claim.row, status, reason } : put(claim, { status, reason });
  // Which request stands behind the refusal; it is not this job's own, so its story is not told in this trace.
  const behind = approval !== null && BY_REQUEST.has(reason.code) ? { behind: approval.id } : {};
  const stands = waits ? (claim.before?.status ?? null) : status;
  // Where its row stays as it is the event says so: the reason is not what the row holds.
  const stays = waits ? { waits: true } : {};
  const facts = { ...claim.facts, ...behind, ...stays, reason: reasonFacts(reason), status: stands };
  append(claim, sealEvent("job.refused", claim.now, facts));
  return { answer: { status: "refused", job: row, approval }, writes: claim.writes };
}
