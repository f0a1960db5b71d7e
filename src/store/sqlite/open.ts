import { closeSync, openSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreError, type StoreErrorCode } from "../../errors.js";
import { type Connection, isBusy, isSafeVersion, keepReachable, loadDriver, storeErrorOf } from "./driver.js";
import { openLedger } from "./ledger.js";
import { APPLICATION_ID, MIGRATIONS, TREE_SINCE } from "./migrations.js";

/** How long opening may wait for a lock, in milliseconds. */
const OPEN_WAIT_MS = 10_000;

/** Whether a file may be made or brought up to date, or must be a gate's and of this very schema. */
export type Presence = "any" | "existing";

/** Opens a connection that is safe to keep evidence in, its schema current, or throws a `StoreError` and leaves the file as it was. */
export async function openConnection(path: string, presence: Presence = "any"): Promise<Connection> {
  const memory = path === ":memory:";
  const file = memory ? path : resolve(path);
  const Database = await loadDriver();
  if (!memory) prepareFile(file, presence);
  let connection: Connection | undefined;
  try {
    connection = keepReachable(new Database(file, { timeout: 0, fileMustExist: !memory }));
    // Also what reads no more than a version reads the schema first, which is locked while another process makes it.
    await untilFree(() => checkLibrary(connection as Connection));
    await untilFree(() => checkIdentity(connection as Connection, file, presence));
    await untilFree(() => setPragmas(connection as Connection, memory));
    await untilFree(() => migrate(connection as Connection, file));
    await untilFree(() => assertDurable(connection as Connection, memory, file));
    return connection;
  } catch (error) {
    connection?.close();
    throw storeErrorOf(error, file);
  }
}

/** A lock held by somebody else is waited for between turns of the event loop, never inside one. */
export async function untilFree<T>(step: () => T, waitMs = OPEN_WAIT_MS): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return step();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await sleep(Math.random() * 20);
  }
}

/** Makes a new file for its owner alone. Looks at an existing one from outside only: reading it would drop SQLite's locks. */
function prepareFile(file: string, presence: Presence): void {
  const found = look(file);
  if (found === null && presence === "existing") {
    throw new StoreError("store_path_invalid", `there is no database: \`${file}\``, {
      help: "give the path of a gate's file",
    });
  }
  if (found === null) {
    const folder = look(dirname(file));
    if (folder?.isDirectory() !== true) {
      throw new StoreError("store_unreachable", `the folder of the database does not exist: \`${dirname(file)}\``, {
        help: "make the folder first",
      });
    }
    create(file);
    return;
  }
  if (found.isDirectory()) {
    throw new StoreError("store_path_invalid", `the path of the database is a directory: \`${file}\``, {
      help: "give the path of a file",
    });
  }
  if (!found.isFile()) {
    throw new StoreError("store_path_invalid", `the path of the database is not a regular file: \`${file}\``, {
      help: "give the path of a file",
    });
  }
  // The system's own check lets root write to anything; a file that nobody may write is meant to stay as it is.
  if ((found.mode & 0o222) === 0) {
    throw new StoreError("store_read_only", `the database is read-only: \`${file}\``, {
      help: "give the file write permission, or another path",
    });
  }
}

function look(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

function create(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    // Another process was quicker: then it is an existing file, and SQLite will say what it is.
    if (code === "EEXIST") return;
    const help = "check its folder: whether it is there, may be written to, and has room";
    throw new StoreError(
      NOT_CREATED.get(code ?? "") ?? "store_path_invalid",
      `the database cannot be created: \`${file}\``,
      {
        help,
        cause,
      },
    );
  }
}

/** What the system says of a file that it cannot make. */
const NOT_CREATED: ReadonlyMap<string, StoreErrorCode> = new Map<string, StoreErrorCode>([
  ["EROFS", "store_read_only"],
  ["EACCES", "store_read_only"],
  ["EPERM", "store_read_only"],
  ["ENOSPC", "store_full"],
  ["EDQUOT", "store_full"],
  ["EIO", "store_io"],
]);

function checkLibrary(connection: Connection): void {
  const version = String(connection.prepare("SELECT sqlite_version() AS version").get()?.version);
  if (isSafeVersion(version)) return;
  throw new StoreError("store_library_unsafe", `SQLite ${version} can lose commits`, {
    help: "update better-sqlite3 to one that carries SQLite 3.51.3 or newer",
  });
}

/** Reads only: a file that is not ours, or newer than this code, is left as it is. */
function checkIdentity(connection: Connection, file: string, presence: Presence): void {
  const { version, application, objects } = readIdentity(connection);
  const empty = objects === 0 && application === 0 && version === 0;
  if (empty && presence === "any") return;
  if (application !== APPLICATION_ID) {
    throw new StoreError("store_path_invalid", `the database belongs to another application: \`${file}\``, {
      help: "give a path that does not exist yet, or that of a gate's database",
    });
  }
  if (version < MIGRATIONS.length && presence === "existing") {
    throw new StoreError("store_older", `the database has the older schema ${version}: \`${file}\``, {
      help: "open it with a gate of this version first, which brings it up to date",
    });
  }
  if (version > MIGRATIONS.length) {
    throw new StoreError(
      "store_newer",
      `the database has schema ${version}, and this version of dispatch-gate knows ${MIGRATIONS.length}: \`${file}\``,
      { help: "update dispatch-gate, or give another path" },
    );
  }
}

/** As of one moment: another process may be making the schema just now. */
function readIdentity(connection: Connection): Readonly<Record<"version" | "application" | "objects", number>> {
  connection.exec("BEGIN");
  try {
    return {
      objects: Number(connection.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n),
      version: connection.pragma("user_version", { simple: true }) as number,
      application: connection.pragma("application_id", { simple: true }) as number,
    };
  } finally {
    connection.exec("ROLLBACK");
  }
}

function setPragmas(connection: Connection, memory: boolean): void {
  const mode = connection.pragma("journal_mode = WAL", { simple: true });
  if (!memory && mode !== "wal")
    throw new StoreError("store_failed", "the file system does not allow SQLite's write-ahead log");
  // After WAL, and read again after the first write: the driver's default would be NORMAL, which loses acknowledged rows.
  connection.pragma("synchronous = FULL", { simple: true });
  connection.pragma("foreign_keys = ON", { simple: true });
  connection.pragma("trusted_schema = OFF", { simple: true });
  // What is erased is written over, in whatever page it stood.
  connection.pragma("secure_delete = ON", { simple: true });
  // Checkpoints run between turns (see commits.ts), not inside whichever commit happens to be the thousandth.
  connection.pragma("wal_autocheckpoint = 0", { simple: true });
}

function migrate(connection: Connection, file: string): void {
  // Nearly always there is nothing to do, and then no lock is asked for.
  if (connection.pragma("user_version", { simple: true }) === MIGRATIONS.length) return;
  connection.exec("BEGIN IMMEDIATE");
  try {
    const version = connection.pragma("user_version", { simple: true }) as number;
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index >= version) connection.exec(sql);
    }
    if (version < TREE_SINCE) openLedger(connection, file).adopt();
    if (version < MIGRATIONS.length) {
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`);
    }
    connection.exec("COMMIT");
  } catch (error) {
    rollBackQuietly(connection);
    throw error;
  }
}

/** After most errors of a disk SQLite has rolled back by itself, and says so: that MUST NOT stand in for what went wrong. */
function rollBackQuietly(connection: Connection): void {
  try {
    connection.exec("ROLLBACK");
  } catch {
    // There was nothing to roll back any more.
  }
}

const FULL = 2;

function assertDurable(connection: Connection, memory: boolean, file: string): void {
  if (connection.pragma("synchronous", { simple: true }) === FULL) return;
  if (memory) return;
  throw new StoreError("store_failed", `SQLite does not keep \`synchronous=FULL\`: \`${file}\``);
}
