import { StoreError } from "../errors.js";
import { writeBase64 } from "../evidence/base64.js";
import { type Hash, leafHash, wholeRoot } from "../evidence/merkle.js";
import type { SubtreeHash } from "../evidence/proof.js";
import type { JsonObject } from "../outcome.js";
import { expiryOf, isOpen, isReleased, isWaiting } from "./approval-state.js";
import { looksAtQueue, type QueueView } from "./claim-step.js";
import { isAskedFor } from "./event-filter.js";
import { type ChangeView, judgeChange } from "./judge-change.js";
import { judgeClaim } from "./judge-claim.js";
import { judgeRecover } from "./judge-recover.js";
import { judgeSettle } from "./judge-settle.js";
import { judgeVote } from "./judge-vote.js";
import { cursorOf, jobKeyOf, nextOf, placeAfter, placeOf, readWaitingPlace, waitingPlaceOf } from "./paging.js";
import {
  type ApprovalCounts,
  type ApprovalMark,
  type Change,
  type ClaimRequest,
  defineStore,
  type LoggedEvent,
  type PageAnswer,
  type PageQuery,
  type Query,
  type QueryAnswer,
  type Store,
  type StoredApproval,
  type StoredJob,
  type StoredQuarantine,
} from "./port.js";
import { proveConsistency, proveInclusion, proveRoot, rootAt } from "./prove.js";
import { quarantineOf } from "./quarantine.js";
import {
  type ActivePolicy,
  type ApprovalRow,
  type CheckpointRow,
  type HaltRow,
  type JobHold,
  type JobRow,
  type Judgement,
  type OwnerRow,
  type Recorded,
  recorded,
  type VaultKind,
  type VaultRow,
  type VoteRow,
  type Write,
} from "./rows.js";

import { replayInMemory, sourceOf } from "./verify/in-memory.js";
import { collectProblems } from "./verify/problem.js";
import { readKeys, verifyLog } from "./verify/verify-log.js";

/**
 * A plain store in this process's memory: the port without a database, for tests. It keeps nothing, and what it
 * acknowledges is durable only while the process lives. It sorts and scans where a database would use an index.
 */
export function createMemoryStore(): Store {
  const policies: ActivePolicy[] = [];
  const halts: HaltRow[] = [];
  const owners = new Map<string, OwnerRow>();
  const jobs = new Map<string, JobRow>();
  const approvals = new Map<string, ApprovalRow>();
  const votes: VoteRow[] = [];
  const places = new Map<string, number[]>();
  const slots = new Map<string, Extract<Write, { readonly to: "slots" }>>();
  const permits = new Map<string, number>();
  const boots = new Map<string, number>();
  const vault = new Map<string, Map<VaultKind, VaultRow>>();
  const events: LoggedEvent[] = [];
  const leaves: Hash[] = [];
  /** For each event, the highest time so far. */
  const times: number[] = [];
  const checkpoints: CheckpointRow[] = [];
  /** The highest time that any event carries. */
  let highest = 0;
  let closed = false;

  const keyOf = (tenantId: string, id: string): string => `${id} ${tenantId}`;
  const active = (): ActivePolicy | null => policies.at(-1) ?? null;
  const jobAt = (tenantId: string, id: string): JobRow | null => jobs.get(keyOf(tenantId, id)) ?? null;
  const approvalAt = (id: string | null): ApprovalRow | null => (id === null ? null : (approvals.get(id) ?? null));
  const votesOf = (approvalId: string): readonly VoteRow[] => votes.filter((vote) => vote.approvalId === approvalId);
  const vaultOf = (tenantId: string, jobId: string): ReadonlyMap<VaultKind, string> =>
    new Map([...(vault.get(keyOf(tenantId, jobId)) ?? [])].map(([kind, { value }]) => [kind, value]));
  const keptOf = (tenantId: string, jobId: string): VaultRow | null =>
    vault.get(keyOf(tenantId, jobId))?.get("held") ?? null;

  const approvalFor = ({ approvalKey, job, verdict }: ClaimRequest): ApprovalRow | null => {
    const equal = [...approvals.values()].filter((row) => row.key === approvalKey);
    const latest = equal.sort((a, b) => b.requestedAt - a.requestedAt)[0] ?? null;
    const counts = verdict.kind === "approve" || (!job.named && isReleased(latest));
    return equal.find(isOpen) ?? (counts ? latest : null);
  };

  const heldIn = (pool: string, now: number): number =>
    [...slots.values()].filter((slot) => slot.pool === pool && (owners.get(slot.owner)?.leaseUntil ?? 0) > now).length;

  const holdOf = (tenantId: string, jobId: string): JobHold | null => {
    const job = jobAt(tenantId, jobId);
    const pooled = [...slots.values()].some((slot) => slot.tenantId === tenantId && slot.jobId === jobId);
    return job === null ? null : { owner: job.owner, status: job.status, erasedAt: job.erasedAt, pooled };
  };

  const slotsByOwner = (): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const { owner } of slots.values()) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    return counts;
  };

  const requestsOf = (tenantId: string, jobId: string): readonly ApprovalRow[] =>
    [...approvals.values()].filter((row) => row.tenantId === tenantId && row.jobId === jobId);

  const subtree: SubtreeHash = (level, index) => wholeRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
  const rootText = (size: number): string => writeBase64(rootAt(size, subtree));
  const checkpointOfApproval = (id: string): CheckpointRow | null => {
    const opened = events.find(({ approvalId }) => approvalId === id);
    return opened === undefined ? null : checkpointFrom(opened.seq);
  };
  const checkpointFrom = (size: number): CheckpointRow | null =>
    checkpoints.filter((row) => row.size >= size).sort(bySize)[0] ?? null;

  const nthLatest = (bucket: string, n: number): number | null =>
    [...(places.get(bucket) ?? [])].sort((a, b) => b - a)[n - 1] ?? null;

  const apply = (write: Write): void => {
    switch (write.to) {
      case "events":
        events.push(loggedEvent(write.event, events.length + 1));
        leaves.push(leafHash(write.event.text));
        highest = Math.max(highest, write.event.at);
        times.push(highest);
        return;
      case "jobs":
        jobs.set(keyOf(write.row.tenantId, write.row.id), write.row);
        return;
      case "ended": {
        const { to: _to, ...end } = write;
        const key = keyOf(write.tenantId, write.id);
        const row = jobs.get(key);
        if (row !== undefined) jobs.set(key, { ...row, ...end });
        return;
      }
      case "approvals":
        approvals.set(write.row.id, write.row);
        return;
      case "votes":
        votes.push(write.row);
        return;
      case "checkpoints":
        checkpoints.push(write.row);
        return;
      case "erased": {
        const { tenantId, jobId, at } = write;
        vault.delete(keyOf(tenantId, jobId));
        const row = jobAt(tenantId, jobId);
        if (row !== null) jobs.set(keyOf(tenantId, jobId), { ...row, hash: "", erasedAt: at });
        for (const request of requestsOf(tenantId, jobId)) {
          approvals.set(request.id, { ...request, jobHash: "", key: `erased ${request.id}` });
        }
        return;
      }
      case "vault": {
        const key = keyOf(write.row.tenantId, write.row.jobId);
        const values = vault.get(key) ?? new Map<VaultKind, VaultRow>();
        vault.set(key, values.set(write.row.kind, write.row));
        return;
      }
      case "policies":
        policies.push(write.row);
        return;
      case "halts":
        halts.push(write.row);
        return;
      case "owners":
        owners.set(write.row.id, write.row);
        return;
      case "owners_gone":
        owners.delete(write.id);
        for (const [key, { owner }] of slots) if (owner === write.id) slots.delete(key);
        return;
      case "boots":
        boots.set(write.id, write.tickOffset);
        return;
      case "slots":
        slots.set(JSON.stringify([write.pool, write.tenantId, write.jobId]), write);
        return;
      case "slots_free":
        for (const [key, { tenantId, jobId }] of slots) {
          if (tenantId === write.tenantId && jobId === write.jobId) slots.delete(key);
        }
        return;
      case "permits":
        for (const [id, expiresAt] of permits) if (expiresAt < write.now) permits.delete(id);
        permits.set(write.id, write.expiresAt);
        return;
      case "limits": {
        const young = (places.get(write.bucket) ?? []).filter((at) => at > write.keepAfter);
        places.set(write.bucket, [...young, write.at]);
        return;
      }
      case "places_free": {
        const kept = places.get(write.bucket) ?? [];
        const index = kept.indexOf(write.at);
        places.set(write.bucket, index < 0 ? kept : kept.toSpliced(index, 1));
        return;
      }
      case "waiting":
        for (const [key, row] of jobs) {
          if (row.approvalId !== write.approvalId || !isWaiting(row)) continue;
          if (write.except !== null && key === keyOf(write.except.tenantId, write.except.id)) continue;
          jobs.set(key, { ...row, status: "DENIED", reason: write.reason, updatedAt: write.at });
        }
        return;
      case "moved":
        for (const [key, row] of jobs) {
          if (row.approvalId === write.from && isWaiting(row)) jobs.set(key, { ...row, approvalId: write.approvalId });
        }
        return;
    }
  };

  // Nothing awaits between the first look and the last write, so no other verb can come between.
  const transact = async <T extends object>(judge: () => Judgement<T>): Promise<Recorded<T>> => {
    check();
    const judgement = judge();
    for (const write of judgement.writes) apply(write);
    steps += 1;
    for (const wake of [...sleepers]) wake();
    return recorded(judgement);
  };

  let steps = 0;
  const sleepers = new Set<() => void>();

  const check = (): void => {
    if (closed) throw new StoreError("store_closed", "the store is closed");
  };

  const storedJob = (row: JobRow): StoredJob => ({
    row,
    approval: approvalAt(row.approvalId),
    vault: vaultOf(row.tenantId, row.id),
  });

  const storedApproval = (row: ApprovalRow): StoredApproval => ({
    row,
    votes: votesOf(row.id),
    vault: vaultOf(row.tenantId, row.jobId),
    before: approvalAt(row.supersedes),
    checkpoint: checkpointOfApproval(row.id),
  });

  const storedQuarantine = (row: JobRow): StoredQuarantine => ({
    row,
    approval: approvalAt(row.approvalId),
    kept: keptOf(row.tenantId, row.id),
  });

  const jobsNamed = (id: string, tenantId: string | null): readonly JobRow[] =>
    [...jobs.values()].filter((row) => row.id === id && (tenantId === null || row.tenantId === tenantId));

  const timeline = (traceId: string): readonly LoggedEvent[] => {
    const own = events.filter((event) => event.traceId === traceId);
    const joined = new Set<string>();
    for (const { approvalId } of own) {
      for (let id = approvalId; id !== null; id = approvalAt(id)?.supersededBy ?? null) joined.add(id);
    }
    return events.filter(
      (event) => event.traceId === traceId || (event.approvalId !== null && joined.has(event.approvalId)),
    );
  };

  const waitingFor = (approvalId: string): readonly JobRow[] =>
    [...jobs.values()].filter((row) => row.approvalId === approvalId && isWaiting(row)).sort(oldestFirst);

  const queueOf = ({ job, verdict, now }: ClaimRequest): QueueView | null => {
    if (verdict.kind !== "approve") return null;
    const at = Math.max(now, highest);
    const pending = [...approvals.values()].filter((row) => row.state === "pending" && row.expiresAt > at);
    const { limit, windowMs } = verdict.queue.maxRequestsPerActor;
    const asked = [...approvals.values()]
      .filter((row) => row.actorKey === job.actorKey && row.supersedes === null && row.requestedAt > at - windowMs)
      .map((row) => row.requestedAt)
      .sort((a, b) => b - a);
    return {
      pending: pending.length,
      pendingOfActor: pending.filter((row) => row.actorKey === job.actorKey).length,
      nthRequestAt: asked[limit - 1] ?? null,
    };
  };

  const changeView = (change: Change): ChangeView => {
    const { kind } = change;
    const names = kind === "cancel" || kind === "lift";
    const job = "jobId" in change ? jobAt(change.tenantId, change.jobId) : null;
    const about = kind === "release" || kind === "abandon" ? (job?.approvalId ?? null) : null;
    const approval = approvalAt(names ? change.approvalId : about);
    return {
      active: active(),
      document: active()?.document ?? null,
      halt: halts.at(-1) ?? null,
      loggedAt: highest,
      approval,
      jobs: jobAt,
      owners: [...owners.values()],
      isAskedAnew: [...approvals.values()].some((row) => row.key === approval?.key && isOpen(row)),
      job,
      kept: kind === "release" ? keptOf(change.tenantId, change.jobId) : null,
      waiting: kind === "cancel" ? waitingFor(change.approvalId).slice(0, 2) : [],
      ...ticksOf(change),
      isSpent: kind === "spend" && permits.has(change.permitId),
      requests: kind === "erase" ? requestsOf(change.tenantId, change.jobId) : [],
      isAwaited:
        kind === "erase" && requestsOf(change.tenantId, change.jobId).some(({ id }) => waitingFor(id).length > 0),
      kinds: kind === "erase" ? [...vaultOf(change.tenantId, change.jobId).keys()] : [],
      rootAtSize: kind === "checkpoint" ? proveRoot(change.size, leaves.length, subtree) : null,
      isKept: kind === "checkpoint" && checkpointFrom(change.size)?.size === change.size,
      lapsed: kind === "expire" ? lapsedBy(Math.max(change.now, highest)).slice(0, change.limit) : [],
    };
  };

  const ticksOf = (change: Change): Pick<ChangeView, "tickOffset" | "latestPlace"> => {
    if (change.kind !== "open" || change.ticks === null) return { tickOffset: null, latestPlace: null };
    const latest = [...places.values()].flat().reduce((before, at) => Math.max(before, at), 0);
    return { tickOffset: boots.get(change.ticks.boot) ?? null, latestPlace: latest };
  };

  const lapsedBy = (now: number): readonly ApprovalRow[] =>
    [...approvals.values()]
      .filter((row) => isOpen(row) && expiryOf(row) <= now)
      .sort((a, b) => expiryOf(a) - expiryOf(b) || order(a.id, b.id));

  const countsOf = (query: Extract<Query, { readonly kind: "approval_stats" }>): ApprovalCounts => {
    const { now, since, tenantId } = query;
    const rows = [...approvals.values()].filter((row) => tenantId === null || row.tenantId === tenantId);
    const live = rows.filter((row) => isOpen(row) && expiryOf(row) > now);
    const pending = live.filter(({ state }) => state === "pending");
    const lapsed = rows.filter((row) => isOpen(row) && expiryOf(row) <= now && expiryOf(row) >= since);
    const expired = rows.filter(({ state, resolvedAt }) => state === "expired" && (resolvedAt ?? 0) >= since);
    const decided = rows
      .flatMap(({ decidedAt, queuedSince }) =>
        decidedAt === null || decidedAt < since ? [] : [{ decidedAt, queuedSince }],
      )
      .sort((a, b) => b.decidedAt - a.decidedAt);
    return {
      pending: pending.length,
      oldest: pending.length === 0 ? null : Math.min(...pending.map(({ queuedSince }) => queuedSince)),
      approved: live.length - pending.length,
      expired: expired.length + lapsed.length,
      decided: decided.length,
      decisionMs: decided.slice(0, 10_000).map(({ decidedAt, queuedSince }) => decidedAt - queuedSince),
    };
  };

  return defineStore({
    kind: "memory",

    claim: (request) =>
      transact(() => {
        const { tenantId, id } = request.job;
        const job = jobAt(tenantId, id);
        const approval = approvalFor(request);
        const seen = approval === null ? 0 : highest;
        return judgeClaim(request, {
          active: active(),
          halted: halts.at(-1)?.halted === true,
          job,
          jobApproval: approvalAt(job?.approvalId ?? null),
          output: vaultOf(tenantId, id).get("output") ?? null,
          approval,
          firstWaiting: approval === null ? null : (waitingFor(approval.id)[0] ?? null),
          votes: isOpen(approval) ? votesOf(approval.id) : [],
          loggedAt: seen,
          queue: looksAtQueue(request, { approval, job, loggedAt: seen }) ? queueOf(request) : null,
          places: request.limits.map(({ bucket, limit }) => ({
            latest: nthLatest(bucket, 1),
            nth: nthLatest(bucket, limit),
          })),
          waitedMs: 0,
          held: request.pools.map(({ ruleId }) => heldIn(ruleId, request.now)),
        });
      }),

    settle: (request) => transact(() => judgeSettle(request, holdOf(request.tenantId, request.jobId))),

    vote: (request) =>
      transact(() =>
        judgeVote(request, {
          active: active(),
          loggedAt: highest,
          approval: approvalAt(request.approvalId),
          votes: votesOf(request.approvalId),
        }),
      ),

    change: (change) => transact(() => judgeChange(change, changeView(change))),

    recover: (request) =>
      transact(() =>
        judgeRecover(request, {
          owners: [...owners.values()],
          running: [...jobs.values()].filter(({ status }) => status === "RUNNING"),
          slots: slotsByOwner(),
        }),
      ),

    read: async (query: Query): Promise<QueryAnswer> => {
      check();
      switch (query.kind) {
        case "policy":
          return { policy: active() };
        case "policy_head":
          return { head: active() };
        case "time":
          return { at: highest };
        case "halt":
          return { halt: halts.at(-1) ?? null };
        case "owners":
          return { owners: [...owners.values()] };
        case "job":
          return { jobs: jobsNamed(query.id, query.tenantId).map(storedJob) };
        case "approval": {
          const row = approvalAt(query.id);
          return { approvals: row === null ? [] : [storedApproval(row)] };
        }
        case "approval_of": {
          const rows = jobsNamed(query.jobId, query.tenantId).flatMap((job) => approvalAt(job.approvalId) ?? []);
          return { approvals: rows.map(storedApproval) };
        }
        case "quarantine": {
          const rows = [...jobs.values()].filter((row) => quarantineOf(row)?.quarantineId === query.id);
          return { quarantines: rows.map(storedQuarantine) };
        }
        case "quarantine_of":
          return { quarantines: jobsNamed(query.jobId, query.tenantId).map(storedQuarantine) };
        case "approval_marks":
          return { marks: query.ids.flatMap((id) => approvalAt(id) ?? []).map(markOf) };
        case "waiting":
          return { jobs: waitingFor(query.approvalId).slice(0, query.limit).map(storedJob) };
        case "tree":
          return { tree: { size: leaves.length, root: rootText(leaves.length) } };
        case "inclusion": {
          const proof = proveInclusion(query.seq, query.size, leaves.length, subtree);
          return { event: events[query.seq - 1] ?? null, proof };
        }
        case "consistency":
          return { proof: proveConsistency(query.from, query.to, leaves.length, subtree) };
        case "checkpoint":
          return {
            checkpoint:
              query.size === null ? ([...checkpoints].sort(bySize).at(-1) ?? null) : checkpointFrom(query.size),
          };
        case "policy_of":
          return { policy: policies.findLast(({ snapshot }) => snapshot === query.snapshot) ?? null };
        case "values":
          return { values: [...(vault.get(keyOf(query.tenantId, query.jobId))?.values() ?? [])] };
        case "approval_stats":
          return { stats: countsOf(query) };
      }
    },

    page: async (query: PageQuery): Promise<PageAnswer> => {
      check();
      const { limit } = query;
      switch (query.kind) {
        case "events": {
          const { filter } = query;
          const { from = 0, to = Number.POSITIVE_INFINITY } = filter ?? {};
          const page = events
            .filter(({ seq }) => seq > Number(query.after ?? 0))
            .filter(({ seq }) => (times[seq - 1] ?? 0) >= from && (times[seq - 1] ?? 0) < to)
            .filter((event) => filter === undefined || isAskedFor(event, filter))
            .slice(0, limit);
          return { events: page, next: nextOf(page, limit, ({ seq }) => String(seq)) };
        }
        case "checkpoints": {
          const page = checkpoints
            .filter(({ size }) => size > Number(query.after ?? 0))
            .sort(bySize)
            .slice(0, limit);
          return { checkpoints: page, next: nextOf(page, limit, ({ size }) => String(size)) };
        }
        case "timeline": {
          const all = timeline(query.traceId);
          const page = all.filter(({ seq }) => seq > Number(query.after ?? 0)).slice(0, limit);
          return { events: page, next: nextOf(page, limit, ({ seq }) => String(seq)) };
        }
        case "jobs": {
          const from = cursorOf(jobKeyOf(query.after ?? ""));
          const page = [...jobs.values()]
            .filter((row) => cursorOf(row) > from)
            .filter((row) => query.tenantId === null || row.tenantId === query.tenantId)
            .filter((row) => query.status === null || row.status === query.status)
            .sort((a, b) => (cursorOf(a) < cursorOf(b) ? -1 : 1))
            .slice(0, limit);
          return { jobs: page.map(storedJob), next: nextOf(page, limit, cursorOf) };
        }
        case "unknown": {
          const from = cursorOf(jobKeyOf(query.after ?? ""));
          const page = [...jobs.values()]
            .filter((row) => row.status === "UNKNOWN" && cursorOf(row) > from)
            .sort((a, b) => (cursorOf(a) < cursorOf(b) ? -1 : 1))
            .slice(0, limit);
          return { jobs: page.map(storedJob), next: nextOf(page, limit, cursorOf) };
        }
        case "approvals": {
          const page = [...approvals.values()]
            .filter((row) => query.tenantId === null || row.tenantId === query.tenantId)
            .filter((row) => query.states.includes(row.state))
            .sort((a, b) => a.queuedSince - b.queuedSince || (a.id < b.id ? -1 : 1))
            .filter((row) => query.after === null || placeAfter(row, query.after))
            .slice(0, limit);
          return { approvals: page.map(storedApproval), next: nextOf(page, limit, placeOf) };
        }
        case "released": {
          const from = readWaitingPlace(query.after ?? "");
          const page = [...jobs.values()]
            .filter((row) => isWaiting(row) && isReleased(approvalAt(row.approvalId)))
            .filter((row) => query.dispatchers.includes(row.dispatcher) && oldestFirst(row, from) > 0)
            .sort(oldestFirst)
            .slice(0, limit);
          return { jobs: page.map(storedJob), next: nextOf(page, limit, waitingPlaceOf) };
        }
      }
    },

    watch: async ({ mark, waitMs }) => {
      check();
      if (mark === null || mark !== String(steps)) return { mark: String(steps) };
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          sleepers.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, waitMs);
        sleepers.add(wake);
      });
      return { mark: String(steps) };
    },

    verify: async (request) => {
      check();
      const keys = readKeys(request);
      const held = {
        events: [...events],
        times: [...times],
        leaves: [...leaves],
        checkpoints: [...checkpoints],
        jobs: [...jobs.values()],
        approvals: [...approvals.values()],
        votes: [...votes],
        policies: [...policies],
        halts: [...halts],
        values: [...vault.values()].flatMap((values) => [...values.values()]),
      };
      const problems = collectProblems();
      const state = request.state ? replayInMemory() : null;
      const verified = await verifyLog({ source: sourceOf(held), state, keys, problems });
      return { ...verified, ...problems.end(), integrity: null };
    },

    close: async () => {
      closed = true;
      for (const wake of [...sleepers]) wake();
    },
  });
}

function bySize(a: CheckpointRow, b: CheckpointRow): number {
  return a.size - b.size;
}

type Waiting = Pick<JobRow, "createdAt" | "id" | "tenantId">;

function oldestFirst(a: Waiting, b: Waiting): number {
  return a.createdAt - b.createdAt || order(a.id, b.id) || order(a.tenantId, b.tenantId);
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function markOf({ id, tenantId, state, decidedAt, useWithinMs, expiresAt }: ApprovalRow): ApprovalMark {
  return { id, tenantId, state, decidedAt, useWithinMs, expiresAt };
}

function loggedEvent(event: Omit<LoggedEvent, "seq" | "body">, seq: number): LoggedEvent {
  return Object.freeze({ ...event, seq, body: JSON.parse(event.text) as JsonObject });
}
