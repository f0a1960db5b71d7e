import { type Approvals, createApprovals } from "./approvals.js";
import { createClock } from "./gate/clock.js";
import type { Desk } from "./gate/desk.js";
import { createHub } from "./gate/hub.js";
import { openStore } from "./gate/store.js";
import { telling } from "./gate/telling.js";
import { expireLapsed } from "./gate/upkeep.js";
import type { PolicyDocument } from "./policy/document.js";
import { queueLimits } from "./policy/policy.js";
import { refuseUnknown } from "./refuse-unknown.js";
import type { Store } from "./store/port.js";
import type { VoteAssurance } from "./store/rows.js";

/** How {@link openApprovals} opens a store. Unknown keys are refused. */
export interface OpenApprovalsOptions {
  /** Path of an SQLite file, or a store. */
  readonly store: string | Store;
  /**
   * What an identity rests on where a call does not say: default `"host"`, the caller vouches for it. With `"none"` no
   * call can say anything else.
   */
  readonly assurance?: VoteAssurance;
  /** The time in milliseconds since 1970-01-01T00:00:00Z. Default: the system's clock. */
  readonly now?: () => number;
}

/** The approvals of a store, without a gate. */
export interface OpenApprovals extends Approvals {
  /** Lets go of the store, if it was opened here. Who waits in `settled` is told. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the approvals of a store for a server or a command line that has not the host's policy and configuration. Votes
 * are recorded against the request as it stands; whether it still is what the policy asks is decided by the gate that
 * claims the job. Rejects with a `StoreError` that says what to do.
 */
export async function openApprovals(options: OpenApprovalsOptions): Promise<OpenApprovals> {
  if (typeof options !== "object" || options === null) throw new TypeError("openApprovals takes an object of options");
  refuseUnknown(options, ["store", "assurance", "now"], "openApprovals");
  const { assurance = "host" } = options;
  if (!["host", "token", "none"].includes(assurance)) {
    throw new TypeError('`assurance` must be one of "host", "token", "none"');
  }
  if (options.now !== undefined && typeof options.now !== "function") throw new TypeError("`now` must be a function");
  const opened = await openStore(options.store);
  const { at = 0 } = await opened.read({ kind: "time" });
  const clock = createClock(options.now, at);
  const store = telling(opened, (events) => hub.tell(events));
  const hub = createHub({
    store,
    now: clock.wall,
    onEvent: undefined,
    expire: () => expireLapsed(store, clock.wall()),
  });
  const capacity = async (): Promise<number> => {
    const { policy } = await store.read({ kind: "policy" });
    const document = policy === null || policy === undefined ? null : (JSON.parse(policy.document) as PolicyDocument);
    return queueLimits(document?.queue).maxPending;
  };
  let closed = false;
  const isClosed = (): boolean => closed;
  const desk: Desk = { store, hub, now: clock.wall, assurance, reconsider: null, capacity, isClosed };
  return Object.freeze({
    ...createApprovals(desk),
    close: async () => {
      closed = true;
      hub.close();
      if (typeof options.store === "string") await opened.close();
    },
  });
}
