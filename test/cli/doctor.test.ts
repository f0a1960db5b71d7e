import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Gate, GateOptions } from "dispatch-gate";
import { expect, test } from "vitest";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { ALLOW_ALL, ASK_ALL, DENY_ALL, freshFolder, open } from "../gate/open.js";
import { run, runJson } from "./run-command.js";

interface Place {
  readonly cwd: string;
  readonly gate: Gate;
}

async function place(more: Partial<GateOptions> = {}): Promise<Place> {
  const cwd = freshFolder();
  const gate = await open({ policy: ALLOW_ALL, store: join(cwd, "gate.db"), dispatch: () => "done", ...more });
  return { cwd, gate };
}

async function edit(cwd: string, sql: string): Promise<void> {
  const Database = await loadDriver();
  const connection = new Database(join(cwd, "gate.db"), { timeout: 1_000, fileMustExist: true });
  connection.exec(sql);
  connection.close();
}

const codes = async (cwd: string, ...more: readonly string[]): Promise<unknown> => {
  const { document } = await runJson({ cwd }, "doctor", "--store", "gate.db", ...more);
  return (document.findings as unknown as readonly { readonly code: string }[]).map(({ code }) => code);
};

test("says how a gate that is open stands, and disturbs neither it nor its files", async () => {
  const { cwd, gate } = await place();
  await gate.evaluateAndDispatch({ topic: "a" });
  await gate.audit.checkpoint();
  const { code, document } = await runJson({ cwd }, "doctor", "--store", "gate.db");
  expect(document).toMatchObject({
    command: "doctor",
    ok: true,
    versions: { node: process.version },
    pragmas: { journal_mode: "wal" },
    policy: { snapshot: gate.policy.snapshot, epoch: 1 },
    key: { mode: "600" },
    log: { events: 4, signed: 4 },
    halted: null,
    gates: [{ pid: process.pid, fail_mode: "closed", state: "alive" }],
    queue: { pending: 0, oldest_since: null, approved: 0 },
    jobs: { running: 0, unknown: 0 },
    spools: [],
    findings: [],
  });
  expect(code).toBe(0);
  const { out } = await run({ cwd }, "doctor", "--store", "gate.db");
  expect(out).toMatch(/^gate\.db: nothing to look at\n/);
  for (const name of ["versions", "pragmas", "space", "clock", "policy", "key", "log", "halted", "gates", "queue"]) {
    expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
  }
  expect((await gate.evaluateAndDispatch({ topic: "a" })).status).toBe("SUCCEEDED");
});

test("says it of one that nobody has open, and leaves the file as it is", async () => {
  const { cwd, gate } = await place();
  await gate.close();
  const before = readFileSync(join(cwd, "gate.db"));
  expect((await run({ cwd }, "doctor", "--store", "gate.db")).out).toContain("gates    none open");
  expect(readFileSync(join(cwd, "gate.db")).equals(before)).toBe(true);
  expect(readdirSync(cwd).sort()).toEqual(["gate.db", "gate.db.key"]);
});

test("says that the gate is halted, by whom and why", async () => {
  const { cwd, gate } = await place();
  await gate.halt({ by: "ann", reason: "the agents run wild" });
  expect(await codes(cwd)).toEqual(["halted"]);
  const { out, code } = await run({ cwd }, "doctor", "--store", "gate.db");
  expect(out).toContain('halted   by "ann": "the agents run wild"');
  expect(code).toBe(1);
});

test("says the fail mode of each process, and what its spool holds", async () => {
  const { cwd } = await place({ failMode: "open" });
  const { document } = await runJson({ cwd }, "doctor", "--store", "gate.db");
  expect(document).toMatchObject({ gates: [{ fail_mode: "open" }], spools: [{ entries: 0, lost: 0 }], findings: [] });
});

test("says how the queue stands", async () => {
  const { cwd, gate } = await place({ policy: ASK_ALL });
  await gate.evaluateAndDispatch({ id: "j-1", topic: "a" });
  await gate.evaluateAndDispatch({ id: "j-2", topic: "b" });
  await gate.approvals.approve({ jobId: "j-2" }, { by: { id: "ann" } });
  const { document } = await runJson({ cwd }, "doctor", "--store", "gate.db");
  expect(document.queue).toMatchObject({ pending: 1, approved: 1, oldest_since: expect.any(Number) });
});

test("says whether a policy is the one in force", async () => {
  const { cwd, gate } = await place();
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(cwd, "same.yaml"), ALLOW_ALL.yaml);
  writeFileSync(join(cwd, "other.yaml"), DENY_ALL.yaml);
  writeFileSync(join(cwd, "bad.yaml"), "version: v2\n");
  expect(await codes(cwd, "--policy", "same.yaml")).toEqual([]);
  expect(await codes(cwd, "--policy", "other.yaml")).toEqual(["policy_differs"]);
  const bad = await runJson({ cwd }, "doctor", "--store", "gate.db", "--policy", "bad.yaml");
  expect([bad.code, bad.document.error]).toMatchObject([2, { code: "policy_invalid" }]);
  await gate.close();
});

test.each<[code: string, how: (cwd: string) => unknown]>([
  ["key_missing", (cwd) => rmSync(join(cwd, "gate.db.key"))],
  ["mode_wide", (cwd) => chmodSync(join(cwd, "gate.db"), 0o644)],
  ["jobs_unknown", (cwd) => edit(cwd, "UPDATE jobs SET status = 'UNKNOWN'")],
  ["policy_missing", (cwd) => edit(cwd, "DELETE FROM policies")],
  [
    "clock_behind",
    (cwd) =>
      edit(cwd, `INSERT INTO events SELECT 1 + max(seq), ${Date.now() + 60_000}, type, NULL, NULL, bytes FROM events`),
  ],
  [
    "gates_gone",
    (cwd) => edit(cwd, "INSERT INTO owners (id, pid, realm, started, lease_until) VALUES ('x', 1, 'elsewhere', '', 1)"),
  ],
])("says what is to be looked at: %s", async (code, how) => {
  const { cwd, gate } = await place();
  await gate.evaluateAndDispatch({ topic: "a" });
  await gate.close();
  expect(await codes(cwd)).toEqual([]);
  await how(cwd);
  expect(await codes(cwd)).toContain(code);
});

test("says that another key than the one beside it signed the log", async () => {
  const [one, other] = [await place(), await place()];
  for (const { gate } of [one, other]) await gate.close();
  copyFileSync(join(other.cwd, "gate.db.key"), join(one.cwd, "gate.db.key"));
  expect(await codes(one.cwd)).toEqual(["key_differs"]);
});

test("what is no gate's database is told, and is no finding", async () => {
  const cwd = freshFolder();
  const { code, document } = await runJson({ cwd }, "doctor", "--store", "nowhere.db");
  expect([code, document.error]).toMatchObject([2, { code: "store_path_invalid" }]);
});
