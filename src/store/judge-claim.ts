import { constraintFacts, reasonFacts, type SealedEvent, sealEvent } from "../evidence/event.js";
import type { Constraints, Reason } from "../outcome.js";
import { meet } from "../policy/meet.js";
import { endWaiting, hasAll, isOpen, isWaiting, union } from "./approval-state.js";
import {
  append,
  askersOf,
  begin,
  type Claim,
  type ClaimView,
  isCounted,
  isLeftWaiting,
  isOnlyCounted,
  put,
  refuse,
} from "./claim-step.js";
import { attach, requestFor, standingRequest } from "./judge-ask.js";
import type { ClaimAnswer, ClaimRequest } from "./port.js";
import { roomIn } from "./room.js";
import type { ApprovalRow, JobRow, Judgement, ShownFacts, Write } from "./rows.js";

/**
 * Decides one claim. Either everything the job needs is taken (approval, places, the intent itself), or nothing is
 * and the refusal is recorded. Pure: the store applies `writes` in the transaction that loaded `view`.
 */
export function judgeClaim(request: ClaimRequest, view: ClaimView): Judgement<ClaimAnswer> {
  const known = view.job;
  if (known !== null && isReused(known, request)) return reused(request);
  if (known !== null && isSpent(known, request)) {
    const status = known.status === "RUNNING" ? "running" : "finished";
    const answer = { status, job: known, approval: view.jobApproval, output: view.output } as const;
    return { answer, writes: joined(request, known) };
  }
  if (view.active?.epoch !== request.epoch || view.active.snapshot !== request.snapshot) {
    return { answer: { status: "policy_changed" }, writes: [] };
  }
  const { derivedTags } = request;
  if (isOpen(view.approval) && derivedTags !== null && !hasAll(derivedTags, view.approval.derivedTags)) {
    const known = union(derivedTags, view.approval.derivedTags);
    return { answer: { status: "tags_known", derivedTags: known }, writes: [] };
  }

  const claim = begin(request, view);
  const standing = standingRequest(claim);
  if (standing.kind === "refused") return standing.judgement;
  const { approval } = standing;
  const { verdict } = request;
  switch (verdict.kind) {
    case "refuse":
      return refuse(claim, { ...verdict, approval });
    case "permit":
      return take(claim, null);
    case "approve": {
      const asked = requestFor(claim, approval);
      return asked.kind === "approved" ? take(claim, asked.approval) : asked.judgement;
    }
  }
}

/** The same id for other content, or for another dispatcher than the one that approval was asked for. */
function isReused(known: JobRow, { job, dispatcher }: ClaimRequest): boolean {
  return known.hash !== job.hash || (isWaiting(known) && known.dispatcher !== dispatcher);
}

/**
 * A claim spends an id, and so does an approval that an equal job used: whoever wants it once more asks as another job.
 * A job that was withdrawn is run by nobody who does not ask for it anew.
 */
function isSpent(known: JobRow, { opens }: ClaimRequest): boolean {
  if (known.owner !== null) return true;
  if (known.status !== "DENIED") return false;
  return known.reason.code === "approval_used" || (known.reason.code === "approval_cancelled" && !opens);
}

export const ID_REUSED: Reason = Object.freeze({
  code: "job_id_reused",
  message: "the job id was used for other content or another dispatcher",
  help: "give each job an id of its own",
});

function reused(request: ClaimRequest): Judgement<ClaimAnswer> {
  if (isCounted(request.counted, ID_REUSED)) return { answer: { status: "id_reused", counted: true }, writes: [] };
  const event = sealEvent("job.refused", request.now, { ...request.facts, reason: reasonFacts(ID_REUSED) });
  return { answer: { status: "id_reused" }, writes: [{ to: "events", event }] };
}

/** Takes all that the job needs, or nothing: the approval stays unused while claims are stopped, or a limit has no room. */
function take(claim: Claim, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  const { request, view } = claim;
  if (view.halted) return refuse(claim, { status: "DENIED", reason: HALTED, approval });
  const now = request.tick + (request.ticks ? view.waitedMs : 0);
  // No place is taken earlier than one that is taken already: whoever comes with a clock that is behind waits longer.
  const at = Math.max(now, ...view.places.map(({ latest }) => latest ?? 0));
  const waits = request.limits.map(({ windowMs }, index) => roomIn(windowMs, view.places[index]?.nth ?? null, at));
  const longest = Math.max(0, ...waits);
  if (longest > 0) {
    const limit = request.limits[waits.indexOf(longest)];
    // Where time goes on it is `at` by when the answer is heard; where it stands still it is as it was asked.
    const retryAfterMs = Math.ceil(request.ticks ? longest : longest + at - now);
    return throttle(claim, { code: "rate_limited", retryAfterMs, ...saidBy(limit) }, approval);
  }
  const full = request.pools.findIndex(({ maxConcurrent }, index) => (view.held[index] ?? 0) >= maxConcurrent);
  if (full >= 0) {
    const pool = request.pools[full];
    // When a place comes free nobody can know; in a pool without places none ever does.
    const again = pool?.maxConcurrent === 0 ? null : POOL_RETRY_MS;
    return throttle(claim, { code: "concurrency_limited", retryAfterMs: again, ...saidBy(pool) }, approval);
  }
  if (request.intent === "evaluate") return ready(claim, approval);

  for (const { bucket, windowMs } of request.limits) {
    claim.writes.push({ to: "limits", bucket, at, keepAfter: at - windowMs });
  }
  const { id: jobId, tenantId } = claim.row;
  for (const { ruleId: pool } of request.pools) {
    claim.writes.push({ to: "slots", pool, tenantId, jobId, owner: request.owner });
  }
  const reason: Reason = { code: "job_running", message: "the job is running" };
  const constraints = approval === null ? null : shownAndHere(approval, request);
  const row = put(claim, {
    status: "RUNNING",
    reason,
    owner: request.owner,
    constraints: constraints === null ? request.constraints : JSON.stringify(constraints),
    approvalId: approval?.id ?? claim.row.approvalId,
  });
  append(claim, dispatchingEvent(claim, approval, { constraints, windowAt: request.limits.length > 0 ? at : null }));
  const used = approval === null ? null : consume(claim, approval);
  return { answer: { status: "claimed", job: row, approval: used, takenAt: at }, writes: claim.writes };
}

/** What was shown is never widened by the gate that happens to run it. */
function shownAndHere(approval: ApprovalRow, { constraints }: ClaimRequest): Constraints {
  const shown = (JSON.parse(approval.shown) as ShownFacts).constraints;
  return meet(shown, JSON.parse(constraints) as Constraints);
}

/** What is known of a claim only once it is judged. */
interface Judged {
  /** The limits that an approval narrowed. */
  readonly constraints: Constraints | null;
  /** The time of the places that were taken in rate limits. */
  readonly windowAt: number | null;
}

/** Whoever submits a job that was claimed has asked for it as well: also for what it gives back. */
function joined({ now, facts, job: { requesters } }: ClaimRequest, known: JobRow): readonly Write[] {
  const before = known.requesters ?? [];
  // The actor, and whom it acts for, are part of what makes the job this one: only a submitter can be another.
  if (facts.submitted_by === undefined || requesters.every((each) => before.includes(each))) return [];
  const { id: job_id, tenantId: tenant_id, traceId: trace_id, approvalId: approval_id } = known;
  const said = { job_id, tenant_id, trace_id, approval_id, submitted_by: facts.submitted_by };
  return [
    { to: "jobs", row: { ...known, requesters: union(before, requesters) } },
    { to: "events", event: sealEvent("job.joined", now, said) },
  ];
}

function dispatchingEvent(claim: Claim, approval: ApprovalRow | null, { constraints, windowAt }: Judged): SealedEvent {
  const { request, now } = claim;
  const known = approval === null && claim.before === null && windowAt === null;
  if (request.dispatching !== null && known) return request.dispatching;
  const approved = approval === null ? {} : { approval_id: approval.id };
  const bound = constraints === null ? {} : { constraints: constraintFacts(constraints) };
  const taken = windowAt === null ? {} : { window_at: windowAt };
  return sealEvent("job.dispatching", now, { ...claim.facts, ...bound, ...approved, ...taken });
}

/** An approval is used once: with the claim, whatever else waited for it ends. */
function consume(claim: Claim, approval: ApprovalRow): ApprovalRow {
  const used: ApprovalRow = { ...approval, state: "consumed", resolvedAt: claim.now };
  const reason: Reason = {
    code: "approval_used",
    message: "the approval was used by an equal job",
    help: "submit it under another id to ask again",
  };
  const except = { tenantId: claim.row.tenantId, id: claim.row.id };
  claim.writes.push({ to: "approvals", row: used }, endWaiting(approval, reason, claim.now, except));
  return used;
}

/** Who stopped it, and why, is for operators: the reason of a refusal may be shown to an agent. */
export const HALTED: Reason = Object.freeze({
  code: "gate_halted",
  message: "the gate is halted, so nothing is dispatched",
  help: "wait until an operator lets it go on",
});

/** After how many milliseconds it is worth to look again whether a pool has room. */
const POOL_RETRY_MS = 1_000;

/** Why there is no room, and when to look again. */
interface NoRoom {
  readonly code: "rate_limited" | "concurrency_limited";
  readonly retryAfterMs: number | null;
  readonly message: string;
  readonly ruleId: string;
}

function saidBy(obligation: { readonly reason: string; readonly ruleId: string } | undefined): {
  readonly message: string;
  readonly ruleId: string;
} {
  return { message: obligation?.reason ?? "", ruleId: obligation?.ruleId ?? "" };
}

function throttle(claim: Claim, noRoom: NoRoom, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  const { retryAfterMs, ...reason } = noRoom;
  const result = JSON.stringify({ retryAfterMs });
  if (approval === null && isOnlyCounted(claim, reason, "THROTTLED", false)) {
    const job: JobRow = { ...claim.row, status: "THROTTLED", reason, result };
    return { answer: { status: "throttled", job, retryAfterMs, approval, counted: true }, writes: [] };
  }
  // A job that holds an approval keeps it unused, and waits for room with it; one that was let go waits on as it did.
  const held = approval === null ? null : attach(claim, approval);
  const approvalId = held?.id ?? (isLeftWaiting(claim) ? claim.row.approvalId : null);
  const waits = { requesters: askersOf(claim) };
  const row = put(claim, { status: "THROTTLED", reason, result, approvalId, ...waits });
  const stands = { holds: approvalId, status: "THROTTLED" };
  const facts = { ...claim.facts, ...stands, reason: reasonFacts(reason), retry_after_ms: retryAfterMs };
  append(claim, sealEvent("job.refused", claim.now, facts));
  return { answer: { status: "throttled", job: row, retryAfterMs, approval: held }, writes: claim.writes };
}

function ready(claim: Claim, approval: ApprovalRow | null): Judgement<ClaimAnswer> {
  append(claim, sealEvent("job.evaluated", claim.now, { ...claim.facts, approval_id: approval?.id ?? null }));
  return { answer: { status: "ready", job: claim.row, approval }, writes: claim.writes };
}
