import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate, type Gate } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/index.js";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { afterwards } from "../endings.js";
import { folderOf, run, runJson } from "./run-command.js";

const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");

/** A gate on `gate.db` of a folder that holds the seed's policy, after one read, one approved write and one refusal. */
async function worked(cwd: string): Promise<Gate> {
  const gate = await createGate({
    policy: join(cwd, "policy.yaml"),
    store: join(cwd, "gate.db"),
    dispatch: () => "done",
  });
  await gate.evaluateAndDispatch({ topic: "job.mcp-bridge.read.ticket" });
  await gate.evaluateAndDispatch({ topic: "job.agent.exec.wipe", riskTags: ["destructive", "medium"] });
  const write = {
    id: "w-1",
    topic: "job.mcp-bridge.write.ticket",
    riskTags: ["prod"],
    actor: { id: "a-1", type: "agent" },
  } as const;
  await gate.evaluateAndDispatch(write);
  await gate.approvals.approve({ jobId: "w-1" }, { by: { id: "p-1", kind: "human" } });
  expect((await gate.evaluateAndDispatch(write)).status).toBe("SUCCEEDED");
  return gate;
}

/** What a folder holds, by hash. In a process of its own: reading the file here would drop the locks of a gate in this one. */
function contents(folder: string, skip: readonly string[] = []): readonly string[] {
  const script = `
    const { createHash } = require("node:crypto"), fs = require("node:fs");
    for (const name of fs.readdirSync(".").sort().filter((name) => fs.statSync(name).isFile()))
      console.log(name + " " + fs.statSync(name).mtimeMs + " " + createHash("sha256").update(fs.readFileSync(name)).digest("hex"));`;
  const lines = execFileSync(process.execPath, ["-e", script], { cwd: folder, encoding: "utf8" }).trim().split("\n");
  return lines.filter((line) => !skip.some((name) => line.startsWith(`${name} `)));
}

/** Copies files of a gate, in a process of its own for the same reason. */
function copyElsewhere(from: string, to: string, names: readonly string[]): void {
  const script =
    "const [to, ...names] = process.argv.slice(1); for (const name of names) fs.copyFileSync(name, to + '/' + name);";
  execFileSync(process.execPath, ["-e", script, to, ...names], { cwd: from });
}

const USAGE = {
  log: "gate.db",
  never_matched: [],
  tags: { never_carried: [] },
  approvals: [{ id: "require-approval-prod-write", requested: 1, granted: 1, rejected: 0, verdict: "always_granted" }],
  events: { cut: 0, unusable: 0 },
};

describe("check --against a log", () => {
  test("reports what the decisions of a gate that was closed say, and leaves its folder byte for byte as it was", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    await (await worked(cwd)).close();
    const before = contents(cwd);
    const { document } = await runJson({ cwd }, "check", "policy.yaml", "--against", "gate.db");
    expect(contents(cwd)).toEqual(before);
    expect(document.usage).toMatchObject(USAGE);
    const usage = document.usage as { readonly rules: readonly JsonObject[] };
    expect(usage.rules.map(({ id, matched }) => [id, Number(matched) > 0])).toEqual([
      ["allow-low-risk-read", true],
      ["require-approval-prod-write", true],
      ["constrain-medium-risk", true],
      ["deny-destructive", true],
    ]);
  });

  test("control: a store that is opened for work does leave traces", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    await (await worked(cwd)).close();
    const before = contents(cwd);
    const store = await openSqliteStore(join(cwd, "gate.db"));
    const during = contents(cwd);
    await store.close();
    expect(during).not.toEqual(before);
  });

  test("reads the log of a gate that is running, which goes on as if nothing had been", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const gate = await worked(cwd);
    afterwards(() => gate.close());
    const before = contents(cwd, ["gate.db-shm"]);
    const { document } = await runJson({ cwd }, "check", "policy.yaml", "--against", "gate.db");
    expect(contents(cwd, ["gate.db-shm"])).toEqual(before);
    expect(document.usage).toMatchObject(USAGE);
    expect((await gate.evaluateAndDispatch({ topic: "job.mcp-bridge.read.ticket" })).status).toBe("SUCCEEDED");
    const later = await runJson({ cwd }, "check", "policy.yaml", "--against", "gate.db");
    const decisionsOf = (usage: unknown): number =>
      (usage as { readonly decisions: { readonly all: number } }).decisions.all;
    expect(decisionsOf(later.document.usage)).toBe(decisionsOf(document.usage) + 1);
  });

  test.skipIf(process.platform === "win32")("a link to the log of a running gate is the log itself", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const gate = await worked(cwd);
    afterwards(() => gate.close());
    const linked = folderOf({ "policy.yaml": SEED });
    symlinkSync(join(cwd, "gate.db"), join(linked, "gate.db"));
    const { document } = await runJson({ cwd: linked }, "check", "policy.yaml", "--against", "gate.db");
    // Without the write-ahead log beside the real file nothing of it would be seen.
    expect(document.usage).toMatchObject(USAGE);
    expect(readdirSync(linked).sort()).toEqual(["gate.db", "policy.yaml"]);
    expect((await gate.evaluateAndDispatch({ topic: "job.mcp-bridge.read.ticket" })).status).toBe("SUCCEEDED");
  });

  test("of a copy that was taken of a running gate, what stands only in the write-ahead log is read too", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const gate = await worked(cwd);
    afterwards(() => gate.close());
    const copy = folderOf({ "policy.yaml": SEED });
    copyElsewhere(cwd, copy, ["gate.db", "gate.db-wal"]);
    const before = contents(copy);
    const { document } = await runJson({ cwd: copy }, "check", "policy.yaml", "--against", "gate.db");
    expect(contents(copy)).toEqual(before);
    expect(document.usage).toMatchObject(USAGE);
  });

  test("what a gate that was killed left behind is read, and stays for the next gate to recover", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const gate = await worked(cwd);
    afterwards(() => gate.close());
    const copy = folderOf({ "policy.yaml": SEED });
    const names = ["gate.db", "gate.db-wal", "gate.db-shm"];
    copyElsewhere(cwd, copy, names);
    const before = contents(copy, ["gate.db-shm"]);
    const { document } = await runJson({ cwd: copy }, "check", "policy.yaml", "--against", "gate.db");
    expect(document.usage).toMatchObject(USAGE);
    expect(contents(copy, ["gate.db-shm"])).toEqual(before);
    expect(readdirSync(copy).sort()).toEqual([...names, "policy.yaml"].sort());
  });

  test.skipIf(process.platform === "win32")("reads a log in a folder that nobody may write", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "kept/policy.yaml": SEED });
    await (await worked(join(cwd, "kept"))).close();
    chmodSync(join(cwd, "kept/gate.db"), 0o400);
    chmodSync(join(cwd, "kept"), 0o500);
    afterwards(() => chmodSync(join(cwd, "kept"), 0o700));
    const { document } = await runJson({ cwd }, "check", "policy.yaml", "--against", "kept/gate.db");
    expect(document.usage).toMatchObject({ ...USAGE, log: "kept/gate.db" });
  });

  test("of a log of other policies it says that nothing is known, and not that nothing matched", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "other.yaml": SEED.replace("max_retries: 1", "max_retries: 2") });
    await (await worked(cwd)).close();
    const { out } = await run({ cwd }, "check", "other.yaml", "--against", "gate.db");
    expect(out).toContain(
      "gate.db: 4 recorded decisions, 0 of them under this very policy\n  nothing is known of its rules: no decision was made under it\n",
    );
    expect(out).not.toContain("never matched");
  });

  test("for people it lists the rules, and what could be tuned", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const gate = await createGate({ policy: join(cwd, "policy.yaml"), store: join(cwd, "gate.db"), dispatch: () => 1 });
    await gate.evaluateAndDispatch({ topic: "job.mcp-bridge.read.ticket" });
    await gate.close();
    const { out } = await run({ cwd }, "check", "policy.yaml", "--against", "gate.db");
    expect(out).toContain(
      [
        "gate.db: 1 recorded decision, 1 of them under this very policy",
        "  rule `allow-low-risk-read`: matched 1 time, decided 1",
        "  rule `require-approval-prod-write`: matched 0 times, decided 0",
        "  rule `constrain-medium-risk`: matched 0 times, decided 0",
        "  rule `deny-destructive`: matched 0 times, decided 0",
        "  never matched: `require-approval-prod-write`, `constrain-medium-risk`, `deny-destructive`",
        "  tags that no job carried: `destructive`, `medium`, `prod`",
        "  approvals of `require-approval-prod-write`: never asked for",
      ].join("\n"),
    );
  });

  test("a log that is not there is 2, and no file is made", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const { code, err } = await run({ cwd }, "check", "policy.yaml", "--against", "gate.db");
    expect(code).toBe(2);
    expect(err).toBe("dispatch-gate: error: there is no `gate.db`\n  help: check the path\n");
    expect(readdirSync(cwd)).toEqual(["policy.yaml"]);
    // Control: the way a gate opens it makes the file.
    await (await openSqliteStore(join(cwd, "gate.db"))).close();
    expect(existsSync(join(cwd, "gate.db"))).toBe(true);
  });

  test("what is not a gate's database is 2 and left alone: a text, a folder, another application's", async () => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "text.db": "not a database, but a text that is long enough to be read",
      "folder/x": "",
    });
    const Database = await loadDriver();
    writeFileSync(join(cwd, "other.db"), "");
    const other = new Database(join(cwd, "other.db"), { timeout: 0, fileMustExist: true });
    other.exec("CREATE TABLE events (seq INTEGER); PRAGMA user_version = 1");
    other.close();
    const before = contents(cwd);
    const messages = new Map([
      ["text.db", "the file is not an SQLite database: `text.db`"],
      ["folder", "`folder` is a directory"],
      ["other.db", "the database belongs to another application: `other.db`"],
    ]);
    for (const [log, message] of messages) {
      const { code, err } = await run({ cwd }, "check", "policy.yaml", "--against", log);
      expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    }
    expect(contents(cwd)).toEqual(before);
  });
});
