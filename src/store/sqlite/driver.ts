import { StoreError, type StoreErrorCode } from "../../errors.js";

/** The shape of a better-sqlite3 connection, as far as it is used: a structural type, so none of the package's is public. */
export interface Connection {
  readonly open: boolean;
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  pragma(text: string, options: { readonly simple: true }): unknown;
  /** The bytes of the whole database. */
  serialize(): Uint8Array;
  close(): unknown;
}

/** A prepared statement. */
export interface Statement {
  /** True when it answers rows. */
  readonly reader: boolean;
  run(...values: readonly Bound[]): { readonly changes: number };
  get(...values: readonly Bound[]): Row | undefined;
  all(...values: readonly Bound[]): Row[];
}

type Value = string | number | null | Uint8Array;

/** One value for each `?`, or one object for all `@names`. */
export type Bound = Value | { readonly [name: string]: Value };
export type Row = Readonly<Record<string, unknown>>;

/** Opens a file by its path, `:memory:`, a file without a name for `""`, or a copy of a database by its bytes. */
type Open = new (
  source: string | Uint8Array,
  options: { readonly timeout: number; readonly fileMustExist: boolean; readonly readonly?: boolean },
) => Connection;

/** Loads the native module, when the first SQLite store is opened and not before. */
export async function loadDriver(): Promise<Open> {
  try {
    const loaded = (await import("better-sqlite3" as string)) as { readonly default: Open };
    return loaded.default;
  } catch (cause) {
    throw new StoreError("store_driver_missing", "the SQLite driver `better-sqlite3` could not be loaded", {
      help: "run `npm rebuild better-sqlite3` with the Node version that runs the gate, or give createGate another store",
      cause,
    });
  }
}

const KEPT = Symbol.for("dispatch-gate.kept-reachable");

/**
 * The connection, with it and each of its statements kept reachable for the life of the process.
 * On Node 24.19 and newer a better-sqlite3 12 that was compiled there ends the process with SIGABRT when the garbage
 * collector frees a statement (nodejs/node#65446). What is reachable is never freed: a few dozen small objects a store.
 * On `globalThis`, because a list in this module that is only ever written to may be dropped by a bundler.
 */
export function keepReachable(connection: Connection): Connection {
  const root = globalThis as { [KEPT]?: unknown[] };
  root[KEPT] ??= [];
  const kept = root[KEPT];
  kept.push(connection);
  const prepare = (sql: string): Statement => {
    const statement = connection.prepare(sql);
    kept.push(statement);
    return statement;
  };
  const pragmas = new Map<string, Statement>();
  return {
    get open() {
      return connection.open;
    },
    prepare,
    exec: (sql) => connection.exec(sql),
    // The driver's own `pragma` makes a statement each time and lets go of it.
    pragma: (text) => {
      const statement = pragmas.get(text) ?? prepare(`PRAGMA ${text}`);
      pragmas.set(text, statement);
      if (statement.reader) return Object.values(statement.get() ?? {})[0];
      statement.run();
      return undefined;
    },
    serialize: () => connection.serialize(),
    close: () => connection.close(),
  };
}

/** The SQLite result code of an error of the driver; undefined for any other error. */
function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code.startsWith("SQLITE_") ? error.code : undefined;
}

/** True when somebody else holds the lock: worth another try. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"));
}

const CODES: readonly (readonly [prefix: string, code: StoreErrorCode, message: string, help: string])[] = [
  [
    "SQLITE_BUSY",
    "store_busy",
    "the database is locked by another process",
    "try again; look for a process that holds a long transaction",
  ],
  ["SQLITE_LOCKED", "store_busy", "the database is locked", "try again"],
  ["SQLITE_FULL", "store_full", "the disk is full", "free space, then open the gate again"],
  [
    "SQLITE_READONLY",
    "store_read_only",
    "the database cannot be written",
    "check the permissions of the file and of its folder",
  ],
  [
    "SQLITE_PERM",
    "store_read_only",
    "the database cannot be written",
    "check the permissions of the file and of its folder",
  ],
  [
    "SQLITE_CANTOPEN",
    "store_unreachable",
    "the database cannot be opened",
    "check the path, and the permissions of its folder",
  ],
  [
    "SQLITE_NOTADB",
    "store_not_sqlite",
    "the file is not an SQLite database",
    "give a path that does not exist yet, or that of a gate's database",
  ],
  ["SQLITE_CORRUPT", "store_corrupt", "the database is damaged", "stop all gates on it and restore a backup"],
  ["SQLITE_IOERR", "store_io", "the disk failed to read or write", "check the disk, then open the gate again"],
];

/** The store's own error for whatever the driver threw. */
export function storeErrorOf(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = sqliteCode(error);
  const known = CODES.find(([prefix]) => code?.startsWith(prefix) === true);
  if (known === undefined) {
    return new StoreError("store_failed", `the store failed: ${String((error as Error | null)?.message ?? error)}`, {
      cause: error,
    });
  }
  const [, storeCode, message, help] = known;
  return new StoreError(storeCode, `${message}: \`${path}\``, { help, cause: error });
}

/** After these nothing the connection says can be relied on: an fsync that failed once may succeed the next time. */
export function isPoison({ code }: StoreError): boolean {
  return (
    code === "store_io" || code === "store_corrupt" || code === "store_not_sqlite" || code === "store_head_changed"
  );
}

const SAFE_BRANCHES: readonly (readonly [minor: number, patch: number])[] = [
  [44, 6],
  [50, 7],
];

/** True unless this SQLite can lose commits when the WAL is reset (fixed in 3.51.3, and in 3.50.7 and 3.44.6). */
export function isSafeVersion(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major !== 3) return major > 3;
  if (minor > 51 || (minor === 51 && patch >= 3)) return true;
  return SAFE_BRANCHES.some(([branch, fixed]) => minor === branch && patch >= fixed);
}
