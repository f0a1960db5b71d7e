import { reasonFacts, sealEvent } from "../evidence/event.js";
import type { Reason } from "../outcome.js";
import type { RecoverAnswer, RecoverRequest } from "./port.js";
import type { JobRow, Judgement, OwnerRow, Write } from "./rows.js";

/** What a store loads, inside the transaction, for a recovery. */
export interface RecoverView {
  readonly owners: readonly OwnerRow[];
  readonly running: readonly JobRow[];
  /** How many places in pools each owner holds. */
  readonly slots: ReadonlyMap<string, number>;
}

/**
 * Ends as `UNKNOWN` every claim whose owner is gone: its row is missing, its lease has run out, or the caller saw that
 * its process is no more. Nothing runs again: whether the effect happened is not known here.
 */
export function judgeRecover(request: RecoverRequest, view: RecoverView): Judgement<RecoverAnswer> {
  const { now } = request;
  const gone = new Set(request.gone);
  const alive = new Set<string>([request.owner]);
  const writes: Write[] = [];
  for (const owner of view.owners) {
    if (owner.id === request.owner) continue;
    if (owner.leaseUntil > now && !gone.has(owner.id)) alive.add(owner.id);
    else writes.push(...letGo(owner.id, view.slots.get(owner.id) ?? 0, now));
  }
  const jobs: { tenantId: string; id: string; traceId: string }[] = [];
  for (const job of view.running) {
    if (job.owner === null || alive.has(job.owner)) continue;
    const reason: Reason = { code: "owner_lost", message: "the process that ran the job ended before it was settled" };
    writes.push({ to: "jobs", row: { ...job, status: "UNKNOWN", reason, updatedAt: now } });
    const facts = {
      trace_id: job.traceId,
      job_id: job.id,
      tenant_id: job.tenantId,
      approval_id: job.approvalId,
      status: "UNKNOWN",
      owner: job.owner,
      reason: reasonFacts(reason),
    };
    writes.push({ to: "events", event: sealEvent("gate.recovered", now, facts) });
    jobs.push({ tenantId: job.tenantId, id: job.id, traceId: job.traceId });
  }
  return { answer: { jobs }, writes };
}

/** An owner that is gone holds no place in any pool. Those in rate limits stay taken: what took them may have happened. */
function letGo(owner: string, slots: number, now: number): readonly Write[] {
  const gone: Write = { to: "owners_gone", id: owner };
  if (slots === 0) return [gone];
  return [gone, { to: "events", event: sealEvent("gate.recovered", now, { owner, slots }) }];
}
