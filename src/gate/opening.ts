import type { createDispatchers } from "../dispatch/dispatcher.js";
import type { PermitKeys } from "../dispatch/permit-token.js";
import { isOutage, StoreError } from "../errors.js";
import type { SealedEvent } from "../evidence/event.js";
import type { Policy } from "../policy/policy.js";
import type { Signer } from "../signer.js";
import { describeOwner, RENEW_MS } from "../store/owner.js";
import type { Store } from "../store/port.js";
import { createCheckpoints } from "./checkpoints.js";
import { createClock } from "./clock.js";
import { LAST_STEP_MS, leave, quiet, within } from "./closing.js";
import { type Core, createCore, type Running, track } from "./core.js";
import { type Degraded, openDegraded } from "./degraded.js";
import { enterLeftSpools, giveSpooled } from "./enter-spools.js";
import { createHalts } from "./halt.js";
import { createHub } from "./hub.js";
import { uuidv7 } from "./ids.js";
import type { Settings } from "./options.js";
import { createOutage } from "./outage.js";
import { reconcile } from "./reconcile.js";
import { createReconsider, type Reconsider } from "./reconsider.js";
import { note } from "./refusal.js";
import { createRefusals } from "./refusals.js";
import { selfTest } from "./self-test.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { checkSigner } from "./signing.js";
import { telling } from "./telling.js";
import { expireLapsed, recover, tend } from "./upkeep.js";

/** What a gate is opened with. */
export interface Opening {
  readonly settings: Settings;
  readonly dispatchers: ReturnType<typeof createDispatchers>;
  readonly permitKeys: PermitKeys;
  readonly signer: Signer;
  readonly policy: Policy | null;
  readonly store: Store;
  readonly ownStore: boolean;
}

/** A gate at work. */
export interface Opened {
  readonly core: Core;
  readonly reconsider: Reconsider;
  /** `waitMs`: how long jobs that run are waited for. */
  readonly close: (waitMs: number) => Promise<void>;
}

/**
 * Ties the parts of a gate together, joins the store, and proves that the gate denies before it takes work. In fail mode `open` a
 * store that is away is joined when it is back.
 */
export async function openCore(opening: Opening): Promise<Opened> {
  const { settings, dispatchers, permitKeys, signer, policy, store, ownStore } = opening;
  const clock = createClock(settings.now);
  const openedAt = clock.wall();
  const owner = describeOwner(uuidv7(openedAt), openedAt, settings.failMode);
  const running = new Map<string, Running>();
  let closed = false;
  let joined = false;

  const outage = createOutage({
    now: clock.wall,
    probe: async () => {
      await store.reopen?.();
      if (joined) return core.renewLease();
      return join();
    },
    returned: async (away) => {
      if (degraded !== null) return degraded.enter(away);
      await giveSpooled(taker, { owner: null, entries: [], lost: 0 }, away);
    },
  });
  const checkpoints = createCheckpoints({ store, signer, rhythm: settings.checkpoints, now: clock.wall });
  const tell = (events: readonly SealedEvent[]): void => {
    hub.tell(events);
    checkpoints.tell(events);
  };
  const told = telling(store, tell, outage);
  const taker = { store: told, now: clock.wall, owner };
  const hub = createHub({
    store: told,
    now: clock.wall,
    onEvent: settings.onEvent,
    expire: () => expireLapsed(told, clock.wall()),
  });
  const halts = createHalts({ store: told, now: clock.wall, ownerId: owner.id, running });
  const refusals = createRefusals({
    settings: settings.refusals,
    now: clock.wall,
    freeBytes: () => store.freeBytes?.() ?? null,
    record: (facts) => note(core, "refusals.counted", { ...facts, owner: owner.id }),
  });
  const spoolPath = settings.spool.path ?? store.keyFile?.replace(/\.key$/, ".spool");
  const degraded = openDegradedIn(settings, spoolPath, {
    ...taker,
    isHalted: halts.isHaltedAsKnown,
  });
  const core = createCore({
    ...{ settings, clock, store: told, dispatchers, hub, permitKeys, signer, checkpoints, owner },
    ...{ degraded, outage, refusals, halts, running },
    isClosed: () => closed,
  });

  /** Makes this gate one of those on the store. */
  const join = async (): Promise<void> => {
    await checkSigner(signer, settings, store);
    const { at = 0 } = await store.read({ kind: "time" });
    clock.learn(at);
    const now = clock.wall();
    const facts = { owner: owner.id, pid: owner.pid, fail_mode: settings.failMode, store: store.kind };
    const ticks = clock.ticks();
    const row = describeOwner(owner.id, now, settings.failMode);
    const opened = await store.change({ kind: "open", now, waitMs: SETTLE_WAIT_MS, owner: row, ticks, facts });
    if (opened.status === "done" && opened.tickOffset !== undefined) clock.agree(opened.tickOffset);
    await recover(core);
    if (policy !== null && settings.activate === "always") await core.activate(policy, "open");
    else await core.adopt();
    await halts.look();
    refusals.lookAtDisk();
    joined = true;
  };

  try {
    await join().catch((error: unknown) => {
      if (degraded === null || policy === null || !(error instanceof StoreError) || !isOutage(error)) throw error;
      core.assume(policy);
      outage.failed(error);
    });
    await selfTest(core);
    // Also for a gate in the other mode: what ran without the store belongs into the log.
    if (degraded !== null && joined) await degraded.enter(null);
    if (degraded === null && spoolPath !== undefined) {
      await enterLeftSpools(taker, spoolPath, null);
    }
  } catch (error) {
    outage.close();
    hub.close();
    degraded?.close();
    throw error;
  }

  // What the host finds out may take its time. Where the store fails meanwhile `recover` asks again.
  void track(
    core,
    reconcile(core).catch(() => 0),
  );
  const reconsider = createReconsider(core);
  const tended = { epoch: 0 };
  let tending: Promise<void> | null = null;
  const beat = setInterval(() => {
    degraded?.touch();
    // One beat at a time: a slow store is not asked more for being slow.
    tending ??= tend(core, reconsider, tended).finally(() => {
      tending = null;
    });
  }, RENEW_MS);
  beat.unref();

  const close = async (waitMs: number): Promise<void> => {
    if (closed) return;
    closed = true;
    clearInterval(beat);
    hub.close();
    halts.close();
    await quiet(core, waitMs);
    outage.close();
    try {
      // A store that never answers does not keep a gate open.
      await within(LAST_STEP_MS, tending ?? Promise.resolve());
      await within(LAST_STEP_MS, leave(core, store, owner));
      await within(LAST_STEP_MS, checkpoints.close());
    } finally {
      degraded?.close();
      if (ownStore) await store.close();
    }
  };

  return { core, reconsider, close };
}

type Parts = Pick<Parameters<typeof openDegraded>[0], "store" | "now" | "owner" | "isHalted">;

/** The spool of a gate in fail mode `open`; null for one that runs nothing without its store. */
function openDegradedIn({ failMode, spool }: Settings, path: string | undefined, parts: Parts): Degraded | null {
  if (failMode === "closed") return null;
  if (path === undefined) throw new TypeError('`failMode: "open"` needs a `spool.path` where the store is no file');
  return openDegraded({ ...parts, path, maxBytes: spool.maxBytes });
}
