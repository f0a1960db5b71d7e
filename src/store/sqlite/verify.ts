import { displaySafe } from "../../evidence/display.js";
import type { NoteKey } from "../../evidence/note.js";
import { codeOf } from "../verify/guard-source.js";
import { collectProblems, type Problems, type VerifyAnswer, type VerifyRequest } from "../verify/problem.js";
import { type OnRead, readKeys, verifyLog } from "../verify/verify-log.js";
import { checkSchema } from "./check-schema.js";
import { type Connection, keepReachable, loadDriver } from "./driver.js";
import { checkIntegrity, integrityOf } from "./integrity.js";
import { MIGRATIONS } from "./migrations.js";
import { readLogSource } from "./read-log-source.js";
import { withReadOnly } from "./read-only.js";
import { replayOnDisk } from "./replay-on-disk.js";

/**
 * Verifies a gate's SQLite file by its path without opening a gate on it: nothing is written to it, and nothing left beside it.
 *
 * What is damaged in it is told in the answer. Throws a `StoreError` where there is nothing to verify (no file, one that is no
 * gate's database, one of another schema than this version's, one that a gate opened just now), and a `TypeError` for keys that
 * are none.
 */
export async function verifyFile(path: string, request: VerifyRequest, onRead?: OnRead): Promise<VerifyAnswer> {
  const keys = readKeys(request);
  const asked = { path, shown: path, since: MIGRATIONS.length };
  return withReadOnly(asked, (connection, source) =>
    verifyAll({ connection, source, keys, onRead, state: request.state }),
  );
}

/**
 * The same of the file that a store has open, over a connection of its own. One read transaction is held open from first to last,
 * so that log and tables are of one moment: until it ends, the write-ahead log grows by whatever is written meanwhile.
 */
export async function verifyOpenFile(file: string, request: VerifyRequest): Promise<VerifyAnswer> {
  const keys = readKeys(request);
  const Database = await loadDriver();
  const connection = keepReachable(new Database(file, { timeout: 0, fileMustExist: true, readonly: true }));
  return verifyAll({ connection, source: file, keys, state: request.state }).finally(() => connection.close());
}

/** The same of a database in memory: of a copy, since it has one connection, on which others go on to write. */
export async function verifyInMemory(open: Connection, request: VerifyRequest): Promise<VerifyAnswer> {
  const keys = readKeys(request);
  const Database = await loadDriver();
  const source = open.serialize();
  const connection = keepReachable(new Database(source, { timeout: 0, fileMustExist: false }));
  return verifyAll({ connection, source, keys, state: request.state }).finally(() => connection.close());
}

interface Verified {
  readonly connection: Connection;
  /** The file, or the bytes, that the connection reads. */
  readonly source: string | Uint8Array;
  readonly keys: readonly NoteKey[];
  readonly state: boolean;
  readonly onRead?: OnRead | undefined;
}

async function verifyAll(asked: Verified): Promise<VerifyAnswer> {
  const problems = collectProblems();
  // Beside the rest: it takes about as long. Where there are no threads it comes last, and holds the event loop meanwhile.
  const threaded = checkIntegrity(asked.source).catch(() => null);
  const [verified, said] = await Promise.all([verifyRows(asked, problems), threaded]);
  const integrity = said ?? integrityOf(asked.connection);
  if (integrity !== "ok") problems.add("integrity", `the database says of itself: ${displaySafe(integrity)}`);
  return { ...verified, integrity, ...problems.end() };
}

type Rows = Omit<VerifyAnswer, "integrity" | "problems" | "more">;

async function verifyRows({ connection, keys, state, onRead }: Verified, problems: Problems): Promise<Rows> {
  const nothing: Rows = { events: 0, size: 0, root: "", checkpoints: 0 };
  try {
    // What stands in the schema of a file from anywhere runs no function of ours, and no page is taken at its word.
    connection.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; BEGIN");
    // The transaction begins with what is read first.
    if (!(await checkSchema(connection, problems))) return nothing;
  } catch (error) {
    problems.add("unreadable", `the schema cannot be read${codeOf(error)}`);
    return nothing;
  }
  const replayed = state ? await replayOnDisk() : null;
  try {
    const source = readLogSource(connection);
    return await verifyLog({ source, state: replayed?.state ?? null, keys, problems, onRead });
  } finally {
    replayed?.close();
  }
}
