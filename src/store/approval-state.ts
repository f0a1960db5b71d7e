import { canonicalize } from "../canonical.js";
import { digest } from "../digest.js";
import { NEVER_SEEN } from "../evidence/display.js";
import { type EventFacts, sealEvent } from "../evidence/event.js";
import type { ApprovalRequirement, ApprovalState, Json, Reason } from "../outcome.js";
import type { DecidedAnew } from "./port.js";
import type { ApprovalRow, JobRow, VoteAssurance, VoteRow, Write } from "./rows.js";

/** True while a request can still be voted on or used. */
export function isOpen(approval: ApprovalRow | null): approval is ApprovalRow {
  return approval !== null && (approval.state === "pending" || approval.state === "approved");
}

/** True for a request that ended without another in its place: who is left waiting for it runs, or asks anew. */
export function isReleased(approval: ApprovalRow | null): approval is ApprovalRow {
  return approval !== null && approval.state === "superseded" && approval.supersededBy === null;
}

/** When an open request lapses: a pending one by its own span, an approved one by the time for its use. */
export function expiryOf(approval: Pick<ApprovalRow, "state" | "decidedAt" | "useWithinMs" | "expiresAt">): number {
  if (approval.state === "approved") return (approval.decidedAt ?? 0) + approval.useWithinMs;
  return approval.expiresAt;
}

/** Until when a rejection stands against the same content; null for what was not rejected, or is lifted. */
export function standsUntil({ state, resolvedAt, rejectionStandsMs, liftedAt }: ApprovalRow): number | null {
  if ((state !== "rejected" && state !== "revoked") || liftedAt !== null) return null;
  return (resolvedAt ?? 0) + rejectionStandsMs;
}

/** True for a job that waits for this request, or holds it unused until a limit has room. */
export function waitsFor(job: JobRow | null, approvalId: string): job is JobRow {
  return job !== null && job.owner === null && job.approvalId === approvalId && isWaiting(job);
}

/** True for a job that waits for some request. */
export function isWaiting(job: JobRow): boolean {
  return job.status === "PENDING_APPROVAL" || (job.status === "THROTTLED" && job.approvalId !== null);
}

/**
 * SHA-256 over everything about a request that a reviewer is shown and that does not change while it is open. Votes, and
 * who joined since, are shown beside it. The job stands in it by its salted commitment, so that the view may stand in the
 * log without confirming guesses at what the job says.
 */
export function viewOf(approval: ApprovalRow): string {
  const shown: Record<string, Json> = {
    approval_id: approval.id,
    binding: approval.binding,
    decision: approval.decision,
    dispatcher: approval.dispatcher,
    expires_at: approval.expiresAt,
    fingerprint: approval.fingerprint,
    job: approval.commitment,
    job_id: approval.jobId,
    queued_since: approval.queuedSince,
    rejection_stands_ms: approval.rejectionStandsMs,
    requested_at: approval.requestedAt,
    requirements: JSON.stringify(approval.requirements),
    shown: approval.shown,
    snapshot: approval.snapshot,
    supersedes: approval.supersedes,
    tenant_id: approval.tenantId,
    trace_id: approval.traceId,
    use_within_ms: approval.useWithinMs,
  };
  return digest("view", canonicalize(shown));
}

/**
 * True when a request no longer asks what the policy asks: its decision differs, or, where either side binds to the
 * snapshot, another policy is in force.
 */
export function isStale(approval: ApprovalRow, decided: Omit<DecidedAnew, "epoch" | "derivedTags">): boolean {
  if (decided.fingerprint !== approval.fingerprint) return true;
  const bound = approval.binding === "snapshot" || decided.binding === "snapshot";
  return bound && decided.snapshot !== approval.snapshot;
}

/** True when every one of the tags is among the others. */
export function hasAll(among: readonly string[], tags: readonly string[]): boolean {
  return tags.every((tag) => among.includes(tag));
}

/** Both lists in one, sorted, each once. */
export function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])].sort();
}

/** Ends a request in another way than by a vote or its use, and records it. */
export function resolve(
  approval: ApprovalRow,
  end: {
    readonly state: Extract<ApprovalState, "expired" | "superseded" | "cancelled">;
    readonly by?: string;
    readonly supersededBy?: string;
    /** What else the event says. */
    readonly said?: EventFacts;
  },
  now: number,
  writes: Write[],
): ApprovalRow {
  const { state, by = null, supersededBy = null } = end;
  const row: ApprovalRow = { ...approval, state, resolvedAt: now, resolvedBy: by, supersededBy };
  writes.push({ to: "approvals", row });
  const facts = {
    ...approvalFacts(row),
    state,
    by,
    ...(supersededBy === null ? {} : { superseded_by: supersededBy }),
    ...end.said,
  };
  writes.push({ to: "events", event: sealEvent("approval.resolved", now, facts) });
  return row;
}

/** What every event about a request says. */
export function approvalFacts({ id, traceId, jobId, tenantId, snapshot }: ApprovalRow): {
  readonly [key: string]: string;
} {
  return { approval_id: id, trace_id: traceId, job_id: jobId, tenant_id: tenantId, snapshot };
}

/** Ends every job that waits for a request, but the one named. */
export function endWaiting(
  approval: ApprovalRow,
  reason: Reason,
  at: number,
  except: { readonly tenantId: string; readonly id: string } | null = null,
): Write {
  return { to: "waiting", approvalId: approval.id, except, reason, at };
}

/** Lets a request lapse, and with it every job that waits for it. */
export function lapse(
  approval: ApprovalRow,
  now: number,
  writes: Write[],
  except: { readonly tenantId: string; readonly id: string } | null = null,
): ApprovalRow {
  writes.push(endWaiting(approval, EXPIRED, now, except));
  return resolve(approval, { state: "expired" }, now, writes);
}

export const EXPIRED: Reason = Object.freeze({
  code: "approval_expired",
  message: "the approval was not given, or not used, in its time",
  help: "submit the job again to ask anew",
});

export const REJECTED: Reason = Object.freeze({
  code: "approval_rejected",
  message: "a reviewer rejected this content",
});

export const CANCELLED: Reason = Object.freeze({
  code: "approval_cancelled",
  message: "who asked for the job withdrew it",
});

/** Who votes, as far as a requirement looks at it. */
export type Voter = Pick<VoteRow, "kind" | "roles" | "assurance">;

const RANK: Readonly<Record<VoteAssurance, number>> = { none: 0, host: 1, token: 2 };

/** May this voter count for this requirement? */
export function isEligible(requirement: ApprovalRequirement, voter: Voter): boolean {
  const { kinds, roles, assurance = "none" } = requirement;
  if (!kinds.includes(voter.kind) || RANK[voter.assurance] < RANK[assurance]) return false;
  return roles === undefined || voter.roles.some((role) => roles.includes(role));
}

/** Does an approval count for this requirement: by who gave it, and by whether it names what was shown? */
export function counts(requirement: ApprovalRequirement, vote: Voter & Pick<VoteRow, "view">): boolean {
  return isEligible(requirement, vote) && (!requirement.confirmView || vote.view !== null);
}

/**
 * True when every requirement is met on its own by that many distinct eligible approvers.
 * One person may count for several requirements, and never twice for one.
 */
export function isSatisfied(requirements: readonly ApprovalRequirement[], votes: readonly VoteRow[]): boolean {
  const given = votes.filter(({ vote }) => vote === "approve");
  return requirements.every((requirement) => {
    const counted = given.filter((vote) => counts(requirement, vote));
    return new Set(counted.map(({ approverKey }) => approverKey)).size >= requirement.quorum;
  });
}

/** Whether who asked may vote: only where every requirement says so. */
export function allowsSelf(requirements: readonly ApprovalRequirement[]): boolean {
  return requirements.every(({ allowSelf }) => allowSelf);
}

const INVISIBLE = new RegExp(`[${NEVER_SEEN}]`, "gu");

/**
 * An identity as it is compared: two spellings of one name are one person. Without characters that nobody sees, spaces as
 * one, and folded by way of capitals, where `ß` is `SS` and the sigma at the end of a word is any other.
 */
export function foldIdentity(id: string): string {
  const apart = id.toWellFormed().replace(INVISIBLE, "").normalize("NFKD");
  return apart.toLowerCase().toUpperCase().toLowerCase().normalize("NFKC").replace(/\s+/gu, " ").trim();
}
