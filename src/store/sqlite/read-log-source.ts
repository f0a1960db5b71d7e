import type { LogSource, Pages, RawApproval, RawHalt, RawJob, RawPolicy, RawValue, RawVote } from "../verify/source.js";
import type { Bound, Connection, Row, Statement } from "./driver.js";
import { approvalOf, haltOf, voteOf } from "./read-rows.js";

/** The log and the tables of a gate's database, row by row as they stand there. */
export function readLogSource(connection: Connection): LogSource {
  const sql = (text: string): Statement => connection.prepare(text);
  const head = sql("SELECT size, frontier FROM tree WHERE id = 1");
  const events = sql(
    "SELECT seq, at, type, trace_id, approval_id, bytes FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
  );
  const tile = sql("SELECT root, hashes FROM tiles WHERE level = ? AND number = ?");
  const tileCount = sql("SELECT count(*) AS n FROM tiles");
  const checkpoints = sql("SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT ?");
  const exists = (text: string): Statement => sql(`SELECT 1 FROM ${text}`);
  const job = exists("jobs WHERE id = ? AND tenant_id = ?");
  const approval = exists("approvals WHERE id = ?");
  const vote = exists("votes WHERE approval_id = ? AND number = ?");
  const policy = exists("policies WHERE epoch = ?");
  const halt = exists("halts WHERE number = ?");
  const value = exists("vault WHERE job_id = ? AND tenant_id = ? AND kind = ?");

  const pages = <Found extends Row, Made = Found>(
    select: string,
    key: readonly string[],
    make: (row: Found) => Made = (row) => row as unknown as Made,
  ): Pages<Made> => {
    const columns = key.join(", ");
    const first = sql(`${select} ORDER BY ${columns} LIMIT ?`);
    const next = sql(`${select} WHERE (${columns}) > (${key.map(() => "?").join(", ")}) ORDER BY ${columns} LIMIT ?`);
    return {
      key,
      page: (after, limit) => {
        const rows = after === null ? first.all(limit) : next.all(...(after as readonly Bound[]), limit);
        return (rows as Found[]).map(make);
      },
    };
  };

  return {
    head: () => head.get() as ReturnType<LogSource["head"]>,
    events: (after, limit) => events.all(after, limit) as unknown as ReturnType<LogSource["events"]>,
    tile: (level, number) => tile.get(level, number) as ReturnType<LogSource["tile"]>,
    tileCount: () => Number(tileCount.get()?.n ?? 0),
    checkpoints: (after, limit) => checkpoints.all(after, limit) as unknown as ReturnType<LogSource["checkpoints"]>,
    jobs: pages<RawJob>(
      `SELECT id, tenant_id, trace_id, status, owner, approval_id, reason, commitment, erased_at, degraded,
         CASE status WHEN 'QUARANTINED' THEN result END AS result FROM jobs`,
      ["id", "tenant_id"],
    ),
    approvals: pages<Row, RawApproval>("SELECT * FROM approvals", ["id"], (row) => ({
      id: row.id,
      read: () => approvalOf(row),
    })),
    votes: pages<Row, RawVote>("SELECT * FROM votes", ["approval_id", "number"], (row) => ({
      approval_id: row.approval_id,
      number: row.number,
      read: () => voteOf(row),
    })),
    policies: pages<RawPolicy>("SELECT epoch, snapshot, document FROM policies", ["epoch"]),
    halts: pages<Row, RawHalt>("SELECT * FROM halts", ["number"], (row) => ({
      number: row.number,
      read: () => haltOf(row),
    })),
    values: pages<RawValue>(
      `SELECT job_id, tenant_id, kind, salt, value, CASE kind WHEN 'job' THEN
         (SELECT hash FROM jobs j WHERE j.id = vault.job_id AND j.tenant_id = vault.tenant_id) END AS hash
       FROM vault`,
      ["job_id", "tenant_id", "kind"],
    ),
    has: {
      job: (tenantId, id) => job.get(id, tenantId) !== undefined,
      approval: (id) => approval.get(id) !== undefined,
      vote: (approvalId, number) => vote.get(approvalId, number) !== undefined,
      policy: (epoch) => policy.get(epoch) !== undefined,
      halt: (number) => halt.get(number) !== undefined,
      value: (tenantId, jobId, kind) => value.get(jobId, tenantId, kind) !== undefined,
    },
  };
}
