import type { Dispatchers } from "../dispatch/dispatcher.js";
import type { PermitKeys } from "../dispatch/permit-token.js";
import { PolicyError, StoreError } from "../errors.js";
import type { Json, Outcome } from "../outcome.js";
import { compilePolicy, documentText, type Policy } from "../policy/policy.js";
import type { Signer } from "../signer.js";
import { LEASE_MS } from "../store/owner.js";
import type { SettleAnswer, SettleRequest, Store } from "../store/port.js";
import type { OwnerRow } from "../store/rows.js";
import type { Checkpoints } from "./checkpoints.js";
import type { Clock } from "./clock.js";
import type { Degraded } from "./degraded.js";
import type { Halts } from "./halt.js";
import type { Hub } from "./hub.js";
import type { Settings } from "./options.js";
import type { Outage } from "./outage.js";
import type { Refusals } from "./refusals.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { createTally, type Tally } from "./tally.js";
import type { Unrecorded } from "./unrecorded.js";

/** The policy that this process decides under, and the epoch that made it so. */
export interface InForce {
  readonly policy: Policy;
  readonly epoch: number;
}

/** What all parts of one gate share. */
export interface Core {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly store: Store;
  /** Runs jobs while the store is away; null in fail mode `closed`. */
  readonly degraded: Degraded | null;
  /** Records how a job ended, where its claim is. */
  readonly settle: (request: SettleRequest) => Promise<SettleAnswer>;
  readonly outage: Outage;
  readonly refusals: Refusals;
  readonly dispatchers: Dispatchers;
  /** Who waits for a request, and who is told of what happens to it. */
  readonly hub: Hub;
  readonly permitKeys: PermitKeys;
  readonly signer: Signer;
  /** Signs the log. */
  readonly checkpoints: Checkpoints;
  readonly ownerId: string;
  /** The policy in force as far as this process knows; the store checks it in every step. */
  readonly inForce: () => InForce;
  /** Takes over the policy that the store says is in force. */
  readonly adopt: () => Promise<void>;
  /** Decides under a policy before the store could say which is in force: only while it cannot be reached. */
  readonly assume: (policy: Policy) => void;
  /** Renews the owner's lease now. */
  readonly renewLease: () => Promise<void>;
  /** Makes a policy the one in force for every process on the store. */
  readonly activate: (policy: Policy, by: string) => Promise<void>;
  /** Renews the owner's lease when it is about to lapse; a gate whose lease ran out claims nothing until then. */
  readonly keepLease: (waitMs: number) => Promise<void> | undefined;
  /** What is counted for who looks on. */
  readonly tally: Tally;
  /** Jobs that this process runs, by {@link jobKey}. */
  readonly running: Map<string, Running>;
  /** Whether an operator stopped all claims. */
  readonly halts: Halts;
  /** Calls that are not answered yet, and work that goes on after its caller has an answer. */
  readonly background: Set<Promise<unknown>>;
  /** Functions that hold places in pools and have not ended, waited for or not. */
  readonly pooled: Set<Promise<unknown>>;
  /** What was observed and could not be recorded yet. */
  readonly unrecorded: Unrecorded;
  readonly isClosed: () => boolean;
}

/** A job that runs in this process. */
export interface Running {
  readonly outcome: Promise<Outcome>;
  /** Tells its function to stop. */
  readonly stop: (reason: unknown) => void;
}

/** A job within its process. */
export function jobKey(tenantId: string, id: string): string {
  return `${id} ${tenantId}`;
}

/** Keeps a promise where closing the gate waits for it, until it has ended. */
export function track<T>(core: Core, work: Promise<T>): Promise<T> {
  const tracked = work.finally(() => core.background.delete(tracked));
  core.background.add(tracked);
  return tracked;
}

/** What {@link createCore} needs besides what it makes. */
export interface CoreParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly store: Store;
  readonly dispatchers: Dispatchers;
  readonly hub: Hub;
  readonly permitKeys: PermitKeys;
  readonly signer: Signer;
  readonly checkpoints: Checkpoints;
  readonly owner: OwnerRow;
  readonly degraded: Degraded | null;
  readonly outage: Outage;
  readonly refusals: Refusals;
  readonly halts: Halts;
  readonly running: Map<string, Running>;
  readonly isClosed: () => boolean;
}

/** Ties the parts of a gate together. Nothing is in force until `activate` or `adopt` has run. */
export function createCore(parts: CoreParts): Core {
  const { clock, store, owner } = parts;
  let inForce: InForce | null = null;
  let leaseUntil = owner.leaseUntil;

  const adopt = async (): Promise<void> => {
    const { policy: active } = await store.read({ kind: "policy" });
    if (active === null || active === undefined) {
      throw new PolicyError([{ code: "policy_missing", message: "no policy is active on the store", path: "" }]);
    }
    if (inForce !== null && inForce.epoch >= active.epoch) return;
    const policy = compilePolicy(
      { document: JSON.parse(active.document) as Json },
      // Whatever one process could load, every other can take over.
      { maxBytes: active.document.length },
    );
    if (policy.snapshot !== active.snapshot) {
      throw new StoreError(
        "store_failed",
        "the active policy is not what its snapshot says, or was made by another engine",
        {
          help: "run the same version of dispatch-gate in every process on the store",
        },
      );
    }
    if (inForce === null || inForce.epoch < active.epoch) inForce = { policy, epoch: active.epoch };
  };

  const renew = async (waitMs: number): Promise<void> => {
    const now = clock.wall();
    const row: OwnerRow = { ...owner, leaseUntil: now + LEASE_MS };
    await store.change({ kind: "renew", now, waitMs, owner: row });
    leaseUntil = row.leaseUntil;
  };

  return {
    ...parts,
    ownerId: owner.id,
    tally: createTally(clock.wall()),
    background: new Set(),
    pooled: new Set(),
    unrecorded: [],
    adopt,
    assume: (policy) => {
      inForce ??= { policy, epoch: 0 };
    },
    renewLease: () => renew(SETTLE_WAIT_MS),
    settle: (request) => (parts.degraded === null ? store.settle(request) : parts.degraded.settle(request)),
    inForce: () => {
      if (inForce === null) throw new TypeError("no policy is in force");
      return inForce;
    },
    activate: async (policy, by) => {
      const text = documentText(policy);
      const answer = await store.change({
        kind: "activate",
        now: clock.wall(),
        waitMs: SETTLE_WAIT_MS,
        snapshot: policy.snapshot,
        document: text,
        facts: { by, owner: owner.id, source_hash: policy.sourceHash },
      });
      if (answer.status !== "done" || answer.active === null) return adopt();
      // Two gates may activate at once: the later epoch stands, whichever answer comes first.
      if (inForce === null || inForce.epoch < answer.active.epoch) inForce = { policy, epoch: answer.active.epoch };
    },
    keepLease: (waitMs) => (clock.wall() < leaseUntil - LEASE_MS / 2 ? undefined : renew(waitMs)),
  };
}
