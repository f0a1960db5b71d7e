import { ApprovalError } from "../errors.js";
import type { Store, StoredApproval } from "../store/port.js";
import type { VoteAssurance } from "../store/rows.js";
import type { Hub } from "./hub.js";
import type { Reconsider } from "./reconsider.js";

/** Where approvals are decided: in a gate, or by one who only records votes. */
export interface Desk {
  readonly store: Store;
  readonly hub: Hub;
  readonly now: () => number;
  /** What an identity rests on where the caller does not say. */
  readonly assurance: VoteAssurance;
  /** Null for who has not the host's configuration and cannot decide a job again. */
  readonly reconsider: Reconsider | null;
  /** Requests that may be pending at once. */
  readonly capacity: () => Promise<number>;
}

/** Names a request: by its own id, or as the one that a job waits on. */
export type ApprovalRef = string | { readonly jobId: string; readonly tenantId?: string };

/** The request that is meant, or null where there is none. Rejects with `job_id_ambiguous`. */
export async function findApproval({ store }: Pick<Desk, "store">, ref: ApprovalRef): Promise<StoredApproval | null> {
  const { approvals = [] } = await store.read(queryOf(ref));
  if (approvals.length > 1) {
    throw new ApprovalError("job_id_ambiguous", "several tenants have a job of that id", {
      help: "name the `tenantId`",
    });
  }
  return approvals[0] ?? null;
}

function queryOf(ref: ApprovalRef): Parameters<Store["read"]>[0] {
  if (typeof ref === "string") return { kind: "approval", id: ref };
  if (typeof ref !== "object" || ref === null || typeof ref.jobId !== "string") {
    throw new TypeError("a request is named by its id, or by `{ jobId }`");
  }
  return { kind: "approval_of", jobId: ref.jobId, tenantId: ref.tenantId ?? null };
}
