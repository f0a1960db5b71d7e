import { canonicalize } from "../../canonical.js";
import { commit } from "../../digest.js";
import { type SealedEvent, sealEvent } from "../../evidence/event.js";
import type { Reason } from "../../outcome.js";
import { foldIdentity } from "../approval-state.js";
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
} from "../port.js";
import type { OwnerRow, VaultRow } from "../rows.js";

/** One requirement: a sentence, and what rejects when a store does not meet it. */
export type Check = readonly [name: string, check: (store: Store) => Promise<void>];

export const T0 = 1_750_000_000_000;
export const OWNER = "owner-1";

export const owner = (id: string, leaseUntil = T0 + 30_000): OwnerRow => ({
  id,
  pid: 1,
  realm: "r",
  started: "s",
  leaseUntil,
  failMode: "closed",
});

export async function activate(store: Store, snapshot = "snap-1", now = T0): Promise<void> {
  await store.change({ kind: "activate", now, waitMs: 5_000, snapshot, document: `{"of":"${snapshot}"}`, facts: {} });
}

export interface ClaimChanges extends Partial<Omit<ClaimRequest, "job">> {
  readonly id?: string;
  readonly traceId?: string;
  readonly hash?: string;
  readonly named?: boolean;
  readonly requesters?: readonly string[];
}

export function claimOf(changes: ClaimChanges = {}): ClaimRequest {
  const { id = "job-1", traceId = "trace-1", hash = "hash-1", named = true, requesters = [], ...rest } = changes;
  const now = rest.now ?? T0;
  const canonical = canonicalize({ of: hash });
  const facts = { trace_id: traceId, job_id: id, tenant_id: "acme", topic: "job.test", job: commit("salt", canonical) };
  const verdict = rest.verdict ?? { kind: "permit" };
  return {
    now,
    tick: now,
    ticks: false,
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
    pools: [],
    decision: '{"type":"ALLOW"}',
    counted: [],
    constraints: '{"maxRuntimeSec":5}',
    facts,
    dispatching: verdict.kind === "permit" ? sealEvent("job.dispatching", now, facts) : null,
    ...rest,
  };
}

export const QUEUE: QueueBounds = {
  maxPending: 1_000,
  maxPendingPerActor: 50,
  maxRequestsPerActor: { limit: 100, windowMs: 3_600_000 },
};

const PERSON: Omit<Approver, "id" | "key"> = { kind: "human", roles: [], tenants: null, assurance: "host" };

export function person(id: string, changes: Partial<Approver> = {}): Approver {
  return { ...PERSON, id, key: foldIdentity(id), ...changes };
}

export function asking(approvalId: string, changes: Partial<Extract<Verdict, { kind: "approve" }>> = {}): Verdict {
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

export function voteOf(approvalId: string, by: string, changes: Partial<VoteRequest> = {}): VoteRequest {
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

export function settleOf(id = "job-1", changes: Partial<SettleRequest> = {}): SettleRequest {
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
    ended: true,
    vault,
    event,
    ...changes,
  };
}

export const limited = (limit: number, windowMs: number): readonly ClaimedLimit[] => [
  { ruleId: "slow", reason: "slow down", bucket: "bucket-1", limit, windowMs },
];

export async function typesOf(store: Store, traceId = "trace-1"): Promise<readonly string[]> {
  const { events = [] } = await store.page({ kind: "timeline", traceId, after: null, limit: 1_000 });
  return events.map(({ type }) => type);
}

export function statusOf(answer: ClaimAnswer | VoteAnswer): string {
  return answer.status;
}

export function claimed(answer: ClaimAnswer): Extract<ClaimAnswer, { status: "claimed" }> {
  if (answer.status !== "claimed") throw new Error(`expected a claim, got ${answer.status}`);
  return answer;
}
