import { sealEvent } from "../evidence/event.js";
import type { ApprovalRequirement, ApprovalState } from "../outcome.js";
import type { ApprovalRow, VoteRow, Write } from "./rows.js";

/** True while a request can still be voted on or used. */
export function isOpen(approval: ApprovalRow | null): approval is ApprovalRow {
  return approval !== null && (approval.state === "pending" || approval.state === "approved");
}

/** When an open request lapses: a pending one by its own span, an approved one by the time for its use. */
export function expiryOf(approval: ApprovalRow): number {
  if (approval.state === "approved") return (approval.resolvedAt ?? 0) + approval.useWithinMs;
  return approval.expiresAt;
}

/** Ends a request in another way than by a vote or its use, and records it. */
export function resolve(
  approval: ApprovalRow,
  state: Extract<ApprovalState, "expired" | "superseded">,
  by: string | null,
  now: number,
  writes: Write[],
): ApprovalRow {
  const row: ApprovalRow = { ...approval, state, resolvedAt: now, resolvedBy: by };
  writes.push({ to: "approvals", row });
  const facts = {
    trace_id: approval.traceId,
    job_id: approval.jobId,
    tenant_id: approval.tenantId,
    approval_id: approval.id,
    state,
    by,
  };
  writes.push({ to: "events", event: sealEvent("approval.resolved", now, facts) });
  return row;
}

/** Who votes, as far as a requirement looks at it. */
export type Voter = Pick<VoteRow, "kind" | "roles">;

/**
 * May this voter count for this requirement? A vote names no view yet and rests on the host's word, so one that must
 * be confirmed, or proved by a token, counts for nobody: the request stays open.
 */
export function isEligible(requirement: ApprovalRequirement, voter: Voter): boolean {
  const { kinds, roles, confirmView, assurance } = requirement;
  if (confirmView || assurance === "token" || !kinds.includes(voter.kind)) return false;
  return roles === undefined || voter.roles.some((role) => roles.includes(role));
}

/**
 * True when every requirement is met on its own by that many distinct eligible approvers.
 * One person may count for several requirements, and never twice for one.
 */
export function isSatisfied(requirements: readonly ApprovalRequirement[], votes: readonly VoteRow[]): boolean {
  const given = votes.filter(({ vote }) => vote === "approve");
  return requirements.every((requirement) => {
    const eligible = given.filter((vote) => isEligible(requirement, vote));
    return new Set(eligible.map(({ approverKey }) => approverKey)).size >= requirement.quorum;
  });
}

/** Whether who asked may vote: only where every requirement says so. */
export function allowsSelf(requirements: readonly ApprovalRequirement[]): boolean {
  return requirements.every(({ allowSelf }) => allowSelf);
}

/**
 * An identity as it is compared: two spellings of one name are one person. Without characters that nobody sees, and
 * folded by way of capitals, where `ß` is `SS` and the sigma at the end of a word is any other.
 */
export function foldIdentity(id: string): string {
  const visible = id.replace(/[\p{Cf}\p{Cc}]/gu, "").normalize("NFKC");
  return visible.toLowerCase().toUpperCase().toLowerCase().normalize("NFKC").trim();
}
