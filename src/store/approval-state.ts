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

/**
 * True when every requirement is met on its own by that many distinct approvers.
 * One person may count for several requirements, and never twice for one.
 */
export function isSatisfied(requirements: readonly ApprovalRequirement[], votes: readonly VoteRow[]): boolean {
  const approvers = new Set(votes.filter(({ vote }) => vote === "approve").map(({ approverKey }) => approverKey));
  return requirements.every(({ quorum }) => approvers.size >= quorum);
}

/** An identity as it is compared: two spellings of one name are one person. */
export function foldIdentity(id: string): string {
  return id.trim().normalize("NFKC").toLowerCase();
}
