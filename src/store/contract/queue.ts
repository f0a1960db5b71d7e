import { deepStrictEqual, equal, notEqual, ok } from "node:assert/strict";
import type { Change, ChangeAnswer, Store, Verdict } from "../port.js";
import type { ApprovalRow, JobRow } from "../rows.js";
import { activate, asking, type Check, claimOf, person, QUEUE, statusOf, T0, typesOf, voteOf } from "./requests.js";

async function approvalOf(store: Store, id: string): Promise<ApprovalRow | undefined> {
  return (await store.read({ kind: "approval", id })).approvals?.[0]?.row;
}

async function jobOf(store: Store, id: string): Promise<JobRow | undefined> {
  return (await store.read({ kind: "job", id, tenantId: "acme" })).jobs?.[0]?.row;
}

async function change(store: Store, step: Change): Promise<ChangeAnswer["status"]> {
  return (await store.change(step)).status;
}

const cancelling = (jobId: string, by: string, now = T0 + 1_000): Change => ({
  kind: "cancel",
  now,
  waitMs: 5_000,
  approvalId: "a-1",
  tenantId: "acme",
  jobId,
  by: { id: by, key: by },
  note: { text: "no longer needed", salt: "s", commitment: "c" },
});

const lifting = (now: number): Change => ({
  kind: "lift",
  now,
  waitMs: 5_000,
  approvalId: "a-1",
  approver: person("cid"),
  note: null,
});

const bounded = (id: string, bounds: Partial<typeof QUEUE>): Verdict => asking(id, { queue: { ...QUEUE, ...bounds } });

/** What waits, what ends it, and how one learns of it. */
export const QUEUE_AND_WAITING: readonly Check[] = [
  [
    "a full queue opens no further request, lets equal jobs join, and has room again once one is resolved",
    async (store) => {
      await activate(store);
      const one = { maxPending: 1 };
      await store.claim(claimOf({ verdict: bounded("a-1", one) }));
      const full = await store.claim(claimOf({ id: "j-2", hash: "h-2", verdict: bounded("a-2", one) }));
      equal(full.status === "refused" ? full.job.reason.code : null, "approval_queue_full");
      equal(await approvalOf(store, "a-2"), undefined);
      equal(statusOf(await store.claim(claimOf({ id: "j-3", verdict: bounded("a-3", one) }))), "pending");
      await store.vote(voteOf("a-1", "ann"));
      equal(statusOf(await store.claim(claimOf({ id: "j-2", hash: "h-2", verdict: bounded("a-2", one) }))), "pending");
      // What has lapsed takes no room, recorded or not.
      const late = claimOf({ id: "j-4", hash: "h-4", now: T0 + 60_000, verdict: bounded("a-4", one) });
      equal(statusOf(await store.claim(late)), "pending");
    },
  ],
  [
    "an actor has a bound of its own, of what is pending and of what it asks for in any window",
    async (store) => {
      await activate(store);
      const ask = (id: string, now: number, bounds: Partial<typeof QUEUE>): Promise<string> =>
        store
          .claim(claimOf({ id, hash: id, now, verdict: bounded(`a-${id}`, bounds) }))
          .then((answer) => (answer.status === "refused" ? answer.job.reason.code : answer.status));
      equal(await ask("1", T0, { maxPendingPerActor: 1 }), "pending");
      equal(await ask("2", T0 + 1, { maxPendingPerActor: 1 }), "approval_queue_full");
      const window = { maxRequestsPerActor: { limit: 2, windowMs: 1_000 } };
      equal(await ask("3", T0 + 100, window), "pending");
      equal(await ask("4", T0 + 999, window), "approval_queue_full");
      equal(await ask("4", T0 + 1_000, window), "pending");
      const other = claimOf({ id: "5", hash: "5", now: T0 + 1_001, verdict: bounded("a-5", window) });
      equal(statusOf(await store.claim({ ...other, job: { ...other.job, actorKey: "acme cat" } })), "pending");
    },
  ],
  [
    "a request that takes another's place keeps its age, and all who waited wait for it",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1"), requesters: ["bot"] }));
      await store.claim(claimOf({ id: "job-2", traceId: "trace-2", verdict: asking("a-x"), requesters: ["sam"] }));
      await activate(store, "snap-2");
      const anew = { epoch: 2, snapshot: "snap-2", now: T0 + 5_000 };
      await store.claim(claimOf({ ...anew, verdict: asking("a-2"), requesters: ["bot"] }));
      const [before, after] = [await approvalOf(store, "a-1"), await approvalOf(store, "a-2")];
      equal(before?.state, "superseded");
      equal(before?.supersededBy, "a-2");
      deepStrictEqual([after?.state, after?.supersedes, after?.queuedSince], ["pending", "a-1", T0]);
      deepStrictEqual(after?.requesters, ["bot", "sam"]);
      equal((await jobOf(store, "job-2"))?.approvalId, "a-2");
      // The joined job's story goes on in the request that took the place of its own.
      deepStrictEqual(await typesOf(store, "trace-2"), [
        "approval.requested",
        "approval.joined",
        "approval.resolved",
        "approval.requested",
      ]);
      await store.claim(claimOf({ ...anew, id: "job-3", hash: "hash-3", verdict: asking("a-3") }));
      const { approvals = [] } = await store.page({
        kind: "approvals",
        states: ["pending"],
        tenantId: null,
        after: null,
        limit: 1,
      });
      equal(approvals[0]?.row.id, "a-2");
    },
  ],
  [
    "a job asks only under the tags that are known of its content",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1"), derivedTags: ["pii"] }));
      const less = await store.claim(claimOf({ verdict: asking("a-2"), derivedTags: ["prod"] }));
      deepStrictEqual(less.status === "tags_known" ? less.derivedTags : less.status, ["pii", "prod"]);
    },
  ],
  [
    "who asked withdraws a job: alone it ends the request, with others it leaves it",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1"), requesters: ["bot"] }));
      await store.claim(
        claimOf({ id: "job-2", traceId: "trace-2", verdict: asking("a-x"), requesters: ["bot", "sam"] }),
      );
      equal(await change(store, cancelling("job-1", "sam")), "not_requester");
      equal(await change(store, cancelling("job-2", "sam")), "done");
      equal((await jobOf(store, "job-2"))?.reason.code, "approval_cancelled");
      equal((await approvalOf(store, "a-1"))?.state, "pending");
      equal(await change(store, cancelling("job-2", "sam")), "resolved");
      equal(await change(store, cancelling("job-1", "bot")), "done");
      equal((await approvalOf(store, "a-1"))?.state, "cancelled");
      equal(await change(store, cancelling("job-1", "bot")), "resolved");
      const { approvals = [] } = await store.read({ kind: "approval", id: "a-1" });
      equal(approvals[0]?.vault.get("note:a-1:cancel:c"), "no longer needed");
    },
  ],
  [
    "an approval is revoked by whoever may reject, and a rejection is lifted before its time",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      equal(statusOf(await store.vote(voteOf("a-1", "bob", { vote: "reject", on: "approved" }))), "not_approved");
      await store.vote(voteOf("a-1", "ann"));
      // Whoever approved may take it back.
      equal(statusOf(await store.vote(voteOf("a-1", "ann", { vote: "reject" }))), "voted");
      equal((await approvalOf(store, "a-1"))?.state, "revoked");
      const ask = (id: string, now: number): Promise<string> =>
        store.claim(claimOf({ id, now, verdict: asking(`a-${id}`) })).then(statusOf);
      equal(await ask("job-2", T0 + 2_000), "refused");
      equal(await change(store, lifting(T0 + 3_000)), "done");
      equal(await change(store, lifting(T0 + 3_000)), "not_rejected");
      equal(await ask("job-2", T0 + 4_000), "pending");
    },
  ],
  [
    "what lapses is recorded once, and ends the jobs that waited",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.claim(claimOf({ id: "job-2", hash: "hash-2", verdict: asking("a-2") }));
      await store.vote(voteOf("a-2", "ann"));
      const expire = async (now: number): Promise<number> =>
        (await store.change({ kind: "expire", now, waitMs: 5_000, limit: 10 })).events.length;
      equal(await expire(T0 + 5_999), 0);
      equal(await expire(T0 + 6_000), 1);
      equal((await approvalOf(store, "a-2"))?.state, "expired");
      equal((await jobOf(store, "job-2"))?.reason.code, "approval_expired");
      equal(await expire(T0 + 10_000), 1);
      equal(await expire(T0 + 10_000), 0);
      equal((await approvalOf(store, "a-1"))?.state, "expired");
    },
  ],
  [
    "a request does not come back to life for who comes with a clock that is behind",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await activate(store, "snap-2", T0 + 10_000);
      equal(statusOf(await store.vote(voteOf("a-1", "ann", { now: T0 + 1 }))), "expired");
    },
  ],
  [
    "who may open no request gets the job as it stands",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      const late = await store.claim(claimOf({ now: T0 + 10_000, opens: false, verdict: asking("a-2") }));
      equal(late.status === "refused" ? late.job.reason.code : null, "approval_expired");
      equal(await approvalOf(store, "a-2"), undefined);
      equal(statusOf(await store.claim(claimOf({ now: T0 + 10_001, verdict: asking("a-3") }))), "pending");
    },
  ],
  [
    "what others used an approval for stays so under its id",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.claim(claimOf({ id: "job-2", traceId: "trace-2", verdict: asking("a-x") }));
      await store.vote(voteOf("a-1", "ann"));
      await store.claim(claimOf({ now: T0 + 2_000, verdict: asking("a-y") }));
      const again = await store.claim(claimOf({ id: "job-2", now: T0 + 3_000, verdict: asking("a-2") }));
      equal(again.status === "finished" ? again.job.reason.code : again.status, "approval_used");
      equal(await approvalOf(store, "a-2"), undefined);
    },
  ],
  [
    "a job that waits for one dispatcher is not asked for under another",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1"), dispatcher: "refund", approvalKey: "hash-1 acme refund" }));
      equal(statusOf(await store.claim(claimOf({ verdict: asking("a-2") }))), "id_reused");
    },
  ],
  [
    "the queue is counted: how many wait, since when, what lapsed, and how long decisions took",
    async (store) => {
      await activate(store);
      const asked = (id: string, now: number): Promise<unknown> =>
        store.claim(claimOf({ id, hash: id, now, verdict: asking(`a-${id}`) }));
      for (const [index, id] of ["1", "2", "3", "4"].entries()) await asked(id, T0 + index * 100);
      await store.vote(voteOf("a-1", "ann", { now: T0 + 1_000 }));
      await store.vote(voteOf("a-2", "ann", { now: T0 + 2_000, vote: "reject" }));
      const stats = async (now: number): Promise<unknown> =>
        (await store.read({ kind: "approval_stats", now, since: T0, tenantId: "acme" })).stats;
      deepStrictEqual(await stats(T0 + 3_000), {
        pending: 2,
        oldest: T0 + 200,
        approved: 1,
        expired: 0,
        decided: 2,
        decisionMs: [1_900, 1_000],
      });
      deepStrictEqual(await stats(T0 + 20_000), {
        pending: 0,
        oldest: null,
        approved: 0,
        expired: 3,
        decided: 2,
        decisionMs: [1_900, 1_000],
      });
    },
  ],
  [
    "whoever watches is told that a step was committed, and is let go in time when none was",
    async (store) => {
      const { mark } = await store.watch({ mark: null, waitMs: 0 });
      deepStrictEqual(await store.watch({ mark, waitMs: 1 }), { mark });
      const watching = store.watch({ mark, waitMs: 30_000 });
      await activate(store);
      const after = await watching;
      notEqual(after.mark, mark);
      ok(after.mark.length > 0);
    },
  ],
];
