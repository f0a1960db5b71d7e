import { sealEvent } from "../evidence/event.js";
import type { ApprovalState, Reason } from "../outcome.js";
import { allowsSelf, expiryOf, isEligible, isOpen, isSatisfied, resolve } from "./approval-state.js";
import type { VoteAnswer, VoteRequest } from "./port.js";
import type { ApprovalRow, Judgement, PolicyHead, VoteRow, Write } from "./rows.js";

/** What a store loads, inside the transaction, for one vote. */
export interface VoteView {
  readonly active: PolicyHead | null;
  readonly approval: ApprovalRow | null;
  readonly votes: readonly VoteRow[];
}

/** Decides one vote. A vote that is refused leaves the request as it was, except that a lapse is recorded. */
export function judgeVote(request: VoteRequest, view: VoteView): Judgement<VoteAnswer> {
  const { approval } = view;
  const writes: Write[] = [];
  if (approval === null) return { answer: { status: "unknown", approval: null }, writes };
  if (isOpen(approval) && request.now >= expiryOf(approval)) {
    return { answer: { status: "expired", approval: resolve(approval, "expired", null, request.now, writes) }, writes };
  }
  if (approval.state !== "pending") {
    const status = approval.state === "expired" ? "expired" : "resolved";
    return { answer: { status, approval }, writes };
  }
  if (view.active?.snapshot !== approval.snapshot) {
    const row = resolve(approval, "superseded", null, request.now, writes);
    return { answer: { status: "policy_changed", approval: row }, writes };
  }
  const refusal = refusalOf(request, approval, view.votes);
  if (refusal !== undefined) return { answer: { status: refusal, approval }, writes };
  return count(request, approval, view.votes);
}

function refusalOf(
  request: VoteRequest,
  approval: ApprovalRow,
  votes: readonly VoteRow[],
): "is_requester" | "tenant_mismatch" | "not_eligible" | "already_voted" | undefined {
  const { approver, approverKey } = request;
  if (approver.tenants !== null && !approver.tenants.includes(approval.tenantId)) return "tenant_mismatch";
  if (approval.requesters.includes(approverKey) && !allowsSelf(approval.requirements)) return "is_requester";
  if (!approval.requirements.some((requirement) => isEligible(requirement, approver))) return "not_eligible";
  if (votes.some((vote) => vote.approverKey === approverKey)) return "already_voted";
  return undefined;
}

function count(request: VoteRequest, approval: ApprovalRow, before: readonly VoteRow[]): Judgement<VoteAnswer> {
  const { approver, now } = request;
  const vote: VoteRow = {
    approvalId: approval.id,
    approverId: approver.id,
    approverKey: request.approverKey,
    kind: approver.kind,
    roles: approver.roles,
    vote: request.vote,
    at: now,
  };
  const votes = [...before, vote];
  const state = stateAfter(request, approval, votes);
  const row: ApprovalRow =
    state === "pending" ? approval : { ...approval, state, resolvedAt: now, resolvedBy: approver.id };
  const facts = {
    trace_id: approval.traceId,
    job_id: approval.jobId,
    tenant_id: approval.tenantId,
    approval_id: approval.id,
    approver: { id: approver.id, kind: approver.kind, roles: [...approver.roles] },
    vote: request.vote,
    note: request.note?.commitment ?? null,
    snapshot: approval.snapshot,
    state,
  };
  const writes: Write[] = [
    { to: "votes", row: vote },
    { to: "events", event: sealEvent("approval.voted", now, facts) },
  ];
  if (row !== approval) writes.push({ to: "approvals", row });
  if (request.note !== null) {
    const kind = `note:${approval.id}:${request.approverKey}` as const;
    const { salt, text: value } = request.note;
    writes.push({ to: "vault", row: { tenantId: approval.tenantId, jobId: approval.jobId, kind, salt, value } });
  }
  if (state === "rejected") writes.push(endWaiting(approval, now));
  return { answer: { status: "voted", approval: row, votes }, writes };
}

function stateAfter(request: VoteRequest, approval: ApprovalRow, votes: readonly VoteRow[]): ApprovalState {
  if (request.vote === "reject") return "rejected";
  return isSatisfied(approval.requirements, votes) ? "approved" : "pending";
}

/** One eligible rejection ends the request, and with it every job that waits on it. */
function endWaiting(approval: ApprovalRow, at: number): Write {
  const reason: Reason = { code: "approval_rejected", message: "a reviewer rejected this content" };
  return { to: "waiting", approvalId: approval.id, except: null, reason, at };
}
