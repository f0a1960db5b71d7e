import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync } from "node:fs";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";

/** What a meddler has at hand. The gate runs in another process, so that nothing done here drops its locks. */
export interface Meddling {
  /** The database that a gate has open. */
  readonly store: string;
  /** A copy of it as it was some time ago, and with `-wal` what stood in its log then. */
  readonly older: string;
  /** The same copy, on which another gate has gone on for longer. */
  readonly forked: string;
  /** The database of another gate. */
  readonly foreign: string;
  /** Lets another process hold a read transaction open until the case has ended. */
  readonly holdReader: () => Promise<void>;
}

/** One way of meddling with the files of a gate that runs. */
export interface Swap {
  readonly what: string;
  /** What it must do from then on: refuse, or go on as if nothing had been. */
  readonly gate: "refuses" | "goes on";
  /** What has to be made for it. */
  readonly needs?: "forked" | "foreign";
  readonly meddle: (at: Meddling) => void | Promise<void>;
}

const onto = (from: string, to: string): void => {
  copyFileSync(from, `${to}.put`);
  renameSync(`${to}.put`, to);
};

/** The most telling ones first: the short form takes these. */
export const SWAPS: readonly Swap[] = [
  {
    what: "an older copy is written over the file",
    gate: "refuses",
    meddle: ({ store, older }) => copyFileSync(older, store),
  },
  {
    what: "an older copy is put in the file's place",
    gate: "refuses",
    meddle: ({ store, older }) => onto(older, store),
  },
  {
    what: "another process holds a read transaction",
    gate: "goes on",
    meddle: ({ holdReader }) => holdReader(),
  },
  {
    what: "an older copy and its log are written over both",
    gate: "refuses",
    meddle: ({ store, older }) => {
      copyFileSync(older, store);
      copyFileSync(`${older}-wal`, `${store}-wal`);
    },
  },
  {
    what: "another process reads all of its files",
    gate: "goes on",
    meddle: ({ store }) => {
      for (let round = 0; round < 20; round += 1)
        for (const end of ["", "-wal", "-shm"]) readFileSync(`${store}${end}`);
    },
  },
  {
    what: "its log is taken away",
    gate: "refuses",
    meddle: ({ store }) => rmSync(`${store}-wal`),
  },
  {
    what: "an older copy is written over the file, and its log is cut",
    gate: "refuses",
    meddle: ({ store, older }) => {
      copyFileSync(older, store);
      truncateSync(`${store}-wal`);
    },
  },
  {
    what: "an older copy and its log are put in the place of both",
    gate: "refuses",
    meddle: ({ store, older }) => {
      onto(older, store);
      onto(`${older}-wal`, `${store}-wal`);
    },
  },
  {
    what: "an older copy is put in the file's place, and what stands beside it is taken away",
    gate: "refuses",
    meddle: ({ store, older }) => {
      for (const end of ["-wal", "-shm"]) rmSync(`${store}${end}`);
      onto(older, store);
    },
  },
  {
    what: "the file is moved away",
    gate: "refuses",
    meddle: ({ store }) => renameSync(store, `${store}.away`),
  },
  {
    what: "an older copy on which another gate went on is written over the file, and its log is cut",
    gate: "refuses",
    needs: "forked",
    meddle: ({ store, forked }) => {
      copyFileSync(forked, store);
      truncateSync(`${store}-wal`);
    },
  },
  {
    what: "an older copy on which another gate went on is put in the file's place",
    gate: "refuses",
    needs: "forked",
    meddle: ({ store, forked }) => onto(forked, store),
  },
  {
    what: "the database of another gate is written over the file, and its log is cut",
    gate: "refuses",
    needs: "foreign",
    meddle: ({ store, foreign }) => {
      copyFileSync(foreign, store);
      truncateSync(`${store}-wal`);
    },
  },
  {
    what: "the database of another gate is put in the file's place",
    gate: "refuses",
    needs: "foreign",
    meddle: ({ store, foreign }) => onto(foreign, store),
  },
  {
    what: "a backup is put back through SQLite",
    gate: "refuses",
    meddle: async ({ store, older }) => {
      const backup = await connect(older);
      // Writes page by page, under the lock that all who write take.
      await (backup as unknown as { backup: (path: string) => Promise<unknown> }).backup(store);
      backup.close();
    },
  },
  {
    what: "another process moves the log into the file, and makes the file anew",
    gate: "goes on",
    meddle: async ({ store }) => {
      await checkpoint(store);
      const other = await connect(store);
      other.exec("VACUUM");
      other.close();
      await checkpoint(store);
    },
  },
];

/** A connection of this process: closed before any of its files is read or written by hand. */
export async function connect(path: string): Promise<Connection> {
  const Database = await loadDriver();
  return new Database(path, { timeout: 5_000, fileMustExist: true });
}

/** Moves the write-ahead log into the file and cuts it, as another process. */
export async function checkpoint(path: string): Promise<void> {
  const other = await connect(path);
  try {
    other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  } finally {
    other.close();
  }
}

/** Copies a database by hand, with what stands in its log, under another name. */
export function copyDatabase(from: string, to: string): void {
  for (const end of ["", "-wal", ".key"]) if (existsSync(`${from}${end}`)) copyFileSync(`${from}${end}`, `${to}${end}`);
}
