import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StoreError } from "../../src/errors.js";
import { frontierBytes, leafHashOf } from "../../src/evidence/merkle.js";
import { growTiles } from "../../src/evidence/tiled-tree.js";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { checkIntegrity, integrityOf } from "../../src/store/sqlite/integrity.js";
import { MIGRATIONS } from "../../src/store/sqlite/migrations.js";
import { verifyFile } from "../../src/store/sqlite/verify.js";
import { closeWorld, drawFrom, logSigner, openWorld, takeStep } from "./verify-worlds.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const made = join(folder, "made.db");
const signer = logSigner();
const whole = { keys: [signer.key], state: true };
let files = 0;

/** A log of some hundred events of every kind, with checkpoints, in a file that nobody has open. */
beforeAll(async () => {
  const world = await openWorld(await openSqliteStore(made), signer);
  const draw = drawFrom(11);
  for (let n = 1; n <= 500; n += 1) {
    await takeStep(world, draw);
    if (n % 100 === 50) await signer.sign(world.store, world.clock.now());
  }
  await closeWorld(world);
}, 60_000);

async function open(path: string): Promise<Connection> {
  const Database = await loadDriver();
  return new Database(path, { timeout: 0, fileMustExist: true });
}

/** A copy of the file after something was done to it, by somebody who knows how to get past the triggers. */
async function tampered(change: (connection: Connection) => unknown): Promise<string> {
  const path = join(folder, `${files++}.db`);
  copyFileSync(made, path);
  const connection = await open(path);
  const triggers = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of triggers) connection.exec(`DROP TRIGGER ${String(name)}`);
  change(connection);
  for (const { sql } of triggers) connection.exec(String(sql));
  connection.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
  connection.close();
  return path;
}

/** The codes that verifying finds, each once, with the numbers of the events where they say one. */
async function found(change: (connection: Connection) => unknown): Promise<readonly string[]> {
  const { problems } = await verifyFile(await tampered(change), whole);
  return [...new Set(problems.map(({ code, seq }) => (seq === null ? code : `${code} ${seq}`)))].sort();
}

const one = (connection: Connection, sql: string): Record<string, unknown> => {
  const row = connection.prepare(sql).get();
  if (row === undefined) throw new Error(`there is no such row: ${sql}`);
  return row;
};
const run = (sql: string) => (connection: Connection) => {
  const { changes } = connection.prepare(sql).run();
  if (changes !== 1) throw new Error(`${changes} rows were changed: ${sql}`);
};

test("control: nothing is found in a file that nobody changed, and nothing is left beside it", async () => {
  const before = readdirSync(folder).sort();
  const answer = await verifyFile(made, whole);
  expect(answer).toMatchObject({ problems: [], more: 0, integrity: "ok" });
  expect(answer.events).toBeGreaterThan(400);
  expect(answer.size).toBe(answer.events);
  expect(answer.checkpoints).toBeGreaterThanOrEqual(5);
  expect(readdirSync(folder).sort()).toEqual(before);
  expect(await verifyFile(await tampered(() => undefined), whole)).toEqual(answer);
});

const JOB = "(SELECT id FROM jobs WHERE status = 'SUCCEEDED' ORDER BY id LIMIT 1)";
const KEPT = "(SELECT job_id FROM vault WHERE kind = 'job' ORDER BY job_id LIMIT 1)";

test.each<readonly [what: string, sql: string, code: string]>([
  ["a job's status", `UPDATE jobs SET status = 'FAILED' WHERE id = ${JOB}`, "state_job"],
  ["a job that ran, as if it had not", `UPDATE jobs SET owner = NULL WHERE id = ${JOB}`, "state_job"],
  ["a job's reason", `UPDATE jobs SET reason = '{"code":"aborted","message":"m"}' WHERE id = ${JOB}`, "state_job"],
  ["a job's reason that is no JSON", `UPDATE jobs SET reason = '{' WHERE id = ${JOB}`, "state_job"],
  ["a job's trace", `UPDATE jobs SET trace_id = 'other' WHERE id = ${JOB}`, "state_job"],
  ["a job's commitment", `UPDATE jobs SET commitment = 'other' WHERE id = ${JOB}`, "state_job"],
  ["a job's request", `UPDATE jobs SET approval_id = 'other' WHERE id = ${JOB}`, "state_job"],
  ["an erasure that never was", `UPDATE jobs SET erased_at = 1 WHERE id = ${JOB}`, "state_job"],
  [
    "an erasure taken back",
    "UPDATE jobs SET erased_at = NULL WHERE id = (SELECT max(id) FROM jobs WHERE erased_at > 0)",
    "state_job",
  ],
  [
    "a release that never was",
    `UPDATE jobs SET result = json_set(result, '$.released', json('{"by":"eve","at":1}')) WHERE id =
    (SELECT max(id) FROM jobs WHERE status = 'QUARANTINED' AND json_extract(result, '$.released') IS NULL)`,
    "state_job",
  ],
  [
    "a release taken back",
    `UPDATE jobs SET result = json_remove(result, '$.released') WHERE id =
    (SELECT max(id) FROM jobs WHERE status = 'QUARANTINED' AND json_extract(result, '$.released') IS NOT NULL)`,
    "state_job",
  ],
  ["a job under another id", `UPDATE jobs SET id = 'other' WHERE id = ${JOB}`, "state_job"],
  ["a job that is gone", `DELETE FROM jobs WHERE id = ${JOB}`, "state_job"],
  [
    "a job that never was",
    `INSERT INTO jobs SELECT 'other', 'elsewhere', trace_id, hash, status, owner, dispatcher, approval_id, decision,
    reason, constraints, result, commitment, created_at, updated_at, requesters, erased_at, degraded FROM jobs WHERE id = ${JOB}`,
    "state_job",
  ],
  [
    "a request's state",
    "UPDATE approvals SET state = 'approved' WHERE id = (SELECT max(id) FROM approvals WHERE state = 'rejected')",
    "state_approval",
  ],
  [
    "a request's time",
    "UPDATE approvals SET expires_at = expires_at + 1 WHERE id = (SELECT max(id) FROM approvals)",
    "state_approval",
  ],
  [
    "a request's quorum",
    `UPDATE approvals SET requirements = replace(requirements, '"quorum":2', '"quorum":1') WHERE id =
    (SELECT max(id) FROM approvals WHERE requirements LIKE '%"quorum":2%' AND job_hash > '')`,
    "state_approval",
  ],
  [
    "a request's content",
    "UPDATE approvals SET key = 'other' WHERE id = (SELECT max(id) FROM approvals)",
    "state_approval",
  ],
  ["who asked", "UPDATE approvals SET requesters = '[]' WHERE id = (SELECT max(id) FROM approvals)", "state_approval"],
  [
    "who asked, as no JSON",
    "UPDATE approvals SET requesters = '[' WHERE id = (SELECT max(id) FROM approvals)",
    "state_approval",
  ],
  [
    "what took a request's place",
    "UPDATE approvals SET superseded_by = NULL WHERE id = (SELECT max(id) FROM approvals WHERE superseded_by > '')",
    "state_approval",
  ],
  [
    "a rejection that was lifted",
    "UPDATE approvals SET lifted_at = 1 WHERE id = (SELECT max(id) FROM approvals WHERE state = 'rejected')",
    "state_approval",
  ],
  ["a request that is gone", "DELETE FROM approvals WHERE id = (SELECT max(id) FROM approvals)", "state_approval"],
  [
    "a vote",
    "UPDATE votes SET vote = 'approve' WHERE (approval_id, number) = (SELECT approval_id, number FROM votes WHERE vote = 'reject' LIMIT 1)",
    "state_vote",
  ],
  [
    "who voted",
    "UPDATE votes SET approver_id = 'eve' WHERE (approval_id, number) = (SELECT approval_id, number FROM votes LIMIT 1)",
    "state_vote",
  ],
  [
    "as whom a vote counts",
    "UPDATE votes SET approver_key = 'eve' WHERE (approval_id, number) = (SELECT approval_id, number FROM votes LIMIT 1)",
    "state_vote",
  ],
  [
    "a vote's roles",
    "UPDATE votes SET roles = '[]' WHERE (approval_id, number) = (SELECT approval_id, number FROM votes LIMIT 1)",
    "state_vote",
  ],
  [
    "when a vote was",
    "UPDATE votes SET at = at + 1 WHERE (approval_id, number) = (SELECT approval_id, number FROM votes LIMIT 1)",
    "state_vote",
  ],
  [
    "a vote that is gone",
    "DELETE FROM votes WHERE (approval_id, number) = (SELECT approval_id, number FROM votes LIMIT 1)",
    "state_vote",
  ],
  [
    "a vote that never was",
    "INSERT INTO votes SELECT approval_id, 99, 'eve', 'eve', kind, roles, assurance, vote, view, at FROM votes LIMIT 1",
    "state_vote",
  ],
  [
    "a policy's document",
    `UPDATE policies SET document = replace(document, '"quorum":2', '"quorum":1') WHERE epoch =
    (SELECT epoch FROM policies WHERE document LIKE '%"quorum":2%' LIMIT 1)`,
    "state_policy",
  ],
  [
    "a policy's queue",
    "UPDATE policies SET document = json_set(document, '$.queue.max_pending', 9) WHERE epoch = 1",
    "state_policy",
  ],
  ["a policy's document that is no JSON", "UPDATE policies SET document = '' WHERE epoch = 1", "state_policy"],
  ["a policy's snapshot", "UPDATE policies SET snapshot = 'other' WHERE epoch = 1", "state_policy"],
  ["a policy that is gone", "DELETE FROM policies WHERE epoch = 1", "state_policy"],
  [
    "a policy that never was",
    "INSERT INTO policies SELECT epoch + 1, snapshot, document, at FROM policies ORDER BY epoch DESC LIMIT 1",
    "state_policy",
  ],
  ["what was asked for", `UPDATE vault SET value = '{}' WHERE kind = 'job' AND job_id = ${KEPT}`, "value"],
  ["a salt", `UPDATE vault SET salt = 'other' WHERE kind = 'job' AND job_id = ${KEPT}`, "value"],
  ["what was asked for, gone", `DELETE FROM vault WHERE kind = 'job' AND job_id = ${KEPT}`, "value"],
  ["the hash of what was asked for", `UPDATE jobs SET hash = 'other' WHERE id = ${KEPT}`, "value"],
  [
    "an output",
    "UPDATE vault SET value = '1' WHERE kind = 'output' AND job_id = (SELECT job_id FROM vault WHERE kind = 'output' LIMIT 1)",
    "value",
  ],
  [
    "an error",
    "UPDATE vault SET value = '1' WHERE kind = 'error' AND job_id = (SELECT job_id FROM vault WHERE kind = 'error' LIMIT 1)",
    "value",
  ],
  [
    "a late output",
    "UPDATE vault SET value = '1' WHERE kind LIKE 'late:%' AND job_id = (SELECT job_id FROM vault WHERE kind LIKE 'late:%' LIMIT 1)",
    "value",
  ],
  [
    "a note",
    "UPDATE vault SET value = 'no' WHERE (job_id, kind) = (SELECT job_id, kind FROM vault WHERE kind LIKE 'note:%' LIMIT 1)",
    "value",
  ],
  ["a note that never was", `INSERT INTO vault VALUES (${KEPT}, 'default', 'note:other:1', 's', 'x')`, "value"],
  [
    "a value that was erased",
    "INSERT INTO vault SELECT id, tenant_id, 'job', 's', '{}' FROM jobs WHERE erased_at IS NOT NULL LIMIT 1",
    "value",
  ],
  [
    "a checkpoint's signature",
    "UPDATE checkpoints SET note = substr(note, 1, length(note) - 9) || 'AAAAAAA=' || char(10) WHERE size = (SELECT max(size) FROM checkpoints)",
    "checkpoint_signature",
  ],
  [
    "a checkpoint of another size",
    "UPDATE checkpoints SET size = size + 1 WHERE size = (SELECT min(size) FROM checkpoints)",
    "checkpoint_root",
  ],
  [
    "a checkpoint of no event",
    "UPDATE checkpoints SET size = 0 WHERE size = (SELECT min(size) FROM checkpoints)",
    "checkpoint_root",
  ],
  [
    "a checkpoint of events to come",
    "UPDATE checkpoints SET size = size + 1000000 WHERE size = (SELECT max(size) FROM checkpoints)",
    "checkpoint_root",
  ],
  [
    "a checkpoint that is no note",
    "UPDATE checkpoints SET note = '' WHERE size = (SELECT max(size) FROM checkpoints)",
    "checkpoint_signature",
  ],
  ["a tile's hashes", "UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0", "tile"],
  ["a tile's root", "UPDATE tiles SET root = zeroblob(32) WHERE level = 0 AND number = 0", "tile"],
  ["a tile of another length", "UPDATE tiles SET hashes = x'00' WHERE level = 0 AND number = 0", "tile"],
  ["a tile that is gone", "DELETE FROM tiles WHERE level = 0 AND number = 0", "tile"],
  ["a tile that never was", "INSERT INTO tiles SELECT 1, 0, root, hashes FROM tiles WHERE number = 0", "tile"],
  ["the head's size", "UPDATE tree SET size = size - 1", "head"],
  ["the head's hashes", "UPDATE tree SET frontier = zeroblob(length(frontier))", "head"],
  ["the head, gone", "DELETE FROM tree", "head"],
])("%s is told, and nothing else", async (_what, sql, code) => {
  expect(await found(run(sql))).toEqual([code]);
});

test("an event's bytes, columns and place are told with its number", async () => {
  // Of an event that changes no table: what else is told then is of its own bytes alone.
  const EVALUATED = "SELECT min(seq) AS seq FROM events WHERE type = 'job.evaluated'";
  let number = 0;
  const edit = (to: string) => (connection: Connection) => {
    number = one(connection, EVALUATED).seq as number;
    run(`UPDATE events SET ${to} WHERE seq = ${number}`)(connection);
  };
  expect(await found(edit("bytes = CAST(replace(CAST(bytes AS TEXT), '\"v\":1', '\"v\":2') AS BLOB)"))).toContain(
    `event_bytes ${number}`,
  );
  expect(await found(edit("bytes = x'ff'"))).toContain(`event_bytes ${number}`);
  expect(await found(edit("bytes = x''"))).toContain(`event_bytes ${number}`);
  expect(await found(edit("bytes = CAST(' ' || CAST(bytes AS TEXT) AS BLOB)"))).toContain(`event_bytes ${number}`);
  expect(await found(edit("type = 'gate.opened'"))).toEqual([`event_bytes ${number}`]);
  expect(await found(edit("trace_id = 'other'"))).toEqual([`event_bytes ${number}`]);
  expect(await found(edit("approval_id = 'other'"))).toEqual([`event_bytes ${number}`]);
  expect(await found(edit("at = at + 1"))).toEqual([`event_bytes ${number}`]);
});

test("events that are gone are told: one, many, the last, and all", async () => {
  const drop = (where: string) => (connection: Connection) => connection.exec(`DELETE FROM events WHERE ${where}`);
  expect(await found(drop("seq = 100"))).toContain("event_missing 100");
  expect(await found(drop("seq BETWEEN 100 AND 299"))).toContain("event_missing 100");
  const answer = await verifyFile(await tampered(drop("seq BETWEEN 100 AND 110")), { ...whole, state: false });
  // The tile that they stood in still has their hashes: all the rest is as it was.
  expect(answer.problems).toEqual([{ code: "event_missing", message: "events 100 to 110 are missing", seq: 100 }]);
  const { events } = await verifyFile(made, { ...whole, state: false });
  expect(await found(drop(`seq = ${events}`))).toContain(`event_missing ${events}`);
  expect(await found(drop("seq > 0"))).toContain("event_missing 1");
});

test("events that were swapped, or put in, are told", async () => {
  const swap = (connection: Connection): void => {
    connection.exec("UPDATE events SET seq = -1 WHERE seq = 100; UPDATE events SET seq = 100 WHERE seq = 101");
    connection.exec("UPDATE events SET seq = 101 WHERE seq = -1");
  };
  expect(await found(swap)).toEqual(expect.arrayContaining(["event_bytes 100", "event_bytes 101"]));
  const append = (connection: Connection): void => {
    connection.exec(
      "INSERT INTO events SELECT seq + 1, at, type, trace_id, approval_id, bytes FROM events ORDER BY seq DESC LIMIT 1",
    );
  };
  expect(await found(append)).toContain("head");
});

test("a log that was written anew, tree and all, is told by what was signed of it", async () => {
  const forge = (connection: Connection): void => {
    const edited = one(connection, "SELECT bytes FROM events WHERE seq = 100").bytes as Uint8Array;
    const text = Buffer.from(edited).toString().replace('"v":1', '"v":2');
    connection.prepare("UPDATE events SET bytes = CAST(? AS BLOB) WHERE seq = 100").run(text);
    connection.exec("DELETE FROM tiles");
    const keep = connection.prepare("INSERT INTO tiles VALUES (?, ?, ?, ?)");
    const tree = growTiles(({ level, number, root, hashes }) => keep.run(level, number, root, Buffer.concat(hashes)));
    for (const { bytes } of connection.prepare("SELECT bytes FROM events ORDER BY seq").all()) {
      tree.add(leafHashOf(bytes as Uint8Array));
    }
    connection.prepare("UPDATE tree SET frontier = ?").run(frontierBytes(tree.frontier()));
  };
  const { problems } = await verifyFile(await tampered(forge), { ...whole, state: false });
  expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["checkpoint_root"]));
});

test("a checkpoint that another key signed is told", async () => {
  const { problems } = await verifyFile(made, { keys: [logSigner().key], state: false });
  expect(new Set(problems.map(({ code }) => code)).size).toBe(1);
  expect(problems.length).toBeGreaterThanOrEqual(5);
  expect(problems[0]).toEqual({
    code: "checkpoint_signature",
    message: expect.stringMatching(/^the checkpoint of \d+ events is signed by none of the keys$/),
    seq: null,
  });
  await expect(verifyFile(made, { keys: ["no key"], state: false })).rejects.toThrow(TypeError);
});

test("the database's own check says the same in a thread and on a connection", async () => {
  const path = await tampered(() => undefined);
  const file = readFileSync(path);
  // The number of pages that are free, which nothing but this check counts.
  file.writeUInt32BE(file.readUInt32BE(36) + 5, 36);
  writeFileSync(path, file);
  const { problems, integrity } = await verifyFile(path, whole);
  expect(integrity).toMatch(/^(\*\*\* in database main \*\*\* )?Freelist: size is \d+ but should be \d+$/);
  expect(problems).toEqual([{ code: "integrity", message: `the database says of itself: ${integrity}`, seq: null }]);
  const connection = await open(path);
  expect(integrityOf(connection)).toBe(integrity);
  connection.close();
  await expect(checkIntegrity(join(folder, "nowhere.db"))).resolves.toBe("SQLITE_CANTOPEN");
});

test("a schema that was changed is told, and what is no table is not read", async () => {
  const path = join(folder, `${files++}.db`);
  const codes = async (sql: string): Promise<readonly string[]> => {
    copyFileSync(made, path);
    const connection = await open(path);
    connection.exec(sql);
    connection.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
    connection.close();
    const { problems } = await verifyFile(path, whole);
    return problems.map(({ code, message }) => `${code}: ${message}`);
  };
  expect(await codes("DROP TRIGGER events_no_delete")).toEqual(['schema: the trigger "events_no_delete" is missing']);
  expect(await codes("CREATE TRIGGER quiet AFTER INSERT ON jobs BEGIN SELECT 1; END")).toEqual([
    'schema: there is a "trigger" that no gate made: "quiet"',
  ]);
  const endless =
    "CREATE VIEW events AS WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq FROM n) SELECT seq FROM n";
  expect(await codes(`DROP TABLE events; ${endless}`)).toContain('schema: the table "events" is not as it was made');
  expect(await codes("CREATE TABLE mine (x); CREATE INDEX own ON jobs (created_at)")).toEqual([]);
});

test("what is told is bounded, on one line, and repeats nothing that a terminal would obey", async () => {
  const name = "'evil\u001b[2J\n\u202e' || id";
  const { problems, more } = await verifyFile(
    await tampered((connection) => connection.exec(`UPDATE jobs SET id = ${name}`)),
    whole,
  );
  expect(problems).toHaveLength(100);
  expect(more).toBeGreaterThan(0);
  for (const { message } of problems) expect(message).toMatch(/^[ -~]{1,400}$/);
});

test("a file that is no gate's is refused, and left as it is", async () => {
  const path = join(folder, "notes.txt");
  writeFileSync(path, "these are my notes, not a database\n".repeat(200));
  const codeOf = (file: string): Promise<unknown> =>
    verifyFile(file, whole).then(
      () => "verified",
      (error) => (error instanceof StoreError ? error.code : error),
    );
  expect(await codeOf(path)).toBe("store_not_sqlite");
  expect(await codeOf(join(folder, "nowhere.db"))).toBe("store_path_invalid");
  expect(await codeOf(folder)).toBe("store_path_invalid");
  const other = await tampered((connection) => connection.exec("PRAGMA application_id = 1"));
  expect(await codeOf(other)).toBe("store_path_invalid");
  const newer = await tampered((connection) => connection.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`));
  expect(await codeOf(newer)).toBe("store_newer");
  const older = await tampered((connection) => connection.exec("PRAGMA user_version = 4"));
  expect(await codeOf(older)).toBe("store_older");
  expect(existsSync(`${path}-wal`)).toBe(false);
});

test("a store that is written to meanwhile is verified as of one moment, and others have their turns", async () => {
  const path = join(folder, `${files++}.db`);
  copyFileSync(made, path);
  const store = await openSqliteStore(path);
  let ended = false;
  let written = 0;
  const write = async (): Promise<void> => {
    while (!ended) {
      const facts = { by: `writer ${written}` };
      await store.change({ kind: "note", type: "gate.opened", now: 1, waitMs: 5_000, facts });
      written += 1;
    }
  };
  const writing = write();
  for (let n = 0; n < 5; n += 1) {
    const { problems, integrity } = await store.verify(whole);
    expect({ problems, integrity }).toEqual({ problems: [], integrity: "ok" });
  }
  ended = true;
  await writing;
  // More than one for each time it was verified: it is written to while that goes on.
  expect(written).toBeGreaterThan(5);
  await store.close();
  await expect(store.verify(whole)).rejects.toThrow("the store is closed");
});
