import { sealEvent } from "../evidence/event.js";
import { approverFacts, noteRow } from "./judge-vote.js";
import type { Approver, Change, ReleaseAnswer, ReleaseRefusal } from "./port.js";
import { askersFor, isWhole, outputViewOf, type Quarantine, quarantineOf, releasedResult } from "./quarantine.js";
import type { ApprovalRow, JobRow, Judgement, KeptValue, Write } from "./rows.js";

/** What a store loads, inside the transaction, for the release of an output. */
export interface ReleaseView {
  /** The highest time that any event carries. */
  readonly loggedAt: number;
  readonly job: JobRow | null;
  /** The request that the job stands by, where it has one. */
  readonly approval: ApprovalRow | null;
  /** What is kept of the output. */
  readonly kept: KeptValue | null;
}

type Release = Extract<Change, { readonly kind: "release" }>;

/**
 * Decides one release. The delivery is recorded in the step that answers the output, so there is never a second one; who
 * does not get the answer of the first has lost it.
 */
export function judgeRelease(change: Release, view: ReleaseView): Judgement<ReleaseAnswer> {
  const { job, approval, kept } = view;
  if (job === null) return refused("unknown", null);
  const quarantine = quarantineOf(job);
  if (quarantine === null) return refused("not_quarantined", job);
  if (quarantine.released !== null) return refused("released", job);
  if (quarantine.held === null || kept === null) return refused("not_kept", job);
  if (!isWhole(quarantine, kept)) return refused("damaged", job);
  if (change.view !== outputViewOf(job, quarantine)) return refused("view_mismatch", job);
  const refusal = mayRelease(change.approver, job, askersFor(job, quarantine, approval));
  if (refusal !== undefined) return refused(refusal, job);
  return deliver(change, job, quarantine, kept, Math.max(change.now, view.loggedAt));
}

/** Why this person may not release it; undefined when they may. No policy makes an exception for who asked. */
function mayRelease(approver: Approver, { tenantId }: JobRow, askers: readonly string[]): ReleaseRefusal | undefined {
  if (approver.tenants !== null && !approver.tenants.includes(tenantId)) return "tenant_mismatch";
  if (askers.includes(approver.key)) return "is_requester";
  return approver.kind === "human" ? undefined : "not_eligible";
}

function deliver(
  { approver, note, view }: Release,
  job: JobRow,
  quarantine: Quarantine,
  kept: KeptValue,
  now: number,
): Judgement<ReleaseAnswer> {
  const { id: jobId, tenantId, status, reason, updatedAt } = job;
  const { quarantineId } = quarantine;
  const result = releasedResult(job, { by: approver.id, at: now });
  const facts = {
    approval_id: job.approvalId,
    approver: approverFacts(approver),
    job_id: jobId,
    output: quarantine.held,
    quarantine_id: quarantineId,
    tenant_id: tenantId,
    trace_id: job.traceId,
    view,
    ...(note === null ? {} : { note: note.commitment, note_ref: "release" }),
  };
  const writes: Write[] = [
    // The job ended when it ended, and as it did.
    { to: "ended", tenantId, id: jobId, status, reason, result, updatedAt },
    { to: "events", event: sealEvent("output.released", now, facts) },
  ];
  if (note !== null) writes.push({ to: "vault", row: noteRow({ id: quarantineId, tenantId, jobId }, "release", note) });
  return { answer: { status: "delivered", job: { ...job, result }, output: kept.value }, writes };
}

function refused(status: ReleaseRefusal, job: JobRow | null): Judgement<ReleaseAnswer> {
  return { answer: { status, job }, writes: [] };
}
