import type { AdmittedJob } from "../job/job.js";
import type { JobRow } from "../store/rows.js";
import { rowFacts } from "./claimed.js";
import type { Core } from "./core.js";
import type { Finding, Reconcile } from "./lost-claim.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { readBack } from "./stored-job.js";

const ANSWER_WITHIN_MS = 30_000;

/** Jobs that one look at the store asks for. */
const PAGE = 100;

/** Asks the host about every job that is `UNKNOWN` and whose owner is gone; answers how many it settled. */
export async function reconcile(core: Core): Promise<number> {
  const ask = core.settings.reconcile;
  if (ask === undefined) return 0;
  let settled = 0;
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Core["store"]["page"]>> = await core.store.page({
      kind: "unknown",
      after,
      limit: PAGE,
    });
    for (const { row, vault } of page.jobs ?? []) {
      if (core.isClosed()) return settled;
      const read = readBack(vault, row);
      if (!read.ok) continue;
      const found = await askHost(ask, read.admission.job, row);
      if (found !== "unknown" && (await settle(core, row, found === "happened"))) settled += 1;
    }
    after = page.next;
  } while (after !== null);
  return settled;
}

async function askHost(ask: Reconcile, job: AdmittedJob, row: JobRow): Promise<Finding> {
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const { dispatcher, updatedAt: lastSeenAt } = row;
  const claim = { dispatcher, idempotencyKey: `${row.tenantId}/${row.id}`, lastSeenAt, signal };
  const late = new Promise<Finding>((resolve) => {
    signal.addEventListener("abort", () => resolve("unknown"), { once: true });
  });
  try {
    const found = await Promise.race([(async () => ask(job, claim))(), late]);
    return found === "happened" || found === "not_happened" ? found : "unknown";
  } catch {
    // Whoever cannot tell leaves it as it is.
    return "unknown";
  }
}

async function settle(core: Core, row: JobRow, happened: boolean): Promise<boolean> {
  const { tenantId, id: jobId } = row;
  const answer = await core.store.change({
    kind: "reconcile",
    now: core.clock.wall(),
    waitMs: SETTLE_WAIT_MS,
    tenantId,
    jobId,
    owner: core.ownerId,
    happened,
    facts: { ...rowFacts(row), owner: row.owner },
  });
  return answer.status === "done";
}
