import type { Store } from "../store/port.js";
import type { OwnerRow } from "../store/rows.js";
import type { Core } from "./core.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { recordUnrecorded } from "./unrecorded.js";
import { recordJump } from "./upkeep.js";

/** How long closing waits for jobs that run, in milliseconds. What runs longer ends as `UNKNOWN`. */
export const CLOSE_WAIT_MS = 10_000;

/** How long a closed gate's functions that run on keep their places in pools, if the process is not found dead before. */
const LINGER_MS = 3_600_000;

/**
 * Resolves when all calls have an answer, functions that hold places have ended and all late results are recorded, or when
 * the time for that is over.
 */
export async function quiet({ background, pooled }: Core, waitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      isOver = true;
      resolve();
    }, waitMs);
  });
  while (!isOver && background.size + pooled.size > 0) {
    await Promise.race([Promise.allSettled([...background, ...pooled]), over]);
  }
  clearTimeout(timer);
}

/** How long each of a gate's last steps may take, in milliseconds: longer than a store may wait for a lock. */
export const LAST_STEP_MS = SETTLE_WAIT_MS + 1_000;

/** Waits for a step, and for no longer than so many milliseconds. Rejects where the step did before. */
export async function within(ms: number, step: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([step, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** The gate's last step: what could not be recorded before, and that its owner is gone, or lingers with what runs on. */
export async function leave(core: Core, store: Store, owner: OwnerRow): Promise<void> {
  await recordUnrecorded(core);
  // Also of a gate that lived for less than a beat.
  await recordJump(core);
  await core.refusals.end().catch(() => undefined);
  const now = core.clock.wall();
  const facts = { owner: owner.id, unsettled: core.unrecorded.length };
  // Whatever still runs keeps its places in pools for as long as this process may be believed to live.
  const lingers = core.pooled.size === 0 ? null : { ...owner, leaseUntil: now + LINGER_MS };
  await store.change({ kind: "leave", now, waitMs: SETTLE_WAIT_MS, owner: owner.id, lingers, facts });
}
