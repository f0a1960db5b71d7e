import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type SealedEvent, sealEvent } from "../../src/evidence/event.js";
import { append, frontierBytes, leafHash, leafHashOf, NO_LEAVES, rootOf } from "../../src/evidence/merkle.js";
import { consistencyProof, inclusionProof, isConsistent, isIncluded } from "../../src/evidence/proof.js";
import { readHash, rootAt } from "../../src/store/prove.js";
import { shareCommits } from "../../src/store/sqlite/commits.js";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { type Ledger, openLedger } from "../../src/store/sqlite/ledger.js";
import { APPLICATION_ID, MIGRATIONS } from "../../src/store/sqlite/migrations.js";
import { openConnection } from "../../src/store/sqlite/open.js";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/reopening.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let names = 0;
const fresh = (): string => join(folder, `${names++}.db`);

/** RFC 6962, 2.1, word for word, over leaves that are hashed already; what was hashed once is remembered. */
function naiveTree(leaves: readonly Uint8Array[]) {
  const known = new Map<string, Uint8Array>();
  const split = (count: number): number => {
    let power = 1;
    while (power * 2 < count) power *= 2;
    return power;
  };
  const root = (from: number, to: number): Uint8Array => {
    if (to - from === 1) return leaves[from] as Uint8Array;
    const key = `${from} ${to}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const middle = from + split(to - from);
    const made = createHash("sha256").update("\u0001").update(root(from, middle)).update(root(middle, to)).digest();
    known.set(key, made);
    return made;
  };
  const path = (index: number, from: number, to: number): readonly Uint8Array[] => {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...path(index, from, middle), root(middle, to)]
      : [...path(index, middle, to), root(from, middle)];
  };
  const subproof = (first: number, from: number, to: number, whole: boolean): readonly Uint8Array[] => {
    if (first === to) return whole ? [] : [root(from, to)];
    const middle = from + split(to - from);
    return first <= middle
      ? [...subproof(first, from, middle, whole), root(middle, to)]
      : [...subproof(first, middle, to, false), root(from, middle)];
  };
  return {
    root: (size: number) => hex(root(0, size)),
    inclusion: (index: number, size: number) => path(index, 0, size).map(hex),
    consistency: (from: number, to: number) => subproof(from, 0, to, true).map(hex),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const eventOf = (n: number): SealedEvent => sealEvent("policy.rejected", n, { n });

/** A transaction as a store makes it. */
function transact(connection: Connection, ledger: Ledger, step: () => void): void {
  connection.exec("BEGIN IMMEDIATE");
  ledger.begin();
  step();
  ledger.end();
  connection.exec("COMMIT");
  ledger.committed();
}

async function inMemory(): Promise<{ readonly connection: Connection; readonly ledger: Ledger }> {
  const connection = await openConnection(":memory:");
  return { connection, ledger: openLedger(connection, ":memory:") };
}

/** The leaves of what the table of events holds. */
function leavesOf(connection: Connection): readonly Uint8Array[] {
  const rows = connection.prepare("SELECT bytes FROM events ORDER BY seq").all();
  return rows.map(({ bytes }) => leafHashOf(bytes as Uint8Array));
}

/** What the tree would be if it were made from the events that are there. */
function madeAnew(connection: Connection): { readonly size: number; readonly frontier: string } {
  const tree = leavesOf(connection).reduce(append, NO_LEAVES);
  return { size: tree.size, frontier: hex(frontierBytes(tree)) };
}

function kept(connection: Connection): { readonly size: number; readonly frontier: string } {
  const row = connection.prepare("SELECT size, frontier FROM tree").get();
  return { size: Number(row?.size), frontier: hex(row?.frontier as Uint8Array) };
}

/** Every tile that a log of that size has: how many of each level. */
function tilesOf(connection: Connection): readonly unknown[] {
  return connection
    .prepare("SELECT level, count(*) AS n, max(number) AS last FROM tiles GROUP BY level ORDER BY level")
    .all();
}

describe("a log of many events", () => {
  test("has the root and the proofs of a naive tree, past the first tile of tiles", { timeout: 120_000 }, async () => {
    const total = 65_536 + 300;
    const { connection, ledger } = await inMemory();
    const leaves: Uint8Array[] = [];
    transact(connection, ledger, () => {
      for (let n = 1; n <= total; n += 1) {
        const event = eventOf(n);
        leaves.push(leafHash(event.text));
        ledger.append(event);
      }
    });
    const naive = naiveTree(leaves);
    expect(ledger.head().size).toBe(total);
    expect(hex(rootOf(ledger.head()))).toBe(naive.root(total));
    expect(tilesOf(connection)).toEqual([
      { level: 0, n: 257, last: 256 },
      { level: 1, n: 1, last: 0 },
    ]);
    const random = fc.sample(fc.integer({ min: 1, max: total }), 20);
    const sizes = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, total - 1, total, ...random];
    for (const size of sizes) {
      expect(hex(rootAt(size, ledger.subtree)), `root at ${size}`).toBe(naive.root(size));
      for (const other of sizes.filter((n) => n <= size)) {
        const included = inclusionProof(other - 1, size, ledger.subtree);
        expect(included.map(hex), `${other} in ${size}`).toEqual(naive.inclusion(other - 1, size));
        const consistent = consistencyProof(other, size, ledger.subtree);
        expect(consistent.map(hex), `${other} to ${size}`).toEqual(naive.consistency(other, size));
      }
    }
    connection.close();
  });

  test("has after each event around a tile's end the tree that its events make", async () => {
    const { connection, ledger } = await inMemory();
    const leaves: Uint8Array[] = [];
    const add = (count: number): void =>
      transact(connection, ledger, () => {
        for (let n = 0; n < count; n += 1) {
          const event = eventOf(leaves.length + 1);
          leaves.push(leafHash(event.text));
          ledger.append(event);
        }
      });
    add(253);
    for (let n = 0; n < 8; n += 1) {
      add(1);
      const naive = naiveTree(leaves);
      expect(hex(rootOf(ledger.head()))).toBe(naive.root(leaves.length));
      for (const index of [0, 1, 127, 128, 252, leaves.length - 1]) {
        const path = inclusionProof(index, leaves.length, ledger.subtree).map(hex);
        expect(path).toEqual(naive.inclusion(index, leaves.length));
      }
      expect(kept(connection)).toEqual(madeAnew(connection));
    }
    connection.close();
  });
});

describe("what the evidence is made of", () => {
  async function filled(): Promise<Connection> {
    const { connection, ledger } = await inMemory();
    transact(connection, ledger, () => {
      for (let n = 1; n <= 600; n += 1) ledger.append(eventOf(n));
    });
    connection.exec("INSERT INTO checkpoints (size, at, note) VALUES (2, 1, 'two'), (5, 1, 'five')");
    return connection;
  }

  const contentOf = (connection: Connection): unknown =>
    ["events", "tiles", "checkpoints"].map((table) => connection.prepare(`SELECT * FROM ${table}`).all());

  test("is neither changed, taken away nor replaced", async () => {
    const connection = await filled();
    const before = contentOf(connection);
    for (const sql of [
      "UPDATE events SET bytes = x'7b7d' WHERE seq = 1",
      "DELETE FROM events WHERE seq = 600",
      "UPDATE tiles SET root = x'00' WHERE number = 0",
      "UPDATE OR REPLACE tiles SET number = 1 WHERE number = 0",
      "DELETE FROM tiles",
      "INSERT OR REPLACE INTO tiles (level, number, root, hashes) VALUES (0, 0, x'00', x'00')",
      "INSERT INTO tiles (level, number, root, hashes) VALUES (0, 0, x'00', x'00') ON CONFLICT DO UPDATE SET root = x'00'",
      "REPLACE INTO tiles (rowid, level, number, root, hashes) SELECT min(rowid), 9, 9, x'00', x'00' FROM tiles",
      "UPDATE checkpoints SET note = 'other' WHERE size = 2",
      "DELETE FROM checkpoints WHERE size = 5",
      "INSERT OR REPLACE INTO checkpoints (size, at, note) VALUES (2, 1, 'other')",
      "REPLACE INTO checkpoints (size, at, note) VALUES (5, 9, 'other')",
    ]) {
      expect(() => connection.exec(sql), sql).toThrow(/append-only/);
    }
    expect(contentOf(connection)).toEqual(before);
    connection.close();
  });

  test("control: without the triggers on what is put in another's place, a replace takes it away", async () => {
    const connection = await filled();
    connection.exec("DROP TRIGGER tiles_no_replace; DROP TRIGGER checkpoints_no_replace");
    connection.exec(
      "REPLACE INTO tiles (rowid, level, number, root, hashes) SELECT min(rowid), 9, 9, x'', x'' FROM tiles",
    );
    connection.exec("REPLACE INTO checkpoints (size, at, note) VALUES (2, 1, 'other')");
    expect(connection.prepare("SELECT note FROM checkpoints WHERE size = 2").get()).toEqual({ note: "other" });
    expect(connection.prepare("SELECT * FROM tiles WHERE level = 0 AND number = 0").get()).toBeUndefined();
    connection.close();
  });
});

describe("steps that share a transaction", () => {
  interface Planned {
    /** How many events it appends. */
    readonly events: number;
    /** After how many it throws; null: it does not. */
    readonly fails: number | null;
  }

  const planned: fc.Arbitrary<Planned> = fc
    .record({ events: fc.integer({ min: 0, max: 4 }), fails: fc.option(fc.integer({ min: 0, max: 4 }), { freq: 1 }) })
    .map(({ events, fails }) => ({ events, fails: fails === null ? null : Math.min(fails, events) }));

  /** Runs groups of steps and answers which of them were done. */
  async function run(connection: Connection, ledger: Ledger, groups: readonly (readonly Planned[])[]) {
    const commits = shareCommits({ connection, path: ":memory:", ledger }, { group: true });
    let said = 0;
    const step = ({ events, fails }: Planned) =>
      commits.run(() => {
        for (let n = 0; n < events; n += 1) {
          if (n === fails) throw new Error("failed on purpose");
          said += 1;
          ledger.append(eventOf(said));
        }
        if (fails === events) throw new Error("failed on purpose");
        return events;
      }, 1_000);
    const done: (readonly boolean[])[] = [];
    for (const group of groups) {
      const ended = await Promise.allSettled(group.map(step));
      done.push(ended.map(({ status }) => status === "fulfilled"));
    }
    return done;
  }

  const [good, bad] = [
    { events: 1, fails: null },
    { events: 3, fails: 3 },
  ];

  test("leave no leaf of the one that throws", async () => {
    const { connection, ledger } = await inMemory();
    expect(await run(connection, ledger, [[good, bad, good], [good, bad], [bad], [bad, good]])).toEqual([
      [true, false, true],
      [true, false],
      [false],
      [false, true],
    ]);
    expect(ledger.head().size).toBe(4);
    expect(kept(connection)).toEqual(madeAnew(connection));
    connection.close();
  });

  test("leave no tile that the one that throws had filled", async () => {
    const { connection, ledger } = await inMemory();
    transact(connection, ledger, () => {
      for (let n = 1; n <= 254; n += 1) ledger.append(eventOf(n));
    });
    await run(connection, ledger, [[good, bad]]);
    expect([ledger.head().size, tilesOf(connection)]).toEqual([255, []]);
    await run(connection, ledger, [[good, bad]]);
    expect([ledger.head().size, tilesOf(connection)]).toEqual([256, [{ level: 0, n: 1, last: 0 }]]);
    const naive = naiveTree(leavesOf(connection));
    expect(hex(rootAt(256, ledger.subtree))).toBe(naive.root(256));
    connection.close();
  });

  test("control: a ledger that does not go back with its savepoint has leaves of events that are not there", async () => {
    const { connection, ledger } = await inMemory();
    await run(connection, { ...ledger, undo: () => undefined }, [[good, bad]]);
    expect(kept(connection)).not.toEqual(madeAnew(connection));
    connection.close();
  });

  test("keep in any mix the tree that the events make, a leaf for each event of a step that was done", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 240, max: 260 }),
        fc.array(fc.array(planned, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }),
        async (before, groups) => {
          const { connection, ledger } = await inMemory();
          transact(connection, ledger, () => {
            for (let n = 1; n <= before; n += 1) ledger.append(eventOf(n));
          });
          const done = await run(connection, ledger, groups);
          const expected = groups.flatMap((group, g) =>
            group.map(({ events, fails }, s) => {
              expect(done[g]?.[s]).toBe(fails === null);
              return fails === null ? events : 0;
            }),
          );
          const size = expected.reduce((sum, n) => sum + n, before);
          expect(kept(connection)).toEqual(madeAnew(connection));
          expect(ledger.head().size).toBe(size);
          const leaves = leavesOf(connection);
          const naive = naiveTree(leaves);
          expect(hex(rootAt(size, ledger.subtree))).toBe(naive.root(size));
          for (const at of [1, 256, size].filter((n) => n <= size)) {
            expect(inclusionProof(at - 1, size, ledger.subtree).map(hex)).toEqual(naive.inclusion(at - 1, size));
          }
          connection.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});

const noted = (n: number) => ({ kind: "note", now: 1, waitMs: 5_000, type: "policy.rejected", facts: { n } }) as const;

async function addTo(store: SqliteStore, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 200) {
    await Promise.all(Array.from({ length: Math.min(left, 200) }, (_, n) => store.change(noted(n))));
  }
}

async function raw(path: string): Promise<Connection> {
  const Database = await loadDriver();
  return new Database(path, { timeout: 1_000, fileMustExist: true });
}

/** Somebody with the file in hand, whom no trigger stops. */
async function meddle(path: string, how: (connection: Connection) => void): Promise<void> {
  const connection = await raw(path);
  const triggers = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of triggers) connection.exec(`DROP TRIGGER ${String(name)}`);
  how(connection);
  connection.close();
}

/** Makes tree and tiles anew of whatever the events are now: nothing in the file says that they were others. */
function coverUp(connection: Connection): void {
  connection.exec("DELETE FROM tiles; UPDATE tree SET size = 0, frontier = x''; BEGIN");
  openLedger(connection, "").adopt();
  connection.exec("COMMIT");
}

const editEvent = (seq: number) => (connection: Connection) => {
  connection.prepare("UPDATE events SET bytes = CAST(? AS BLOB) WHERE seq = ?").run(eventOf(9_999).text, seq);
};

const insertEvents = (connection: Connection, count: number): void => {
  const insert = connection.prepare(
    "INSERT INTO events (seq, at, type, trace_id, approval_id, bytes) SELECT max(seq) + 1, 1, 'policy.rejected', NULL, NULL, CAST(? AS BLOB) FROM events",
  );
  connection.exec("BEGIN");
  for (let n = 0; n < count; n += 1) insert.run(eventOf(n).text);
  connection.exec("COMMIT");
};

describe("a log that is not the one that was written to", () => {
  /** How each of the next three steps ends. */
  async function nextSteps(store: SqliteStore): Promise<readonly string[]> {
    const ends: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      ends.push(
        await store.change(noted(n)).then(
          () => "done",
          (error: { readonly name: string; readonly code: string }) => `${error.name} ${error.code}`,
        ),
      );
    }
    return ends;
  }

  const STOPPED = Array(3).fill("StoreError store_head_changed");

  const cases: readonly (readonly [what: string, events: number, how: (connection: Connection) => void])[] = [
    [
      "an event is another, and its tree was made anew",
      10,
      (connection) => {
        editEvent(3)(connection);
        coverUp(connection);
      },
    ],
    [
      "an event of the first of several tiles is another, and tree and tiles were made anew",
      600,
      (connection) => {
        editEvent(3)(connection);
        coverUp(connection);
      },
    ],
    [
      "an event is another, and a few were appended to hide it",
      10,
      (connection) => {
        editEvent(3)(connection);
        insertEvents(connection, 100);
        coverUp(connection);
      },
    ],
    [
      "an event is another, and very many were appended to hide it",
      10,
      (connection) => {
        editEvent(3)(connection);
        insertEvents(connection, 700);
        coverUp(connection);
      },
    ],
    [
      "its last event was taken away with its leaf",
      10,
      (connection) => {
        connection.exec("DELETE FROM events WHERE seq = 10");
        coverUp(connection);
      },
    ],
    [
      "the head of its tree has other bytes",
      10,
      (c) => c.exec("UPDATE tree SET frontier = zeroblob(length(frontier))"),
    ],
    [
      "very many events were appended, and the head of its tree is not of them",
      10,
      (connection) => {
        insertEvents(connection, 510);
        coverUp(connection);
        connection.exec("UPDATE tree SET frontier = zeroblob(length(frontier))");
      },
    ],
    // 10 and 520 have as many complete subtrees.
    ["the head of its tree says very many more than there are events", 10, (c) => c.exec("UPDATE tree SET size = 520")],
    ["the head of its tree has another size", 10, (c) => c.exec("UPDATE tree SET size = 12")],
    ["the head of its tree says more than there are events", 10, (c) => c.exec("UPDATE tree SET size = 17")],
    ["its tree has no head", 10, (c) => c.exec("DELETE FROM tree")],
  ];

  for (const [what, events, how] of cases) {
    test(`stops the store for good: ${what}`, async () => {
      const path = fresh();
      const store = await openSqliteStore(path);
      await addTo(store, events);
      await meddle(path, how);
      expect(await nextSteps(store)).toEqual(STOPPED);
      await store.close();
    });
  }

  test("stops the store for good: events stand in it that nobody hashed into the tree", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await addTo(store, 10);
    const other = await raw(path);
    insertEvents(other, 1);
    other.close();
    expect(await nextSteps(store)).toEqual(STOPPED);
    // Also for a step that appends nothing.
    const owner = { id: "o", pid: 1, realm: "r", started: "s", leaseUntil: 1, failMode: "closed" } as const;
    const renewed = store.change({ kind: "renew", now: 1, waitMs: 5_000, owner });
    await expect(renewed).rejects.toMatchObject({ code: "store_head_changed" });
    const after = await raw(path);
    expect(after.prepare("SELECT count(*) AS n FROM events").get()).toEqual({ n: 11 });
    after.close();
    await store.close();
  });

  test("is noticed at the end of its tile where only an event was edited, and before that by no step", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await addTo(store, 250);
    await meddle(path, editEvent(3));
    await addTo(store, 5);
    expect(await nextSteps(store)).toEqual(STOPPED);
    const after = await raw(path);
    expect(after.prepare("SELECT count(*) AS n FROM events").get()).toEqual({ n: 255 });
    after.close();
    await store.close();
  });

  test("stops the store for good: an older copy was put over the file", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await addTo(store, 10);
    const other = await raw(path);
    other.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
    copyFileSync(path, `${path}.backup`);
    await addTo(store, 10);
    other.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
    other.close();
    copyFileSync(`${path}.backup`, path);
    expect(await nextSteps(store)).toEqual(STOPPED);
    await store.close();
  });

  for (const sql of ["DELETE FROM tree", "UPDATE tree SET frontier = x'00'", "UPDATE tree SET size = -1"]) {
    test(`is not opened, and its file is let go of: ${sql}`, async () => {
      const path = fresh();
      const store = await openSqliteStore(path);
      await addTo(store, 3);
      await store.close();
      const other = await raw(path);
      other.exec(sql);
      await expect(openSqliteStore(path)).rejects.toMatchObject({
        name: "StoreError",
        code: "store_head_changed",
        message: `the log is not the one that was written to: its tree has no head: \`${path}\``,
      });
      // Only where nobody else has it open can the mode be changed.
      expect(other.pragma("journal_mode = DELETE", { simple: true })).toBe("delete");
      other.close();
    });
  }

  test("control: a ledger that acknowledged nothing goes on from an edited log as if nothing had been", async () => {
    const path = fresh();
    const store = await openSqliteStore(path);
    await addTo(store, 10);
    await meddle(path, (connection) => {
      editEvent(3)(connection);
      coverUp(connection);
    });
    const connection = await raw(path);
    const ledger = openLedger(connection, path);
    transact(connection, ledger, () => ledger.append(eventOf(11)));
    expect(ledger.head().size).toBe(11);
    expect(kept(connection)).toEqual(madeAnew(connection));
    connection.close();
    expect(await nextSteps(store)).toEqual(STOPPED);
    await store.close();
  });
});

test("two stores on one file that append in turn never stop each other, however much the other wrote", async () => {
  const path = fresh();
  const [one, two] = [await openSqliteStore(path), await openSqliteStore(path)];
  const counts = [1, 1, 2, 255, 1, 256, 1, 257, 3, 600, 1, 1];
  for (const [turn, count] of counts.entries()) await addTo(turn % 2 === 0 ? one : two, count);
  await Promise.all([addTo(one, 300), addTo(two, 300)]);
  const total = counts.reduce((sum, n) => sum + n, 600);
  const connection = await raw(path);
  expect(kept(connection)).toEqual(madeAnew(connection));
  connection.close();
  const trees = await Promise.all([one.read({ kind: "tree" }), two.read({ kind: "tree" })]);
  expect(trees[0]).toEqual(trees[1]);
  expect(trees[0]?.tree?.size).toBe(total);
  await Promise.all([one.close(), two.close()]);
});

test("a database of schema 4 gets the tree of its events when it is opened, and is gone on from", async () => {
  const path = fresh();
  const Database = await loadDriver();
  const before = new Database(path, { timeout: 0, fileMustExist: false });
  for (const migration of MIGRATIONS.slice(0, 4)) before.exec(migration);
  before.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 4; BEGIN`);
  const insert = before.prepare(
    "INSERT INTO events (seq, at, type, trace_id, approval_id, bytes) VALUES (?, 1, 'policy.rejected', NULL, NULL, CAST(? AS BLOB))",
  );
  const leaves: Uint8Array[] = [];
  for (let n = 1; n <= 1_000; n += 1) {
    const { text } = sealEvent("policy.rejected", n, { n, topic: "\u00e9\ud83d\ude80" });
    leaves.push(leafHash(text));
    insert.run(n, text);
  }
  before.exec("COMMIT");
  before.close();

  const store = await openSqliteStore(path);
  const naive = naiveTree(leaves);
  const root = Buffer.from(naive.root(1_000), "hex");
  expect((await store.read({ kind: "tree" })).tree).toEqual({ size: 1_000, root: root.toString("base64") });
  for (const seq of [1, 256, 257, 768, 769, 1_000]) {
    const { proof } = await store.read({ kind: "inclusion", seq, size: 1_000 });
    const hashes = (proof?.hashes ?? []).map(readHash);
    const leaf = leaves[seq - 1] as Uint8Array;
    expect(isIncluded({ index: seq - 1, size: 1_000, leaf, root, proof: hashes })).toBe(true);
  }
  await addTo(store, 30);
  const { proof } = await store.read({ kind: "consistency", from: 1_000, to: 1_030 });
  const hashes = (proof?.hashes ?? []).map(readHash);
  const toRoot = readHash(proof?.root ?? "");
  expect(isConsistent({ from: 1_000, to: 1_030, fromRoot: root, toRoot, proof: hashes })).toBe(true);
  await store.close();
  const after = await raw(path);
  expect(kept(after)).toEqual(madeAnew(after));
  expect(tilesOf(after)).toEqual([{ level: 0, n: 4, last: 3 }]);
  after.close();
});
