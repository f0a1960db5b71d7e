import { constants } from "node:fs";
import { copyFile, mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "../errors.js";
import type { LoggedEvent } from "../store/port.js";
import { type Connection, keepReachable, loadDriver, storeErrorOf } from "../store/sqlite/driver.js";
import { APPLICATION_ID, MIGRATIONS } from "../store/sqlite/migrations.js";
import { untilFree } from "../store/sqlite/open.js";
import { eventOf } from "../store/sqlite/read-rows.js";
import { CannotRun } from "./io.js";
import { unreadable } from "./read-text.js";

/** Events that are read at a time: a gate that is running MUST NOT be kept from truncating its write-ahead log. */
const PAGE = 1_000;

/**
 * Hands over every event of a gate's SQLite file, in order, and leaves the file as it is.
 *
 * @throws CannotRun when the file is not a gate's, or cannot be read.
 */
export async function readLog(path: string, shown: string, take: (event: LoggedEvent) => void): Promise<void> {
  await withLog(path, shown, (file) => readEvents(file, shown, take));
}

/**
 * Lets a gate's SQLite file be read where that leaves it as it is.
 *
 * A gate that is running keeps a `-shm` file beside it: then the file is read in place over a connection, and
 * never with `fs`, which would drop the locks of a gate in this very process. Where there is none, nobody has the file
 * open, and even a read-only connection would make new files beside it: then a private copy is read.
 *
 * @throws CannotRun when the file cannot be read.
 */
export async function withLog<T>(path: string, shown: string, read: (file: string) => Promise<T>): Promise<T> {
  // SQLite keeps its other files beside the real one, and not beside a link to it.
  const real = await realpath(path).catch((error: unknown) => {
    throw unreadable(error, shown);
  });
  const found = await stat(real);
  if (found.isDirectory()) throw unreadable({ code: "EISDIR" }, shown);
  if (!found.isFile()) throw new CannotRun("file_unreadable", `\`${shown}\` is not a regular file`);
  if (await exists(`${real}-shm`)) return read(real);
  const folder = await mkdtemp(join(tmpdir(), "dispatch-gate-log-"));
  try {
    await copyQuiet(real, join(folder, "log.db"), shown);
    return await read(join(folder, "log.db"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Copies the file and what was not yet moved into it. A gate that opens it meanwhile makes the copy worthless. */
async function copyQuiet(from: string, to: string, shown: string): Promise<void> {
  try {
    const before = await stat(from);
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    if (await exists(`${from}-wal`)) await copyFile(`${from}-wal`, `${to}-wal`, constants.COPYFILE_FICLONE);
    const after = await stat(from);
    const touched = before.mtimeMs !== after.mtimeMs || before.size !== after.size || (await exists(`${from}-shm`));
    if (!touched) return;
  } catch (error) {
    throw unreadable(error, shown);
  }
  throw new CannotRun("log_busy", `a gate has just opened \`${shown}\``, "try again");
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readEvents(path: string, shown: string, take: (event: LoggedEvent) => void): Promise<void> {
  let connection: Connection | undefined;
  try {
    const Database = await loadDriver();
    const options = { timeout: 0, fileMustExist: true, readonly: true };
    const opened = keepReachable(new Database(path, options));
    connection = opened;
    await untilFree(() => checkIdentity(opened, shown));
    const page = opened.prepare("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?");
    for (let after = 0; ; ) {
      const rows = await untilFree(() => page.all(after, PAGE));
      for (const row of rows) take(eventOf(row));
      if (rows.length < PAGE) return;
      after = rows.at(-1)?.seq as number;
    }
  } catch (error) {
    if (error instanceof CannotRun) throw error;
    const { code, message, help } = storeErrorOf(error, shown);
    throw new CannotRun(code, message, help);
  } finally {
    connection?.close();
  }
}

/** The file must be a gate's, of a schema that is known. An older one is not brought up to date here. */
function checkIdentity(connection: Connection, shown: string): void {
  const application = connection.pragma("application_id", { simple: true });
  const version = connection.pragma("user_version", { simple: true }) as number;
  if (application !== APPLICATION_ID) {
    throw new StoreError("store_path_invalid", `the database belongs to another application: \`${shown}\``, {
      help: "give the path of a gate's database",
    });
  }
  if (version < 1 || version > MIGRATIONS.length) {
    throw new StoreError(
      "store_newer",
      `the database has schema ${version}, and this version of dispatch-gate knows ${MIGRATIONS.length}: \`${shown}\``,
      { help: version < 1 ? "give the path of a gate's database" : "update dispatch-gate" },
    );
  }
}
