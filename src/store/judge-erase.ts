import { sealEvent } from "../evidence/event.js";
import { isOpen, isWaiting, standsUntil } from "./approval-state.js";
import type { Change, ChangeAnswer, EraseRefusal } from "./port.js";
import type { ApprovalRow, JobRow, Judgement, VaultKind } from "./rows.js";

/** What a store loads, inside the transaction, for an erasure. */
export interface EraseView {
  /** The highest time that any event carries. */
  readonly loggedAt: number;
  readonly job: JobRow | null;
  /** The requests that the job opened, and the one that it stands by. */
  readonly requests: readonly ApprovalRow[];
  /** Whether any job is left waiting for one of those requests. */
  readonly isAwaited: boolean;
  /** What private values there are. */
  readonly kinds: readonly VaultKind[];
}

type Erase = Extract<Change, { readonly kind: "erase" }>;

/**
 * Decides one erasure. What is open keeps what it stands on: a job is not run, approved or refused on content that is gone,
 * and no rejection ends because its content was erased. Erasing twice changes nothing.
 */
export function judgeErase(change: Erase, view: EraseView): Judgement<ChangeAnswer> {
  const { job, requests, kinds } = view;
  if (job === null) return refused("unknown");
  if (job.erasedAt !== null) return { answer: { status: "erased", values: 0, cleared: true }, writes: [] };
  const now = Math.max(change.now, view.loggedAt);
  const own = requests.filter(({ jobId, tenantId }) => jobId === job.id && tenantId === job.tenantId);
  // Who is left waiting for a request may ask in its place, and that shows the job which opened it.
  if (job.status === "RUNNING" || isWaiting(job) || own.some(isOpen) || view.isAwaited) return refused("open");
  if (own.some((request) => now < (standsUntil(request) ?? 0))) return refused("rejected");
  const { tenantId, id: jobId } = job;
  const facts = {
    ...change.facts,
    commitment: job.commitment,
    job_id: jobId,
    tenant_id: tenantId,
    trace_id: job.traceId,
    values: kinds.length,
  };
  return {
    answer: { status: "erased", values: kinds.length, cleared: true },
    writes: [
      { to: "erased", tenantId, jobId, at: now },
      { to: "events", event: sealEvent("job.erased", now, facts) },
    ],
  };
}

function refused(refusal: EraseRefusal): Judgement<ChangeAnswer> {
  return { answer: { status: "not_erased", refusal }, writes: [] };
}
