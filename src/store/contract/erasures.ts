import { deepStrictEqual, equal, notEqual, ok } from "node:assert/strict";
import { sealEvent } from "../../evidence/event.js";
import type { Change, Store } from "../port.js";
import { eventsOf, rootsOf, treeOf } from "./evidence.js";
import {
  activate,
  asking,
  type Check,
  claimed,
  claimOf,
  limited,
  OWNER,
  person,
  settleOf,
  statusOf,
  T0,
  typesOf,
  voteOf,
} from "./requests.js";

type Erase = Extract<Change, { readonly kind: "erase" }>;

/** Erases, and answers what a store answers but for whether copies are left, which is its own. */
async function erase(store: Store, jobId = "job-1", changes: Partial<Erase> = {}): Promise<object> {
  const { events: _events, ...answer } = await store.change({
    kind: "erase",
    now: T0 + 100,
    waitMs: 5_000,
    tenantId: "acme",
    jobId,
    facts: { by: "dana" },
    ...changes,
  });
  if (answer.status !== "erased") return answer;
  return { status: answer.status, values: answer.values };
}

async function vaultOf(store: Store, id = "job-1"): Promise<Readonly<Record<string, string>>> {
  const { jobs = [] } = await store.read({ kind: "job", id, tenantId: "acme" });
  return Object.fromEntries(jobs[0]?.vault ?? []);
}

const REFUSED = (refusal: string): object => ({ status: "not_erased", refusal });

/** Erasing private values. */
export const ERASURES: readonly Check[] = [
  [
    "an erasure takes all private values of a job with its hash, and is recorded with how many they were",
    async (store) => {
      await activate(store);
      const request = claimOf();
      const annotated = { ...request, job: { ...request.job, annotations: '{"for":"mallory"}' } };
      const { job } = claimed(await store.claim(annotated));
      await store.settle(settleOf());
      // Control: there is something to take.
      deepStrictEqual(Object.keys(await vaultOf(store)).sort(), ["annotations", "job", "output"]);
      deepStrictEqual(await erase(store), { status: "erased", values: 3 });
      deepStrictEqual(await vaultOf(store), {});
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      const [row] = jobs.map((stored) => stored.row);
      deepStrictEqual([row?.hash, row?.erasedAt, row?.status], ["", T0 + 100, "SUCCEEDED"]);
      equal(row?.commitment, job.commitment);
      const last = (await eventsOf(store)).at(-1);
      deepStrictEqual(last?.body, {
        at: T0 + 100,
        by: "dana",
        commitment: job.commitment,
        job_id: "job-1",
        tenant_id: "acme",
        trace_id: "trace-1",
        type: "job.erased",
        v: 1,
        values: 3,
      });
      deepStrictEqual(await treeOf(store), { size: last?.seq, root: (await rootsOf(store)).at(-1) });
    },
  ],
  [
    "erasing twice takes nothing more, and is recorded once",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf());
      deepStrictEqual(await erase(store), { status: "erased", values: 2 });
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 900 }), { status: "erased", values: 0 });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.row.erasedAt, T0 + 100);
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled", "job.erased"]);
    },
  ],
  [
    "an erasure takes what a request shows of the content, and what equal content is known by",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      const request = claimOf({ verdict });
      await store.claim({ ...request, job: { ...request.job, annotations: '{"for":"mallory"}' } });
      const note = { text: "she asked me", salt: "n", commitment: "c".repeat(64) };
      await store.vote(voteOf("a-1", "ann", { note }));
      claimed(await store.claim(claimOf({ verdict, now: T0 + 2_000 })));
      await store.settle(settleOf("job-1", { now: T0 + 2_010 }));
      const asked = async () => (await store.read({ kind: "approval", id: "a-1" })).approvals?.[0];
      const before = await asked();
      equal(before?.row.jobHash, "hash-1");
      ok(Object.values(await vaultOf(store)).includes("she asked me"));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 3_000 }), { status: "erased", values: 4 });
      const after = await asked();
      equal(after?.row.jobHash, "");
      notEqual(after?.row.key, before?.row.key);
      ok(!after?.row.key.includes("hash-1"));
      // A salted commitment, whose salt is gone: what was shown stays what was voted on.
      equal(after?.row.shown, before?.row.shown);
      deepStrictEqual(after?.vault.size, 0);
      deepStrictEqual([after?.row.state, after?.votes], [before?.row.state, before?.votes]);
    },
  ],
  [
    "nothing is erased of a job that is unknown, runs, or waits",
    async (store) => {
      await activate(store);
      deepStrictEqual(await erase(store, "job-9"), REFUSED("unknown"));
      claimed(await store.claim(claimOf()));
      deepStrictEqual(await erase(store), REFUSED("open"));
      deepStrictEqual(await erase(store, "job-1", { tenantId: "other" }), REFUSED("unknown"));
      const waiting = { id: "job-2", traceId: "trace-2", hash: "hash-2", verdict: asking("a-2") };
      await store.claim(claimOf(waiting));
      deepStrictEqual(await erase(store, "job-2"), REFUSED("open"));
      deepStrictEqual(Object.keys(await vaultOf(store)).sort(), ["job"]);
      deepStrictEqual(Object.keys(await vaultOf(store, "job-2")).sort(), ["job"]);
      equal((await eventsOf(store, { types: ["job.erased"] })).length, 0);
      await store.settle(settleOf());
      deepStrictEqual(await erase(store), { status: "erased", values: 2 });
    },
  ],
  [
    "nothing is erased of a job that waits for room in a limit with its approval in hand",
    async (store) => {
      await activate(store);
      const limits = limited(1, 60_000);
      claimed(await store.claim(claimOf({ id: "job-0", traceId: "trace-0", hash: "hash-0", limits })));
      const verdict = asking("a-1", { useWithinMs: 600_000 });
      await store.claim(claimOf({ verdict, limits }));
      await store.vote(voteOf("a-1", "ann"));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 1_500 }), REFUSED("open"));
      equal(statusOf(await store.claim(claimOf({ verdict, limits, now: T0 + 2_000 }))), "throttled");
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 2_500 }), REFUSED("open"));
      claimed(await store.claim(claimOf({ verdict, limits, now: T0 + 60_001 })));
    },
  ],
  [
    "nothing is erased while its request is open for others, whoever the job was",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict, requesters: ["bot"] }));
      await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2" }));
      const by = { id: "bot", key: "bot" };
      const step = { kind: "cancel", tenantId: "acme", jobId: "job-1", approvalId: "a-1", by, note: null } as const;
      await store.change({ now: T0 + 10, waitMs: 5_000, ...step });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      notEqual(jobs[0]?.row.status, "PENDING_APPROVAL");
      deepStrictEqual(await erase(store), REFUSED("open"));
      await store.vote(voteOf("a-1", "ann"));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 1_500 }), REFUSED("open"));
      claimed(await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2", now: T0 + 2_000 })));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 2_500 }), { status: "erased", values: 1 });
    },
  ],
  [
    "nothing is erased while others are left waiting for its request, which they may yet ask in the place of",
    async (store) => {
      await activate(store);
      const other = { id: "job-2", traceId: "trace-2" };
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.claim(claimOf({ ...other, verdict: asking("a-1") }));
      await activate(store, "snap-2");
      claimed(await store.claim(claimOf({ epoch: 2, snapshot: "snap-2", now: T0 + 10 })));
      await store.settle(settleOf());
      // Control: the request is not open any more, and the other job is what is left of it.
      const [asked] = (await store.read({ kind: "approval", id: "a-1" })).approvals ?? [];
      deepStrictEqual([asked?.row.state, asked?.row.supersededBy], ["superseded", null]);
      deepStrictEqual(await erase(store), REFUSED("open"));
      claimed(await store.claim(claimOf({ ...other, epoch: 2, snapshot: "snap-2", now: T0 + 200 })));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 300 }), { status: "erased", values: 2 });
    },
  ],
  [
    "nothing is erased while a rejection stands, by the time of the log, and then it is",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1", { rejectionStandsMs: 5_000 });
      await store.claim(claimOf({ verdict }));
      await store.vote(voteOf("a-1", "ann", { vote: "reject", now: T0 + 1_000 }));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 5_999 }), REFUSED("rejected"));
      equal(statusOf(await store.claim(claimOf({ verdict, id: "job-2", traceId: "t-2", now: T0 + 5_000 }))), "refused");
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 6_000 }), { status: "erased", values: 1 });
    },
  ],
  [
    "a rejection that was lifted stands in no erasure's way",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.vote(voteOf("a-1", "ann", { vote: "reject" }));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 2_000 }), REFUSED("rejected"));
      const lift = { kind: "lift", approvalId: "a-1", approver: person("ann"), note: null } as const;
      equal((await store.change({ now: T0 + 3_000, waitMs: 5_000, ...lift })).status, "done");
      // Told an earlier time than the log's, it is recorded at that of the log.
      deepStrictEqual(await erase(store, "job-1", { now: T0 }), { status: "erased", values: 1 });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.row.erasedAt, T0 + 3_000);
    },
  ],
  [
    "the id of an erased job is never another job's, also with what it was before",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf());
      await erase(store);
      for (const hash of ["hash-1", "hash-2"]) equal(statusOf(await store.claim(claimOf({ hash }))), "id_reused");
      deepStrictEqual(await vaultOf(store), {});
      const again = claimOf({ id: "job-2", traceId: "trace-2" });
      claimed(await store.claim(again));
    },
  ],
  [
    "a result that comes after the erasure is recorded, and its values are not kept",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf("job-1", { status: "TIMED_OUT", vault: [], ended: false }));
      deepStrictEqual(await erase(store), { status: "erased", values: 1 });
      const event = sealEvent("job.late", T0 + 200, { trace_id: "trace-1" });
      equal((await store.settle(settleOf("job-1", { status: null, event, now: T0 + 200 }))).status, "settled");
      deepStrictEqual(await vaultOf(store), {});
      deepStrictEqual((await typesOf(store)).slice(-2), ["job.erased", "job.late"]);
    },
  ],
  [
    "a job that was given up, erased, and settled by an owner who lived on ends as it did without its values",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.recover({ now: T0 + 50, waitMs: 5_000, gone: [OWNER], owner: "me" });
      deepStrictEqual(await erase(store), { status: "erased", values: 1 });
      equal((await store.settle(settleOf("job-1", { now: T0 + 200 }))).status, "settled");
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      deepStrictEqual([jobs[0]?.row.status, jobs[0]?.row.hash, jobs[0]?.row.erasedAt], ["SUCCEEDED", "", T0 + 100]);
      deepStrictEqual(await vaultOf(store), {});
    },
  ],
  [
    "a withheld output that was erased is delivered to nobody",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      const result = JSON.stringify({ quarantineId: "q-1", findings: [], rules: [], held: "h", requesters: [] });
      const held = { tenantId: "acme", jobId: "job-1", kind: "held", salt: "s", value: '{"key":1}' } as const;
      await store.settle(settleOf("job-1", { status: "QUARANTINED", result, vault: [held] }));
      equal((await store.read({ kind: "quarantine", id: "q-1" })).quarantines?.[0]?.kept?.salt, "s");
      deepStrictEqual(await erase(store), { status: "erased", values: 2 });
      equal((await store.read({ kind: "quarantine", id: "q-1" })).quarantines?.[0]?.kept, null);
      const step = { kind: "release", tenantId: "acme", jobId: "job-1", view: "", note: null } as const;
      const answer = await store.change({ now: T0 + 200, waitMs: 5_000, approver: person("ann"), ...step });
      deepStrictEqual([answer.status, "output" in answer], ["not_kept", false]);
    },
  ],
  [
    "another job keeps its values and its hash: of equal content, of the same id elsewhere, or by the same request",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict }));
      await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2" }));
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(claimOf({ verdict, now: T0 + 2_000 })));
      await store.settle(settleOf("job-1", { now: T0 + 2_010 }));
      const request = claimOf({ now: T0 + 2_020 });
      claimed(await store.claim({ ...request, job: { ...request.job, tenantId: "other" } }));
      claimed(await store.claim(claimOf({ id: "job-3", traceId: "trace-3", now: T0 + 2_030 })));
      await store.settle(settleOf("job-3", { now: T0 + 2_040 }));
      const others = async (): Promise<unknown> => {
        const rows = [];
        for (const [id, tenantId] of [
          ["job-1", "other"],
          ["job-2", "acme"],
          ["job-3", "acme"],
        ] as const) {
          const { jobs = [] } = await store.read({ kind: "job", id, tenantId });
          rows.push({ row: jobs[0]?.row, vault: [...(jobs[0]?.vault ?? [])].sort() });
        }
        return rows;
      };
      const before = await others();
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 3_000 }), { status: "erased", values: 2 });
      deepStrictEqual(await others(), before);
      ok(JSON.stringify(before).includes("hash-1"));
      deepStrictEqual(Object.keys(await vaultOf(store, "job-3")).sort(), ["job", "output"]);
      deepStrictEqual(await vaultOf(store), {});
    },
  ],
  [
    "erasing a job that only joined a request leaves the request of the other as it is",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict }));
      await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2" }));
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2", now: T0 + 2_000 })));
      await store.settle(settleOf("job-2", { now: T0 + 2_010 }));
      const asked = async () => (await store.read({ kind: "approval", id: "a-1" })).approvals?.[0]?.row;
      const before = await asked();
      equal(before?.jobHash, "hash-1");
      deepStrictEqual(await erase(store, "job-2", { now: T0 + 3_000 }), { status: "erased", values: 2 });
      deepStrictEqual(await asked(), before);
      deepStrictEqual(Object.keys(await vaultOf(store)).sort(), ["job"]);
    },
  ],
];
