import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { canonicalize } from "../canonical.js";
import { commit } from "../digest.js";
import { type SealedEvent, sealEvent } from "../evidence/event.js";
import type { ApprovalRequirement, Reason } from "../outcome.js";
import { foldIdentity } from "./approval-state.js";
import type {
  Approver,
  ClaimAnswer,
  ClaimedLimit,
  ClaimRequest,
  QueueBounds,
  SettleRequest,
  Store,
  Verdict,
  VoteAnswer,
  VoteRequest,
} from "./port.js";
import type { OwnerRow, VaultRow } from "./rows.js";

/** One requirement of the store port, with what shows that a store meets it. */
export interface StoreContractCase {
  /** A sentence: what the store must do. */
  readonly name: string;
  /** Rejects when it does not. */
  readonly run: () => Promise<void>;
}

/**
 * The suite that every store passes. `open` MUST answer a new, empty store each time; the suite closes it.
 * Runs in any test runner: `for (const { name, run } of storeContract(open)) test(name, run)`.
 */
export function storeContract(open: () => Store | Promise<Store>): readonly StoreContractCase[] {
  return CASES.map(([name, check]) => ({
    name,
    run: async () => {
      const store = await open();
      try {
        await check(store);
      } finally {
        await store.close();
      }
    },
  }));
}

const T0 = 1_750_000_000_000;
const OWNER = "owner-1";

const owner = (id: string, leaseUntil = T0 + 30_000): OwnerRow => ({
  id,
  pid: 1,
  realm: "r",
  started: "s",
  leaseUntil,
});

async function activate(store: Store, snapshot = "snap-1", now = T0): Promise<void> {
  await store.change({ kind: "activate", now, waitMs: 5_000, snapshot, document: `{"of":"${snapshot}"}`, facts: {} });
}

interface ClaimChanges extends Partial<Omit<ClaimRequest, "job">> {
  readonly id?: string;
  readonly traceId?: string;
  readonly hash?: string;
  readonly named?: boolean;
  readonly requesters?: readonly string[];
}

function claimOf(changes: ClaimChanges = {}): ClaimRequest {
  const { id = "job-1", traceId = "trace-1", hash = "hash-1", named = true, requesters = [], ...rest } = changes;
  const now = rest.now ?? T0;
  const canonical = canonicalize({ of: hash });
  const facts = { trace_id: traceId, job_id: id, tenant_id: "acme", topic: "job.test", job: commit("salt", canonical) };
  const verdict = rest.verdict ?? { kind: "permit" };
  return {
    now,
    waitMs: 5_000,
    owner: OWNER,
    epoch: 1,
    snapshot: "snap-1",
    intent: "dispatch",
    job: {
      tenantId: "acme",
      id,
      traceId,
      hash,
      canonical,
      annotations: "{}",
      salt: "salt",
      commitment: commit("salt", canonical),
      named,
      requesters,
      actorKey: "acme bot",
    },
    opens: true,
    derivedTags: [],
    dispatcher: "default",
    approvalKey: `${hash} acme default`,
    verdict,
    limits: [],
    decision: '{"type":"ALLOW"}',
    constraints: '{"maxRuntimeSec":5}',
    facts,
    dispatching: verdict.kind === "permit" ? sealEvent("job.dispatching", now, facts) : null,
    ...rest,
  };
}

const QUEUE: QueueBounds = {
  maxPending: 1_000,
  maxPendingPerActor: 50,
  maxRequestsPerActor: { limit: 100, windowMs: 3_600_000 },
};

const PERSON: Omit<Approver, "id" | "key"> = { kind: "human", roles: [], tenants: null, assurance: "host" };

function person(id: string, changes: Partial<Approver> = {}): Approver {
  return { ...PERSON, id, key: foldIdentity(id), ...changes };
}

function asking(approvalId: string, changes: Partial<Extract<Verdict, { kind: "approve" }>> = {}): Verdict {
  return {
    kind: "approve",
    approvalId,
    fingerprint: "print-1",
    requirements: [{ ruleId: "r", quorum: 1, kinds: ["human"], allowSelf: false, confirmView: false }],
    expiresInMs: 10_000,
    useWithinMs: 5_000,
    rejectionStandsMs: 60_000,
    binding: "snapshot",
    queue: QUEUE,
    reason: { code: "approval_required", message: "asked" },
    ...changes,
  };
}

function voteOf(approvalId: string, by: string, changes: Partial<VoteRequest> = {}): VoteRequest {
  return {
    now: T0 + 1_000,
    waitMs: 5_000,
    approvalId,
    vote: "approve",
    on: "open",
    approver: person(by),
    view: null,
    decided: null,
    note: null,
    ...changes,
  };
}

const DONE: Reason = { code: "completed", message: "the job ran" };

function settleOf(id = "job-1", changes: Partial<SettleRequest> = {}): SettleRequest {
  const event: SealedEvent = sealEvent("job.settled", T0 + 10, { trace_id: "trace-1", job_id: id });
  const vault: readonly VaultRow[] = [{ tenantId: "acme", jobId: id, kind: "output", salt: "s", value: '{"ok":true}' }];
  return {
    now: T0 + 10,
    waitMs: 5_000,
    owner: OWNER,
    tenantId: "acme",
    jobId: id,
    status: "SUCCEEDED",
    reason: DONE,
    result: "{}",
    vault,
    event,
    ...changes,
  };
}

const limited = (limit: number, windowMs: number): readonly ClaimedLimit[] => [
  { ruleId: "slow", reason: "slow down", bucket: "bucket-1", limit, windowMs },
];

async function typesOf(store: Store, traceId = "trace-1"): Promise<readonly string[]> {
  const { events = [] } = await store.page({ kind: "timeline", traceId, after: null, limit: 1_000 });
  return events.map(({ type }) => type);
}

function statusOf(answer: ClaimAnswer | VoteAnswer): string {
  return answer.status;
}

function claimed(answer: ClaimAnswer): Extract<ClaimAnswer, { status: "claimed" }> {
  if (answer.status !== "claimed") throw new Error(`expected a claim, got ${answer.status}`);
  return answer;
}

type Check = (store: Store) => Promise<void>;

const CASES: readonly (readonly [name: string, check: Check])[] = [
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
        await store.change({ kind: "open", now: T0, waitMs: 5_000, owner: row, facts: {} });
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
  [
    "a verb on a closed store rejects with store_closed",
    async (store) => {
      await store.close();
      await rejects(store.claim(claimOf()), { name: "StoreError", code: "store_closed" });
      await rejects(store.read({ kind: "policy" }), { name: "StoreError", code: "store_closed" });
    },
  ],
];
