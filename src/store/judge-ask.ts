import { digest } from "../digest.js";
import { sealEvent } from "../evidence/event.js";
import type { Constraints, Reason, ReasonCode } from "../outcome.js";
import {
  allowsSelf,
  CANCELLED,
  EXPIRED,
  endWaiting,
  expiryOf,
  hasAll,
  isOpen,
  isStale,
  isWaiting,
  lapse,
  REJECTED,
  resolve,
  standsUntil,
  union,
  viewOf,
} from "./approval-state.js";
import { append, type Claim, put, refuse } from "./claim-step.js";
import type { ClaimAnswer, Verdict } from "./port.js";
import { roomIn } from "./room.js";
import type { ApprovalRow, JobRow, Judgement, ShownFacts } from "./rows.js";

type Approve = Extract<Verdict, { readonly kind: "approve" }>;

/** The request as it stands now, or why nothing can be said of it here. */
export type Standing =
  | { readonly kind: "stands"; readonly approval: ApprovalRow | null }
  | { readonly kind: "refused"; readonly judgement: Judgement<ClaimAnswer> };

/** The request as it stands now: what has lapsed, or is no longer what the policy asks, is ended on the way. */
export function standingRequest(claim: Claim): Standing {
  const { request, now, writes, row } = claim;
  const { approval } = claim.view;
  if (!isOpen(approval)) return { kind: "stands", approval };
  const { tenantId, id } = row;
  if (now >= expiryOf(approval)) return { kind: "stands", approval: lapse(approval, now, writes, { tenantId, id }) };
  if (!contradicts(claim, approval)) return { kind: "stands", approval };
  if (isSameQuestion(claim, approval)) {
    return { kind: "refused", judgement: refuse(claim, { status: "DENIED", reason: CONFLICT, approval }) };
  }
  const { verdict } = request;
  // One that takes its place is put there with the fresh request itself.
  if (verdict.kind === "approve") return { kind: "stands", approval };
  const denied = verdict.kind === "refuse" && verdict.status === "DENIED";
  if (denied) writes.push(endWaiting(approval, verdict.reason, now, { tenantId, id }));
  return { kind: "stands", approval: resolve(approval, { state: "superseded" }, now, writes) };
}

const CONFLICT: Reason = Object.freeze({
  code: "approval_conflict",
  message: "this gate decides the job otherwise than the one that asked for its approval",
  help: "give every gate on the store the same configuration",
});

/** Whether what was decided now is something else than what approval was asked for. */
function contradicts({ request }: Claim, approval: ApprovalRow): boolean {
  const { verdict, snapshot } = request;
  if (verdict.kind === "approve") return isStale(approval, { ...verdict, snapshot });
  // A fault on the way says nothing about a request that is open.
  return verdict.kind === "permit" || POLICY_REFUSALS.has(verdict.reason.code);
}

/** Why the policy itself says no. */
const POLICY_REFUSALS: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "rule_matched",
  "no_rule_matched",
  "condition_error",
  "tags_refused",
]);

/**
 * The same policy and the same tags have one answer. Where another is come to, it is two gates that differ, and
 * neither may take the other's request away: they would do so in turns for ever.
 */
function isSameQuestion({ request }: Claim, approval: ApprovalRow): boolean {
  return approval.epoch === request.epoch && hasAll(approval.derivedTags, request.derivedTags ?? []);
}

/** What a job that needs approval comes to: an approval to use, or an answer. */
export type Asked =
  | { readonly kind: "approved"; readonly approval: ApprovalRow }
  | { readonly kind: "answered"; readonly judgement: Judgement<ClaimAnswer> };

/** Finds the approval, joins the request that is open, or opens one. */
export function requestFor(claim: Claim, approval: ApprovalRow | null): Asked {
  const { verdict } = claim.request;
  if (verdict.kind !== "approve") throw new TypeError("only a job that needs approval asks for it");
  const { before } = claim;
  // Whoever only goes on with a job goes on with one that waits: another's request is not for one that has ended.
  if (!claim.request.opens && before !== null && !isWaiting(before))
    return answered(asItStands(claim, before, approval));
  if (isOpen(approval)) {
    if (contradicts(claim, approval)) return answered(ask(claim, verdict, approval));
    if (hasVoted(claim, approval)) return answered(refuse(claim, { status: "DENIED", reason: VOTED, approval }));
    return approval.state === "approved" ? { kind: "approved", approval } : answered(join(claim, verdict, approval));
  }
  const until = approval === null ? null : standsUntil(approval);
  if (until !== null && claim.now < until) {
    return answered(refuse(claim, { status: "DENIED", reason: REJECTED, approval }));
  }
  if (isLeftWaiting(claim, approval)) return answered(ask(claim, verdict, approval));
  if (!claim.request.opens && before !== null) return answered(asItStands(claim, before, approval));
  const full = fullQueue(claim, verdict);
  if (full !== null) return answered(refuse(claim, { status: "DENIED", reason: full, approval }));
  return answered(ask(claim, verdict, null));
}

function answered(judgement: Judgement<ClaimAnswer>): Asked {
  return { kind: "answered", judgement };
}

const VOTED: Reason = Object.freeze({
  code: "approval_conflict",
  message: "who voted on a request may not submit the job it is about",
});

/** Who voted first and submits then would have approved a job of their own. */
function hasVoted({ request, view }: Claim, approval: ApprovalRow): boolean {
  if (allowsSelf(approval.requirements)) return false;
  return view.votes.some(({ approverKey }) => request.job.requesters.includes(approverKey));
}

/** True for a job that waits although its request ended, since for a while the policy asked for none. */
function isLeftWaiting({ before }: Claim, approval: ApprovalRow | null): approval is ApprovalRow {
  if (approval?.state !== "superseded" || approval.supersededBy !== null) return false;
  return before !== null && isWaiting(before) && before.approvalId === approval.id;
}

/** The answer to who may open no request: how the job stands, which a request that lapsed just now has ended. */
function asItStands(claim: Claim, before: JobRow, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  const ended = isWaiting(before) && before.approvalId === approval?.id ? endedBy(approval) : null;
  const row = ended === null ? before : put(claim, { status: "DENIED", reason: ended });
  return {
    answer: {
      status: "refused",
      job: row,
      approval: approval?.id === before.approvalId ? approval : claim.view.jobApproval,
    },
    writes: claim.writes,
  };
}

function endedBy({ state }: ApprovalRow): Reason {
  return state === "cancelled" ? CANCELLED : EXPIRED;
}

/** Why there is no room for one more request, or null where there is. */
function fullQueue(claim: Claim, { queue: bounds }: Approve): Reason | null {
  const { queue } = claim.view;
  if (queue === null) throw new TypeError("a store must load the queue where a request may be opened");
  const { limit, windowMs } = bounds.maxRequestsPerActor;
  if (queue.pending >= bounds.maxPending) return full(`${bounds.maxPending} requests wait for approval already`);
  if (queue.pendingOfActor >= bounds.maxPendingPerActor) {
    return full(`${bounds.maxPendingPerActor} requests of this actor wait for approval already`);
  }
  if (limit === 0 || roomIn(windowMs, queue.nthRequestAt, claim.now) > 0) {
    return full(`this actor asked for approval ${limit} times within ${windowMs / 1_000} s`);
  }
  return null;
}

function full(message: string): Reason {
  return { code: "approval_queue_full", message, help: "decide what waits, or raise the bounds under `queue`" };
}

/** Opens a request, in place of another where `before` is given: that one's place and age are kept, its votes are not. */
function ask(claim: Claim, verdict: Approve, before: ApprovalRow | null): Judgement<ClaimAnswer> {
  const { request, now, row } = claim;
  const { job } = request;
  const shown: ShownFacts = {
    derivedTags: union(request.derivedTags ?? [], before?.derivedTags ?? []),
    constraints: JSON.parse(request.constraints) as Constraints,
    annotations: before === null ? digest("value", job.annotations) : annotationsOf(before),
    before: before === null ? null : viewOf(before),
  };
  const approval: ApprovalRow = {
    id: verdict.approvalId,
    key: request.approvalKey,
    tenantId: row.tenantId,
    jobId: before?.jobId ?? row.id,
    traceId: before?.traceId ?? row.traceId,
    jobHash: row.hash,
    commitment: before?.commitment ?? row.commitment,
    actorKey: job.actorKey,
    snapshot: request.snapshot,
    epoch: request.epoch,
    binding: verdict.binding,
    fingerprint: verdict.fingerprint,
    dispatcher: request.dispatcher,
    state: "pending",
    requirements: verdict.requirements,
    requesters: union(before?.requesters ?? [], job.requesters),
    derivedTags: shown.derivedTags,
    decision: request.decision ?? "null",
    shown: JSON.stringify(shown),
    queuedSince: before?.queuedSince ?? now,
    requestedAt: now,
    expiresAt: now + verdict.expiresInMs,
    useWithinMs: verdict.useWithinMs,
    rejectionStandsMs: verdict.rejectionStandsMs,
    decidedAt: null,
    resolvedAt: null,
    resolvedBy: null,
    liftedAt: null,
    supersedes: before?.id ?? null,
    supersededBy: null,
  };
  if (before !== null) replace(claim, before, approval);
  else keepAnnotations(claim);
  claim.writes.push({ to: "approvals", row: approval });
  const own = { job_id: approval.jobId, trace_id: approval.traceId, job: approval.commitment };
  const facts = {
    ...claim.facts,
    ...own,
    approval_id: approval.id,
    expires_at: approval.expiresAt,
    ...(before === null ? {} : { supersedes: before.id, queued_since: approval.queuedSince }),
  };
  append(claim, sealEvent("approval.requested", now, facts));
  return wait(claim, verdict, approval, approval.jobId !== row.id);
}

/** A request in another's place shows the job that opened the first one, with what that one had beside it. */
function annotationsOf(before: ApprovalRow): string {
  return (JSON.parse(before.shown) as ShownFacts).annotations;
}

/** A job that is asked for once more may carry other annotations than before: those of this request are shown. */
function keepAnnotations({ before, request, row, writes }: Claim): void {
  if (before === null) return;
  const { salt, annotations: value } = request.job;
  const { tenantId, id: jobId } = row;
  writes.push({ to: "vault", row: { tenantId, jobId, kind: "annotations", salt, value } });
}

/** Ends the request that no longer holds, and lets all who waited for it wait for the one in its place. */
function replace(claim: Claim, before: ApprovalRow, approval: ApprovalRow): void {
  const supersededBy = approval.id;
  // The unique index over open requests of one content wants the old one ended before the new one is there.
  if (before.state === "superseded") claim.writes.push({ to: "approvals", row: { ...before, supersededBy } });
  else resolve(before, { state: "superseded", supersededBy }, claim.now, claim.writes);
  claim.writes.push({ to: "moved", from: before.id, approvalId: approval.id });
}

function join(claim: Claim, verdict: Approve, approval: ApprovalRow): Judgement<ClaimAnswer> {
  const requesters = union(approval.requesters, claim.request.job.requesters);
  const derivedTags = union(approval.derivedTags, claim.request.derivedTags ?? []);
  const grew = requesters.length + derivedTags.length > approval.requesters.length + approval.derivedTags.length;
  const joined: ApprovalRow = { ...approval, requesters, derivedTags };
  if (grew) claim.writes.push({ to: "approvals", row: joined });
  return wait(claim, verdict, joined, claim.before?.approvalId !== approval.id || !isWaiting(claim.before));
}

/** Lets the job wait for a request; one that comes to it now, and did not open it, says so in its own trace. */
function wait(claim: Claim, verdict: Approve, approval: ApprovalRow, comes: boolean): Judgement<ClaimAnswer> {
  if (comes) append(claim, sealEvent("approval.joined", claim.now, { ...claim.facts, approval_id: approval.id }));
  const requesters = union(claim.row.requesters ?? [], claim.request.job.requesters);
  const { reason } = verdict;
  const row = put(claim, { status: "PENDING_APPROVAL", reason, approvalId: approval.id, requesters });
  return { answer: { status: "pending", job: row, approval }, writes: claim.writes };
}
