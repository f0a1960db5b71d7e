import { expect, test } from "vitest";
import type { Connection } from "../../src/store/sqlite/driver.js";
import { openLedger } from "../../src/store/sqlite/ledger.js";
import { openConnection } from "../../src/store/sqlite/open.js";
import { prepareTables } from "../../src/store/sqlite/tables.js";

/** Tables that grow without end: none of their rows may be walked for one answer but through an index of the few that matter. */
const GROWING = ["approvals", "checkpoints", "events", "jobs", "limits", "tiles", "vault", "votes"];
const OF_THE_FEW = /USING INDEX (approvals_open_by_place|jobs_running|jobs_waiting)$/;

/** What SQLite would walk through to answer each query of the store, by the beginning of its text. */
async function walksOf(prepare: (connection: Connection) => readonly string[]): Promise<readonly string[]> {
  const connection = await openConnection(":memory:");
  try {
    return prepare(connection)
      .filter((text) => !/^\s*PRAGMA/.test(text))
      .flatMap((text) => planOf(connection, text).map((step) => `${step}: ${text.trim().slice(0, 120)}`));
  } finally {
    connection.close();
  }
}

function planOf(connection: Connection, text: string): readonly string[] {
  const statement = connection.prepare(`EXPLAIN QUERY PLAN ${text}`);
  const names = [...new Set([...text.matchAll(/@(\w+)/g)].map(([, name = ""]) => name))];
  const places = text.match(/\?/g)?.map(() => "[]") ?? [];
  const rows =
    names.length > 0 ? statement.all(Object.fromEntries(names.map((name) => [name, "[]"]))) : statement.all(...places);
  const walks = rows
    .map(({ detail }) => String(detail))
    .filter((detail) => GROWING.some((table) => detail.startsWith(`SCAN ${table}`)));
  // The latest of all is one step from the end.
  return walks.filter(
    (detail) =>
      !OF_THE_FEW.test(detail) &&
      !/FROM events ORDER BY seq DESC LIMIT 1|FROM checkpoints ORDER BY size DESC LIMIT 1/.test(text),
  );
}

test("no query of the store walks through a table that grows", async () => {
  const texts: string[] = [];
  const walks = await walksOf((connection) => {
    const recording = {
      ...connection,
      prepare: (text: string) => {
        texts.push(text);
        return connection.prepare(text);
      },
    };
    prepareTables(recording as Connection, openLedger(recording as Connection, ":memory:"));
    return texts;
  });
  expect(texts.length).toBeGreaterThan(30);
  expect(walks).toEqual([]);
});

test("control: queries that do are told", async () => {
  const walks = await walksOf(() => [
    "SELECT id FROM approvals WHERE state = 'consumed'",
    "SELECT id FROM approvals WHERE decided_at + use_within_ms <= ?",
    "SELECT id FROM jobs WHERE trace_id = @trace",
    "UPDATE jobs SET status = 'DENIED' WHERE trace_id = ?",
  ]);
  expect(walks).toHaveLength(4);
});
