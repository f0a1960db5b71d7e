import type { SettleAnswer, SettleRequest } from "./port.js";
import type { JobHold, Judgement, Write } from "./rows.js";

/**
 * Decides one settle. Only the owner of the claim may say how it ended, and only once; a claim that others gave up
 * as `UNKNOWN` may still be settled by the owner that turned out to be alive: that is knowledge gained.
 */
export function judgeSettle(request: SettleRequest, job: JobHold | null): Judgement<SettleAnswer> {
  if (job === null || job.owner !== request.owner) return { answer: { status: "not_claimed" }, writes: [] };
  const { tenantId, jobId, status } = request;
  const writes: Write[] = [];
  if (status !== null) {
    if (job.status !== "RUNNING" && job.status !== "UNKNOWN") return { answer: { status: "not_claimed" }, writes: [] };
    const { reason, result, now: updatedAt } = request;
    writes.push({ to: "ended", tenantId, id: jobId, status, reason, result, updatedAt });
  }
  if (request.ended && job.pooled) writes.push({ to: "slots_free", tenantId, jobId });
  // What was erased stays so: a result that comes after that leaves its commitment alone.
  if (job.erasedAt === null) for (const row of request.vault) writes.push({ to: "vault", row });
  writes.push({ to: "events", event: request.event });
  return { answer: { status: "settled" }, writes };
}
