import { deepStrictEqual, equal } from "node:assert/strict";
import { sealEvent } from "../../evidence/event.js";
import type { Change, Store } from "../port.js";
import type { ApprovalRow } from "../rows.js";
import { activate, asking, type Check, claimed, claimOf, limited, OWNER, T0, typesOf, voteOf } from "./requests.js";

const turned = (halted: boolean): Change => ({
  ...{ kind: "halt", now: T0, waitMs: 5_000, halted, by: "ann", reason: "why", abort: "none" },
  facts: { owner: OWNER },
});

type Taken = Extract<Change, { readonly kind: "abandon" }>["taken"];

const abandoned = (jobId: string, taken: Taken, owner = OWNER): Change => ({
  ...{ kind: "abandon", now: T0 + 5, waitMs: 5_000, tenantId: "acme", jobId, owner, taken },
  reason: { code: "deadline_exceeded", message: "too late" },
  facts: { trace_id: "trace-1", tenant_id: "acme", job_id: jobId },
});

const NOTHING: Taken = { buckets: [], at: T0 };

async function requestOf(store: Store, id: string): Promise<ApprovalRow | undefined> {
  return (await store.read({ kind: "approval", id })).approvals?.[0]?.row;
}

/** The switch that stops every claim, and claims that are given up before the dispatch. */
export const STOPS: readonly Check[] = [
  [
    "while it is halted nothing is claimed and no further attempt is made; when it is not any more, both are",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf({ id: "running" })));
      const event = sealEvent("job.retried", T0, { trace_id: "trace-1" });
      const hold = { tenantId: "acme", jobId: "running", owner: OWNER };
      const retry: Change = { kind: "retry", now: T0, waitMs: 5_000, epoch: 1, ...hold, event };
      equal((await store.change(retry)).status, "done");
      equal((await store.read({ kind: "halt" })).halt, null);
      await store.change(turned(true));
      const refused = await store.claim(claimOf({ id: "new" }));
      equal(refused.status === "refused" ? refused.job.reason.code : refused.status, "gate_halted");
      equal((await store.change(retry)).status, "halted");
      const { halt } = await store.read({ kind: "halt" });
      deepStrictEqual(halt, { number: 1, halted: true, by: "ann", reason: "why", abort: "none", at: T0 });
      await store.change(turned(false));
      equal((await store.read({ kind: "halt" })).halt?.number, 2);
      claimed(await store.claim(claimOf({ id: "new" })));
      equal((await store.change(retry)).status, "done");
    },
  ],
  [
    "a halted gate leaves an approval unused, with the job that holds it",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      equal((await store.claim(claimOf({ verdict }))).status, "pending");
      await store.vote(voteOf("a-1", "ann"));
      await store.change(turned(true));
      equal((await store.claim(claimOf({ verdict, now: T0 + 2_000 }))).status, "refused");
      equal((await requestOf(store, "a-1"))?.state, "approved");
      await store.change(turned(false));
      claimed(await store.claim(claimOf({ verdict, now: T0 + 2_000 })));
    },
  ],
  [
    "a claim that is given up gives back its place, and its id may be claimed again",
    async (store) => {
      await activate(store);
      const limits = limited(1, 60_000);
      const { takenAt } = claimed(await store.claim(claimOf({ id: "j-1", limits })));
      equal((await store.claim(claimOf({ id: "j-2", limits }))).status, "throttled");
      const taken = { buckets: ["bucket-1"], at: takenAt };
      equal((await store.change(abandoned("j-1", taken, "another"))).status, "not_claimed");
      equal((await store.claim(claimOf({ id: "j-2", limits }))).status, "throttled");
      equal((await store.change(abandoned("j-1", taken))).status, "done");
      equal((await store.change(abandoned("j-1", taken))).status, "not_claimed");
      claimed(await store.claim(claimOf({ id: "j-2", limits })));
      equal((await store.claim(claimOf({ id: "j-1", limits }))).status, "throttled");
      equal((await typesOf(store)).filter((type) => type === "claim.abandoned").length, 1);
    },
  ],
  [
    "a claim that is given up gives back its slot",
    async (store) => {
      const owner = {
        id: OWNER,
        pid: 1,
        realm: "here",
        started: "",
        leaseUntil: T0 + 60_000,
        failMode: "closed",
      } as const;
      await activate(store);
      await store.change({ kind: "open", now: T0, waitMs: 5_000, owner, ticks: null, facts: {} });
      const pools = [{ ruleId: "few", reason: "few", maxConcurrent: 1 }];
      claimed(await store.claim(claimOf({ id: "j-1", pools })));
      equal((await store.claim(claimOf({ id: "j-2", pools }))).status, "throttled");
      await store.change(abandoned("j-1", NOTHING));
      claimed(await store.claim(claimOf({ id: "j-2", pools })));
    },
  ],
  [
    "an approval that a given up claim used stands again, for the job that held it and for one claim",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict }));
      await store.vote(voteOf("a-1", "ann"));
      const before = await requestOf(store, "a-1");
      claimed(await store.claim(claimOf({ verdict, now: T0 + 2_000 })));
      await store.change(abandoned("job-1", NOTHING));
      deepStrictEqual(await requestOf(store, "a-1"), before);
      const { jobs } = await store.read({ kind: "waiting", approvalId: "a-1", limit: 10 });
      deepStrictEqual(
        jobs?.map(({ row }) => [row.id, row.status, row.owner, row.constraints]),
        [["job-1", "PENDING_APPROVAL", null, null]],
      );
      claimed(await store.claim(claimOf({ verdict, now: T0 + 3_000 })));
      equal((await requestOf(store, "a-1"))?.state, "consumed");
    },
  ],
  [
    "it does not stand again beside another request for the same",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(claimOf({ verdict: asking("a-1"), now: T0 + 2_000 })));
      equal((await store.claim(claimOf({ id: "job-2", verdict: asking("a-2"), now: T0 + 2_000 }))).status, "pending");
      await store.change(abandoned("job-1", NOTHING));
      equal((await requestOf(store, "a-1"))?.state, "consumed");
      const { jobs } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      deepStrictEqual([jobs?.[0]?.row.status, jobs?.[0]?.row.reason.code], ["DENIED", "deadline_exceeded"]);
    },
  ],
];
