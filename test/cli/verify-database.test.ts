import { copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { ALLOW_ALL, freshFolder, open } from "../gate/open.js";
import { run, runJson } from "./run-command.js";

/** A gate's database as its host left it, with the log's public key. */
async function left(): Promise<{ readonly cwd: string; readonly key: string }> {
  const cwd = freshFolder();
  const gate = await open({ policy: ALLOW_ALL, store: join(cwd, "gate.db"), dispatch: () => "done" });
  for (let n = 0; n < 5; n += 1) await gate.evaluateAndDispatch({ topic: "a.b", payload: n });
  await gate.close();
  return { cwd, key: gate.audit.key };
}

async function edit(path: string, sql: string): Promise<void> {
  const Database = await loadDriver();
  const connection = new Database(path, { timeout: 1_000, fileMustExist: true });
  connection.exec(sql);
  connection.close();
}

test("a database that nobody changed holds, and is left as it is", async () => {
  const { cwd, key } = await left();
  const before = readFileSync(join(cwd, "gate.db"));
  const { code, out } = await run({ cwd }, "verify", "gate.db", "--key", key);
  expect(out).toMatch(
    /^gate\.db: a gate's database holds\n {2}log "dispatch-gate\.local\/[0-9a-f]{16}"\n {2}\d+ events, root \S+, \d+ checkpoints?\n$/,
  );
  expect(code).toBe(0);
  expect(readFileSync(join(cwd, "gate.db")).equals(before)).toBe(true);
  expect(readdirSync(cwd).sort()).toEqual(["gate.db", "gate.db.key"]);
});

test("one that a gate has open is verified as well, without disturbing it", async () => {
  const cwd = freshFolder();
  const gate = await open({ policy: ALLOW_ALL, store: join(cwd, "gate.db"), dispatch: () => "done" });
  await gate.evaluateAndDispatch({ topic: "a.b" });
  await gate.audit.checkpoint();
  const { code, document } = await runJson({ cwd }, "verify", "gate.db");
  expect([code, document.kind, document.key_given, document.findings]).toEqual([0, "database", false, []]);
  expect((await gate.evaluateAndDispatch({ topic: "a.b" })).status).toBe("SUCCEEDED");
});

test("without `--key` the key file beside it is used, and it is said what that is worth", async () => {
  const { cwd, key } = await left();
  const { code, out } = await run({ cwd }, "verify", "gate.db");
  expect(code).toBe(0);
  expect(out).toContain(
    "checked with the key file beside it, which whoever changed the database could have changed too",
  );
  rmSync(join(cwd, "gate.db.key"));
  const missing = await runJson({ cwd }, "verify", "gate.db");
  expect([missing.code, missing.document.error]).toMatchObject([2, { code: "option_missing" }]);
  expect((await run({ cwd }, "verify", "gate.db", "--key", key)).code).toBe(0);
});

test.each([
  [
    "DROP TRIGGER events_no_update; UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), 'a.b', 'a.c') AS BLOB) WHERE seq = 3",
    "checkpoint_root",
  ],
  ["UPDATE jobs SET status = 'DENIED'", "state_job"],
  ["UPDATE vault SET value = '{}'", "value"],
])("what was changed is told by its code, and the command says so: %s", async (sql, code) => {
  const { cwd, key } = await left();
  await edit(join(cwd, "gate.db"), sql);
  const { code: exit, document } = await runJson({ cwd }, "verify", "gate.db", "--key", key);
  expect([exit, document.ok]).toEqual([1, false]);
  expect((document.findings as readonly { readonly code: string }[]).map((finding) => finding.code)).toContain(code);
  expect((await run({ cwd }, "verify", "gate.db", "--key", key)).out).toContain(`[${code}]`);
});

test("a database under another log's key does not hold", async () => {
  const [one, other] = [await left(), await left()];
  const { code, document } = await runJson({ cwd: one.cwd }, "verify", "gate.db", "--key", other.key);
  expect(code).toBe(1);
  expect((document.findings as readonly { readonly code: string }[])[0]?.code).toBe("checkpoint_signature");
  copyFileSync(join(other.cwd, "gate.db.key"), join(one.cwd, "gate.db.key"));
  expect((await run({ cwd: one.cwd }, "verify", "gate.db")).code).toBe(1);
});
