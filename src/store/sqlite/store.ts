import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { StoreError } from "../../errors.js";
import { writeBase64 } from "../../evidence/base64.js";
import { type Frontier, rootOf } from "../../evidence/merkle.js";
import { isOpen, isReleased } from "../approval-state.js";
import { looksAtQueue, type QueueView } from "../claim-step.js";
import { isAskedFor } from "../event-filter.js";
import { type ChangeView, judgeChange } from "../judge-change.js";
import { judgeClaim } from "../judge-claim.js";
import { judgeRecover } from "../judge-recover.js";
import { judgeSettle } from "../judge-settle.js";
import { judgeVote } from "../judge-vote.js";
import { cursorOf, jobKeyOf, nextOf, placeOf, readWaitingPlace, waitingPlaceOf } from "../paging.js";
import {
  type Change,
  type ClaimRequest,
  defineStore,
  type EventFilter,
  type LoggedEvent,
  type PageAnswer,
  type PageQuery,
  type Query,
  type QueryAnswer,
  type Store,
  type StoredApproval,
  type StoredJob,
  type StoredQuarantine,
} from "../port.js";
import { proveConsistency, proveInclusion, proveRoot } from "../prove.js";
import { type ApprovalRow, type JobRow, type Judgement, type Recorded, recorded } from "../rows.js";
import { shareCommits } from "./commits.js";
import { type Connection, isBusy, storeErrorOf } from "./driver.js";
import { watchFiles } from "./files.js";
import { type Ledger, openLedger } from "./ledger.js";
import { openConnection, type Presence, untilFree } from "./open.js";
import { prepareTables, type Tables } from "./tables.js";
import { verifyInMemory, verifyOpenFile } from "./verify.js";
import { watchFile } from "./watch.js";

/** How long a read may wait for such a moment, in milliseconds. */
const READ_WAIT_MS = 2_000;

/** Events that are looked at for one page of those that a filter asks for. */
const LOOK_AT = 1_000;

/** Bytes of a file that is made anew in about a second. */
const SMALL = 64 * 1_048_576;

/** How an SQLite store is opened. */
export interface SqliteStoreOptions {
  /** Whether verbs that arrive together share one commit. Default `true`; `false` is for measuring what that is worth. */
  readonly groupCommit?: boolean;
  /** Default `"any"`. `"existing"`: the file must be a gate's and of this very schema; nothing is made or brought up to date. */
  readonly presence?: Presence;
}

/** One connection to a file, as a store. */
export interface OpenedFile extends Store {
  /** Commits made over this connection. */
  readonly commits: () => number;
  /** What it acknowledged: another connection to the file MUST go on from that. */
  readonly acknowledged: () => Frontier;
  /** Why it does nothing any more; null while it does. */
  readonly stoppedBy: () => StoreError | null;
}

/** Asked of the folder: nothing but SQLite itself may open the file. */
function freeBytesBeside(file: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** What is prepared on a connection; one whose log cannot be gone on with is closed. */
async function prepare(
  connection: Connection,
  path: string,
  from: Frontier | undefined,
): Promise<{ readonly ledger: Ledger; readonly tables: Tables }> {
  try {
    const ledger = await untilFree(() => openLedger(connection, path, watchFiles(path), from));
    return { ledger, tables: await untilFree(() => prepareTables(connection, ledger)) };
  } catch (error) {
    connection.close();
    throw storeErrorOf(error, path);
  }
}

/** Opens one connection to a file. `from`: what another acknowledged, which it must go on from. */
export async function openFile(path: string, options: SqliteStoreOptions, from?: Frontier): Promise<OpenedFile> {
  const connection = await openConnection(path, options.presence);
  // Found again also when the process has gone to another folder since.
  const file = path === ":memory:" ? null : resolve(path);
  const { ledger, tables } = await prepare(connection, path, from);
  const commits = shareCommits({ connection, path, ledger }, { group: options.groupCommit ?? true });

  /** Loads, judges and applies in one transaction: no two stores can differ in what a judge answers. */
  const transact = <T extends object>(judge: () => Judgement<T>, waitMs: number): Promise<Recorded<T>> =>
    commits.run(() => {
      const judgement = judge();
      for (const write of judgement.writes) tables.apply(write);
      return recorded(judgement);
    }, waitMs);

  const watch = watchFile(connection, commits);

  const reading = async <T>(read: () => T): Promise<T> => {
    commits.check();
    try {
      // A reader waits only for the moments in which another process opens, recovers or closes the file.
      return await untilFree(read, READ_WAIT_MS);
    } catch (error) {
      throw commits.fault(error);
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
    before: row.supersedes === null ? null : tables.approval(row.supersedes),
    checkpoint: tables.checkpointOfApproval(row.id),
  });

  const storedQuarantine = (row: JobRow): StoredQuarantine => ({
    row,
    approval: row.approvalId === null ? null : tables.approval(row.approvalId),
    kept: tables.kept(row.tenantId, row.id),
  });

  const pageOf = (events: readonly LoggedEvent[], limit: number): PageAnswer => ({
    events,
    next: nextOf(events, limit, ({ seq }) => String(seq)),
  });

  /** Looks at a bounded part of the log: who asks for more begins again where it ended. */
  const filtered = (filter: EventFilter, after: number, limit: number): PageAnswer => {
    const from = filter.from === undefined ? after : Math.max(after, tables.firstSince(filter.from) - 1);
    const end = filter.to === undefined ? Number.MAX_SAFE_INTEGER : tables.firstSince(filter.to);
    const seen = tables.eventsAfter(from, LOOK_AT).filter(({ seq }) => seq < end);
    const found = seen.filter((event) => isAskedFor(event, filter)).slice(0, limit);
    if (found.length === limit) return pageOf(found, limit);
    return { events: found, next: seen.length < LOOK_AT ? null : String(seen.at(-1)?.seq) };
  };

  const queueOf = ({ job, verdict, now }: ClaimRequest, loggedAt: number): QueueView | null => {
    if (verdict.kind !== "approve") return null;
    const at = Math.max(now, loggedAt);
    const { limit, windowMs } = verdict.queue.maxRequestsPerActor;
    return tables.queue(job.actorKey, at - windowMs, limit, at);
  };

  const ticksOf = (change: Change): Pick<ChangeView, "tickOffset" | "latestPlace"> => {
    if (change.kind !== "open" || change.ticks === null) return { tickOffset: null, latestPlace: null };
    const tickOffset = tables.tickOffset(change.ticks.boot);
    return { tickOffset, latestPlace: tickOffset === null ? tables.latestPlace() : null };
  };

  const changeView = (change: Change): ChangeView => {
    const { kind } = change;
    const job = "jobId" in change ? tables.job(change.tenantId, change.jobId) : null;
    const behind = kind === "release" || kind === "abandon" ? (job?.approvalId ?? null) : null;
    const about = kind === "cancel" || kind === "lift" ? change.approvalId : behind;
    const policy = kind === "activate" ? tables.activePolicy() : null;
    const isTimed = about !== null || kind === "expire" || kind === "release" || kind === "erase";
    const requests = kind === "erase" ? tables.approvalsOfJob(change.tenantId, change.jobId) : [];
    const loggedAt = isTimed ? tables.head().at : 0;
    const approval = about === null ? null : tables.approval(about);
    return {
      active: kind === "activate" ? policy : tables.policyHead(),
      document: policy?.document ?? null,
      halt: kind === "halt" || kind === "retry" ? tables.halt() : null,
      loggedAt,
      approval,
      jobs: tables.job,
      owners: kind === "reconcile" ? tables.owners() : [],
      isAskedAnew: kind === "abandon" && approval !== null && tables.openApproval(approval.key) !== null,
      job,
      kept: kind === "release" ? tables.kept(change.tenantId, change.jobId) : null,
      waiting: kind === "cancel" ? tables.waiting(change.approvalId, 2) : [],
      lapsed: kind === "expire" ? tables.lapsed(Math.max(change.now, loggedAt), change.limit) : [],
      ...ticksOf(change),
      isSpent: kind === "spend" && tables.isSpent(change.permitId),
      requests,
      isAwaited: requests.some(({ id }) => tables.waiting(id, 1).length > 0),
      kinds: kind === "erase" ? [...tables.vault(change.tenantId, change.jobId).keys()] : [],
      ...signedView(change),
    };
  };

  const signedView = (change: Change): Pick<ChangeView, "rootAtSize" | "isKept"> => {
    if (change.kind !== "checkpoint") return { rootAtSize: null, isKept: false };
    const { size } = change;
    return {
      rootAtSize: proveRoot(size, ledger.head().size, ledger.subtree),
      isKept: tables.checkpointFrom(size)?.size === size,
    };
  };

  /** Moves the write-ahead log into the file and cuts it. False while anybody reads what stands in it. */
  const cutLog = (): boolean => connection.pragma("wal_checkpoint(TRUNCATE)", { simple: true }) === 0;

  /**
   * True once nothing is left of what was erased. Deleting writes over a row where it stands, but not over the copies that
   * SQLite left where rows were moved from when a page was split: only a file made anew has none of them. Nobody writes
   * meanwhile, and this process does nothing else, so that a large file is made anew only where that is asked for.
   */
  const clear = (compact: boolean | undefined): boolean => {
    try {
      // While somebody reads it would be of no use yet to write the whole file anew.
      if (!cutLog() || !(compact ?? isSmall())) return false;
      connection.exec("VACUUM");
      return cutLog();
    } catch (error) {
      if (isBusy(error)) return false;
      throw commits.fault(error);
    }
  };

  const isSmall = (): boolean => {
    const [pages, size] = ["page_count", "page_size"].map((name) => Number(connection.pragma(name, { simple: true })));
    return (pages ?? 0) * (size ?? 0) <= SMALL;
  };

  const jobsNamed = (id: string, tenantId: string | null): readonly JobRow[] => {
    if (tenantId === null) return tables.jobsOfId(id);
    const row = tables.job(tenantId, id);
    return row === null ? [] : [row];
  };

  return defineStore({
    kind: "sqlite",
    ...(file === null ? {} : { keyFile: `${file}.key` }),
    ...(file === null ? {} : { freeBytes: () => freeBytesBeside(file) }),
    commits: commits.count,
    acknowledged: ledger.acknowledged,
    stoppedBy: commits.stoppedBy,

    claim: (request) => {
      const came = performance.now();
      return transact(() => {
        const { tenantId, id } = request.job;
        const { active, known, asked, released, halted } = tables.probe(request.job, request.approvalKey);
        const { named } = request.job;
        const job = known ? tables.job(tenantId, id) : null;
        const open = asked ? tables.openApproval(request.approvalKey) : null;
        // One that is resolved matters where another would be asked for, since a rejection may stand; and to a job without an
        // id of its own where one was let go, since it may be the job that waits.
        const asks = request.verdict.kind === "approve" || (released && !named);
        const latest = open === null && asks ? tables.latestApproval(request.approvalKey) : open;
        const approval = request.verdict.kind === "approve" || isOpen(latest) || isReleased(latest) ? latest : null;
        const loggedAt = approval === null ? 0 : tables.head().at;
        const view = {
          active,
          halted,
          job,
          jobApproval: job === null || job.approvalId === null ? null : tables.approval(job.approvalId),
          output: job === null ? null : tables.output(tenantId, id),
          approval,
          firstWaiting: approval === null || named ? null : (tables.waiting(approval.id, 1)[0] ?? null),
          votes: isOpen(approval) ? tables.votes(approval.id) : [],
          loggedAt,
          queue: looksAtQueue(request, { approval, job, loggedAt }) ? queueOf(request, loggedAt) : null,
          places: request.limits.map(({ bucket, limit }) => ({
            latest: tables.nthLatest(bucket, 1),
            nth: tables.nthLatest(bucket, limit),
          })),
          waitedMs: Math.floor(performance.now() - came),
          held: request.pools.map(({ ruleId }) => tables.held(ruleId, request.now)),
        };
        return judgeClaim(request, view);
      }, request.waitMs);
    },

    settle: (request) =>
      transact(() => judgeSettle(request, tables.hold(request.tenantId, request.jobId)), request.waitMs),

    vote: (request) =>
      transact(
        () =>
          judgeVote(request, {
            active: tables.policyHead(),
            loggedAt: tables.head().at,
            approval: tables.approval(request.approvalId),
            votes: tables.votes(request.approvalId),
          }),
        request.waitMs,
      ),

    change: async (change) => {
      const answer = await transact(() => judgeChange(change, changeView(change)), change.waitMs);
      if (answer.status !== "erased" || change.kind !== "erase") return answer;
      return { ...answer, cleared: change.clear !== false && clear(change.compact) };
    },

    recover: (request) =>
      transact(
        () =>
          judgeRecover(request, {
            owners: tables.owners(),
            running: tables.runningJobs(),
            slots: tables.slotsByOwner(),
          }),
        request.waitMs,
      ),

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
          case "halt":
            return { halt: tables.halt() };
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
          case "quarantine":
            return { quarantines: tables.jobsOfQuarantine(query.id).map(storedQuarantine) };
          case "quarantine_of":
            return { quarantines: jobsNamed(query.jobId, query.tenantId).map(storedQuarantine) };
          case "approval_marks":
            return { marks: tables.marks(query.ids) };
          case "waiting":
            return { jobs: tables.waiting(query.approvalId, query.limit).map(storedJob) };
          case "tree": {
            const tree = ledger.head();
            return { tree: { size: tree.size, root: writeBase64(rootOf(tree)) } };
          }
          case "inclusion": {
            const proof = proveInclusion(query.seq, query.size, ledger.head().size, ledger.subtree);
            return { event: tables.event(query.seq), proof };
          }
          case "consistency":
            return { proof: proveConsistency(query.from, query.to, ledger.head().size, ledger.subtree) };
          case "checkpoint":
            return {
              checkpoint: query.size === null ? tables.latestCheckpoint() : tables.checkpointFrom(query.size),
            };
          case "policy_of":
            return { policy: tables.policyOf(query.snapshot) };
          case "values":
            return { values: tables.values(query.tenantId, query.jobId) };
          case "approval_stats":
            return { stats: tables.approvalCounts(query.now, query.since, query.tenantId) };
        }
      }),

    page: (query: PageQuery): Promise<PageAnswer> =>
      reading((): PageAnswer => {
        const { limit } = query;
        const after = query.after ?? "";
        switch (query.kind) {
          case "events":
            return query.filter === undefined
              ? pageOf(tables.eventsAfter(Number(after), limit), limit)
              : filtered(query.filter, Number(after), limit);
          case "checkpoints": {
            const checkpoints = tables.checkpointsAfter(Number(after), limit);
            return { checkpoints, next: nextOf(checkpoints, limit, ({ size }) => String(size)) };
          }
          case "timeline":
            return pageOf(tables.timelineAfter(query.traceId, Number(after), limit), limit);
          case "jobs": {
            const rows = tables.jobsAfter(jobKeyOf(after), query.tenantId, query.status, limit);
            return { jobs: rows.map(storedJob), next: nextOf(rows, limit, cursorOf) };
          }
          case "unknown": {
            const rows = tables.unknownAfter(jobKeyOf(after), limit);
            return { jobs: rows.map(storedJob), next: nextOf(rows, limit, cursorOf) };
          }
          case "approvals": {
            const rows = tables.approvalsAfter(after, query.tenantId, query.states, limit);
            return { approvals: rows.map(storedApproval), next: nextOf(rows, limit, placeOf) };
          }
          case "released": {
            const rows = tables.releasedAfter(readWaitingPlace(after), query.dispatchers, limit);
            return { jobs: rows.map(storedJob), next: nextOf(rows, limit, waitingPlaceOf) };
          }
        }
      }),

    watch: (request) => watch.wait(request),

    verify: async (request) => {
      commits.check();
      return file === null ? verifyInMemory(connection, request) : verifyOpenFile(file, request);
    },

    close: async () => {
      watch.end();
      await commits.end();
      try {
        connection.close();
      } catch (cause) {
        throw new StoreError("store_failed", "the database could not be closed", { cause });
      }
    },
  });
}
