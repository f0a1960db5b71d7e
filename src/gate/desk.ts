import { ApprovalError, StoreError } from "../errors.js";
import { refuseUnknown } from "../refuse-unknown.js";
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
  readonly isClosed: () => boolean;
}

/** Throws a `StoreError` once the desk is closed, also where its store goes on without it. */
export function checkOpen({ isClosed }: Desk): void {
  if (isClosed()) throw new StoreError("store_closed", "the approvals were closed");
}

/** Names a request: by its own id, or as the one that a job waits on. */
export type ApprovalRef = string | { readonly jobId: string; readonly tenantId?: string };

/** Copies what names a request, at once. Throws a `TypeError` for what names none. */
export function readRef(ref: unknown, what = "a request"): ApprovalRef {
  if (typeof ref === "string") return ref;
  if (typeof ref === "object" && ref !== null) {
    refuseUnknown(ref, ["jobId", "tenantId"], `a reference to ${what}`);
    const { jobId, tenantId } = ref as { readonly jobId?: unknown; readonly tenantId?: unknown };
    if (typeof jobId === "string" && tenantId === undefined) return { jobId };
    if (typeof jobId === "string" && typeof tenantId === "string") return { jobId, tenantId };
  }
  throw new TypeError(`${what} is named by its id, or by \`{ jobId, tenantId }\``);
}

/** The request that is meant, or null where there is none. Rejects with `job_id_ambiguous`. */
export async function findApproval({ store }: Pick<Desk, "store">, ref: ApprovalRef): Promise<StoredApproval | null> {
  const { approvals = [] } = await store.read(
    typeof ref === "string"
      ? { kind: "approval", id: ref }
      : { kind: "approval_of", jobId: ref.jobId, tenantId: ref.tenantId ?? null },
  );
  if (approvals.length > 1) {
    throw new ApprovalError("job_id_ambiguous", "several tenants have a job of that id", {
      help: "name the `tenantId`",
    });
  }
  return approvals[0] ?? null;
}
