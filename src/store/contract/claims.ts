import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { sealEvent } from "../../evidence/event.js";
import type { Reason } from "../../outcome.js";
import type { ClaimAnswer, ClaimedLimit } from "../port.js";
import {
  activate,
  type Check,
  claimed,
  claimOf,
  limited,
  OWNER,
  owner,
  settleOf,
  statusOf,
  T0,
  typesOf,
} from "./requests.js";

/** Jobs, limits, owners and the log. */
export const CLAIMS: readonly Check[] = [
  [
    "a permitted job is claimed once, with the job, its private bytes and its event",
    async (store) => {
      await activate(store);
      const request = claimOf();
      const { job } = claimed(await store.claim(request));
      equal(job.status, "RUNNING");
      equal(job.owner, OWNER);
      equal(job.constraints, '{"maxRuntimeSec":5}');
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.vault.get("job"), request.job.canonical);
      const { events = [] } = await store.page({ kind: "timeline", traceId: "trace-1", after: null, limit: 10 });
      equal(events[0]?.text, request.dispatching?.text);
    },
  ],
  [
    "a claim under another epoch than the active one does nothing",
    async (store) => {
      await activate(store);
      await activate(store, "snap-2");
      equal(statusOf(await store.claim(claimOf())), "policy_changed");
      deepStrictEqual(await typesOf(store), []);
      equal((await store.read({ kind: "job", id: "job-1", tenantId: null })).jobs?.length, 0);
    },
  ],
  [
    "activating the active snapshot again raises no epoch; another one raises it by one",
    async (store) => {
      await activate(store);
      await activate(store);
      equal((await store.read({ kind: "policy_head" })).head?.epoch, 1);
      await activate(store, "snap-2");
      deepStrictEqual((await store.read({ kind: "policy" })).policy, {
        epoch: 2,
        snapshot: "snap-2",
        document: '{"of":"snap-2"}',
      });
    },
  ],
  [
    "the same job submitted while it runs is running, and after it settled is finished with its output",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      equal(statusOf(await store.claim(claimOf())), "running");
      equal((await store.settle(settleOf())).status, "settled");
      const again = await store.claim(claimOf());
      equal(again.status, "finished");
      equal(again.status === "finished" ? again.output : null, '{"ok":true}');
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled"]);
    },
  ],
  [
    "an id used for other content is refused and recorded, and the first job is as it was",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      equal(statusOf(await store.claim(claimOf({ hash: "hash-2" }))), "id_reused");
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.row.hash, "hash-1");
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.refused"]);
    },
  ],
  [
    "the same id in another tenant is another job",
    async (store) => {
      await activate(store);
      const request = claimOf();
      claimed(await store.claim(request));
      const other = { ...request, job: { ...request.job, tenantId: "other" } };
      claimed(await store.claim(other));
      equal((await store.read({ kind: "job", id: "job-1", tenantId: null })).jobs?.length, 2);
    },
  ],
  [
    "a refused job may be submitted again under the same id and is judged anew",
    async (store) => {
      await activate(store);
      const reason: Reason = { code: "rule_matched", message: "no" };
      const refused = await store.claim(claimOf({ verdict: { kind: "refuse", status: "DENIED", reason } }));
      equal(refused.status, "refused");
      claimed(await store.claim(claimOf({ now: T0 + 5 })));
      deepStrictEqual(await typesOf(store), ["job.refused", "job.dispatching"]);
    },
  ],
  [
    "only the owner of a claim settles it, and only once",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      equal((await store.settle(settleOf("job-1", { owner: "somebody" }))).status, "not_claimed");
      equal((await store.settle(settleOf())).status, "settled");
      equal((await store.settle(settleOf("job-1", { status: "FAILED" }))).status, "not_claimed");
      equal((await store.read({ kind: "job", id: "job-1", tenantId: null })).jobs?.[0]?.row.status, "SUCCEEDED");
    },
  ],
  [
    "a late result is recorded and changes no status",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf("job-1", { status: "TIMED_OUT", vault: [] }));
      const event = sealEvent("job.late", T0 + 20, { trace_id: "trace-1" });
      equal((await store.settle(settleOf("job-1", { status: null, vault: [], event }))).status, "settled");
      equal((await store.read({ kind: "job", id: "job-1", tenantId: null })).jobs?.[0]?.row.status, "TIMED_OUT");
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled", "job.late"]);
    },
  ],
  [
    "a limit grants at most so many claims in any window, a refusal takes nothing, and the wait it names is exact",
    async (store) => {
      await activate(store);
      const at = (id: string, now: number): Promise<ClaimAnswer> =>
        store.claim(claimOf({ id, now, limits: limited(2, 1_000) }));
      claimed(await at("j-1", T0));
      claimed(await at("j-2", T0 + 400));
      const refused = await at("j-3", T0 + 500);
      equal(refused.status === "throttled" ? refused.retryAfterMs : null, 500);
      for (let n = 0; n < 10; n += 1) equal(statusOf(await at("j-3", T0 + 600 + n)), "throttled");
      equal(statusOf(await at("j-3", T0 + 999)), "throttled");
      claimed(await at("j-3", T0 + 1_000));
      equal(statusOf(await at("j-4", T0 + 1_000)), "throttled");
    },
  ],
  [
    "several limits are taken together or not at all",
    async (store) => {
      await activate(store);
      const wide: ClaimedLimit = { ruleId: "wide", reason: "wide", bucket: "wide", limit: 2, windowMs: 1_000 };
      const full: ClaimedLimit = { ruleId: "full", reason: "full", bucket: "full", limit: 1, windowMs: 9_000 };
      claimed(await store.claim(claimOf({ id: "j-1", limits: [full] })));
      equal(statusOf(await store.claim(claimOf({ id: "j-2", limits: [wide, full] }))), "throttled");
      claimed(await store.claim(claimOf({ id: "j-3", limits: [wide] })));
      claimed(await store.claim(claimOf({ id: "j-4", limits: [wide] })));
    },
  ],
  [
    "an evaluation claims nothing and takes no place",
    async (store) => {
      await activate(store);
      const request = claimOf({ intent: "evaluate", limits: limited(1, 1_000), dispatching: null });
      equal(statusOf(await store.claim(request)), "ready");
      equal(statusOf(await store.claim(request)), "ready");
      claimed(await store.claim(claimOf({ limits: limited(1, 1_000) })));
    },
  ],
  [
    "claims of owners that are gone end as UNKNOWN, and those of live owners do not",
    async (store) => {
      await activate(store);
      for (const id of ["dead", "lapsed", "alive"]) {
        const row = owner(id, id === "lapsed" ? T0 + 1 : undefined);
        await store.change({ kind: "open", now: T0, waitMs: 5_000, owner: row, ticks: null, facts: {} });
        claimed(await store.claim(claimOf({ id, traceId: id, owner: id })));
      }
      const recovered = await store.recover({ now: T0 + 10, waitMs: 5_000, gone: ["dead"], owner: "me" });
      deepStrictEqual(recovered.jobs.map(({ id }) => id).sort(), ["dead", "lapsed"]);
      const status = async (id: string): Promise<unknown> =>
        (await store.read({ kind: "job", id, tenantId: null })).jobs?.[0]?.row.status;
      deepStrictEqual(
        [await status("dead"), await status("lapsed"), await status("alive")],
        ["UNKNOWN", "UNKNOWN", "RUNNING"],
      );
      deepStrictEqual(await typesOf(store, "dead"), ["job.dispatching", "gate.recovered"]);
      equal((await store.settle(settleOf("lapsed", { owner: "lapsed" }))).status, "settled");
    },
  ],
  [
    "the log counts from 1 without gaps and pages in order",
    async (store) => {
      await activate(store);
      for (let n = 0; n < 9; n += 1) await store.claim(claimOf({ id: `j-${n}`, traceId: `t-${n}` }));
      const seen: number[] = [];
      let after: string | null = null;
      do {
        const page: { events?: readonly { seq: number }[]; next: string | null } = await store.page({
          kind: "events",
          after,
          limit: 4,
        });
        seen.push(...(page.events ?? []).map(({ seq }) => seq));
        after = page.next;
      } while (after !== null);
      deepStrictEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    },
  ],
  [
    "a verb on a closed store rejects with store_closed",
    async (store) => {
      await store.close();
      await rejects(store.claim(claimOf()), { name: "StoreError", code: "store_closed" });
      await rejects(store.read({ kind: "policy" }), { name: "StoreError", code: "store_closed" });
    },
  ],
];
