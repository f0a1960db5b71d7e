import { type ChildProcess, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { StoreError } from "../../src/errors.js";
import { type Connection, isSafeVersion, loadDriver } from "../../src/store/sqlite/driver.js";
import { MIGRATIONS } from "../../src/store/sqlite/migrations.js";
import { openConnection } from "../../src/store/sqlite/open.js";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/reopening.js";
import { forkChild } from "../child.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let names = 0;
const fresh = (): string => join(folder, `${names++}.db`);

async function raw(path: string): Promise<Connection> {
  const Database = await loadDriver();
  return new Database(path, { timeout: 0, fileMustExist: false });
}

async function errorOf(path: string): Promise<StoreError> {
  try {
    await (await openSqliteStore(path)).close();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("the store opened");
}

const digestOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("a path that cannot hold a gate's database", () => {
  test("a directory", async () => {
    const path = fresh();
    mkdirSync(path);
    const error = await errorOf(path);
    expect([error.code, error.message, error.help]).toEqual([
      "store_path_invalid",
      `the path of the database is a directory: \`${path}\``,
      "give the path of a file",
    ]);
  });

  test("a folder that does not exist", async () => {
    const error = await errorOf(join(folder, "nowhere", "gate.db"));
    expect([error.code, error.help]).toEqual(["store_unreachable", "make the folder first"]);
  });

  test("a file that is not SQLite stays as it is", async () => {
    const path = fresh();
    writeFileSync(path, "these are my notes, not a database\n".repeat(200));
    const before = digestOf(path);
    const error = await errorOf(path);
    expect([error.code, error.message]).toEqual([
      "store_not_sqlite",
      `the file is not an SQLite database: \`${path}\``,
    ]);
    expect(digestOf(path)).toBe(before);
  });

  test("another application's database stays as it is", async () => {
    const path = fresh();
    const other = await raw(path);
    other.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')");
    other.close();
    const before = digestOf(path);
    const error = await errorOf(path);
    expect([error.code, error.message]).toEqual([
      "store_path_invalid",
      `the database belongs to another application: \`${path}\``,
    ]);
    expect(digestOf(path)).toBe(before);
  });

  test("a database of a newer version stays as it is", async () => {
    const path = fresh();
    await (await openSqliteStore(path)).close();
    const newer = await raw(path);
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    const before = digestOf(path);
    const error = await errorOf(path);
    expect(error.code).toBe("store_newer");
    expect(error.message).toBe(
      `the database has schema 99, and this version of dispatch-gate knows ${MIGRATIONS.length}: \`${path}\``,
    );
    expect(digestOf(path)).toBe(before);
  });

  test("a read-only file stays as it is", async () => {
    const path = fresh();
    await (await openSqliteStore(path)).close();
    chmodSync(path, 0o444);
    const before = digestOf(path);
    const error = await errorOf(path);
    expect([error.code, error.help]).toEqual(["store_read_only", "give the file write permission, or another path"]);
    expect(digestOf(path)).toBe(before);
  });

  test("an SQLite library that can lose commits is known by its version", () => {
    expect(["3.51.2", "3.50.6", "3.44.5", "3.45.0", "3.39.0"].map(isSafeVersion)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(["3.51.3", "3.50.7", "3.44.6", "3.53.2", "4.0.0"].map(isSafeVersion)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
  });
});

describe("an open database", () => {
  test("is its owner's alone, in write-ahead mode, and synchronous FULL after its first write", async () => {
    const path = fresh();
    const connection = await openConnection(path);
    connection.exec("INSERT INTO owners VALUES ('o', 1, 'r', 's', 1, 'closed')");
    expect(connection.pragma("synchronous", { simple: true })).toBe(2);
    expect(connection.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    connection.close();
  });

  test("control: the driver's own default is not FULL once it has written", async () => {
    const connection = await raw(fresh());
    connection.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");
    expect(connection.pragma("synchronous", { simple: true })).not.toBe(2);
    connection.close();
  });

  test("refuses to change, drop, skip or replace an event", async () => {
    const connection = await openConnection(":memory:");
    const insert = "INTO events (seq, at, type, trace_id, approval_id, bytes) VALUES";
    connection.exec(`INSERT ${insert} (1, 1, 't', NULL, NULL, x'7b7d'), (2, 1, 't', NULL, NULL, x'7b7d')`);
    expect(() => connection.exec("UPDATE events SET at = 2")).toThrow("events are append-only");
    expect(() => connection.exec("DELETE FROM events WHERE seq = 2")).toThrow("events are append-only");
    for (const seq of [4, 2, 0, -1]) {
      expect(() => connection.exec(`INSERT ${insert} (${seq}, 1, 't', NULL, NULL, x'7b7d')`)).toThrow("in sequence");
    }
    expect(() => connection.exec(`INSERT OR REPLACE ${insert} (2, 9, 'x', NULL, NULL, x'7b7d')`)).toThrow(
      "in sequence",
    );
    expect(() => connection.exec(`REPLACE ${insert} (1, 9, 'x', NULL, NULL, x'7b7d')`)).toThrow("in sequence");
    expect(connection.prepare("SELECT count(*) AS n, sum(at) AS s FROM events").get()).toEqual({ n: 2, s: 2 });
    connection.close();
  });

  test("control: triggers on update and delete alone let a replace through", async () => {
    const connection = await raw(":memory:");
    connection.exec(`
      CREATE TABLE events (seq INTEGER PRIMARY KEY, at INTEGER);
      CREATE TRIGGER u BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'no'); END;
      CREATE TRIGGER d BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'no'); END;
      INSERT INTO events VALUES (1, 1);
      INSERT OR REPLACE INTO events VALUES (1, 9);`);
    expect(connection.prepare("SELECT at FROM events").get()).toEqual({ at: 9 });
    connection.close();
  });

  test("keeps what it holds from one opening to the next", async () => {
    const path = fresh();
    const change = { kind: "activate", now: 1, waitMs: 1_000, snapshot: "s", document: "{}", facts: {} } as const;
    const first = await openSqliteStore(path);
    await first.change(change);
    await first.close();
    const second = await openSqliteStore(path);
    expect((await second.read({ kind: "policy_head" })).head).toEqual({ epoch: 1, snapshot: "s" });
    await second.close();
  });
});

describe("a lock that another process holds", () => {
  const change = { kind: "note", now: 1, waitMs: 5_000, type: "policy.rejected", facts: {} } as const;

  /** A real process that holds the write lock for so long. */
  async function hold(path: string, ms: number): Promise<void> {
    const child = forkChild("lock-holder", [path, String(ms)]);
    children.push(child);
    await new Promise((resolve) => child.once("message", resolve));
  }

  test("is waited for between turns of the event loop, and the step is then done", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await hold(path, 700);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    let turns = 0;
    const beat = setInterval(() => (turns += 1), 5);
    delay.enable();
    const startedAt = performance.now();
    await store.change(change);
    const waited = performance.now() - startedAt;
    delay.disable();
    clearInterval(beat);
    expect(waited).toBeGreaterThan(200);
    // A blocking wait would have stopped the loop for the whole of it.
    expect(turns).toBeGreaterThan(waited / 5 / 4);
    expect(delay.max / 1e6).toBeLessThan(waited / 2);
    await store.close();
  });

  test("is given up when the time for it is over, and the step is then not done", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await hold(path, 1_500);
    await expect(store.change({ ...change, waitMs: 100 })).rejects.toMatchObject({
      name: "StoreError",
      code: "store_busy",
    });
    expect((await store.page({ kind: "events", after: null, limit: 10 })).events).toEqual([]);
    await store.close();
  });
});

describe("steps that arrive together", () => {
  const change = { kind: "note", now: 1, waitMs: 5_000, type: "policy.rejected", facts: {} } as const;

  test("share one commit, unless told not to", async () => {
    const grouped = await openSqliteStore(fresh());
    await Promise.all(Array.from({ length: 64 }, () => grouped.change(change)));
    expect(grouped.commits()).toBeLessThanOrEqual(2);
    await grouped.close();
    const single = await openSqliteStore(fresh(), { groupCommit: false });
    await Promise.all(Array.from({ length: 64 }, () => single.change(change)));
    expect(single.commits()).toBe(64);
    await single.close();
  });

  test("fail alone: the step that throws is undone, and its neighbours are kept", async () => {
    const store = await openSqliteStore(fresh());
    const bad = { ...change, facts: { note: Number.NaN } };
    const results = await Promise.allSettled([store.change(change), store.change(bad), store.change(change)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await store.page({ kind: "events", after: null, limit: 10 })).events?.map(({ seq }) => seq)).toEqual([
      1, 2,
    ]);
    await store.close();
  });
});

describe("a file that is no longer where it was", () => {
  const change = { kind: "note", now: 1, waitMs: 5_000, type: "policy.rejected", facts: {} } as const;

  test("stops the store: what is written to it now would be gone with it", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await store.change(change);
    copyFileSync(path, `${path}.backup`);
    renameSync(`${path}.backup`, path);
    for (let tries = 0; tries < 2; tries += 1) {
      await expect(store.change(change)).rejects.toMatchObject({
        code: "store_head_changed",
        message: tries === 0 ? expect.stringContaining("another file is in its place") : expect.any(String),
      });
    }
    await store.close();
  });

  test("stops it also where nothing is in its place", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await store.change(change);
    rmSync(path);
    await expect(store.change(change)).rejects.toMatchObject({ code: "store_head_changed" });
    await store.close();
  });

  const more = async (store: SqliteStore, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await store.change(change);
  };
  /** Another process, so that no lock of this one is dropped. */
  const other = (command: string, ...args: readonly string[]): void => {
    execFileSync(command, args, { stdio: "ignore" });
  };

  // What a connection remembers of a page is good for as long as nobody commits: who copies over the file does not.
  test("stops it also where an older copy was written over the file, and the connection remembers the pages", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await more(store, 10);
    const checkpoint = await raw(path);
    checkpoint.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
    other("cp", path, `${path}.backup`);
    // More than stands on the page that the next step writes anew.
    await more(store, 200);
    checkpoint.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
    await more(store, 1);
    other("cp", `${path}.backup`, path);
    await expect(store.change(change)).rejects.toMatchObject({
      code: expect.stringMatching(/^store_(head_changed|corrupt)$/),
    });
    await expect(store.change(change)).rejects.toMatchObject({
      code: expect.stringMatching(/^store_(head_changed|corrupt)$/),
      message: expect.stringContaining("stopped after an earlier error"),
    });
    checkpoint.close();
    await store.close();
  });

  test.each(["-wal", "-shm"])(
    "stops it where its %s was taken away: what is written to that would be gone with it",
    async (end) => {
      const path = fresh();
      const store = await openSqliteStore(path);
      await more(store, 3);
      other("rm", `${path}${end}`);
      await expect(store.change(change)).rejects.toMatchObject({ code: "store_head_changed" });
      await store.close();
    },
  );

  test("goes on where its log was moved into the file by another process, as often as that happens", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    const checkpoint = await raw(path);
    for (let round = 0; round < 5; round += 1) {
      await more(store, 120);
      expect(checkpoint.pragma("wal_checkpoint(TRUNCATE)", { simple: true })).toBe(0);
    }
    await more(store, 1);
    expect((await store.read({ kind: "tree" })).tree?.size).toBe(601);
    checkpoint.close();
    await store.close();
  });
});
