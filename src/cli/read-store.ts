import { resolve } from "node:path";
import { EvidenceError, StoreError } from "../errors.js";
import type { JsonObject } from "../outcome.js";
import type { Store } from "../store/port.js";
import { withReadable } from "../store/sqlite/read-only.js";
import { openSqliteStore } from "../store/sqlite/reopening.js";
import type { Arguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { inked, type Line, printLines } from "./print.js";

/** The file of the gate that a command is about: where a gate keeps its state when nobody says otherwise. */
export function storeOf(given: Arguments): string {
  return given.text("store") ?? "./dispatch-gate.db";
}

/** What a command has to say of a store. */
export interface Told {
  readonly document: JsonObject;
  readonly lines: readonly Line[];
}

/** Reads the log in a store, beside gates that are running, and says what was found. Leaves the store as it is. */
export async function tellStore(
  command: string,
  given: Arguments,
  io: Io,
  read: (store: Store) => Promise<Told>,
): Promise<number> {
  const shown = storeOf(given);
  const head = { command, store: shown } as const;
  try {
    const { document, lines } = await withStore(resolve(io.cwd, shown), shown, read);
    if (given.has("json")) printJson(io, { ...head, ok: true, ...document });
    else printLines(io.stdout, io.env, lines);
    return EXIT.fine;
  } catch (error) {
    if (!(error instanceof EvidenceError) || !FOUND.has(error.code)) throw cannotRead(error);
    const { code, message, help } = error;
    const told = help === undefined ? {} : { help };
    if (given.has("json")) printJson(io, { ...head, ok: false, error: { code, message, ...told } });
    else printLines(io.stdout, io.env, [[inked("bad", "refused"), `: ${message} [${code}]`]]);
    return EXIT.findings;
  }
}

/** What the log says, and no mistake of whoever asks. */
const FOUND: ReadonlySet<string> = new Set(["trace_unknown", "checkpoint_unknown", "log_changed"]);

/** An error of evidence, of a store or of the file system in the words of a command line. */
export function cannotRead(error: unknown): unknown {
  if (error instanceof StoreError || error instanceof EvidenceError) {
    return new CannotRun(error.code, error.message, error.help);
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new CannotRun(
    "file_unwritable",
    `the folder cannot be written (${code})`,
    "check the path and its permissions",
  );
}

/** A store that is there, of this very schema; nothing is made or changed in it. */
function withStore<T>(path: string, shown: string, read: (store: Store) => Promise<T>): Promise<T> {
  return withReadable(path, shown, async (file) => {
    const store = await openSqliteStore(file, { presence: "existing" }).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      // What is read may be a copy, whose name says nothing to anybody.
      throw new CannotRun(error.code, error.message.replaceAll(file, shown), error.help);
    });
    try {
      return await read(store);
    } finally {
      await store.close();
    }
  });
}
