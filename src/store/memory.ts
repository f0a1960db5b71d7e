import { StoreError } from "../errors.js";
import type { JsonObject } from "../outcome.js";
import { isOpen } from "./approval-state.js";
import { judgeChange } from "./judge-change.js";
import { judgeClaim } from "./judge-claim.js";
import { judgeRecover } from "./judge-recover.js";
import { judgeSettle } from "./judge-settle.js";
import { judgeVote } from "./judge-vote.js";
import { cursorOf, jobKeyOf, nextOf } from "./paging.js";
import {
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
} from "./port.js";
import type { ActivePolicy, ApprovalRow, JobRow, Judgement, OwnerRow, VaultKind, VoteRow, Write } from "./rows.js";

/**
 * A plain store in this process's memory: the port without a database, for tests. It keeps nothing, and what it
 * acknowledges is durable only while the process lives. It sorts and scans where a database would use an index.
 */
export function createMemoryStore(): Store {
  const policies: ActivePolicy[] = [];
  const owners = new Map<string, OwnerRow>();
  const jobs = new Map<string, JobRow>();
  const approvals = new Map<string, ApprovalRow>();
  const votes: VoteRow[] = [];
  const places = new Map<string, number[]>();
  const vault = new Map<string, Map<VaultKind, string>>();
  const events: LoggedEvent[] = [];
  let closed = false;

  const keyOf = (tenantId: string, id: string): string => `${id} ${tenantId}`;
  const active = (): ActivePolicy | null => policies.at(-1) ?? null;
  const jobAt = (tenantId: string, id: string): JobRow | null => jobs.get(keyOf(tenantId, id)) ?? null;
  const approvalAt = (id: string | null): ApprovalRow | null => (id === null ? null : (approvals.get(id) ?? null));
  const votesOf = (approvalId: string): readonly VoteRow[] => votes.filter((vote) => vote.approvalId === approvalId);
  const vaultOf = (tenantId: string, jobId: string): ReadonlyMap<VaultKind, string> =>
    new Map(vault.get(keyOf(tenantId, jobId)));

  const approvalFor = ({ approvalKey, verdict }: ClaimRequest): ApprovalRow | null => {
    const equal = [...approvals.values()].filter((row) => row.key === approvalKey);
    const latest = verdict.kind === "approve" ? equal.sort(latestFirst)[0] : undefined;
    return equal.find(isOpen) ?? latest ?? null;
  };

  const nthLatest = (bucket: string, since: number, n: number): number | null => {
    const young = (places.get(bucket) ?? []).filter((at) => at > since).sort((a, b) => b - a);
    return young[n - 1] ?? null;
  };

  const apply = (write: Write): void => {
    switch (write.to) {
      case "events":
        events.push(loggedEvent(write.event, events.length + 1));
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
      case "vault": {
        const key = keyOf(write.row.tenantId, write.row.jobId);
        const values = vault.get(key) ?? new Map<VaultKind, string>();
        vault.set(key, values.set(write.row.kind, write.row.value));
        return;
      }
      case "policies":
        policies.push(write.row);
        return;
      case "owners":
        owners.set(write.row.id, write.row);
        return;
      case "owners_gone":
        owners.delete(write.id);
        return;
      case "limits": {
        const young = (places.get(write.bucket) ?? []).filter((at) => at > write.keepAfter);
        places.set(write.bucket, [...young, write.at]);
        return;
      }
      case "waiting":
        for (const [key, row] of jobs) {
          if (row.approvalId !== write.approvalId) continue;
          if (row.status !== "PENDING_APPROVAL" && row.status !== "THROTTLED") continue;
          if (write.except !== null && key === keyOf(write.except.tenantId, write.except.id)) continue;
          jobs.set(key, { ...row, status: "DENIED", reason: write.reason, updatedAt: write.at });
        }
        return;
    }
  };

  // Nothing awaits between the first look and the last write, so no other verb can come between.
  const transact = async <T>(judge: () => Judgement<T>): Promise<T> => {
    check();
    const { answer, writes } = judge();
    for (const write of writes) apply(write);
    return answer;
  };

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
  });

  const jobsNamed = (id: string, tenantId: string | null): readonly JobRow[] =>
    [...jobs.values()].filter((row) => row.id === id && (tenantId === null || row.tenantId === tenantId));

  const timeline = (traceId: string): readonly LoggedEvent[] => {
    const own = events.filter((event) => event.traceId === traceId);
    const joined = new Set(own.map(({ approvalId }) => approvalId));
    return events.filter(
      (event) => event.traceId === traceId || (event.approvalId !== null && joined.has(event.approvalId)),
    );
  };

  return defineStore({
    kind: "memory",

    claim: (request) =>
      transact(() => {
        const { tenantId, id } = request.job;
        const job = jobAt(tenantId, id);
        const approval = approvalFor(request);
        return judgeClaim(request, {
          active: active(),
          job,
          jobApproval: approvalAt(job?.approvalId ?? null),
          output: vaultOf(tenantId, id).get("output") ?? null,
          approval,
          approvalJob: approval === null ? null : jobAt(approval.tenantId, approval.jobId),
          places: request.limits.map(({ bucket, limit, windowMs }) => nthLatest(bucket, request.now - windowMs, limit)),
        });
      }),

    settle: (request) => transact(() => judgeSettle(request, jobAt(request.tenantId, request.jobId))),

    vote: (request) =>
      transact(() =>
        judgeVote(request, {
          active: active(),
          approval: approvalAt(request.approvalId),
          votes: votesOf(request.approvalId),
        }),
      ),

    change: (change) => transact(() => judgeChange(change, active())),

    recover: (request) =>
      transact(() =>
        judgeRecover(request, {
          owners: [...owners.values()],
          running: [...jobs.values()].filter(({ status }) => status === "RUNNING"),
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
          return { at: events.at(-1)?.at ?? 0 };
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
      }
    },

    page: async (query: PageQuery): Promise<PageAnswer> => {
      check();
      const { limit } = query;
      switch (query.kind) {
        case "events":
        case "timeline": {
          const all = query.kind === "events" ? events : timeline(query.traceId);
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
        case "approvals": {
          const page = [...approvals.values()]
            .filter((row) => row.id > (query.after ?? ""))
            .filter((row) => query.tenantId === null || row.tenantId === query.tenantId)
            .filter((row) => query.states.includes(row.state))
            .sort((a, b) => (a.id < b.id ? -1 : 1))
            .slice(0, limit);
          return { approvals: page.map(storedApproval), next: nextOf(page, limit, ({ id }) => id) };
        }
      }
    },

    close: async () => {
      closed = true;
    },
  });
}

function latestFirst(a: ApprovalRow, b: ApprovalRow): number {
  return b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1);
}

function loggedEvent(event: Omit<LoggedEvent, "seq" | "body">, seq: number): LoggedEvent {
  return Object.freeze({ ...event, seq, body: JSON.parse(event.text) as JsonObject });
}
