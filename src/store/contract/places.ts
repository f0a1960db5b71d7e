import { deepStrictEqual, equal } from "node:assert/strict";
import { sealEvent } from "../../evidence/event.js";
import type { ClaimAnswer, ClaimedPool, Store } from "../port.js";
import {
  activate,
  type Check,
  type ClaimChanges,
  claimed,
  claimOf,
  limited,
  owner,
  settleOf,
  T0,
  typesOf,
} from "./requests.js";

const pooled = (maxConcurrent: number): readonly ClaimedPool[] => [
  { ruleId: "few", reason: "few at once", maxConcurrent },
];

async function opened(store: Store, ...owners: readonly ReturnType<typeof owner>[]): Promise<void> {
  await activate(store);
  for (const row of owners)
    await store.change({ kind: "open", now: T0, waitMs: 5_000, owner: row, ticks: null, facts: {} });
}

const asked = (store: Store, id: string, changes: ClaimChanges): Promise<ClaimAnswer> =>
  store.claim(claimOf({ id, ...changes }));

function refusedBy(answer: ClaimAnswer): unknown {
  return answer.status === "throttled" ? [answer.job.reason.code, answer.retryAfterMs] : answer.status;
}

const FULL = ["concurrency_limited", 1_000];

/** Pools, windows whose time is not told in order, and permits. */
export const PLACES: readonly Check[] = [
  [
    "a pool has as many places as it says, and one comes free with the settle that says the function ended",
    async (store) => {
      await opened(store, owner("owner-1"));
      const pools = pooled(2);
      claimed(await asked(store, "j-1", { pools }));
      claimed(await asked(store, "j-2", { pools }));
      deepStrictEqual(refusedBy(await asked(store, "j-3", { pools })), FULL);
      equal((await store.settle(settleOf("j-1", { status: "TIMED_OUT", ended: false }))).status, "settled");
      deepStrictEqual(refusedBy(await asked(store, "j-3", { pools })), FULL);
      equal((await store.settle(settleOf("j-1", { status: null, vault: [] }))).status, "settled");
      claimed(await asked(store, "j-3", { pools }));
      deepStrictEqual(refusedBy(await asked(store, "j-4", { pools })), FULL);
    },
  ],
  [
    "a pool without places lets nobody in and names no time to come back; another pool is not full for it",
    async (store) => {
      await opened(store, owner("owner-1"));
      deepStrictEqual(refusedBy(await asked(store, "j-1", { pools: pooled(0) })), ["concurrency_limited", null]);
      const other = { ruleId: "other", reason: "other", maxConcurrent: 1 };
      deepStrictEqual(refusedBy(await asked(store, "j-1", { pools: [other, ...pooled(0)] })), [
        "concurrency_limited",
        null,
      ]);
      claimed(await asked(store, "j-2", { pools: [other] }));
    },
  ],
  [
    "the places of an owner that is gone, or whose lease ran out, are free; those of a live owner are not",
    async (store) => {
      await opened(store, owner("dead"), owner("lapsed", T0 + 5), owner("alive"));
      const pools = pooled(3);
      for (const id of ["dead", "lapsed", "alive"]) claimed(await asked(store, id, { owner: id, pools }));
      deepStrictEqual(refusedBy(await asked(store, "j-1", { owner: "alive", pools })), FULL);
      const later = { owner: "alive", pools, now: T0 + 10 };
      claimed(await asked(store, "j-1", later));
      deepStrictEqual(refusedBy(await asked(store, "j-2", later)), FULL);
      await store.recover({ now: T0 + 10, waitMs: 5_000, gone: ["dead"], owner: "alive" });
      claimed(await asked(store, "j-2", later));
      deepStrictEqual(refusedBy(await asked(store, "j-3", later)), FULL);
    },
  ],
  [
    "a full pool takes no place in a window, and a full window none in a pool",
    async (store) => {
      await opened(store, owner("owner-1"));
      const [pools, limits] = [pooled(1), limited(2, 1_000)];
      claimed(await asked(store, "j-1", { pools, limits }));
      deepStrictEqual(refusedBy(await asked(store, "j-2", { pools, limits })), FULL);
      claimed(await asked(store, "j-3", { limits }));
      await store.settle(settleOf("j-1"));
      deepStrictEqual(refusedBy(await asked(store, "j-4", { pools, limits })), ["rate_limited", 1_000]);
      claimed(await asked(store, "j-5", { pools }));
    },
  ],
  [
    "an evaluation takes no place in a pool, and is told when there is none",
    async (store) => {
      await opened(store, owner("owner-1"));
      const asking = { pools: pooled(1), intent: "evaluate", dispatching: null } as const;
      equal(refusedBy(await asked(store, "j-1", asking)), "ready");
      claimed(await asked(store, "j-2", { pools: pooled(1) }));
      deepStrictEqual(refusedBy(await asked(store, "j-3", asking)), FULL);
    },
  ],
  [
    "a claim whose time is behind takes its place no earlier than the latest, and waits the longer",
    async (store) => {
      await activate(store);
      const limits = limited(2, 1_000);
      claimed(await asked(store, "j-1", { tick: T0 + 900, limits }));
      claimed(await asked(store, "j-2", { tick: T0 + 100, limits }));
      deepStrictEqual(refusedBy(await asked(store, "j-3", { tick: T0 + 100, limits })), ["rate_limited", 1_800]);
      deepStrictEqual(refusedBy(await asked(store, "j-3", { tick: T0 + 1_899, limits })), ["rate_limited", 1]);
      claimed(await asked(store, "j-3", { tick: T0 + 1_900, limits }));
      claimed(await asked(store, "j-4", { tick: T0 + 1_900, limits }));
      deepStrictEqual(refusedBy(await asked(store, "j-5", { tick: T0 + 1_900, limits })), ["rate_limited", 1_000]);
    },
  ],
  [
    "where time goes on, nobody is told to wait longer than the window",
    async (store) => {
      await activate(store);
      const limits = limited(1, 60_000);
      claimed(await asked(store, "j-1", { tick: T0 + 3, ticks: true, limits }));
      const refused = await asked(store, "j-2", { tick: T0, ticks: true, limits });
      const wait = refused.status === "throttled" ? (refused.retryAfterMs ?? 0) : 0;
      equal(wait > 59_000 && wait <= 60_000, true);
    },
  ],
  [
    "the first on a boot says for all what is added to its clock, and begins no earlier than any place that is taken",
    async (store) => {
      const started = async (boot: string, reading: number, offset: number): Promise<number | undefined> => {
        const ticks = { boot, reading, offset };
        const row = owner(`${boot} ${reading}`);
        const answer = await store.change({ kind: "open", now: T0, waitMs: 5_000, owner: row, ticks, facts: {} });
        return answer.status === "done" ? answer.tickOffset : undefined;
      };
      await activate(store);
      equal(await started("b-1", 1_000, T0), T0);
      equal(await started("b-1", 5_000, T0 + 3_600_000), T0);
      equal(await started("b-1", 9_000, T0 - 3_600_000), T0);
      claimed(await asked(store, "j-1", { tick: T0 + 60_000, limits: limited(1, 1_000) }));
      equal(await started("b-2", 10, T0), T0 + 59_990);
      equal(await started("b-3", 10, T0 + 90_000), T0 + 90_000);
    },
  ],
  [
    "a further attempt begins only while the claim is the owner's and the job runs",
    async (store) => {
      await opened(store, owner("owner-1"));
      const event = sealEvent("job.retried", T0, { trace_id: "trace-1" });
      const retry = async (changes: { readonly owner?: string; readonly epoch?: number } = {}): Promise<string> => {
        const whose = { tenantId: "acme", jobId: "job-1", owner: "owner-1", epoch: 1, ...changes };
        return (await store.change({ kind: "retry", now: T0, waitMs: 5_000, ...whose, event })).status;
      };
      equal(await retry(), "not_claimed");
      claimed(await store.claim(claimOf()));
      deepStrictEqual(
        [await retry(), await retry({ owner: "owner-2" }), await retry({ epoch: 2 })],
        ["done", "not_claimed", "policy_changed"],
      );
      await store.recover({ now: T0, waitMs: 5_000, gone: ["owner-1"], owner: "me" });
      equal(await retry(), "not_claimed");
    },
  ],
  [
    "an owner that leaves while its functions run keeps its places for as long as it says",
    async (store) => {
      await opened(store, owner("owner-1"), owner("owner-2", T0 + 90_000));
      const pools = pooled(1);
      claimed(await asked(store, "j-1", { pools }));
      const lingers = owner("owner-1", T0 + 60_000);
      await store.change({ kind: "leave", now: T0, waitMs: 5_000, owner: "owner-1", lingers, facts: {} });
      const late = { owner: "owner-2", pools };
      deepStrictEqual(refusedBy(await asked(store, "j-2", { ...late, now: T0 + 59_999 })), FULL);
      claimed(await asked(store, "j-2", { ...late, now: T0 + 60_000 }));
    },
  ],
  [
    "a permit is spent once for as long as it lives, may be forgotten after, and each attempt is recorded",
    async (store) => {
      const spend = async (permitId: string, now: number): Promise<string> =>
        (
          await store.change({
            kind: "spend",
            now,
            waitMs: 5_000,
            permitId,
            expiresAt: T0 + 100,
            facts: { trace_id: permitId },
          })
        ).status;
      deepStrictEqual(
        [await spend("p-1", T0), await spend("p-1", T0 + 1), await spend("p-2", T0 + 1), await spend("p-1", T0 + 100)],
        ["done", "spent", "done", "spent"],
      );
      deepStrictEqual(await typesOf(store, "p-1"), ["permit.spent", "permit.refused", "permit.refused"]);
      const once = await Promise.all(Array.from({ length: 20 }, () => spend("p-3", T0 + 50)));
      deepStrictEqual(once.sort(), ["done", ...Array.from({ length: 19 }, () => "spent")]);
    },
  ],
];
