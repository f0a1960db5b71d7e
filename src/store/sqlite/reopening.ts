import { resolve } from "node:path";
import { isOutage, StoreError } from "../../errors.js";
import type { Frontier } from "../../evidence/merkle.js";
import { defineStore, type Store } from "../port.js";
import { type OpenedFile, openFile, type SqliteStoreOptions } from "./store.js";

/** An SQLite store, with what measuring it needs. */
export interface SqliteStore extends Store {
  /** Commits made by this store since its file was opened last. */
  readonly commits: () => number;
  readonly reopen: () => Promise<void>;
}

/**
 * Opens a store in one SQLite file, for several processes on one machine; `:memory:` keeps nothing.
 * The file is made for its owner alone (mode 0600), in write-ahead mode with `synchronous=FULL`: what a verb
 * acknowledged survives a power cut. Throws a `StoreError` that says what to do, and leaves the file as it was,
 * when the path holds something else.
 */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<SqliteStore> {
  return reopening(path, options, await openFile(checkPath(path), options));
}

/** The same also where the file cannot be reached now: then every verb fails as opening did, until it is opened again. */
export async function openSqliteStoreWhenever(path: string): Promise<SqliteStore> {
  try {
    return await openSqliteStore(path);
  } catch (error) {
    if (!(error instanceof StoreError) || !isOutage(error)) throw error;
    return reopening(path, {}, error);
  }
}

function checkPath(path: string): string {
  if (typeof path === "string" && path !== "") return path;
  throw new TypeError("the path of an SQLite store must be a string");
}

function reopening(path: string, options: SqliteStoreOptions, first: OpenedFile | StoreError): SqliteStore {
  // Found again also when the process has gone to another folder since.
  const file = path === ":memory:" ? null : resolve(path);
  let opened: OpenedFile | null = first instanceof StoreError ? null : first;
  let stopped: StoreError | null = first instanceof StoreError ? first : null;
  /** What no connection after may fall behind. */
  let acknowledged: Frontier | null = null;
  let again: Promise<void> | null = null;
  let closed = false;

  /** The connection to use; throws why there is none. */
  const now = (): OpenedFile => {
    if (closed) throw new StoreError("store_closed", "the store is closed", { nothingDone: true });
    if (opened !== null) return opened;
    const { code, message, help } = stopped ?? NEVER_OPENED;
    throw new StoreError(code, message, { help, cause: stopped, nothingDone: true });
  };

  const openAgain = async (): Promise<void> => {
    if (closed) throw new StoreError("store_closed", "the store is closed");
    const why = opened === null ? stopped : opened.stoppedBy();
    if (why === null) return;
    // What is damaged or swapped does not mend itself: somebody has to look at it.
    if (file === null || !isOutage(why)) throw why;
    const before = opened;
    // SQLite's locks are the process's: the old connection goes before the new one comes.
    [opened, stopped] = [null, why];
    acknowledged = before?.acknowledged() ?? acknowledged;
    await before?.close().catch(() => undefined);
    const next = await openWhole(file, options, acknowledged).catch((error: unknown) => {
      if (error instanceof StoreError) stopped = error;
      throw error;
    });
    if (closed) return next.close();
    [opened, stopped] = [next, null];
  };

  const reopen = (): Promise<void> => {
    again ??= openAgain().finally(() => {
      again = null;
    });
    return again;
  };

  return defineStore({
    kind: "sqlite",
    ...(file === null ? {} : { keyFile: `${file}.key` }),
    freeBytes: () => opened?.freeBytes?.() ?? null,
    commits: () => opened?.commits() ?? 0,
    claim: async (request) => now().claim(request),
    settle: async (request) => now().settle(request),
    vote: async (request) => now().vote(request),
    change: async (change) => now().change(change),
    recover: async (request) => now().recover(request),
    read: async (query) => now().read(query),
    page: async (query) => now().page(query),
    watch: async (request) => now().watch(request),
    verify: async (request) => now().verify(request),
    reopen,
    close: async () => {
      if (closed) return;
      closed = true;
      await again?.catch(() => undefined);
      await opened?.close();
    },
  });
}

const EXISTING = { presence: "existing" } as const;

const NEVER_OPENED = {
  code: "store_unreachable",
  message: "the database was not opened yet",
  help: undefined,
} as const;

/**
 * Opens a file that stopped, and looks for what an error of the disk may have left: in the database's structure, and in the log
 * against its tree. Who signed the log is asked elsewhere.
 */
async function openWhole(file: string, options: SqliteStoreOptions, from: Frontier | null): Promise<OpenedFile> {
  const opened =
    from === null ? await openFile(file, options) : await openFile(file, { ...options, ...EXISTING }, from);
  try {
    const { problems } = await opened.verify({ keys: [], state: false });
    const found = problems.find(({ code }) => code !== "checkpoint_signature");
    if (found === undefined) return opened;
    throw new StoreError("store_corrupt", `the database is damaged: ${found.message}: \`${file}\``, {
      help: "stop all gates on it, find out what is wrong with `dispatch-gate verify`, and restore a backup",
    });
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw error;
  }
}
