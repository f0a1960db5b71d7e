import { deepStrictEqual, equal } from "node:assert/strict";
import type { ApprovalRequirement } from "../../outcome.js";
import {
  activate,
  asking,
  type Check,
  claimed,
  claimOf,
  limited,
  person,
  statusOf,
  T0,
  typesOf,
  voteOf,
} from "./requests.js";

/** Requests and votes. */
export const APPROVALS: readonly Check[] = [
  [
    "a job that needs approval waits, is approved by a vote, claimed once, and the approval is used",
    async (store) => {
      await activate(store);
      const first = await store.claim(claimOf({ verdict: asking("a-1") }));
      equal(first.status, "pending");
      equal(statusOf(await store.vote(voteOf("a-1", "ann"))), "voted");
      const { approval } = claimed(await store.claim(claimOf({ now: T0 + 2_000, verdict: asking("a-2") })));
      equal(approval?.id, "a-1");
      equal(approval?.state, "consumed");
      equal(statusOf(await store.claim(claimOf({ now: T0 + 3_000, verdict: asking("a-3") }))), "running");
      deepStrictEqual(await typesOf(store), ["approval.requested", "approval.voted", "job.dispatching"]);
    },
  ],
  [
    "equal submissions join one request, and only one of them may use it",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      const joined = await store.claim(claimOf({ id: "job-2", traceId: "trace-2", verdict: asking("a-2") }));
      equal(joined.status === "pending" ? joined.approval.id : null, "a-1");
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(claimOf({ now: T0 + 2_000, verdict: asking("a-3") })));
      const { jobs = [] } = await store.read({ kind: "job", id: "job-2", tenantId: null });
      equal(jobs[0]?.row.status, "DENIED");
      equal(jobs[0]?.row.reason.code, "approval_used");
      deepStrictEqual(await typesOf(store, "trace-2"), [
        "approval.requested",
        "approval.joined",
        "approval.voted",
        "job.dispatching",
      ]);
    },
  ],
  [
    "an equal submission without an id is the job that waits",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1"), named: false }));
      const again = await store.claim(
        claimOf({ id: "job-9", traceId: "trace-9", named: false, verdict: asking("a-2") }),
      );
      equal(again.status === "pending" ? again.job.id : null, "job-1");
      await store.vote(voteOf("a-1", "ann"));
      const request = claimOf({ id: "job-8", named: false, now: T0 + 2_000, verdict: asking("a-3") });
      equal(claimed(await store.claim(request)).job.id, "job-1");
    },
  ],
  [
    "a request asked under another policy is superseded, and a fresh one opens",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await activate(store, "snap-2");
      equal(statusOf(await store.vote(voteOf("a-1", "ann"))), "stale");
      const request = claimOf({ epoch: 2, snapshot: "snap-2", now: T0 + 2_000, verdict: asking("a-2") });
      const again = await store.claim(request);
      equal(again.status === "pending" ? again.approval.id : null, "a-2");
      equal((await store.read({ kind: "approval", id: "a-1" })).approvals?.[0]?.row.state, "superseded");
    },
  ],
  [
    "an approval under another fingerprint is not used; under another epoch a request takes its place, under the same none",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1", { binding: "decision" }) }));
      await store.vote(voteOf("a-1", "ann"));
      const verdict = asking("a-2", { fingerprint: "print-2", binding: "decision" });
      const conflict = await store.claim(claimOf({ now: T0 + 2_000, verdict }));
      equal(conflict.status === "refused" ? conflict.job.reason.code : null, "approval_conflict");
      await activate(store, "snap-2", T0 + 3_000);
      const anew = await store.claim(claimOf({ epoch: 2, snapshot: "snap-2", now: T0 + 4_000, verdict }));
      equal(anew.status === "pending" ? anew.approval.id : null, "a-2");
      equal(anew.status === "pending" ? anew.approval.supersedes : null, "a-1");
      equal(anew.status === "pending" ? anew.approval.queuedSince : null, T0);
    },
  ],
  [
    "a request lapses at its time, and so does an approval that is not used",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      equal(statusOf(await store.vote(voteOf("a-1", "ann", { now: T0 + 10_000 }))), "expired");
      await store.claim(claimOf({ now: T0 + 10_001, verdict: asking("a-2") }));
      equal(statusOf(await store.vote(voteOf("a-2", "ann", { now: T0 + 11_000 }))), "voted");
      equal(statusOf(await store.claim(claimOf({ now: T0 + 16_000, verdict: asking("a-3") }))), "pending");
      equal((await store.read({ kind: "approval", id: "a-2" })).approvals?.[0]?.row.state, "expired");
    },
  ],
  [
    "a rejection ends the request and stands against the same content for its time",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      equal(statusOf(await store.vote(voteOf("a-1", "ann", { vote: "reject" }))), "voted");
      const soon = await store.claim(claimOf({ id: "job-2", now: T0 + 2_000, verdict: asking("a-2") }));
      equal(soon.status === "refused" ? soon.job.reason.code : null, "approval_rejected");
      equal(statusOf(await store.claim(claimOf({ id: "job-3", now: T0 + 61_000, verdict: asking("a-3") }))), "pending");
    },
  ],
  [
    "nobody votes on what they asked for, twice, on another tenant's request, or on one that is resolved",
    async (store) => {
      await activate(store);
      const requirements: readonly ApprovalRequirement[] = [
        { ruleId: "r", quorum: 2, kinds: ["human"], allowSelf: false, confirmView: false },
      ];
      await store.claim(claimOf({ verdict: asking("a-1", { requirements }), requesters: ["bot"] }));
      equal(statusOf(await store.vote(voteOf("a-1", " BOT "))), "is_requester");
      const stranger = person("eve", { tenants: ["other"] });
      equal(statusOf(await store.vote(voteOf("a-1", "eve", { approver: stranger }))), "tenant_mismatch");
      equal(statusOf(await store.vote(voteOf("a-1", "ann"))), "voted");
      equal(statusOf(await store.vote(voteOf("a-1", "Ann"))), "already_voted");
      equal((await store.read({ kind: "approval", id: "a-1" })).approvals?.[0]?.row.state, "pending");
      equal(statusOf(await store.vote(voteOf("a-1", "bob"))), "voted");
      equal(statusOf(await store.vote(voteOf("a-1", "bob"))), "already_voted");
      equal(statusOf(await store.vote(voteOf("a-1", "cid"))), "resolved");
      equal(statusOf(await store.vote(voteOf("a-none", "cid"))), "unknown");
    },
  ],
  [
    "claims that arrive together are judged one after the other: one limit, one approval, no doubles",
    async (store) => {
      await activate(store);
      const many = Array.from({ length: 40 }, (_, n) => claimOf({ id: `j-${n}`, limits: limited(7, 60_000) }));
      const answers = await Promise.all(many.map((request) => store.claim(request)));
      equal(answers.filter(({ status }) => status === "claimed").length, 7);
      await store.claim(claimOf({ id: "p", hash: "hash-p", verdict: asking("a-p") }));
      await store.vote(voteOf("a-p", "ann"));
      const racing = Array.from({ length: 20 }, () =>
        store.claim(claimOf({ id: "p", hash: "hash-p", now: T0 + 2_000, verdict: asking("a-q") })),
      );
      equal((await Promise.all(racing)).filter(({ status }) => status === "claimed").length, 1);
    },
  ],
];
