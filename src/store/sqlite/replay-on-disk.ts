import { type ReplayedJob, type ReplayState, type Shelf, waitsOn } from "../replay.js";
import { type Connection, keepReachable, loadDriver } from "./driver.js";

/** Rows that are kept in memory before they are written: a job is mostly changed again soon after. */
const FRESH = 4_096;

/** Jobs that wait for one request, at a time. */
const SOME = 256;

/** A replay in a database of its own, which SQLite keeps in a file that has no name and is gone with the connection. */
export async function replayOnDisk(): Promise<{ readonly state: ReplayState; readonly close: () => void }> {
  const Database = await loadDriver();
  const connection = keepReachable(new Database("", { timeout: 0, fileMustExist: false }));
  // Nothing of it outlives the connection: there is nothing to keep whole.
  connection.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
  const jobs = shelfIn<ReplayedJob>(connection, "jobs", waitsOn);
  const some = connection.prepare(`SELECT body FROM jobs WHERE waits_on = ? LIMIT ${SOME}`);
  return {
    state: {
      jobs,
      waitingFor: (approvalId) => {
        jobs.flush();
        return some.all(approvalId).map(({ body }) => JSON.parse(body as string) as ReplayedJob);
      },
      approvals: shelfIn(connection, "approvals"),
      votes: shelfIn(connection, "votes"),
      policies: shelfIn(connection, "policies"),
      halts: shelfIn(connection, "halts"),
      values: shelfIn(connection, "vault"),
    },
    close: () => connection.close(),
  };
}

function shelfIn<Row>(
  connection: Connection,
  name: string,
  waits: (row: Row) => string | null = () => null,
): Shelf<Row> & { readonly flush: () => void } {
  connection.exec(`CREATE TABLE ${name} (key TEXT PRIMARY KEY, waits_on TEXT, body TEXT NOT NULL) WITHOUT ROWID`);
  connection.exec(`CREATE INDEX ${name}_waiting ON ${name} (waits_on) WHERE waits_on IS NOT NULL`);
  const get = connection.prepare(`SELECT body FROM ${name} WHERE key = ?`);
  const put = connection.prepare(
    `INSERT INTO ${name} (key, waits_on, body) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET waits_on = excluded.waits_on, body = excluded.body`,
  );
  const count = connection.prepare(`SELECT count(*) AS n FROM ${name}`);
  const page = connection.prepare(`SELECT key, body FROM ${name} WHERE key > ? ORDER BY key LIMIT ?`);
  const fresh = new Map<string, Row>();

  const flush = (): void => {
    for (const [key, row] of fresh) put.run(key, waits(row), JSON.stringify(row));
    fresh.clear();
  };

  const read = (body: unknown): Row => JSON.parse(body as string) as Row;

  return {
    flush,
    get: (key) => {
      const known = fresh.get(key);
      if (known !== undefined) return known;
      const row = get.get(key);
      return row === undefined ? null : read(row.body);
    },
    put: (key, row) => {
      fresh.set(key, row);
      if (fresh.size >= FRESH) flush();
    },
    count: () => {
      flush();
      return Number(count.get()?.n ?? 0);
    },
    page: (after, limit) => {
      flush();
      return page.all(after ?? "", limit).map(({ key, body }) => [key as string, read(body)]);
    },
  };
}
