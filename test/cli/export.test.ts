import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { expect, test } from "vitest";
import { freshFolder } from "../gate/open.js";
import { closedLog } from "./closed-log.js";
import { run, runJson } from "./run-command.js";

test("what is exported of a log that nobody has open is what a gate would export, and holds", async () => {
  const { cwd, key } = await closedLog();
  const exported = await run({ cwd }, "export", "log");
  expect([exported.code, exported.out, exported.err]).toEqual([
    0,
    expect.stringMatching(/^\d+ events and \d+ earlier checkpoints written\n$/),
    "",
  ]);
  const bundled = await run({ cwd }, "export", "bundle", "--trace", "t-1", "--values");
  expect(bundled.out).toMatch(/^\d+ events with their proofs, 1 policy, \d+ private values written\n$/);
  for (const name of ["log", "bundle"]) expect((await run({ cwd }, "verify", name, "--key", key)).code).toBe(0);
  rmSync(join(cwd, "dispatch-gate.db.key"));
  const { document } = await runJson({ cwd }, "export", "again", "--key", key);
  expect(document).toMatchObject({ command: "export", kind: "log", ok: true, out: "again", left: 0, other_keys: 0 });
  expect(readFileSync(join(cwd, "again", "events.jsonl"))).toEqual(readFileSync(join(cwd, "log", "events.jsonl")));
  expect(readdirSync(cwd).sort()).toEqual(["again", "bundle", "dispatch-gate.db", "log"]);
});

test("on a terminal a bar says how far it has come, and goes away; beside a document for programs there is none", async () => {
  const { cwd } = await closedLog();
  const pipe = await run({ cwd }, "export", "a");
  const terminal = await run({ cwd, isTTY: true, env: { NO_COLOR: "1" } }, "export", "b");
  expect([terminal.code, terminal.out, pipe.err]).toEqual([0, pipe.out, ""]);
  expect(terminal.err).toMatch(/^\r\[#{24}\] 100% of \d+ events\r +\r$/);
  const bundled = await run({ cwd, isTTY: true }, "export", "c", "--trace", "t-1");
  expect(bundled.err).toMatch(/^\r\[##\.{22}\] 10% of 10 events(?:\r\[.*)*\r +\r$/);
  expect((await run({ cwd, isTTY: true }, "export", "d", "--json")).err).toBe("");
  for (const path of ["b", "c", "dispatch-gate.db"]) {
    const [plain, shown] = [await run({ cwd }, "verify", path), await run({ cwd, isTTY: true }, "verify", path)];
    expect([plain.code, plain.err, shown.code]).toEqual([0, "", 0]);
    expect(shown.err).toMatch(/^\r\[#*\.*\] \d+% of \d+ events(?:\r\[.*)*\r +\r$/);
    expect((await run({ cwd, isTTY: true }, "verify", path, "--json")).err).toBe("");
  }
});

test("of the log of a gate that runs, what it has not signed yet is left out and counted", async () => {
  const cwd = freshFolder();
  const yaml = "version: v1\nrules:\n  - { id: all, match: { topics: [a] }, decision: allow }\n";
  const checkpoints = { everyEvents: 1_000_000, everySec: 86_400 };
  const gate = await createGate({ policy: { yaml }, store: join(cwd, "gate.db"), dispatch: () => 1, checkpoints });
  const of = ["--store", "gate.db"];
  try {
    const unsigned = await runJson({ cwd }, "export", "log", ...of);
    expect([unsigned.code, unsigned.document.error]).toEqual([
      1,
      expect.objectContaining({ code: "checkpoint_unknown" }),
    ]);
    await gate.evaluateAndDispatch({ topic: "a", traceId: "t" });
    await gate.audit.checkpoint();
    await gate.evaluateAndDispatch({ topic: "a", traceId: "t" });
    const exported = await run({ cwd }, "export", "log", ...of);
    expect(exported.out).toBe("4 events and 0 earlier checkpoints written\n2 events not signed yet left out\n");
    const { document } = await runJson({ cwd }, "export", "bundle", ...of, "--trace", "t");
    expect(document).toMatchObject({ kind: "bundle", events: 2, left: 2, trace_id: "t" });
    for (const name of ["log", "bundle"]) expect((await run({ cwd }, "verify", name)).code).toBe(0);
    // The gate goes on as if nothing had been.
    expect((await gate.evaluateAndDispatch({ topic: "a" })).status).toBe("SUCCEEDED");
  } finally {
    await gate.close();
  }
});

test.each([
  [["x", "--trace", "nobody"], 1, "trace_unknown"],
  [[], 2, "operand_missing"],
  [["x", "--trace", "t-1", "--job", "b"], 2, "option_unexpected"],
  [["x", "--tenant", "b"], 2, "option_unexpected"],
  [["x", "--values"], 2, "option_unexpected"],
  [["full"], 2, "folder_not_empty"],
  [["none/x"], 2, "file_unwritable"],
  [["x", "--key", "dispatch-gate.db.key"], 2, "key_invalid"],
])("export %j answers %i: %s", async (args, exit, code) => {
  const { cwd } = await closedLog();
  writeFileSync(join(cwd, "full"), "mine");
  const { code: answered, document } = await runJson({ cwd }, "export", ...args);
  expect([answered, document.error]).toEqual([exit, expect.objectContaining({ code })]);
  expect(readdirSync(cwd).sort()).toEqual(["dispatch-gate.db", "dispatch-gate.db.key", "full"]);
});

test("a log whose key file is elsewhere is exported only with the key that signed it", async () => {
  const { cwd } = await closedLog();
  const { key } = await closedLog();
  const other = await runJson({ cwd }, "export", "x", "--key", key);
  expect([other.code, other.document.error]).toEqual([1, expect.objectContaining({ code: "checkpoint_unknown" })]);
  rmSync(join(cwd, "dispatch-gate.db.key"));
  const none = await runJson({ cwd }, "export", "x");
  expect([none.code, none.document.error]).toEqual([2, expect.objectContaining({ code: "option_missing" })]);
  expect(readdirSync(cwd)).toEqual(["dispatch-gate.db"]);
});
