import { commit } from "../digest.js";
import { reasonFacts, sealEvent } from "../evidence/event.js";
import type { Constraints, Reason } from "../outcome.js";
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
  waitsFor,
} from "./approval-state.js";
import {
  append,
  askersOf,
  type Claim,
  isLeftWaiting,
  POLICY_REFUSALS,
  put,
  type QueueView,
  refuse,
} from "./claim-step.js";
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
  // An evaluation that permits leaves the job's row as it is, so a lapse ends it like any other.
  const except = request.intent === "evaluate" && request.verdict.kind === "permit" ? null : { tenantId, id };
  if (now >= expiryOf(approval)) return { kind: "stands", approval: lapse(approval, now, writes, except) };
  if (!contradicts(claim, approval)) return { kind: "stands", approval };
  if (isSameQuestion(claim, approval)) {
    return { kind: "refused", judgement: refuse(claim, { status: "DENIED", reason: CONFLICT, approval }) };
  }
  const { verdict } = request;
  // One that takes its place is put there with the fresh request itself.
  if (verdict.kind === "approve") return { kind: "stands", approval };
  const denied = verdict.kind === "refuse" && verdict.status === "DENIED";
  if (denied) writes.push(endWaiting(approval, verdict.reason, now, { tenantId, id }));
  // Who waited for it goes on waiting, unless the policy now says no to all of them.
  const said = denied ? { reason: reasonFacts(verdict.reason) } : {};
  return { kind: "stands", approval: resolve(approval, { state: "superseded", said }, now, writes) };
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
  if (isLeftWaiting(claim)) {
    // It keeps its place and was counted when it first asked; there must be room to wait all the same.
    const crowd = crowded(claim, verdict);
    if (crowd !== null) return answered(refuse(claim, { status: "DENIED", reason: crowd, approval }));
    return answered(ask(claim, verdict, claim.waitsOn));
  }
  if (!claim.request.opens && before !== null) return answered(asItStands(claim, before, approval));
  const full = crowded(claim, verdict) ?? tooOften(claim, verdict);
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
function hasVoted(claim: Claim, approval: ApprovalRow): boolean {
  if (allowsSelf(approval.requirements)) return false;
  const askers = askersOf(claim);
  return claim.view.votes.some(({ approverKey }) => askers.includes(approverKey));
}

/** The answer to who may open no request: how the job stands, which a request that has lapsed has ended. */
function asItStands(claim: Claim, before: JobRow, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  const ended = isWaiting(before) && before.approvalId === approval?.id ? endedBy(approval) : null;
  const row = ended === null ? before : put(claim, { status: "DENIED", reason: ended });
  // Of a request that lapses in this step its own event says that it ends who waits; one that lapsed before said so of others.
  if (ended !== null && !isOpen(claim.view.approval)) {
    append(
      claim,
      sealEvent("job.refused", claim.now, { ...claim.facts, reason: reasonFacts(ended), status: "DENIED" }),
    );
  }
  const own = approval?.id === before.approvalId ? approval : claim.waitsOn;
  return { answer: { status: "refused", job: row, approval: own }, writes: claim.writes };
}

function endedBy({ state }: ApprovalRow): Reason {
  return state === "cancelled" ? CANCELLED : EXPIRED;
}

/** Why there is no room for one more request to wait, or null where there is. */
function crowded(claim: Claim, { queue: { maxPending, maxPendingPerActor } }: Approve): Reason | null {
  const { pending, pendingOfActor } = queueOf(claim);
  if (pending >= maxPending) return full(`${maxPending} requests wait for approval already`);
  if (pendingOfActor < maxPendingPerActor) return null;
  return full(`${maxPendingPerActor} requests of this actor wait for approval already`);
}

/** Why this actor may not ask once more, or null where it may. */
function tooOften(claim: Claim, { queue }: Approve): Reason | null {
  const { limit, windowMs } = queue.maxRequestsPerActor;
  if (roomIn(windowMs, queueOf(claim).nthRequestAt, claim.now) === 0) return null;
  return full(`this actor asked for approval ${limit} times within ${windowMs / 1_000} s`);
}

function queueOf({ view: { queue } }: Claim): QueueView {
  if (queue === null) throw new TypeError("a store must load the queue where a request may be opened");
  return queue;
}

function full(message: string): Reason {
  return { code: "approval_queue_full", message, help: "decide what waits, or raise the bounds under `queue`" };
}

/** Opens a request, in place of another where `before` is given: that one's place and age are kept, its votes are not. */
function ask(claim: Claim, verdict: Approve, before: ApprovalRow | null): Judgement<ClaimAnswer> {
  const { request, now, row, view } = claim;
  const { job } = request;
  // Later than any other of its content, so that which is the latest is never for chance to say.
  const requestedAt = Math.max(now, (view.approval?.requestedAt ?? 0) + 1);
  const shown: ShownFacts = {
    derivedTags: union(request.derivedTags ?? [], before?.derivedTags ?? []),
    constraints: JSON.parse(request.constraints) as Constraints,
    annotations: before === null ? commit(job.salt, job.annotations) : annotationsOf(before),
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
    actorKey: before?.actorKey ?? job.actorKey,
    snapshot: request.snapshot,
    epoch: request.epoch,
    binding: verdict.binding,
    fingerprint: verdict.fingerprint,
    dispatcher: request.dispatcher,
    state: "pending",
    requirements: verdict.requirements,
    requesters: union(before?.requesters ?? [], askersOf(claim)),
    derivedTags: shown.derivedTags,
    decision: request.decision ?? "null",
    shown: JSON.stringify(shown),
    queuedSince: before?.queuedSince ?? requestedAt,
    requestedAt,
    expiresAt: requestedAt + verdict.expiresInMs,
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
  // A job that only came with the request says so in an event of its own.
  const comes = approval.jobId !== row.id;
  const facts = {
    ...claim.facts,
    ...own,
    ...(comes ? {} : { status: "PENDING_APPROVAL" }),
    approval_id: approval.id,
    expires_at: approval.expiresAt,
    snapshot: approval.snapshot,
    view: viewOf(approval),
    ...(before === null ? {} : { supersedes: before.id, queued_since: approval.queuedSince }),
  };
  append(claim, sealEvent("approval.requested", now, facts));
  return wait(claim, verdict, approval, comes);
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
  const { before } = claim;
  // One that no limit had room for, moved here since with all who waited, waits for a person from now on.
  const moved = before !== null && before.status === "THROTTLED" && waitsFor(before, approval.id);
  return wait(claim, verdict, attach(claim, approval), moved);
}

/**
 * Makes the job one of those that a request is for. Everybody who asked for it is one of those who may not vote from then
 * on, and its own trace says that it came.
 */
export function attach(claim: Claim, approval: ApprovalRow): ApprovalRow {
  const requesters = union(approval.requesters, askersOf(claim));
  const derivedTags = union(approval.derivedTags, claim.request.derivedTags ?? []);
  const grew = requesters.length + derivedTags.length > approval.requesters.length + approval.derivedTags.length;
  const joined: ApprovalRow = { ...approval, requesters, derivedTags };
  if (grew) claim.writes.push({ to: "approvals", row: joined });
  const { before } = claim;
  if (before === null || before.approvalId !== approval.id || !isWaiting(before)) sayJoined(claim, approval);
  return joined;
}

function sayJoined(claim: Claim, approval: ApprovalRow): void {
  append(claim, sealEvent("approval.joined", claim.now, { ...claim.facts, approval_id: approval.id }));
}

/** Lets the job wait for a request; one that came to a request that it did not open says so in its own trace. */
function wait(claim: Claim, verdict: Approve, approval: ApprovalRow, comes: boolean): Judgement<ClaimAnswer> {
  if (comes) sayJoined(claim, approval);
  const { reason } = verdict;
  const row = put(claim, {
    status: "PENDING_APPROVAL",
    reason,
    approvalId: approval.id,
    requesters: askersOf(claim),
  });
  return { answer: { status: "pending", job: row, approval }, writes: claim.writes };
}
