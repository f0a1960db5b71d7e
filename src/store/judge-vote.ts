import { boundList, boundText, sealEvent } from "../evidence/event.js";
import type { ApprovalState, Json } from "../outcome.js";
import {
  allowsSelf,
  approvalFacts,
  counts,
  endWaiting,
  expiryOf,
  hasAll,
  isEligible,
  isOpen,
  isSatisfied,
  isStale,
  lapse,
  REJECTED,
  viewOf,
} from "./approval-state.js";
import type { Approver, Note, VoteAnswer, VoteRefusal, VoteRequest } from "./port.js";
import type { ApprovalRow, Judgement, PolicyHead, VaultRow, VoteRow, Write } from "./rows.js";

/** What a store loads, inside the transaction, for one vote. */
export interface VoteView {
  readonly active: PolicyHead | null;
  /** The highest time that any event carries. */
  readonly loggedAt: number;
  readonly approval: ApprovalRow | null;
  readonly votes: readonly VoteRow[];
}

/** Decides one vote. A vote that is refused leaves the request as it was, except that a lapse is recorded. */
export function judgeVote(request: VoteRequest, view: VoteView): Judgement<VoteAnswer> {
  const { approval } = view;
  if (approval === null) return { answer: { status: "unknown", approval }, writes: [] };
  const now = Math.max(request.now, view.loggedAt);
  if (isOpen(approval) && now >= expiryOf(approval)) {
    const writes: Write[] = [];
    return { answer: { status: "expired", approval: lapse(approval, now, writes) }, writes };
  }
  const refusal = standing(request, approval, view.votes) ?? refusalOf(request, approval, view.votes);
  if (refusal !== undefined) return { answer: { status: refusal, approval }, writes: [] };
  const doubt = request.vote === "approve" ? doubtOf(request, approval, view.active) : undefined;
  if (doubt === "policy_changed") return { answer: { status: doubt }, writes: [] };
  if (doubt !== undefined) return { answer: { status: doubt, approval }, writes: [] };
  return count(request, approval, view.votes, now);
}

/** What the state of the request itself says against the vote. */
function standing(
  { vote, on, approver, view }: VoteRequest,
  approval: ApprovalRow,
  votes: readonly VoteRow[],
): VoteRefusal | undefined {
  const { state } = approval;
  if (!isOpen(approval)) return state === "expired" ? "expired" : "resolved";
  if (view !== null && view !== viewOf(approval)) return "view_mismatch";
  if (on === "approved" && state !== "approved") return "not_approved";
  if (vote === "approve" && state === "approved") return hasVoted(approver, votes) ? "already_voted" : "resolved";
  return undefined;
}

function hasVoted(approver: Approver, votes: readonly VoteRow[]): boolean {
  return votes.some(({ approverKey, vote }) => approverKey === approver.key && vote === "approve");
}

function refusalOf(
  { vote, approver, view }: VoteRequest,
  approval: ApprovalRow,
  votes: readonly VoteRow[],
): VoteRefusal | undefined {
  const refusal = mayDecide(approver, approval);
  if (refusal !== undefined || vote === "reject") return refusal;
  if (hasVoted(approver, votes)) return "already_voted";
  const counting = approval.requirements.some((requirement) => counts(requirement, { ...approver, view }));
  return counting ? undefined : "view_required";
}

/** Why this person has no say in this request; undefined when they have. */
export function mayDecide(approver: Approver, approval: ApprovalRow): VoteRefusal | undefined {
  if (approver.tenants !== null && !approver.tenants.includes(approval.tenantId)) return "tenant_mismatch";
  if (approval.requesters.includes(approver.key) && !allowsSelf(approval.requirements)) return "is_requester";
  return approval.requirements.some((requirement) => isEligible(requirement, approver)) ? undefined : "not_eligible";
}

/** Whether what is voted on is still what the policy asks. One who cannot decide the job says only what is plain. */
function doubtOf(
  { decided }: VoteRequest,
  approval: ApprovalRow,
  active: PolicyHead | null,
): "policy_changed" | "stale" | undefined {
  if (decided === null) {
    return approval.binding === "snapshot" && active?.snapshot !== approval.snapshot ? "stale" : undefined;
  }
  const same = active?.epoch === decided.epoch && active.snapshot === decided.snapshot;
  if (!same || !hasAll(decided.derivedTags, approval.derivedTags)) return "policy_changed";
  return isStale(approval, decided) ? "stale" : undefined;
}

function count(
  request: VoteRequest,
  approval: ApprovalRow,
  before: readonly VoteRow[],
  now: number,
): Judgement<VoteAnswer> {
  const { approver, note } = request;
  const vote: VoteRow = {
    approvalId: approval.id,
    number: before.length + 1,
    approverId: approver.id,
    approverKey: approver.key,
    kind: approver.kind,
    roles: approver.roles,
    assurance: approver.assurance,
    vote: request.vote,
    view: request.view,
    at: now,
  };
  const row = after(approval, vote, [...before, vote]);
  const facts = {
    ...approvalFacts(approval),
    approver: approverFacts(approver),
    vote: vote.vote,
    view: vote.view,
    state: row.state,
    ...(note === null ? {} : { note: note.commitment, note_ref: String(vote.number) }),
  };
  const writes: Write[] = [
    { to: "votes", row: vote },
    { to: "events", event: sealEvent("approval.voted", now, facts) },
  ];
  if (row !== approval) writes.push({ to: "approvals", row });
  if (note !== null) writes.push({ to: "vault", row: noteRow(approval, String(vote.number), note) });
  if (row.state === "rejected" || row.state === "revoked") writes.push(endWaiting(approval, REJECTED, now));
  return { answer: { status: "voted", approval: row }, writes };
}

function after(approval: ApprovalRow, vote: VoteRow, votes: readonly VoteRow[]): ApprovalRow {
  const { at, approverId: by } = vote;
  const decided = (state: ApprovalState): ApprovalRow => ({
    ...approval,
    state,
    decidedAt: approval.decidedAt ?? at,
    resolvedAt: at,
    resolvedBy: by,
  });
  if (vote.vote === "reject") return decided(approval.state === "approved" ? "revoked" : "rejected");
  return isSatisfied(approval.requirements, votes) ? decided("approved") : approval;
}

/** Characters of a role that stand in an event; policies name none that are longer. */
const MAX_ROLE = 128;

/** Who voted, as the record holds it. */
export function approverFacts({ id, kind, roles, assurance }: Pick<Approver, "id" | "kind" | "roles" | "assurance">): {
  readonly id: string;
  readonly kind: string;
  readonly roles: Json;
  readonly assurance: string;
} {
  // Characters that JSON escapes take six bytes: 32 roles of 256 of them would not fit.
  return { id, kind, roles: boundList(roles.map((role) => boundText(role, MAX_ROLE))), assurance };
}

/** A person's words about a request, or about an output, as they are kept beside the log; `ref` is the `note_ref` of the event. */
export function noteRow(
  { id, tenantId, jobId }: Pick<ApprovalRow, "id" | "tenantId" | "jobId">,
  ref: string,
  { salt, text: value }: Note,
): VaultRow {
  return { tenantId, jobId, kind: `note:${id}:${ref}`, salt, value };
}
