import type { ApprovalState } from "../../outcome.js";
import type { QueueView } from "../claim-step.js";
import { readPlace } from "../paging.js";
import type { ApprovalCounts, ApprovalMark, LoggedEvent } from "../port.js";
import type {
  ActivePolicy,
  ApprovalRow,
  CheckpointRow,
  HaltRow,
  JobHold,
  JobRow,
  KeptValue,
  OwnerRow,
  PolicyHead,
  VaultKind,
  VaultRow,
  VoteRow,
  Write,
} from "../rows.js";
import type { Connection, Statement } from "./driver.js";
import type { Ledger } from "./ledger.js";
import {
  approvalOf,
  checkpointOf,
  eventOf,
  haltOf,
  headOf,
  holdOf,
  jobOf,
  keptOf,
  markOf,
  one,
  ownerOf,
  policyOf,
  privateOf,
  voteOf,
} from "./read-rows.js";

/** What names a job in a store. */
interface JobKey {
  readonly id: string;
  readonly tenantId: string;
}

/** Every query of the store, one a function, prepared once. */
export interface Tables {
  readonly policyHead: () => PolicyHead | null;
  readonly activePolicy: () => ActivePolicy | null;
  readonly head: () => { readonly seq: number; readonly at: number };
  /** The last turn of the switch; null where it was never turned. */
  readonly halt: () => HaltRow | null;
  readonly owners: () => readonly OwnerRow[];
  readonly job: (tenantId: string, id: string) => JobRow | null;
  readonly hold: (tenantId: string, id: string) => JobHold | null;
  readonly jobsOfId: (id: string) => readonly JobRow[];
  /** The job whose output was withheld under that id. */
  readonly jobsOfQuarantine: (id: string) => readonly JobRow[];
  readonly runningJobs: () => readonly JobRow[];
  readonly jobsAfter: (after: JobKey, tenant: string | null, status: string | null, limit: number) => readonly JobRow[];
  /** Jobs of which nobody knows how they ended. */
  readonly unknownAfter: (after: JobKey, limit: number) => readonly JobRow[];
  /** How many places in pools each owner holds. */
  readonly slotsByOwner: () => ReadonlyMap<string, number>;
  readonly approval: (id: string) => ApprovalRow | null;
  /** What is in force, and which of these exist: one look instead of four, since nearly always none does. */
  readonly probe: (
    job: JobKey,
    approvalKey: string,
  ) => {
    readonly active: PolicyHead | null;
    /** A job of that id. */
    readonly known: boolean;
    /** An open request of that key. */
    readonly asked: boolean;
    /** One that ended without another in its place. */
    readonly released: boolean;
    /** Claims are stopped. */
    readonly halted: boolean;
  };
  readonly openApproval: (key: string) => ApprovalRow | null;
  readonly latestApproval: (key: string) => ApprovalRow | null;
  readonly approvalsAfter: (
    after: string,
    tenant: string | null,
    states: readonly ApprovalState[],
    limit: number,
  ) => readonly ApprovalRow[];
  readonly marks: (ids: readonly string[]) => readonly ApprovalMark[];
  /** Open requests whose time is over. */
  readonly lapsed: (now: number, limit: number) => readonly ApprovalRow[];
  /** How full the queue is; `limit` is the actor's own within the window that began at `since`. */
  readonly queue: (actorKey: string, since: number, limit: number, now: number) => QueueView;
  readonly approvalCounts: (now: number, since: number, tenant: string | null) => ApprovalCounts;
  /** Jobs that wait for a request, oldest first. */
  readonly waiting: (approvalId: string, limit: number) => readonly JobRow[];
  /** Jobs of these dispatchers that wait for a request that ended with none in its place, oldest first. */
  readonly releasedAfter: (
    after: { readonly createdAt: number; readonly id: string; readonly tenantId: string },
    dispatchers: readonly string[],
    limit: number,
  ) => readonly JobRow[];
  readonly votes: (approvalId: string) => readonly VoteRow[];
  readonly vault: (tenantId: string, jobId: string) => ReadonlyMap<VaultKind, string>;
  /** The same with their salts. */
  readonly values: (tenantId: string, jobId: string) => readonly VaultRow[];
  readonly output: (tenantId: string, jobId: string) => string | null;
  /** What is kept of the output that was withheld of a job. */
  readonly kept: (tenantId: string, jobId: string) => KeptValue | null;
  /** Places in a pool whose owners are alive. */
  readonly held: (pool: string, now: number) => number;
  readonly isSpent: (permitId: string) => boolean;
  /** What is added to the monotonic clock of a boot; null where nobody has said it. */
  readonly tickOffset: (boot: string) => number | null;
  /** The latest place in any limit, of all that are kept. Looks at all of them: once a boot. */
  readonly latestPlace: () => number | null;
  /** The time of the `n`-th latest place in a bucket, or null. */
  readonly nthLatest: (bucket: string, n: number) => number | null;
  /** Requests that a job opened. */
  readonly approvalsOfJob: (tenantId: string, jobId: string) => readonly ApprovalRow[];
  readonly policyOf: (snapshot: string) => ActivePolicy | null;
  readonly checkpointFrom: (size: number) => CheckpointRow | null;
  /** The oldest that covers the first event of a request. */
  readonly checkpointOfApproval: (id: string) => CheckpointRow | null;
  readonly latestCheckpoint: () => CheckpointRow | null;
  readonly checkpointsAfter: (size: number, limit: number) => readonly CheckpointRow[];
  readonly event: (seq: number) => LoggedEvent | null;
  /** The number of the first event at which the log's time was `at` or later; one past the last where there is none. */
  readonly firstSince: (at: number) => number;
  readonly eventsAfter: (seq: number, limit: number) => readonly LoggedEvent[];
  readonly timelineAfter: (traceId: string, seq: number, limit: number) => readonly LoggedEvent[];
  /** Applies one write. The next event's number is taken from the log itself. */
  readonly apply: (write: Write) => void;
}

const JOB_COLUMNS =
  "id, tenant_id, trace_id, hash, status, owner, dispatcher, approval_id, decision, reason, constraints, result, commitment, requesters, created_at, updated_at, erased_at, degraded";
const APPROVAL_COLUMNS =
  "id, key, tenant_id, job_id, trace_id, job_hash, commitment, actor_key, snapshot, epoch, binding, fingerprint, dispatcher, state, requirements, requesters, derived_tags, decision, shown, queued_since, requested_at, expires_at, use_within_ms, rejection_stands_ms, decided_at, resolved_at, resolved_by, lifted_at, supersedes, superseded_by";
const OPEN: ReadonlySet<ApprovalState> = new Set<ApprovalState>(["pending", "approved"]);
const VOTE_COLUMNS = "approval_id, number, approver_key, approver_id, kind, roles, assurance, vote, view, at";
const HALT_COLUMNS = "number, halted, by_id, reason, abort, at";
const EVENT_COLUMNS = "seq, at, type, trace_id, approval_id, bytes";

const marks = (columns: string): string =>
  columns
    .split(",")
    .map(() => "?")
    .join(", ");

const replace = (columns: string, keys: readonly string[]): string =>
  columns
    .split(", ")
    .filter((column) => !keys.includes(column))
    .map((column) => `${column} = excluded.${column}`)
    .join(", ");

/** Prepares every statement on a connection whose schema is current. */
export function prepareTables(connection: Connection, ledger: Pick<Ledger, "append">): Tables {
  const sql = (text: string): Statement => connection.prepare(text);

  const policyHead = sql("SELECT epoch, snapshot FROM policies ORDER BY epoch DESC LIMIT 1");
  const activePolicy = sql("SELECT epoch, snapshot, document FROM policies ORDER BY epoch DESC LIMIT 1");
  // The column holds the highest time that was logged so far; what an event itself says is in its bytes.
  const head = sql("SELECT seq, at FROM events ORDER BY seq DESC LIMIT 1");
  const halt = sql(`SELECT ${HALT_COLUMNS} FROM halts ORDER BY number DESC LIMIT 1`);
  const owners = sql("SELECT id, pid, realm, started, lease_until, fail_mode FROM owners");
  const job = sql(`SELECT ${JOB_COLUMNS} FROM jobs WHERE id = ? AND tenant_id = ?`);
  const hold = sql(
    `SELECT owner, status, erased_at, EXISTS (SELECT 1 FROM slots WHERE job_id = jobs.id AND tenant_id = jobs.tenant_id) AS pooled
     FROM jobs WHERE id = ? AND tenant_id = ?`,
  );
  const jobsOfId = sql(`SELECT ${JOB_COLUMNS} FROM jobs WHERE id = ?`);
  // By the expression that the index is of, written alike: otherwise the planner would not know it again.
  const jobsOfQuarantine = sql(
    `SELECT ${JOB_COLUMNS} FROM jobs INDEXED BY jobs_by_quarantine
     WHERE status = 'QUARANTINED' AND json_extract(result, '$.quarantineId') = ?`,
  );
  const runningJobs = sql(`SELECT ${JOB_COLUMNS} FROM jobs WHERE status = 'RUNNING'`);
  const jobsAfter = sql(
    `SELECT ${JOB_COLUMNS} FROM jobs WHERE (id, tenant_id) > (@id, @tenantAfter) AND (@tenant IS NULL OR tenant_id = @tenant)
     AND (@status IS NULL OR status = @status) ORDER BY id, tenant_id LIMIT @limit`,
  );
  // The status in so many words: only then does the planner take the index of the unknown ones.
  const unknownAfter = sql(
    `SELECT ${JOB_COLUMNS} FROM jobs INDEXED BY jobs_unknown
     WHERE status = 'UNKNOWN' AND (id, tenant_id) > (@id, @tenantId) ORDER BY id, tenant_id LIMIT @limit`,
  );
  const slotsByOwner = sql("SELECT owner, count(*) AS n FROM slots GROUP BY owner");
  const approval = sql(`SELECT ${APPROVAL_COLUMNS} FROM approvals WHERE id = ?`);
  const probe = sql(
    `SELECT epoch, snapshot,
       EXISTS (SELECT 1 FROM jobs WHERE id = ? AND tenant_id = ?) AS known,
       EXISTS (SELECT 1 FROM approvals WHERE key = ? AND state IN ('pending', 'approved')) AS asked,
       EXISTS (SELECT 1 FROM approvals WHERE key = ? AND state = 'superseded' AND superseded_by IS NULL) AS released,
       (SELECT halted FROM halts ORDER BY number DESC LIMIT 1) AS halted
     FROM policies ORDER BY epoch DESC LIMIT 1`,
  );
  const openApproval = sql(
    `SELECT ${APPROVAL_COLUMNS} FROM approvals WHERE key = ? AND state IN ('pending', 'approved')`,
  );
  const latestApproval = sql(
    `SELECT ${APPROVAL_COLUMNS} FROM approvals WHERE key = ? ORDER BY requested_at DESC LIMIT 1`,
  );
  // The states in so many words: only then does the planner take the index that holds the open ones alone.
  const openAfter = sql(
    `SELECT ${APPROVAL_COLUMNS} FROM approvals INDEXED BY approvals_open_by_place
     WHERE state IN ('pending', 'approved') AND (queued_since, id) > (@since, @id)
     AND (@tenant IS NULL OR tenant_id = @tenant)
     AND state IN (SELECT value FROM json_each(@states)) ORDER BY queued_since, id LIMIT @limit`,
  );
  const approvalsAfter = sql(
    `SELECT ${APPROVAL_COLUMNS} FROM approvals WHERE (queued_since, id) > (@since, @id)
     AND (@tenant IS NULL OR tenant_id = @tenant)
     AND state IN (SELECT value FROM json_each(@states)) ORDER BY queued_since, id LIMIT @limit`,
  );
  const marksOf = sql(
    `SELECT id, tenant_id, state, decided_at, use_within_ms, expires_at
     FROM approvals WHERE id IN (SELECT value FROM json_each(?))`,
  );
  const lapsedPending = sql(
    `SELECT ${APPROVAL_COLUMNS} FROM approvals INDEXED BY approvals_pending_by_expiry
     WHERE state = 'pending' AND expires_at <= ? ORDER BY expires_at, id LIMIT ?`,
  );
  const lapsedApproved = sql(
    `SELECT ${APPROVAL_COLUMNS} FROM approvals INDEXED BY approvals_approved
     WHERE state = 'approved' AND decided_at + use_within_ms <= ? ORDER BY decided_at + use_within_ms, id LIMIT ?`,
  );
  const queue = sql(
    `SELECT count(*) AS pending, coalesce(sum(actor_key = @actor), 0) AS of_actor,
       (SELECT requested_at FROM approvals
        WHERE actor_key = @actor AND supersedes IS NULL AND requested_at > @since
        ORDER BY requested_at DESC LIMIT 1 OFFSET @skip) AS nth
     FROM approvals WHERE state = 'pending' AND expires_at > @now`,
  );
  const openCounts = sql(
    `SELECT coalesce(sum(state = 'pending' AND expires_at > @now), 0) AS pending,
       min(iif(state = 'pending' AND expires_at > @now, queued_since, NULL)) AS oldest,
       coalesce(sum(state = 'approved' AND decided_at + use_within_ms > @now), 0) AS approved,
       coalesce(sum(iif(state = 'pending', expires_at, decided_at + use_within_ms) BETWEEN @since AND @now), 0) AS lapsed
     FROM approvals WHERE state IN ('pending', 'approved') AND (@tenant IS NULL OR tenant_id = @tenant)`,
  );
  const expiredSince = sql(
    `SELECT count(*) AS n FROM approvals
     WHERE state = 'expired' AND resolved_at >= @since AND (@tenant IS NULL OR tenant_id = @tenant)`,
  );
  const decidedSince = sql(
    "SELECT count(*) AS n FROM approvals WHERE decided_at >= @since AND (@tenant IS NULL OR tenant_id = @tenant)",
  );
  const decisionTimes = sql(
    `SELECT decided_at - queued_since AS ms FROM approvals
     WHERE decided_at >= @since AND (@tenant IS NULL OR tenant_id = @tenant) ORDER BY decided_at DESC LIMIT 10000`,
  );
  const waiting = sql(
    `SELECT ${JOB_COLUMNS} FROM jobs
     WHERE approval_id = ? AND status IN ('PENDING_APPROVAL', 'THROTTLED') ORDER BY created_at, id, tenant_id LIMIT ?`,
  );
  const releasedAfter = sql(
    `SELECT ${JOB_COLUMNS} FROM jobs INDEXED BY jobs_waiting
     WHERE approval_id IS NOT NULL AND status IN ('PENDING_APPROVAL', 'THROTTLED')
     AND EXISTS (SELECT 1 FROM approvals a WHERE a.id = jobs.approval_id AND a.state = 'superseded' AND a.superseded_by IS NULL)
     AND dispatcher IN (SELECT value FROM json_each(@dispatchers))
     AND (created_at, id, tenant_id) > (@createdAt, @id, @tenantId) ORDER BY created_at, id, tenant_id LIMIT @limit`,
  );
  const votes = sql(`SELECT ${VOTE_COLUMNS} FROM votes WHERE approval_id = ? ORDER BY number`);
  const vault = sql("SELECT kind, value FROM vault WHERE job_id = ? AND tenant_id = ?");
  const values = sql("SELECT tenant_id, job_id, kind, salt, value FROM vault WHERE job_id = ? AND tenant_id = ?");
  const output = sql("SELECT value FROM vault WHERE job_id = ? AND tenant_id = ? AND kind = 'output'");
  const kept = sql("SELECT salt, value FROM vault WHERE job_id = ? AND tenant_id = ? AND kind = 'held'");
  const held = sql(
    "SELECT count(*) AS n FROM slots JOIN owners ON owners.id = slots.owner WHERE pool = ? AND lease_until > ?",
  );
  const spent = sql("SELECT 1 FROM permits WHERE id = ?");
  const nthLatest = sql("SELECT at FROM limits WHERE bucket = ? ORDER BY at DESC LIMIT 1 OFFSET ?");
  const approvalsOfJob = sql(`SELECT ${APPROVAL_COLUMNS} FROM approvals WHERE job_id = ? AND tenant_id = ?`);
  const policyOfSnapshot = sql(
    "SELECT epoch, snapshot, document FROM policies WHERE snapshot = ? ORDER BY epoch DESC LIMIT 1",
  );
  const checkpointFrom = sql("SELECT size, at, note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1");
  const checkpointOfApproval = sql(
    `SELECT size, at, note FROM checkpoints
     WHERE size >= (SELECT seq FROM events WHERE approval_id = ? ORDER BY seq LIMIT 1) ORDER BY size LIMIT 1`,
  );
  const latestCheckpoint = sql("SELECT size, at, note FROM checkpoints ORDER BY size DESC LIMIT 1");
  const checkpointsAfter = sql("SELECT size, at, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT ?");
  const event = sql(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq = ?`);
  const timeOf = sql("SELECT at FROM events WHERE seq = ?");
  const eventsAfter = sql(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`);
  const timelineAfter = sql(
    `WITH RECURSIVE joined (id) AS (
       SELECT approval_id FROM events WHERE trace_id = @trace AND approval_id IS NOT NULL
       UNION
       SELECT a.superseded_by FROM approvals a JOIN joined ON a.id = joined.id WHERE a.superseded_by IS NOT NULL
     )
     SELECT ${EVENT_COLUMNS} FROM events WHERE seq IN (
       SELECT seq FROM events WHERE trace_id = @trace
       UNION
       SELECT seq FROM events WHERE approval_id IN (SELECT id FROM joined)
     ) AND seq > @after ORDER BY seq LIMIT @limit`,
  );

  const putJob = sql(
    `INSERT INTO jobs (${JOB_COLUMNS}) VALUES (${marks(JOB_COLUMNS)})
     ON CONFLICT (id, tenant_id) DO UPDATE SET ${replace(JOB_COLUMNS, ["id", "tenant_id"])}`,
  );
  const endJob = sql(
    "UPDATE jobs SET status = ?, reason = ?, result = ?, updated_at = ? WHERE id = ? AND tenant_id = ?",
  );
  const putApproval = sql(
    `INSERT INTO approvals (${APPROVAL_COLUMNS}) VALUES (${marks(APPROVAL_COLUMNS)})
     ON CONFLICT (id) DO UPDATE SET ${replace(APPROVAL_COLUMNS, ["id"])}`,
  );
  const putVote = sql(`INSERT INTO votes (${VOTE_COLUMNS}) VALUES (${marks(VOTE_COLUMNS)})`);
  const putVault = sql(
    `INSERT INTO vault (job_id, tenant_id, kind, salt, value) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (job_id, tenant_id, kind) DO UPDATE SET salt = excluded.salt, value = excluded.value`,
  );
  const dropVault = sql("DELETE FROM vault WHERE job_id = ? AND tenant_id = ?");
  const blankJob = sql("UPDATE jobs SET hash = '', erased_at = ? WHERE id = ? AND tenant_id = ?");
  const blankApprovals = sql(
    "UPDATE approvals SET job_hash = '', key = 'erased ' || id WHERE job_id = ? AND tenant_id = ?",
  );
  const putCheckpoint = sql("INSERT INTO checkpoints (size, at, note) VALUES (?, ?, ?)");
  const putPolicy = sql("INSERT INTO policies (epoch, snapshot, document, at) VALUES (?, ?, ?, ?)");
  const putHalt = sql(`INSERT INTO halts (${HALT_COLUMNS}) VALUES (${marks(HALT_COLUMNS)})`);
  const putOwner = sql(
    `INSERT INTO owners (id, pid, realm, started, lease_until, fail_mode) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
  );
  const dropOwner = sql("DELETE FROM owners WHERE id = ?");
  const takeSlot = sql("INSERT INTO slots (pool, job_id, tenant_id, owner) VALUES (?, ?, ?, ?)");
  const freeSlots = sql("DELETE FROM slots WHERE job_id = ? AND tenant_id = ?");
  const freeSlotsOf = sql("DELETE FROM slots WHERE owner = ?");
  const offsetOf = sql("SELECT tick_offset AS at FROM boots WHERE id = ?");
  const latestPlace = sql("SELECT max(at) AS at FROM limits");
  const putBoot = sql("INSERT INTO boots (id, tick_offset) VALUES (?, ?)");
  const putPermit = sql("INSERT INTO permits (id, expires_at) VALUES (?, ?)");
  const dropPermits = sql("DELETE FROM permits WHERE expires_at < ?");
  const takePlace = sql("INSERT INTO limits (bucket, at) VALUES (?, ?)");
  const dropPlaces = sql("DELETE FROM limits WHERE bucket = ? AND at <= ?");
  const freePlace = sql(
    "DELETE FROM limits WHERE rowid = (SELECT rowid FROM limits WHERE bucket = ? AND at = ? LIMIT 1)",
  );
  const endWaiting = sql(
    `UPDATE jobs SET status = 'DENIED', reason = ?, updated_at = ?
     WHERE approval_id = ? AND status IN ('PENDING_APPROVAL', 'THROTTLED') AND NOT (id IS ? AND tenant_id IS ?)`,
  );

  const moveWaiting = sql(
    "UPDATE jobs SET approval_id = ? WHERE approval_id = ? AND status IN ('PENDING_APPROVAL', 'THROTTLED')",
  );

  const apply = (write: Write): void => {
    switch (write.to) {
      case "events":
        ledger.append(write.event);
        return;
      case "jobs": {
        const row = write.row;
        putJob.run(
          row.id,
          row.tenantId,
          row.traceId,
          row.hash,
          row.status,
          row.owner,
          row.dispatcher,
          row.approvalId,
          row.decision,
          JSON.stringify(row.reason),
          row.constraints,
          row.result,
          row.commitment,
          row.requesters === null ? null : JSON.stringify(row.requesters),
          row.createdAt,
          row.updatedAt,
          row.erasedAt,
          Number(row.degraded),
        );
        return;
      }
      case "ended": {
        const { status, reason, result, updatedAt, id, tenantId } = write;
        endJob.run(status, JSON.stringify(reason), result, updatedAt, id, tenantId);
        return;
      }
      case "approvals": {
        const row = write.row;
        putApproval.run(
          row.id,
          row.key,
          row.tenantId,
          row.jobId,
          row.traceId,
          row.jobHash,
          row.commitment,
          row.actorKey,
          row.snapshot,
          row.epoch,
          row.binding,
          row.fingerprint,
          row.dispatcher,
          row.state,
          JSON.stringify(row.requirements),
          JSON.stringify(row.requesters),
          JSON.stringify(row.derivedTags),
          row.decision,
          row.shown,
          row.queuedSince,
          row.requestedAt,
          row.expiresAt,
          row.useWithinMs,
          row.rejectionStandsMs,
          row.decidedAt,
          row.resolvedAt,
          row.resolvedBy,
          row.liftedAt,
          row.supersedes,
          row.supersededBy,
        );
        return;
      }
      case "votes": {
        const { approvalId, number, approverKey, approverId, kind, roles, assurance, vote, view, at } = write.row;
        putVote.run(
          approvalId,
          number,
          approverKey,
          approverId,
          kind,
          JSON.stringify(roles),
          assurance,
          vote,
          view,
          at,
        );
        return;
      }
      case "checkpoints": {
        const { size, at, note } = write.row;
        putCheckpoint.run(size, at, note);
        return;
      }
      case "erased": {
        const { tenantId, jobId, at } = write;
        dropVault.run(jobId, tenantId);
        blankJob.run(at, jobId, tenantId);
        blankApprovals.run(jobId, tenantId);
        return;
      }
      case "vault": {
        const { jobId, tenantId, kind, salt, value } = write.row;
        putVault.run(jobId, tenantId, kind, salt, value);
        return;
      }
      case "policies": {
        putPolicy.run(write.row.epoch, write.row.snapshot, write.row.document, write.at);
        return;
      }
      case "halts": {
        const { number, halted, by, reason, abort, at } = write.row;
        putHalt.run(number, Number(halted), by, reason, abort, at);
        return;
      }
      case "owners": {
        const { id, pid, realm, started, leaseUntil, failMode } = write.row;
        putOwner.run(id, pid, realm, started, leaseUntil, failMode);
        return;
      }
      case "owners_gone": {
        dropOwner.run(write.id);
        freeSlotsOf.run(write.id);
        return;
      }
      case "boots": {
        putBoot.run(write.id, write.tickOffset);
        return;
      }
      case "slots": {
        takeSlot.run(write.pool, write.jobId, write.tenantId, write.owner);
        return;
      }
      case "slots_free": {
        freeSlots.run(write.jobId, write.tenantId);
        return;
      }
      case "permits": {
        dropPermits.run(write.now);
        putPermit.run(write.id, write.expiresAt);
        return;
      }
      case "limits": {
        dropPlaces.run(write.bucket, write.keepAfter);
        takePlace.run(write.bucket, write.at);
        return;
      }
      case "places_free": {
        freePlace.run(write.bucket, write.at);
        return;
      }
      case "waiting": {
        const { approvalId, except, reason, at } = write;
        endWaiting.run(JSON.stringify(reason), at, approvalId, except?.id ?? null, except?.tenantId ?? null);
        return;
      }
      case "moved": {
        moveWaiting.run(write.approvalId, write.from);
        return;
      }
    }
  };

  return {
    policyHead: () => one(policyHead.get(), headOf),
    activePolicy: () => one(activePolicy.get(), policyOf),
    head: () => {
      const row = head.get();
      return { seq: Number(row?.seq ?? 0), at: Number(row?.at ?? 0) };
    },
    halt: () => one(halt.get(), haltOf),
    owners: () => owners.all().map(ownerOf),
    job: (tenantId, id) => one(job.get(id, tenantId), jobOf),
    hold: (tenantId, id) => one(hold.get(id, tenantId), holdOf),
    jobsOfId: (id) => jobsOfId.all(id).map(jobOf),
    jobsOfQuarantine: (id) => jobsOfQuarantine.all(id).map(jobOf),
    runningJobs: () => runningJobs.all().map(jobOf),
    jobsAfter: ({ id, tenantId }, tenant, status, limit) =>
      jobsAfter.all({ id, tenantAfter: tenantId, tenant, status, limit }).map(jobOf),
    unknownAfter: ({ id, tenantId }, limit) => unknownAfter.all({ id, tenantId, limit }).map(jobOf),
    slotsByOwner: () => new Map(slotsByOwner.all().map(({ owner, n }) => [owner as string, Number(n)])),
    approval: (id) => one(approval.get(id), approvalOf),
    probe: ({ id, tenantId }, approvalKey) => {
      const row = probe.get(id, tenantId, approvalKey, approvalKey);
      // Without a policy nothing is claimed, whatever else there is.
      if (row === undefined) return { active: null, known: true, asked: true, released: true, halted: true };
      return {
        active: headOf(row),
        known: row.known === 1,
        asked: row.asked === 1,
        released: row.released === 1,
        halted: row.halted === 1,
      };
    },
    openApproval: (key) => one(openApproval.get(key), approvalOf),
    latestApproval: (key) => one(latestApproval.get(key), approvalOf),
    approvalsAfter: (after, tenant, states, limit) => {
      const { queuedSince: since, id } = readPlace(after);
      const page = states.every((state) => OPEN.has(state)) ? openAfter : approvalsAfter;
      return page.all({ since, id, tenant, states: JSON.stringify(states), limit }).map(approvalOf);
    },
    marks: (ids) => marksOf.all(JSON.stringify(ids)).map(markOf),
    lapsed: (now, limit) =>
      [...lapsedPending.all(now, limit), ...lapsedApproved.all(now, limit)].slice(0, limit).map(approvalOf),
    queue: (actor, since, limit, now) => {
      const row = queue.get({ actor, since, skip: Math.max(0, limit - 1), now });
      return {
        pending: Number(row?.pending ?? 0),
        pendingOfActor: Number(row?.of_actor ?? 0),
        nthRequestAt: (row?.nth as number | null | undefined) ?? null,
      };
    },
    approvalCounts: (now, since, tenant) => {
      const row = openCounts.get({ now, since, tenant });
      return {
        pending: Number(row?.pending ?? 0),
        oldest: (row?.oldest as number | null | undefined) ?? null,
        approved: Number(row?.approved ?? 0),
        expired: Number(row?.lapsed ?? 0) + Number(expiredSince.get({ since, tenant })?.n ?? 0),
        decided: Number(decidedSince.get({ since, tenant })?.n ?? 0),
        decisionMs: decisionTimes.all({ since, tenant }).map(({ ms }) => ms as number),
      };
    },
    waiting: (approvalId, limit) => waiting.all(approvalId, limit).map(jobOf),
    releasedAfter: (after, dispatchers, limit) =>
      releasedAfter.all({ ...after, dispatchers: JSON.stringify(dispatchers), limit }).map(jobOf),
    votes: (approvalId) => votes.all(approvalId).map(voteOf),
    vault: (tenantId, jobId) =>
      new Map(vault.all(jobId, tenantId).map((row) => [row.kind as VaultKind, row.value as string])),
    values: (tenantId, jobId) => values.all(jobId, tenantId).map(privateOf),
    output: (tenantId, jobId) => (output.get(jobId, tenantId)?.value as string | undefined) ?? null,
    kept: (tenantId, jobId) => one(kept.get(jobId, tenantId), keptOf),
    held: (pool, now) => Number(held.get(pool, now)?.n ?? 0),
    tickOffset: (boot) => (offsetOf.get(boot) as { readonly at: number } | undefined)?.at ?? null,
    latestPlace: () => (latestPlace.get() as { readonly at: number | null }).at,
    isSpent: (permitId) => spent.get(permitId) !== undefined,
    nthLatest: (bucket, n) => (nthLatest.get(bucket, n - 1)?.at as number | undefined) ?? null,
    approvalsOfJob: (tenantId, jobId) => approvalsOfJob.all(jobId, tenantId).map(approvalOf),
    policyOf: (snapshot) => one(policyOfSnapshot.get(snapshot), policyOf),
    checkpointFrom: (size) => one(checkpointFrom.get(size), checkpointOf),
    checkpointOfApproval: (id) => one(checkpointOfApproval.get(id), checkpointOf),
    latestCheckpoint: () => one(latestCheckpoint.get(), checkpointOf),
    checkpointsAfter: (size, limit) => checkpointsAfter.all(size, limit).map(checkpointOf),
    event: (seq) => one(event.get(seq), eventOf),
    firstSince: (at) => {
      // The column never goes back, so that the place is found in a few looks.
      let [low, high] = [1, Number(head.get()?.seq ?? 0) + 1];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (Number(timeOf.get(middle)?.at) >= at) high = middle;
        else low = middle + 1;
      }
      return low;
    },
    eventsAfter: (seq, limit) => eventsAfter.all(seq, limit).map(eventOf),
    timelineAfter: (traceId, seq, limit) => timelineAfter.all({ trace: traceId, after: seq, limit }).map(eventOf),
    apply,
  };
}
