import { isGone } from "../store/owner.js";
import { type Core, SETTLE_WAIT_MS } from "./core.js";

/** Ends the claims of processes that are gone; answers how many. */
export async function recover(core: Core): Promise<number> {
  const { owners = [] } = await core.store.read({ kind: "owners" });
  const gone = owners.filter((owner) => owner.id !== core.ownerId && isGone(owner)).map(({ id }) => id);
  const now = core.clock.wall();
  const { jobs } = await core.store.recover({ now, waitMs: SETTLE_WAIT_MS, gone, owner: core.ownerId });
  return jobs.length;
}

/** Every few seconds: the lease, and what could not be recorded before. A store that is away is asked again next time. */
export async function tend(core: Core): Promise<void> {
  try {
    await core.keepLease();
    await recordUnsettled(core);
  } catch {
    // Until the lease is renewed nothing is claimed, so there is nothing to do but to try again.
  }
}

/** Records what was observed while the store was away; stops at the first that it still refuses. */
export async function recordUnsettled(core: Core): Promise<void> {
  for (const request of [...core.unsettled]) {
    try {
      await core.store.settle(request);
    } catch {
      return;
    }
    core.unsettled.splice(core.unsettled.indexOf(request), 1);
  }
}
