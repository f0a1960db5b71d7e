import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { createGate } from "dispatch-gate";
import { expect, test } from "vitest";
import { freshFolder } from "../gate/open.js";
import { closedLog } from "./closed-log.js";
import { run, runJson } from "./run-command.js";

test("a trace is told in words by its id, or by a job or a request in it, and the log stays as it is", async () => {
  const { cwd, text, jobId } = await closedLog();
  const before = readFileSync(join(cwd, "dispatch-gate.db"));
  expect(await run({ cwd }, "trace", "t-1")).toEqual({ code: 0, out: text, err: "" });
  const { document } = await runJson({ cwd }, "trace", "--job", jobId, "--tenant", "default");
  expect(document).toMatchObject({ command: "trace", ok: true, store: "./dispatch-gate.db", trace_id: "t-1" });
  const [entry] = document.entries as unknown as { readonly body: { readonly approval_id: string } }[];
  const approval = entry?.body.approval_id ?? "";
  expect((await run({ cwd }, "trace", "--approval", approval, "--store", "dispatch-gate.db")).out).toBe(text);
  expect(readFileSync(join(cwd, "dispatch-gate.db")).equals(before)).toBe(true);
  expect(readdirSync(cwd).sort()).toEqual(["dispatch-gate.db", "dispatch-gate.db.key"]);
});

test("on a terminal it is the same text with colours", async () => {
  const { cwd, text } = await closedLog();
  const { out } = await run({ cwd, isTTY: true }, "trace", "t-1");
  expect(out).toContain("decided: \u001b[33mREQUIRE_APPROVAL\u001b[39m by rule");
  expect(out).toContain("ended \u001b[32mSUCCEEDED\u001b[39m at");
  expect(stripVTControlCharacters(out)).toBe(text);
});

test("it is told while the gate runs, and the gate goes on", async () => {
  const cwd = freshFolder();
  const yaml = "version: v1\nrules:\n  - { id: all, match: { topics: [a] }, decision: allow }\n";
  const gate = await createGate({ policy: { yaml }, store: join(cwd, "dispatch-gate.db"), dispatch: () => 1 });
  try {
    expect((await run({ cwd }, "trace", "t")).code).toBe(1);
    await gate.evaluateAndDispatch({ topic: "a", traceId: "t" });
    expect((await run({ cwd }, "trace", "t")).out).toContain("ended SUCCEEDED");
    expect((await gate.evaluateAndDispatch({ topic: "a" })).status).toBe("SUCCEEDED");
  } finally {
    await gate.close();
  }
});

test.each([
  [["nobody"], 1, "trace_unknown"],
  [["--job", "nobody"], 1, "trace_unknown"],
  [[], 2, "operand_missing"],
  [["t-1", "--job", "b"], 2, "option_unexpected"],
  [["t-1", "--tenant", "b"], 2, "option_unexpected"],
  [["t-1", "--store", "none.db"], 2, "store_path_invalid"],
  [["t-1", "--store", "dispatch-gate.db.key"], 2, "store_not_sqlite"],
])("trace %j answers %i: %s", async (args, exit, code) => {
  const { cwd } = await closedLog();
  const { code: answered, document } = await runJson({ cwd }, "trace", ...args);
  expect([answered, document.error]).toEqual([exit, expect.objectContaining({ code })]);
});

test("a file that is no gate's is named as it was given, and not by the copy that was read", async () => {
  const { cwd } = await closedLog();
  const { err } = await run({ cwd }, "trace", "t-1", "--store", "dispatch-gate.db.key");
  expect(err).toContain("the file is not an SQLite database: `dispatch-gate.db.key`\n");
});
