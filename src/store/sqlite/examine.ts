import type { CheckpointRow, HaltRow, OwnerRow, PolicyHead } from "../rows.js";
import type { Bound, Connection, Row } from "./driver.js";
import { MIGRATIONS } from "./migrations.js";
import { withReadOnly } from "./read-only.js";
import { checkpointOf, haltOf, headOf, one, ownerOf } from "./read-rows.js";

/** How a gate's database stands, for whoever operates it. */
export interface Examined {
  /** Of SQLite. */
  readonly version: string;
  readonly pragmas: Readonly<Record<"journal_mode" | "page_size" | "user_version" | "freelist_count", string | number>>;
  /** Bytes of the database itself. */
  readonly bytes: number;
  readonly events: number;
  /** The highest time that any event carries, in milliseconds since 1970-01-01T00:00:00Z; 0 in an empty log. */
  readonly latestAt: number;
  readonly checkpoint: CheckpointRow | null;
  readonly policy: PolicyHead | null;
  readonly halt: HaltRow | null;
  readonly owners: readonly OwnerRow[];
  readonly queue: {
    readonly pending: number;
    /** Since when the oldest request stands there; null where none does. */
    readonly oldest: number | null;
    /** Approved, neither used nor lapsed. */
    readonly approved: number;
  };
  readonly running: number;
  /** Jobs of which nobody knows how they ended. */
  readonly unknown: number;
}

/** Looks at the file and leaves it as it is. Throws a `StoreError` where it is no gate's, or cannot be read. */
export function examineFile(path: string, shown: string, now: number): Promise<Examined> {
  return withReadOnly({ path, shown, since: MIGRATIONS.length }, async (connection) => examine(connection, now));
}

function examine(connection: Connection, now: number): Examined {
  const row = (sql: string, ...values: readonly Bound[]): Row => connection.prepare(sql).get(...values) ?? {};
  const found = <T>(sql: string, read: (row: Row) => T): T | null => one(connection.prepare(sql).get(), read);
  const pragma = (name: string): string | number => Object.values(row(`PRAGMA ${name}`))[0] as string | number;
  const [last, queue] = [
    row("SELECT seq, at FROM events ORDER BY seq DESC LIMIT 1"),
    row(
      `SELECT coalesce(sum(state = 'pending' AND expires_at > @now), 0) AS pending,
         min(iif(state = 'pending' AND expires_at > @now, queued_since, NULL)) AS oldest,
         coalesce(sum(state = 'approved' AND decided_at + use_within_ms > @now), 0) AS approved
       FROM approvals WHERE state IN ('pending', 'approved')`,
      { now },
    ),
  ];
  return {
    version: String(row("SELECT sqlite_version() AS version").version),
    pragmas: {
      journal_mode: pragma("journal_mode"),
      page_size: pragma("page_size"),
      user_version: pragma("user_version"),
      freelist_count: pragma("freelist_count"),
    },
    bytes: Number(pragma("page_count")) * Number(pragma("page_size")),
    events: Number(last.seq ?? 0),
    latestAt: Number(last.at ?? 0),
    checkpoint: found("SELECT size, at, note FROM checkpoints ORDER BY size DESC LIMIT 1", checkpointOf),
    policy: found("SELECT epoch, snapshot FROM policies ORDER BY epoch DESC LIMIT 1", headOf),
    halt: found("SELECT number, halted, by_id, reason, abort, at FROM halts ORDER BY number DESC LIMIT 1", haltOf),
    owners: connection.prepare("SELECT id, pid, realm, started, lease_until, fail_mode FROM owners").all().map(ownerOf),
    queue: {
      pending: Number(queue.pending ?? 0),
      oldest: (queue.oldest as number | null | undefined) ?? null,
      approved: Number(queue.approved ?? 0),
    },
    running: Number(row("SELECT count(*) AS n FROM jobs INDEXED BY jobs_running WHERE status = 'RUNNING'").n),
    unknown: Number(row("SELECT count(*) AS n FROM jobs INDEXED BY jobs_unknown WHERE status = 'UNKNOWN'").n),
  };
}
