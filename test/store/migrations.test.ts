import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { outputViewOf, quarantineOf } from "../../src/store/quarantine.js";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { APPLICATION_ID, MIGRATIONS } from "../../src/store/sqlite/migrations.js";
import { openSqliteStore } from "../../src/store/sqlite/reopening.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a database of schema 1 keeps its requests, votes and notes, whatever the approvers are called", async () => {
  const path = join(folder, "one.db");
  const Database = await loadDriver();
  const before = new Database(path, { timeout: 0, fileMustExist: false });
  before.exec(MIGRATIONS[0] ?? "");
  before.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`);
  const insert = (table: string, row: object): void => {
    const columns = Object.keys(row);
    before
      .prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`)
      .run(...Object.values(row));
  };
  const ids = { tenant_id: "acme", trace_id: "t", dispatcher: "default" };
  const reason = JSON.stringify({ code: "approval_required", message: "m" });
  const job = { ...ids, id: "j", hash: "h", status: "PENDING_APPROVAL", approval_id: "a", reason };
  insert("jobs", { ...job, commitment: "c", created_at: 1, updated_at: 1 });
  const spans = { requested_at: 1, expires_at: 9_000, use_within_ms: 900, rejection_stands_ms: 100 };
  const asked = { key: "k", job_id: "j", job_hash: "h", snapshot: "s", fingerprint: "f", state: "pending" };
  insert("approvals", {
    ...ids,
    ...asked,
    ...spans,
    id: "a",
    requirements: "[]",
    requesters: '["bot"]',
    decision: "{}",
  });
  // Named so that the number of one is the name of the other.
  for (const [at, approver] of ["2", "1", "3 note:a:1"].entries()) {
    const vote = { approval_id: "a", approver_key: approver, approver_id: approver, kind: "human", roles: "[]" };
    insert("votes", { ...vote, vote: "approve", at: at + 1 });
    insert("vault", { job_id: "j", tenant_id: "acme", kind: `note:a:${approver}`, salt: "s", value: `by ${approver}` });
  }
  before.close();

  const store = await openSqliteStore(path);
  const { approvals = [] } = await store.read({ kind: "approval", id: "a" });
  const [approval] = approvals;
  expect(approval?.row).toMatchObject({ queuedSince: 1, commitment: "c", binding: "snapshot", supersededBy: null });
  expect(approval?.votes.map(({ approverId, number }) => [approverId, approval.vault.get(`note:a:${number}`)])).toEqual(
    [
      ["2", "by 2"],
      ["1", "by 1"],
      ["3 note:a:1", "by 3 note:a:1"],
    ],
  );
  const { jobs = [] } = await store.read({ kind: "job", id: "j", tenantId: null });
  expect(jobs[0]?.row.requesters).toEqual(["bot"]);
  await store.close();
  const after = new Database(path, { timeout: 0, fileMustExist: true });
  expect(after.pragma("integrity_check", { simple: true })).toBe("ok");
  expect(after.pragma("user_version", { simple: true })).toBe(MIGRATIONS.length);
  after.close();
});

test("an output that schema 3 withheld is found by its own id, and cannot be released: who asked is not known", async () => {
  const path = join(folder, "three.db");
  const Database = await loadDriver();
  const before = new Database(path, { timeout: 0, fileMustExist: false });
  for (const migration of MIGRATIONS.slice(0, 3)) before.exec(migration);
  before.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 3`);
  const reason = '{"code":"output_quarantined","message":"m"}';
  const job = before.prepare(
    `INSERT INTO jobs (id, tenant_id, trace_id, hash, status, owner, dispatcher, reason, result, commitment, created_at, updated_at)
     VALUES (?, 'acme', 't', 'h', ?, 'o', 'default', ?, ?, 'c', 1, 1)`,
  );
  job.run("j", "QUARANTINED", reason, '{"findings":[{"path":"/\\ud800"}],"quarantineId":"q"}');
  job.run("k", "SUCCEEDED", reason, '{"quarantineId":"q"}');
  job.run("l", "SUCCEEDED", reason, null);
  before.exec("INSERT INTO vault (job_id, tenant_id, kind, salt, value) VALUES ('j', 'acme', 'held', 's', '1')");
  before.close();

  const store = await openSqliteStore(path);
  const { quarantines = [] } = await store.read({ kind: "quarantine", id: "q" });
  expect(quarantines.map(({ row, kept }) => [row.id, kept?.value])).toEqual([["j", "1"]]);
  const [row] = quarantines.map((stored) => stored.row);
  if (row === undefined) throw new Error("not found");
  const quarantine = quarantineOf(row);
  if (quarantine === null) throw new Error("not withheld");
  const approver = { id: "ann", key: "ann", kind: "human", roles: [], tenants: null, assurance: "host" } as const;
  const step = { tenantId: "acme", jobId: "j", approver, view: outputViewOf(row, quarantine), note: null };
  expect((await store.change({ kind: "release", now: 2, waitMs: 1_000, ...step })).status).toBe("not_kept");
  await store.close();
});

// No file may grow beyond a limit of the process: the system refuses such writes as it does on a broken disk.
test.skipIf(process.platform !== "linux")(
  "a disk that fails while a database is made is told as such, and the file can be opened later",
  async () => {
    const path = join(folder, "limited.db");
    const child = fork(fileURLToPath(new URL("../children/limited.ts", import.meta.url)), [path, "65536"], {
      execArgv: ["--import", "tsx"],
    });
    const [said] = await once(child, "message");
    expect(said).toEqual({ code: "store_io", cause: "SQLITE_IOERR_WRITE" });
    const store = await openSqliteStore(path);
    expect(await store.read({ kind: "time" })).toEqual({ at: 0 });
    await store.close();
  },
);
