import { deepStrictEqual, equal } from "node:assert/strict";
import { commit } from "../../digest.js";
import { sealEvent } from "../../evidence/event.js";
import type { Change, Spooled, Store } from "../port.js";
import type { JobRow } from "../rows.js";
import { activate, type Check, claimed, claimOf, OWNER, owner, settleOf, T0, typesOf } from "./requests.js";

const RUNNING: JobRow = {
  tenantId: "acme",
  id: "job-1",
  traceId: "trace-1",
  hash: "hash",
  status: "RUNNING",
  owner: OWNER,
  dispatcher: "default",
  approvalId: null,
  decision: null,
  reason: { code: "job_running", message: "the job is running" },
  constraints: "{}",
  result: null,
  commitment: commit("salt", "{}"),
  requesters: null,
  createdAt: T0,
  updatedAt: T0,
  erasedAt: null,
  degraded: true,
};

const facts = { trace_id: "trace-1", tenant_id: "acme", job_id: "job-1" } as const;

const CLAIM: Spooled = {
  kind: "claim",
  row: RUNNING,
  vault: [{ tenantId: "acme", jobId: "job-1", kind: "job", salt: "salt", value: "{}" }],
  event: sealEvent("job.dispatching", T0, { ...facts, job: RUNNING.commitment, degraded: true }),
};

const END: Spooled = { kind: "settle", request: settleOf() };

const spooled = (...entries: readonly Spooled[]): Change => ({
  ...{ kind: "spooled", now: T0 + 100, waitMs: 5_000, entries },
  ended: { owner: OWNER, entered: 1, lost: 0 },
});

async function jobOf(store: Store, id = "job-1"): Promise<JobRow | undefined> {
  return (await store.read({ kind: "job", id, tenantId: "acme" })).jobs?.[0]?.row;
}

const found = (happened: boolean, by = "another"): Change => ({
  ...{ kind: "reconcile", now: T0 + 50, waitMs: 5_000, tenantId: "acme", jobId: "job-1", owner: by, happened },
  facts,
});

/** What was done while the store was away, jobs that nobody saw end, and refusals that are only counted. */
export const OUTAGES: readonly Check[] = [
  [
    "what was done while it was away is taken over once, however often it is given",
    async (store) => {
      await activate(store);
      for (let times = 0; times < 2; times += 1) await store.change(spooled(CLAIM, END));
      deepStrictEqual([(await jobOf(store))?.status, (await jobOf(store))?.degraded], ["SUCCEEDED", true]);
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled"]);
      const { jobs } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      deepStrictEqual([...(jobs?.[0]?.vault.keys() ?? [])].sort(), ["job", "output"]);
      const { events = [] } = await store.page({ kind: "events", after: null, limit: 100 });
      equal(events.filter(({ type }) => type === "gate.degraded").length, 2);
    },
  ],
  [
    "a job that ran on while it was away is settled as any other once its claim is there",
    async (store) => {
      await activate(store);
      await store.change(spooled(CLAIM));
      equal((await jobOf(store))?.status, "RUNNING");
      equal((await store.settle(settleOf())).status, "settled");
      equal((await jobOf(store))?.status, "SUCCEEDED");
      await store.change(spooled(CLAIM, END));
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled"]);
    },
  ],
  [
    "a job of which nobody knows how it ended is settled by what the host found, once, and not while its owner lives",
    async (store) => {
      await activate(store);
      await store.change({ kind: "open", now: T0, waitMs: 5_000, owner: owner(OWNER), ticks: null, facts: {} });
      claimed(await store.claim(claimOf()));
      equal((await store.change(found(true))).status, "not_claimed");
      await store.settle(settleOf("job-1", { status: "UNKNOWN", vault: [] }));
      equal((await store.change(found(true))).status, "not_claimed");
      const { jobs } = await store.page({ kind: "unknown", after: null, limit: 10 });
      deepStrictEqual(
        jobs?.map(({ row }) => row.id),
        ["job-1"],
      );
      await store.recover({ now: T0 + 40, waitMs: 5_000, gone: [OWNER], owner: "another" });
      equal((await store.change(found(false))).status, "done");
      equal((await store.change(found(true))).status, "not_claimed");
      deepStrictEqual(
        [(await jobOf(store))?.status, (await jobOf(store))?.reason.code],
        ["FAILED", "effect_ruled_out"],
      );
      deepStrictEqual((await store.page({ kind: "unknown", after: null, limit: 10 })).jobs, []);
    },
  ],
  [
    "a refusal that is only counted is answered like any other, and changes nothing",
    async (store) => {
      await activate(store);
      const reason = { code: "rule_matched", message: "no", ruleId: "r" } as const;
      const refuse = (id: string, counted: readonly string[] | "all") =>
        claimOf({ id, verdict: { kind: "refuse", status: "DENIED", reason }, counted });
      const [written, counted, all] = [
        await store.claim(refuse("j-1", ["rule_matched other"])),
        await store.claim(refuse("j-2", ["rule_matched r"])),
        await store.claim(refuse("j-3", "all")),
      ];
      for (const [answer, isCounted] of [
        [written, undefined],
        [counted, true],
        [all, true],
      ] as const) {
        if (answer.status !== "refused") throw new Error(`expected a refusal, got ${answer.status}`);
        deepStrictEqual(
          [answer.job.status, answer.job.reason.code, answer.counted],
          ["DENIED", "rule_matched", isCounted],
        );
      }
      deepStrictEqual([await jobOf(store, "j-2"), await jobOf(store, "j-3")], [undefined, undefined]);
      deepStrictEqual(await typesOf(store), ["job.refused"]);
      claimed(await store.claim(claimOf({ id: "j-2", counted: "all" })));
    },
  ],
];
