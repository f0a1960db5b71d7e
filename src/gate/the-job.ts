import { EvidenceError } from "../errors.js";
import type { Store } from "../store/port.js";
import type { JobRow } from "../store/rows.js";

/** The one job of that id, or null. Rejects with an `EvidenceError` (`job_id_ambiguous`) where several tenants have one. */
export async function theJob(store: Pick<Store, "read">, id: string, tenantId: string | null): Promise<JobRow | null> {
  const { jobs = [] } = await store.read({ kind: "job", id, tenantId });
  if (jobs.length > 1) {
    throw new EvidenceError("job_id_ambiguous", "several tenants have a job of that id", {
      help: "name the `tenantId`",
    });
  }
  return jobs[0]?.row ?? null;
}
