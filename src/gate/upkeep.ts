import { isGone } from "../store/owner.js";
import type { Store } from "../store/port.js";
import type { Core } from "./core.js";
import type { Reconsider } from "./reconsider.js";
import { note } from "./refusal.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { recordUnrecorded } from "./unrecorded.js";

/** Ends the claims of processes that are gone; answers how many. */
export async function recover(core: Core): Promise<number> {
  const { owners = [] } = await core.store.read({ kind: "owners" });
  const gone = owners.filter((owner) => owner.id !== core.ownerId && isGone(owner)).map(({ id }) => id);
  const now = core.clock.wall();
  const { jobs } = await core.store.recover({ now, waitMs: SETTLE_WAIT_MS, gone, owner: core.ownerId });
  return jobs.length;
}

/** Requests that one step lets lapse: bounds how long the store is held. */
const LAPSE_AT_ONCE = 100;

/** Records every request that has lapsed, so that whoever waits or listens is told. */
export async function expireLapsed(store: Pick<Store, "change">, now: number): Promise<void> {
  for (;;) {
    const change = { kind: "expire", now, waitMs: SETTLE_WAIT_MS, limit: LAPSE_AT_ONCE } as const;
    const { events } = await store.change(change);
    if (events.length < LAPSE_AT_ONCE) return;
  }
}

/**
 * Decides again every open request that was asked under an earlier policy: reviewers see what is asked now, and who only
 * records votes has something to vote on. Each is looked at once a policy; what the policy still asks stays as it is.
 */
async function renewStale(core: Core, reconsider: Reconsider): Promise<void> {
  const { epoch, policy } = core.inForce();
  let after: string | null = null;
  do {
    const page = await core.store.page({
      kind: "approvals",
      states: OPEN,
      tenantId: null,
      after,
      limit: RENEW_AT_ONCE,
    });
    for (const { row } of page.approvals ?? []) {
      if (row.epoch < epoch && row.snapshot !== policy.snapshot) await reconsider.renew(row.id);
    }
    after = page.next;
  } while (after !== null && core.inForce().epoch === epoch && !core.isClosed());
}

const OPEN = ["pending", "approved"] as const;
const RENEW_AT_ONCE = 100;

/** What {@link tend} remembers from one beat to the next. */
export interface Tended {
  /** The epoch whose requests were looked at last. */
  epoch: number;
}

/**
 * Every few seconds: the lease, what could not be recorded before, what the clock did, what has lapsed, and whether another
 * policy came into force. A store that is away is asked again next time.
 */
export async function tend(core: Core, reconsider: Reconsider, tended: Tended): Promise<void> {
  try {
    await core.keepLease(SETTLE_WAIT_MS);
    await recordUnrecorded(core);
    await core.halts.look();
    await recordJump(core);
    core.refusals.lookAtDisk();
    await core.refusals.flush();
    await expireLapsed(core.store, core.clock.wall());
    // Also what others appended who sign nothing. Where it fails it is tried again with the next beat.
    await core.checkpoints.now().catch(() => undefined);
    const { head } = await core.store.read({ kind: "policy_head" });
    if (head === null || head === undefined) return;
    if (head.epoch !== core.inForce().epoch) await core.adopt();
    if (tended.epoch === head.epoch) return;
    await renewStale(core, reconsider);
    tended.epoch = head.epoch;
  } catch {
    // Until the lease is renewed nothing is claimed, so there is nothing to do but to try again.
  }
}

/** Records that the system's clock was set, where it was since this was last looked at. */
export async function recordJump(core: Core): Promise<void> {
  // While the store is away it is kept for when it is back.
  if (core.outage.now() !== null) return;
  const jump = core.clock.takeJump();
  if (jump !== null) await note(core, "clock.jumped", { owner: core.ownerId, by_ms: jump });
}
