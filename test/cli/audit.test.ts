import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { expect, test } from "vitest";
import { afterwards, folderOf, run, runJson } from "./run-command.js";

const POLICY = `version: v1
rules:
  - { id: read, match: { topics: [read] }, decision: allow }
  - { id: write, match: { topics: [write] }, decision: require_approval }
`;

/** What a worker reports of itself: what it did, and for which job. */
async function worked(): Promise<{ readonly cwd: string; readonly at: number }> {
  const cwd = folderOf();
  const gate = await createGate({ policy: { yaml: POLICY }, store: join(cwd, "gate.db"), dispatch: () => "done" });
  afterwards(() => gate.close());
  const at = Date.now();
  await gate.evaluateAndDispatch({ id: "gated", topic: "read" });
  await gate.evaluateAndDispatch({ id: "gated", tenantId: "acme", topic: "read" });
  // Held, and refused: neither was dispatched.
  await gate.evaluateAndDispatch({ id: "held", topic: "write" });
  await gate.evaluateAndDispatch({ id: "refused", topic: "other" });
  return { cwd, at };
}

const lines = (...effects: readonly unknown[]): string => effects.map((effect) => JSON.stringify(effect)).join("\n");

test("effects with a decision record are gated, whichever tenant they are of", async () => {
  const { cwd, at } = await worked();
  const stdin = lines(
    { job_id: "gated", at: at + 60_000, what: "read a file" },
    { job_id: "gated", tenant_id: "acme" },
  );
  const args = ["audit", "ungated", "--log", "gate.db", "--effects", "-"];
  expect(await run({ cwd, stdin: `${stdin}\n\n` }, ...args)).toEqual({
    code: 0,
    out: "2 effects, each with a decision record\n",
    err: "",
  });
});

test("every other is listed with its line and why, and nothing in it acts on a terminal", async () => {
  const { cwd, at } = await worked();
  const stdin = [
    lines(
      { job_id: "gated" },
      { job_id: "held", what: "wrote \u001b[2Jall" },
      { job_id: "refused" },
      { job_id: "gated", tenant_id: "other" },
      { what: "a script of its own" },
      { job_id: "gated", at: at - 60_000 },
      { job_id: ["gated"] },
    ),
    "not JSON",
    "[1]",
  ].join("\n");
  const args = ["audit", "ungated", "--log", "gate.db", "--effects", "-"];
  const { code, document } = await runJson({ cwd, stdin }, ...args);
  expect(code).toBe(1);
  expect(document).toMatchObject({ command: "audit", call: "ungated", ok: false, log: "gate.db", effects: 9 });
  expect((document.ungated as { line: number; why: string }[]).map(({ line, why }) => [line, why])).toEqual([
    [2, "no_decision"],
    [3, "no_decision"],
    [4, "no_decision"],
    [5, "no_job_named"],
    [6, "before_its_dispatch"],
    [7, "no_job_named"],
    [8, "not_readable"],
    [9, "not_readable"],
  ]);
  const { out } = await run({ cwd, stdin }, ...args);
  expect(out).toContain('line 2: ungated "wrote \\u{1b}[2Jall" job "held" of "default": no gate dispatched that job\n');
  expect(out).toContain("9 effects, 8 without a decision record\n");
  expect(out.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
});

test.each([
  [["audit", "gated"], "call_unknown"],
  [["audit", "ungated", "--effects", "-"], "option_missing"],
  [["audit", "ungated", "--log", "gate.db"], "option_missing"],
  [["audit", "ungated", "--log", "none.db", "--effects", "-"], "file_missing"],
  [["audit", "ungated", "--log", "gate.db", "--effects", "none.jsonl"], "file_missing"],
  [["audit", "ungated", "--log", "gate.db", "--effects", "."], "file_unreadable"],
])("%j cannot run: %s", async (args, code) => {
  const { cwd } = await worked();
  const { code: exit, document } = await runJson({ cwd }, ...args);
  expect([exit, (document.error as { code?: string }).code]).toEqual([2, code]);
});
