import type { Outcome } from "../outcome.js";
import type { JobRow } from "../store/rows.js";
import type { Core } from "./core.js";
import { resume } from "./resume.js";

/** How a drain runs what is approved. */
export interface DrainOptions {
  /** No further job begins once it is aborted; those that run are told. */
  readonly signal?: AbortSignal;
  /** Jobs that run at the same time, 1 to 256. Default 1: one after the other, in the order of the queue. */
  readonly concurrency?: number;
  /** At most this many jobs, an integer of 1 or more. Default: all. */
  readonly limit?: number;
  /** Asked of each job before it begins: true leaves it for another time, as a host does with one that was throttled. */
  readonly leave?: (job: { readonly jobId: string; readonly tenantId: string }) => boolean;
}

/**
 * Runs, in the order of the queue, every job that holds an approval and whose dispatcher this process has; then those that
 * waited for a request which ended because the policy asks for none any more.
 */
export async function drain(core: Core, options: DrainOptions): Promise<readonly Outcome[]> {
  const { signal, concurrency = 1, limit = Number.POSITIVE_INFINITY, leave = () => false } = options;
  const outcomes: Outcome[] = [];
  const found = jobsToRun(core, leave);
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < limit && signal?.aborted !== true && !core.isClosed()) {
      begun += 1;
      const place = begun - 1;
      const next = await found.next();
      if (next.done === true) return;
      const { id, tenantId } = next.value;
      const options = { tenantId, ...(signal === undefined ? {} : { signal }) };
      outcomes[place] = await resume(core, id, undefined, options);
    }
  };
  // What runs ends before anybody is told that a look at the store failed.
  const workers = await Promise.allSettled(Array.from({ length: concurrency }, work));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  return outcomes.filter((outcome) => outcome !== undefined);
}

/** How many requests one look at the store asks for. */
const PAGE = 100;

async function* jobsToRun(
  core: Core,
  leave: NonNullable<DrainOptions["leave"]>,
): AsyncGenerator<JobRow, void, undefined> {
  for await (const row of allToRun(core)) {
    if (!leave({ jobId: row.id, tenantId: row.tenantId })) yield row;
  }
}

async function* allToRun(core: Core): AsyncGenerator<JobRow, void, undefined> {
  let after: string | null = null;
  do {
    const page = await core.store.page({ kind: "approvals", states: ["approved"], tenantId: null, after, limit: PAGE });
    for (const { row } of page.approvals ?? []) {
      if (!core.dispatchers.has(row.dispatcher)) continue;
      const { jobs = [] } = await core.store.read({ kind: "waiting", approvalId: row.id, limit: 1 });
      if (jobs[0] !== undefined) yield jobs[0].row;
    }
    after = page.next;
  } while (after !== null);
  const dispatchers = core.dispatchers.names();
  do {
    const page = await core.store.page({ kind: "released", dispatchers, after, limit: PAGE });
    for (const { row } of page.jobs ?? []) yield row;
    after = page.next;
  } while (after !== null);
}
