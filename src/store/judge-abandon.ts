import { reasonFacts, sealEvent } from "../evidence/event.js";
import type { Change, ChangeAnswer } from "./port.js";
import type { ApprovalRow, JobRow, Judgement, PolicyHead, Write } from "./rows.js";

/** What a store loads, inside the transaction, for a claim that is given up. */
export interface AbandonView {
  readonly active: PolicyHead | null;
  readonly job: JobRow | null;
  /** The request that the claim used. */
  readonly approval: ApprovalRow | null;
  /** Whether equal content is asked for by another request by now: two that are open would be one too many. */
  readonly isAskedAnew: boolean;
}

/**
 * Gives up a claim whose function was never called: approval, places and slots are as they were before it, and the id is not
 * spent. The only way out of `consumed`, and only for the owner of the claim.
 */
export function judgeAbandon(
  change: Extract<Change, { readonly kind: "abandon" }>,
  { active, job, approval, isAskedAnew }: AbandonView,
): Judgement<ChangeAnswer> {
  const { now, owner, tenantId, jobId, taken, reason } = change;
  if (job === null || job.owner !== owner || job.status !== "RUNNING") {
    return { answer: { status: "not_claimed" }, writes: [] };
  }
  const given = approval?.state === "consumed" && !isAskedAnew ? approval : null;
  const status = given === null ? "DENIED" : "PENDING_APPROVAL";
  const row: JobRow = {
    ...job,
    status,
    owner: null,
    constraints: null,
    updatedAt: now,
    reason:
      given === null ? reason : { code: "approval_required", message: "the job waits to be run with its approval" },
  };
  const writes: Write[] = [
    { to: "jobs", row },
    { to: "slots_free", tenantId, jobId },
  ];
  for (const bucket of taken.buckets) writes.push({ to: "places_free", bucket, at: taken.at });
  if (given !== null) {
    writes.push({ to: "approvals", row: { ...given, state: "approved", resolvedAt: given.decidedAt } });
  }
  const stands = { status, approval_state: given === null ? null : "approved" };
  const facts = { ...change.facts, ...stands, places: taken.buckets.length, reason: reasonFacts(reason) };
  writes.push({ to: "events", event: sealEvent("claim.abandoned", now, facts) });
  return { answer: { status: "done", active }, writes };
}
