import { reasonFacts, sealEvent } from "../evidence/event.js";
import type { Reason } from "../outcome.js";
import type { ClaimAnswer, SettleRequest } from "../store/port.js";
import type { JobRow } from "../store/rows.js";
import type { Asked } from "./claim.js";
import { rowFacts, whose } from "./claimed.js";
import type { Core } from "./core.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { recordWhenever } from "./unrecorded.js";

/** What was asked, where the answer was a claim. */
export type AskedAndClaimed = Asked & { readonly answer: Extract<ClaimAnswer, { readonly status: "claimed" }> };

export function isClaimed(asked: Asked): asked is AskedAndClaimed {
  return asked.answer.status === "claimed";
}

/**
 * Gives up a claim whose function was never called: what it took is given back. Where the store cannot be told it is tried again;
 * until then the claim stays, and ends as `UNKNOWN` if this gate is gone before: never as free to run.
 */
export function abandon(core: Core, { answer, buckets }: AskedAndClaimed, reason: Reason): Promise<void> {
  const { job, takenAt } = answer;
  if (job.degraded) return recordWhenever(core, () => core.settle(neverDispatched(core, job, reason)));
  return recordWhenever(core, async () => {
    await core.store.change({
      kind: "abandon",
      now: core.clock.wall(),
      waitMs: SETTLE_WAIT_MS,
      tenantId: job.tenantId,
      jobId: job.id,
      owner: core.ownerId,
      taken: { buckets, at: takenAt },
      reason,
      facts: { ...rowFacts(job), owner: core.ownerId },
    });
  });
}

/** A claim that the store does not know holds nothing that could be given back. */
function neverDispatched(core: Core, job: JobRow, reason: Reason): SettleRequest {
  const now = core.clock.wall();
  const facts = { ...rowFacts(job), dispatched: false, reason: reasonFacts(reason), status: "DENIED" };
  const event = sealEvent("job.settled", now, facts);
  return { ...whose(core, job, now), status: "DENIED", reason, result: null, ended: true, vault: [], event };
}
