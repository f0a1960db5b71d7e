import { refuseUnknown } from "../refuse-unknown.js";
import { checkOpen, type Desk } from "./desk.js";
import { optionalText } from "./options.js";

/** How the queue of requests stands. */
export interface ApprovalStats {
  /** Requests that are pending. */
  readonly depth: number;
  /** How many may be. It bounds the queue of all tenants together. */
  readonly capacity: number;
  /** Milliseconds that the oldest has been in the queue; null where none is pending. */
  readonly oldestAgeMs: number | null;
  /** Approved, neither used nor lapsed. */
  readonly approvedNotDispatched: number;
  /** Requests that lapsed within the window, pending or approved. */
  readonly expired: number;
  /** Requests that votes decided within the window; the times below are of the latest 10,000 of them. */
  readonly decided: number;
  /** Milliseconds from entering the queue to the decision of the votes; null where none was decided. */
  readonly medianDecisionMs: number | null;
  /** The same for the slowest twentieth: 95 of 100 took no longer. */
  readonly p95DecisionMs: number | null;
  /** Seconds that the window is long. */
  readonly windowSec: number;
}

const MAX_WINDOW_SEC = 31_536_000;

/** Counts the queue. */
export async function statsOf(
  desk: Desk,
  options: { readonly windowSec?: number; readonly tenantId?: string },
): Promise<ApprovalStats> {
  checkOpen(desk);
  refuseUnknown(options, ["windowSec", "tenantId"], "approvals.stats");
  const { windowSec = 86_400 } = options;
  const tenantId = optionalText("tenantId", options.tenantId);
  if (!(windowSec > 0 && windowSec <= MAX_WINDOW_SEC)) {
    throw new TypeError(`\`windowSec\` must be a number from over 0 to ${MAX_WINDOW_SEC}`);
  }
  const now = desk.now();
  const { stats } = await desk.store.read({ kind: "approval_stats", now, since: now - windowSec * 1_000, tenantId });
  if (stats === undefined) throw new TypeError("the store did not count its requests");
  const times = [...stats.decisionMs].sort((a, b) => a - b);
  return Object.freeze({
    depth: stats.pending,
    capacity: await desk.capacity(),
    oldestAgeMs: stats.oldest === null ? null : Math.max(0, now - stats.oldest),
    approvedNotDispatched: stats.approved,
    expired: stats.expired,
    decided: stats.decided,
    medianDecisionMs: rank(times, 0.5),
    p95DecisionMs: rank(times, 0.95),
    windowSec,
  });
}

/** The nearest-rank percentile: the least time within which that part of them was decided. */
function rank(sorted: readonly number[], part: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
}
