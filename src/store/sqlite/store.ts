import { StoreError } from "../../errors.js";
import { judgeChange } from "../judge-change.js";
import { judgeClaim } from "../judge-claim.js";
import { judgeRecover } from "../judge-recover.js";
import { judgeSettle } from "../judge-settle.js";
import { judgeVote } from "../judge-vote.js";
import { cursorOf, jobKeyOf, nextOf } from "../paging.js";
import {
  defineStore,
  type PageAnswer,
  type PageQuery,
  type Query,
  type QueryAnswer,
  type Store,
  type StoredApproval,
  type StoredJob,
} from "../port.js";
import type { ApprovalRow, JobRow, Judgement } from "../rows.js";
import { shareCommits } from "./commits.js";
import { storeErrorOf } from "./driver.js";
import { openConnection, untilFree } from "./open.js";
import { prepareTables } from "./tables.js";

/** How long a read may wait for such a moment, in milliseconds. */
const READ_WAIT_MS = 2_000;

/** How an SQLite store is opened. */
export interface SqliteStoreOptions {
  /** Whether verbs that arrive together share one commit. Default `true`; `false` is for measuring what that is worth. */
  readonly groupCommit?: boolean;
}

/** An SQLite store, with what measuring it needs. */
export interface SqliteStore extends Store {
  /** Commits made by this store since it was opened. */
  readonly commits: () => number;
}

/**
 * Opens a store in one SQLite file, for several processes on one machine; `:memory:` keeps nothing.
 * The file is made for its owner alone (mode 0600), in write-ahead mode with `synchronous=FULL`: what a verb
 * acknowledged survives a power cut. Throws a `StoreError` that says what to do, and leaves the file as it was,
 * when the path holds something else.
 */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<SqliteStore> {
  if (typeof path !== "string" || path === "") throw new TypeError("the path of an SQLite store must be a string");
  const connection = await openConnection(path);
  const tables = await untilFree(() => prepareTables(connection));
  const commits = shareCommits(connection, path, { group: options.groupCommit ?? true });

  /** Loads, judges and applies in one transaction: no two stores can differ in what a judge answers. */
  const transact = <T>(judge: () => Judgement<T>, waitMs: number): Promise<T> =>
    commits.run(() => {
      const { answer, writes } = judge();
      for (const write of writes) tables.apply(write);
      return answer;
    }, waitMs);

  const reading = async <T>(read: () => T): Promise<T> => {
    commits.check();
    try {
      // A reader waits only for the moments in which another process opens, recovers or closes the file.
      return await untilFree(read, READ_WAIT_MS);
    } catch (error) {
      throw storeErrorOf(error, path);
    }
  };

  const storedJob = (row: JobRow): StoredJob => ({
    row,
    approval: row.approvalId === null ? null : tables.approval(row.approvalId),
    vault: tables.vault(row.tenantId, row.id),
  });

  const storedApproval = (row: ApprovalRow): StoredApproval => ({
    row,
    votes: tables.votes(row.id),
    vault: tables.vault(row.tenantId, row.jobId),
  });

  const jobsNamed = (id: string, tenantId: string | null): readonly JobRow[] => {
    if (tenantId === null) return tables.jobsOfId(id);
    const row = tables.job(tenantId, id);
    return row === null ? [] : [row];
  };

  return defineStore({
    kind: "sqlite",
    commits: commits.count,

    claim: (request) =>
      transact(() => {
        const { tenantId, id } = request.job;
        const { active, known, asked } = tables.probe(request.job, request.approvalKey);
        const job = known ? tables.job(tenantId, id) : null;
        const open = asked ? tables.openApproval(request.approvalKey) : null;
        // One that is resolved matters only where another would be asked for: a rejection may stand.
        const resolved = open === null && request.verdict.kind === "approve";
        const approval = resolved ? tables.latestApproval(request.approvalKey) : open;
        const view = {
          active,
          job,
          jobApproval: job === null || job.approvalId === null ? null : tables.approval(job.approvalId),
          output: job === null ? null : tables.output(tenantId, id),
          approval,
          approvalJob: approval === null ? null : tables.job(approval.tenantId, approval.jobId),
          places: request.limits.map(({ bucket, limit, windowMs }) =>
            tables.nthLatest(bucket, request.now - windowMs, limit),
          ),
        };
        return judgeClaim(request, view);
      }, request.waitMs),

    settle: (request) =>
      transact(() => judgeSettle(request, tables.hold(request.tenantId, request.jobId)), request.waitMs),

    vote: (request) =>
      transact(
        () =>
          judgeVote(request, {
            active: tables.policyHead(),
            approval: tables.approval(request.approvalId),
            votes: tables.votes(request.approvalId),
          }),
        request.waitMs,
      ),

    change: (change) => transact(() => judgeChange(change, tables.policyHead()), change.waitMs),

    recover: (request) =>
      transact(() => judgeRecover(request, { owners: tables.owners(), running: tables.runningJobs() }), request.waitMs),

    read: (query: Query): Promise<QueryAnswer> =>
      reading((): QueryAnswer => {
        switch (query.kind) {
          case "policy":
            return { policy: tables.activePolicy() };
          case "policy_head":
            return { head: tables.policyHead() };
          case "time":
            return { at: tables.head().at };
          case "owners":
            return { owners: tables.owners() };
          case "job":
            return { jobs: jobsNamed(query.id, query.tenantId).map(storedJob) };
          case "approval": {
            const row = tables.approval(query.id);
            return { approvals: row === null ? [] : [storedApproval(row)] };
          }
          case "approval_of": {
            const ids = jobsNamed(query.jobId, query.tenantId).flatMap(({ approvalId }) => approvalId ?? []);
            return { approvals: ids.flatMap((id) => tables.approval(id) ?? []).map(storedApproval) };
          }
        }
      }),

    page: (query: PageQuery): Promise<PageAnswer> =>
      reading((): PageAnswer => {
        const { limit } = query;
        const after = query.after ?? "";
        switch (query.kind) {
          case "events": {
            const events = tables.eventsAfter(Number(after), limit);
            return { events, next: nextOf(events, limit, ({ seq }) => String(seq)) };
          }
          case "timeline": {
            const events = tables.timelineAfter(query.traceId, Number(after), limit);
            return { events, next: nextOf(events, limit, ({ seq }) => String(seq)) };
          }
          case "jobs": {
            const rows = tables.jobsAfter(jobKeyOf(after), query.tenantId, query.status, limit);
            return { jobs: rows.map(storedJob), next: nextOf(rows, limit, cursorOf) };
          }
          case "approvals": {
            const rows = tables.approvalsAfter(after, query.tenantId, query.states, limit);
            return { approvals: rows.map(storedApproval), next: nextOf(rows, limit, ({ id }) => id) };
          }
        }
      }),

    close: async () => {
      await commits.end();
      try {
        connection.close();
      } catch (cause) {
        throw new StoreError("store_failed", "the database could not be closed", { cause });
      }
    },
  });
}
