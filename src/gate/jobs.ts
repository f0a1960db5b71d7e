import { ApprovalError } from "../errors.js";
import type { Outcome, OutcomeStatus } from "../outcome.js";
import { refuseUnknown } from "../refuse-unknown.js";
import type { StoredJob } from "../store/port.js";
import type { Core } from "./core.js";
import { pageLimit } from "./options.js";
import { outcomeOfRow } from "./recorded.js";

/** The jobs that the store knows. */
export interface Jobs {
  /** The outcome of a job as recorded; null when the id is unknown. */
  readonly get: (jobId: string, options?: { readonly tenantId?: string }) => Promise<Outcome | null>;
  readonly list: (options?: {
    readonly status?: OutcomeStatus;
    readonly tenantId?: string;
    readonly after?: string;
    /** 1 to 1,000. Default 100. */
    readonly limit?: number;
  }) => Promise<{ readonly items: readonly Outcome[]; readonly next: string | null }>;
}

/** The jobs of one gate. */
export function createJobs(core: Core): Jobs {
  const show = ({ row, approval, vault }: StoredJob): Outcome =>
    outcomeOfRow(row, approval, vault, core.clock.wall(), true);
  return {
    get: async (jobId, options = {}) => {
      refuseUnknown(options, ["tenantId"], "jobs.get");
      const { jobs = [] } = await core.store.read({ kind: "job", id: jobId, tenantId: options.tenantId ?? null });
      if (jobs.length > 1) {
        throw new ApprovalError("job_id_ambiguous", "several tenants have a job of that id", {
          help: "name the `tenantId`",
        });
      }
      return jobs[0] === undefined ? null : show(jobs[0]);
    },
    list: async (options = {}) => {
      refuseUnknown(options, ["status", "tenantId", "after", "limit"], "jobs.list");
      const { status = null, tenantId = null, after = null } = options;
      const page = await core.store.page({ kind: "jobs", status, tenantId, after, limit: pageLimit(options.limit) });
      return { items: (page.jobs ?? []).map(show), next: page.next };
    },
  };
}
