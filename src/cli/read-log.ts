import { realpath, stat } from "node:fs/promises";
import type { LoggedEvent } from "../store/port.js";
import { type Connection, storeErrorOf } from "../store/sqlite/driver.js";
import { untilFree } from "../store/sqlite/open.js";
import { withReadOnly } from "../store/sqlite/read-only.js";
import { eventOf } from "../store/sqlite/read-rows.js";
import { CannotRun } from "./io.js";
import { unreadable } from "./read-text.js";

/** Events that are read at a time: a gate that is running MUST NOT be kept from truncating its write-ahead log. */
const PAGE = 1_000;

/**
 * Hands over every event of a gate's SQLite file, in order, and leaves the file as it is. An older schema is read as well.
 *
 * @throws CannotRun when the file is not a gate's, or cannot be read.
 */
export async function readLog(path: string, shown: string, take: (event: LoggedEvent) => void): Promise<void> {
  const real = await realpath(path).catch((error: unknown) => {
    throw unreadable(error, shown);
  });
  const found = await stat(real);
  if (found.isDirectory()) throw unreadable({ code: "EISDIR" }, shown);
  if (!found.isFile()) throw new CannotRun("file_unreadable", `\`${shown}\` is not a regular file`);
  try {
    await withReadOnly({ path: real, shown, since: 1 }, (connection) => readEvents(connection, take));
  } catch (error) {
    if (error instanceof CannotRun) throw error;
    const { code, message, help } = storeErrorOf(error, shown);
    throw new CannotRun(code, message, help);
  }
}

async function readEvents(connection: Connection, take: (event: LoggedEvent) => void): Promise<void> {
  const page = connection.prepare("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?");
  for (let after = 0; ; ) {
    const rows = await untilFree(() => page.all(after, PAGE));
    for (const row of rows) take(eventOf(row));
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.seq as number;
  }
}
