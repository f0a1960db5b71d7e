import { type EventFacts, reasonFacts, type SealedEvent, sealEvent } from "../evidence/event.js";
import type { OutcomeStatus, Reason, ReasonCode } from "../outcome.js";
import { expiryOf, isOpen, resolve } from "./approval-state.js";
import type { ClaimAnswer, ClaimRequest } from "./port.js";
import { roomIn } from "./room.js";
import type { ApprovalRow, JobRow, Judgement, PolicyHead, Write } from "./rows.js";

/** What a store loads, inside the transaction, for one claim. */
export interface ClaimView {
  readonly active: PolicyHead | null;
  /** The job of that tenant and id. */
  readonly job: JobRow | null;
  /** The request that `job` waits on or consumed. */
  readonly jobApproval: ApprovalRow | null;
  /** The recorded output of `job`. */
  readonly output: string | null;
  /** The open request of the same approval key; where there is none and one may be asked for, the latest. */
  readonly approval: ApprovalRow | null;
  /** The job that opened `approval`. */
  readonly approvalJob: JobRow | null;
  /** For each limit of the request, the time of its `limit`-th latest place, or null. */
  readonly places: readonly (number | null)[];
}

/**
 * Decides one claim. Either everything the job needs is taken (approval, places, the intent itself), or nothing is
 * and the refusal is recorded. Pure: the store applies `writes` in the transaction that loaded `view`.
 */
export function judgeClaim(request: ClaimRequest, view: ClaimView): Judgement<ClaimAnswer> {
  const known = view.job;
  if (known !== null && known.hash !== request.job.hash) return reused(request);
  if (known !== null && known.owner !== null) {
    const status = known.status === "RUNNING" ? "running" : "finished";
    return { answer: { status, job: known, approval: view.jobApproval, output: view.output }, writes: [] };
  }
  if (view.active?.epoch !== request.epoch || view.active.snapshot !== request.snapshot) {
    return { answer: { status: "policy_changed" }, writes: [] };
  }

  const claim = begin(request, view);
  switch (request.verdict.kind) {
    case "refuse":
      return refuse(claim, request.verdict.status, request.verdict.reason);
    case "permit":
      return take(claim, null);
    case "approve":
      return approve(claim);
  }
}

/** One claim on its way: which job it is, and what it will write. */
interface Claim {
  readonly request: ClaimRequest;
  readonly view: ClaimView;
  /** The request as it stands now. */
  readonly approval: ApprovalRow | null;
  readonly now: number;
  /** The job's row as it will stand, before its status is known. */
  readonly row: JobRow;
  readonly facts: EventFacts;
  /** True when the store holds the job already, with its private values. */
  readonly stored: boolean;
  readonly writes: Write[];
}

function begin(request: ClaimRequest, view: ClaimView): Claim {
  const { job, now } = request;
  const writes: Write[] = [];
  const approval = current(request, view.approval, now, writes);
  // Without an id of its own, an equal submission *is* the job whose request is open.
  const adopted = !job.named && isOpen(approval) && view.approvalJob?.owner === null ? view.approvalJob : null;
  const before = adopted ?? view.job;
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
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  };
  const facts =
    before === null
      ? request.facts
      : { ...request.facts, job_id: row.id, trace_id: row.traceId, job: row.commitment, submitted_as: job.id };
  return { request, view, approval, now, row, facts, stored: before !== null, writes };
}

/** The request as it stands now: what has lapsed or was asked under another policy is ended on the way. */
function current(
  request: ClaimRequest,
  approval: ApprovalRow | null,
  now: number,
  writes: Write[],
): ApprovalRow | null {
  if (approval === null || !isOpen(approval)) return approval;
  if (now >= expiryOf(approval)) return resolve(approval, "expired", null, now, writes);
  const { verdict } = request;
  const stale =
    verdict.kind === "approve"
      ? approval.snapshot !== request.snapshot || approval.fingerprint !== verdict.fingerprint
      : verdict.kind === "permit" || isPolicyRefusal(verdict.reason);
  return stale ? resolve(approval, "superseded", null, now, writes) : approval;
}

/** Why the policy itself says no; a fault on the way says nothing about a request that is open. */
const POLICY_REFUSALS: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "rule_matched",
  "no_rule_matched",
  "condition_error",
  "tags_refused",
]);

function isPolicyRefusal(reason: Reason): boolean {
  return POLICY_REFUSALS.has(reason.code);
}

function reused(request: ClaimRequest): Judgement<ClaimAnswer> {
  const reason: Reason = { code: "job_id_reused", message: "the job id was used for other content" };
  const event = sealEvent("job.refused", request.now, { ...request.facts, reason: reasonFacts(reason) });
  return { answer: { status: "id_reused" }, writes: [{ to: "events", event }] };
}

function refuse(claim: Claim, status: "DENIED" | "THROTTLED", reason: Reason): Judgement<ClaimAnswer> {
  // A fault on the way ends nothing: a job that waits on an open request goes on waiting for it.
  const waits = claim.view.job?.status === "PENDING_APPROVAL" && isOpen(claim.approval);
  const row = waits && !isPolicyRefusal(reason) ? { ...claim.row, status, reason } : put(claim, { status, reason });
  append(claim, sealEvent("job.refused", claim.now, { ...claim.facts, reason: reasonFacts(reason) }));
  return { answer: { status: "refused", job: row, approval: claim.approval }, writes: claim.writes };
}

function approve(claim: Claim): Judgement<ClaimAnswer> {
  const { approval } = claim;
  if (approval?.state === "approved") return take(claim, approval);
  if (approval?.state === "pending") return join(claim, approval);
  if (approval?.state === "rejected" && claim.now < (approval.resolvedAt ?? 0) + approval.rejectionStandsMs) {
    const reason: Reason = { code: "approval_rejected", message: "a reviewer rejected this content" };
    return refuse(claim, "DENIED", reason);
  }
  return ask(claim);
}

function ask(claim: Claim): Judgement<ClaimAnswer> {
  const { request, now, row } = claim;
  if (request.verdict.kind !== "approve") throw new TypeError("only an approve verdict opens a request");
  const { verdict } = request;
  const approval: ApprovalRow = {
    id: verdict.approvalId,
    key: request.approvalKey,
    tenantId: row.tenantId,
    jobId: row.id,
    traceId: row.traceId,
    jobHash: row.hash,
    snapshot: request.snapshot,
    fingerprint: verdict.fingerprint,
    dispatcher: request.dispatcher,
    state: "pending",
    requirements: verdict.requirements,
    requesters: [...new Set(request.job.requesters)],
    decision: request.decision ?? "null",
    requestedAt: now,
    expiresAt: now + verdict.expiresInMs,
    useWithinMs: verdict.useWithinMs,
    rejectionStandsMs: verdict.rejectionStandsMs,
    resolvedAt: null,
    resolvedBy: null,
  };
  claim.writes.push({ to: "approvals", row: approval });
  const asked = { ...claim.facts, approval_id: approval.id, expires_at: approval.expiresAt };
  append(claim, sealEvent("approval.requested", now, asked));
  return pending(claim, approval);
}

function join(claim: Claim, approval: ApprovalRow): Judgement<ClaimAnswer> {
  const requesters = [...new Set([...approval.requesters, ...claim.request.job.requesters])];
  const joined: ApprovalRow = { ...approval, requesters };
  if (requesters.length !== approval.requesters.length) claim.writes.push({ to: "approvals", row: joined });
  if (claim.row.approvalId !== approval.id) {
    append(claim, sealEvent("approval.joined", claim.now, { ...claim.facts, approval_id: approval.id }));
  }
  return pending(claim, joined);
}

function pending(claim: Claim, approval: ApprovalRow): Judgement<ClaimAnswer> {
  const { verdict } = claim.request;
  if (verdict.kind !== "approve") throw new TypeError("only an approve verdict waits");
  const row = put(claim, { status: "PENDING_APPROVAL", reason: verdict.reason, approvalId: approval.id });
  return { answer: { status: "pending", job: row, approval }, writes: claim.writes };
}

/** Takes all that the job needs, or nothing: the approval stays unused when a limit has no room. */
function take(claim: Claim, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  const { request, now, view } = claim;
  const waits = request.limits.map((limit, index) => roomIn(limit.windowMs, view.places[index] ?? null, now));
  const retryAfterMs = Math.max(0, ...waits);
  if (retryAfterMs > 0) return throttle(claim, waits.indexOf(retryAfterMs), retryAfterMs, approval);
  if (request.intent === "evaluate") return ready(claim, approval);

  for (const { bucket, windowMs } of request.limits) {
    claim.writes.push({ to: "limits", bucket, at: now, keepAfter: now - windowMs });
  }
  const reason: Reason = { code: "job_running", message: "the job is running" };
  const row = put(claim, {
    status: "RUNNING",
    reason,
    owner: request.owner,
    constraints: request.constraints,
    approvalId: approval?.id ?? claim.row.approvalId,
  });
  append(claim, dispatchingEvent(claim, approval));
  const used = approval === null ? null : consume(claim, approval);
  return { answer: { status: "claimed", job: row, approval: used }, writes: claim.writes };
}

function dispatchingEvent(claim: Claim, approval: ApprovalRow | null): SealedEvent {
  const { request, now } = claim;
  if (request.dispatching !== null && approval === null && !claim.stored) return request.dispatching;
  const approved = approval === null ? {} : { approval_id: approval.id };
  return sealEvent("job.dispatching", now, { ...claim.facts, ...approved });
}

/** An approval is used once: with the claim, whatever else waited for it ends. */
function consume(claim: Claim, approval: ApprovalRow): ApprovalRow {
  const used: ApprovalRow = { ...approval, state: "consumed" };
  claim.writes.push({ to: "approvals", row: used });
  claim.writes.push({
    to: "waiting",
    approvalId: approval.id,
    except: { tenantId: claim.row.tenantId, id: claim.row.id },
    reason: { code: "approval_used", message: "the approval was used by an equal job" },
    at: claim.now,
  });
  return used;
}

function throttle(
  claim: Claim,
  index: number,
  retryAfterMs: number,
  approval: ApprovalRow | null,
): Judgement<ClaimAnswer> {
  const limit = claim.request.limits[index];
  const reason: Reason = {
    code: "rate_limited",
    message: limit?.reason ?? "",
    ...(limit === undefined ? {} : { ruleId: limit.ruleId }),
  };
  const result = JSON.stringify({ retryAfterMs });
  // A job that holds an approval keeps it unused, and waits for room with it.
  const approvalId = approval?.id ?? claim.row.approvalId;
  const row = put(claim, { status: "THROTTLED", reason, result, approvalId });
  const facts = { ...claim.facts, reason: reasonFacts(reason), retry_after_ms: retryAfterMs };
  append(claim, sealEvent("job.refused", claim.now, facts));
  return { answer: { status: "throttled", job: row, retryAfterMs, approval }, writes: claim.writes };
}

function ready(claim: Claim, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  append(claim, sealEvent("job.evaluated", claim.now, { ...claim.facts, approval_id: approval?.id ?? null }));
  return { answer: { status: "ready", job: claim.row, approval }, writes: claim.writes };
}

/** Puts the job's row as it now stands and, the first time, its private values beside it. */
function put(
  claim: Claim,
  change: {
    readonly status: OutcomeStatus;
    readonly reason: Reason;
    readonly owner?: string;
    readonly constraints?: string;
    readonly approvalId?: string | null;
    readonly result?: string;
  },
): JobRow {
  const row: JobRow = { ...claim.row, ...change };
  claim.writes.push({ to: "jobs", row });
  if (claim.stored) return row;
  const { tenantId, id: jobId, canonical, annotations, salt } = claim.request.job;
  claim.writes.push({ to: "vault", row: { tenantId, jobId, kind: "job", salt, value: canonical } });
  if (annotations !== "{}") {
    claim.writes.push({ to: "vault", row: { tenantId, jobId, kind: "annotations", salt, value: annotations } });
  }
  return row;
}

function append(claim: Claim, event: SealedEvent): void {
  claim.writes.push({ to: "events", event });
}
