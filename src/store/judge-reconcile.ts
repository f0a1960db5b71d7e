import { reasonFacts, sealEvent } from "../evidence/event.js";
import type { Reason } from "../outcome.js";
import type { Change, ChangeAnswer } from "./port.js";
import type { JobRow, Judgement, OwnerRow, PolicyHead } from "./rows.js";

/** What a store loads, inside the transaction, for a job of which the host found out how it ended. */
export interface ReconcileView {
  readonly active: PolicyHead | null;
  readonly job: JobRow | null;
  readonly owners: readonly OwnerRow[];
}

const CONFIRMED: Reason = Object.freeze({
  code: "effect_confirmed",
  message: "the host found that the effect happened; what it gave back is not known",
});

const RULED_OUT: Reason = Object.freeze({
  code: "effect_ruled_out",
  message: "the host found that the effect did not happen",
  help: "submit it under another id to ask again",
});

/**
 * Settles a job of which nobody knew how it ended. Not one whose owner lives: it may say more than that. Its id stays spent, and
 * so do its approval and its places: nothing runs again by itself.
 */
export function judgeReconcile(
  change: Extract<Change, { readonly kind: "reconcile" }>,
  { active, job, owners }: ReconcileView,
): Judgement<ChangeAnswer> {
  const { now, tenantId, jobId, happened } = change;
  const lives = owners.some(({ id, leaseUntil }) => id === job?.owner && id !== change.owner && leaseUntil > now);
  if (job === null || job.status !== "UNKNOWN" || lives) return { answer: { status: "not_claimed" }, writes: [] };
  const [status, reason] = happened ? (["SUCCEEDED", CONFIRMED] as const) : (["FAILED", RULED_OUT] as const);
  const facts = { ...change.facts, dispatched: happened, reason: reasonFacts(reason), status };
  return {
    answer: { status: "done", active },
    writes: [
      { to: "ended", tenantId, id: jobId, status, reason, result: null, updatedAt: now },
      { to: "slots_free", tenantId, jobId },
      { to: "events", event: sealEvent("job.reconciled", now, facts) },
    ],
  };
}
