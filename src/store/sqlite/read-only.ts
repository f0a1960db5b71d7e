import { constants } from "node:fs";
import { copyFile, mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "../../errors.js";
import { type Connection, keepReachable, loadDriver, storeErrorOf } from "./driver.js";
import { APPLICATION_ID, MIGRATIONS } from "./migrations.js";
import { untilFree } from "./open.js";

/** Which file is read. */
export interface ReadOnly {
  readonly path: string;
  /** The path as it stands in messages. */
  readonly shown: string;
  /** The oldest schema that is read: nothing is brought up to date here. */
  readonly since: number;
}

/**
 * Hands over a connection that reads a gate's SQLite file, and leaves the file as it is. `file` is what it reads.
 *
 * Throws a `StoreError` when the file is not a gate's, cannot be read, or was opened by a gate just now.
 */
export function withReadOnly<T>(
  asked: ReadOnly,
  use: (connection: Connection, file: string) => Promise<T>,
): Promise<T> {
  return withReadable(asked.path, asked.shown, (file) => reading(file, asked, use));
}

/**
 * Hands over the path of a file that can be read without a trace: the database itself, or a copy of it.
 *
 * A gate that is running keeps a `-shm` file beside it: then the file is read in place over a read-only connection, and
 * never with `fs`, which would drop the locks of a gate in this very process. Where there is none, nobody has the file
 * open, and even a read-only connection would make new files beside it: then a private copy is read.
 *
 * Throws a `StoreError` when the file cannot be read, or was opened by a gate just now.
 */
export async function withReadable<T>(path: string, shown: string, read: (file: string) => Promise<T>): Promise<T> {
  // SQLite keeps its other files beside the real one, and not beside a link to it.
  const real = await realpath(path).catch((error: unknown) => {
    throw unreadable(error, shown);
  });
  if (!(await stat(real)).isFile()) {
    throw new StoreError("store_path_invalid", `the path of the database is not a regular file: \`${shown}\``, {
      help: "give the path of a file",
    });
  }
  if (await exists(`${real}-shm`)) return read(real);
  const folder = await mkdtemp(join(tmpdir(), "dispatch-gate-log-"));
  try {
    const copy = join(folder, "log.db");
    await copyQuiet(real, copy, shown);
    return await read(copy);
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
  throw new StoreError("store_busy", `a gate has just opened the database: \`${shown}\``, { help: "try again" });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function unreadable(cause: unknown, shown: string): StoreError {
  const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
  return missing
    ? new StoreError("store_path_invalid", `there is no database: \`${shown}\``, {
        help: "give the path of a gate's file",
        cause,
      })
    : new StoreError("store_io", `the database cannot be read: \`${shown}\``, {
        help: "check its permissions, and those of its folder",
        cause,
      });
}

async function reading<T>(
  file: string,
  { shown, since }: ReadOnly,
  use: (connection: Connection, file: string) => Promise<T>,
): Promise<T> {
  let connection: Connection | undefined;
  try {
    const Database = await loadDriver();
    const opened = keepReachable(new Database(file, { timeout: 0, fileMustExist: true, readonly: true }));
    connection = opened;
    await untilFree(() => checkIdentity(opened, shown, since));
    return await use(opened, file);
  } catch (error) {
    throw storeErrorOf(error, shown);
  } finally {
    connection?.close();
  }
}

/** The file must be a gate's, of a schema that is known. */
function checkIdentity(connection: Connection, shown: string, since: number): void {
  const application = connection.pragma("application_id", { simple: true });
  const version = connection.pragma("user_version", { simple: true }) as number;
  if (application !== APPLICATION_ID) {
    throw new StoreError("store_path_invalid", `the database belongs to another application: \`${shown}\``, {
      help: "give the path of a gate's database",
    });
  }
  const newest = MIGRATIONS.length;
  if (version >= since && version <= newest) return;
  const known = `the database has schema ${version}, and this version of dispatch-gate knows ${newest}: \`${shown}\``;
  if (version < 1) throw new StoreError("store_newer", known, { help: "give the path of a gate's database" });
  if (version > newest) throw new StoreError("store_newer", known, { help: "update dispatch-gate" });
  throw new StoreError("store_older", `the database has the older schema ${version}: \`${shown}\``, {
    help: "open it with a gate of this version first, which brings it up to date",
  });
}
