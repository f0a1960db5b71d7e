import { ApprovalError } from "./errors.js";
import type { Approval, ShownApproval } from "./gate/approval.js";
import { createCalls, type DecideOptions, type VoteOptions } from "./gate/approval-calls.js";
import { unknownApproval } from "./gate/approval-refusal.js";
import { type ApprovalRef, checkOpen, type Desk, findApproval, readRef } from "./gate/desk.js";
import { checkSignal, optionalText, pageLimit } from "./gate/options.js";
import { showApproval, showInFull } from "./gate/show-approval.js";
import { type ApprovalStats, statsOf } from "./gate/stats.js";
import { decided } from "./gate/wait.js";
import type { ApprovalState } from "./outcome.js";
import { refuseUnknown } from "./refuse-unknown.js";

/** What a listing asks for. */
export interface ApprovalListOptions {
  /** Default `false`: only requests that are pending or approved. */
  readonly includeResolved?: boolean;
  readonly tenantId?: string;
  /** `next` of the page before. */
  readonly after?: string;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number;
}

/** The approvals of a store. Approving never runs anything. */
export interface Approvals {
  /** Requests in the order of the queue, the oldest first: one that takes the place of another stands in it. */
  readonly list: (
    options?: ApprovalListOptions,
  ) => Promise<{ readonly items: readonly Approval[]; readonly next: string | null }>;
  /** One request with all that a reviewer needs, also as text; null when there is none. */
  readonly get: (ref: ApprovalRef) => Promise<ShownApproval | null>;
  /**
   * Votes for. In a gate the job is decided again first: where the policy has come to ask something else, the request is
   * superseded and the vote refused. Rejects with an `ApprovalError`, one event for each, and counts for nothing then.
   */
  readonly approve: (ref: ApprovalRef, options: VoteOptions) => Promise<Approval>;
  /** Votes against: one eligible rejection ends the request, also one that is approved and not used yet. */
  readonly reject: (ref: ApprovalRef, options: VoteOptions) => Promise<Approval>;
  /** Takes an approval back that is not used yet. Rejects with `approval_not_approved` for a request that is pending. */
  readonly revoke: (ref: ApprovalRef, options: DecideOptions) => Promise<Approval>;
  /** Withdraws a job, as one who asked for it. Others that wait for the same request go on waiting. */
  readonly cancel: (ref: ApprovalRef, options: DecideOptions) => Promise<Approval>;
  /** Lets a rejection stand no longer: equal jobs may be asked for again. */
  readonly lift: (ref: ApprovalRef, options: DecideOptions) => Promise<Approval>;
  /** How the queue stands, and how it went within the last `windowSec` seconds (over 0, default 86,400). */
  readonly stats: (options?: { readonly windowSec?: number; readonly tenantId?: string }) => Promise<ApprovalStats>;
  /** Resolves once a request is no longer pending, whoever decided it and wherever. Rejects with the signal's reason. */
  readonly settled: (ref: ApprovalRef, options?: { readonly signal?: AbortSignal }) => Promise<Approval>;
}

const OPEN: readonly ApprovalState[] = ["pending", "approved"];
const ALL: readonly ApprovalState[] = [
  ...OPEN,
  "rejected",
  "revoked",
  "cancelled",
  "expired",
  "superseded",
  "consumed",
];

/** The approvals of one desk. */
export function createApprovals(desk: Desk): Approvals {
  return Object.freeze({
    ...createCalls(desk),

    list: async (options: ApprovalListOptions = {}) => {
      checkOpen(desk);
      refuseUnknown(options, ["includeResolved", "tenantId", "after", "limit"], "approvals.list");
      const { includeResolved = false } = options;
      const tenantId = optionalText("tenantId", options.tenantId);
      const after = optionalText("after", options.after);
      const page = await desk.store.page({
        kind: "approvals",
        states: includeResolved ? ALL : OPEN,
        tenantId,
        after,
        limit: pageLimit(options.limit),
      });
      const shown = (page.approvals ?? []).map((stored) => showApproval(stored, desk.now()));
      // One that has lapsed and is not recorded so yet is not open any more.
      return { items: shown.filter(({ state }) => includeResolved || OPEN.includes(state)), next: page.next };
    },

    get: async (ref: ApprovalRef) => {
      checkOpen(desk);
      const stored = await findApproval(desk, readRef(ref));
      return stored === null ? null : showInFull(stored, desk.now());
    },

    stats: (options: { readonly windowSec?: number; readonly tenantId?: string } = {}) => statsOf(desk, options),

    settled: async (ref: ApprovalRef, options: { readonly signal?: AbortSignal } = {}) => {
      checkOpen(desk);
      refuseUnknown(options, ["signal"], "approvals.settled");
      const { signal } = options;
      checkSignal(signal);
      let meant = readRef(ref);
      for (;;) {
        signal?.throwIfAborted();
        const stored = await findApproval(desk, meant);
        if (stored === null) throw unknownApproval();
        const approval = showApproval(stored, desk.now());
        if (approval.state !== "pending") return approval;
        // From now on this very request: the job may come to wait for another.
        meant = approval.id;
        const woken = await decided(desk, meant, Number.POSITIVE_INFINITY, signal);
        if (woken === "closed") throw new ApprovalError("approval_unknown", "the gate was closed while it waited");
      }
    },
  });
}
