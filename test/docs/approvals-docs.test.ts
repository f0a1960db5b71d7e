import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMemoryStore } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { EVENT_TYPES } from "../../src/evidence/event.js";
import { ASK_ALL, open } from "../gate/open.js";
import { bare, blocksOf, codesIn, rowsOf } from "./markdown.js";
import { runProgram, userFolder } from "./user-folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DOCS = readFileSync(join(root, "docs/approvals.md"), "utf8");
const folder = userFolder();

/** The words of a closed list, read from its type. */
function wordsOf(source: string, type: string): readonly string[] {
  const text = readFileSync(join(root, source), "utf8");
  const union = new RegExp(`export type ${type} =([\\s\\S]*?);`).exec(text)?.[1] ?? "";
  return [...union.matchAll(/"([a-z_.]+)"/g)].map(([, word = ""]) => word);
}

const firstCells = (head: string): readonly string[] => rowsOf(DOCS, head).map(([cell = ""]) => bare(cell));

test("its program runs as it stands, with the policy below it, and shows a request and the end", () => {
  const [program, policy] = blocksOf(DOCS);
  writeFileSync(join(folder, "policy.yaml"), policy?.text ?? "");
  const ran = runProgram(folder, program?.text ?? "");
  expect([ran.stderr, ran.status]).toEqual(["", 0]);
  expect(ran.stdout).toContain('"to": "NL91ABNA0417164300"');
  expect(ran.stdout).toContain('1 human with one of the roles "finance", whose vote names this view');
  expect(ran.stdout.trimEnd().split("\n").at(-1)).toBe("SUCCEEDED consumed");
});

test("its fields of a request, of a vote and of the numbers are those there are", async () => {
  const gate = await open({ policy: ASK_ALL, store: createMemoryStore(), dispatch: () => 1 });
  const held = await gate.evaluateAndDispatch({ topic: "a" });
  const approval = await gate.approvals.approve(held.approval?.id ?? "", { by: { id: "ann" } });
  const told = rowsOf(DOCS, "| field |").flatMap(([cell = ""]) => codesIn(cell));
  expect(told.sort()).toEqual(Object.keys(approval).sort());
  const [votes = ""] = rowsOf(DOCS, "| field |").flatMap(([cell, is = ""]) => (cell === "`votes`" ? [is] : []));
  expect(
    codesIn(votes)
      .filter((code) => code !== "view")
      .sort(),
  ).toEqual(Object.keys(approval.votes[0] ?? {}).sort());
  const numbers = /`stats\(\)` answers [\s\S]*?\n\n/.exec(DOCS)?.[0] ?? "";
  const stats = await gate.approvals.stats();
  expect(
    codesIn(numbers)
      .filter((code) => code !== "stats()")
      .sort(),
  ).toEqual(Object.keys(stats).sort());
});

test("it names every state, every code of a refusal and every event that the hook is told of, and no other", () => {
  expect([...firstCells("| state |")].sort()).toEqual([...wordsOf("src/outcome.ts", "ApprovalState")].sort());
  expect([...firstCells("| code |")].sort()).toEqual([...wordsOf("src/errors.ts", "ApprovalErrorCode")].sort());
  const told = /`onEvent` is called[\s\S]*?approval was used/.exec(DOCS)?.[0] ?? "";
  const events = codesIn(told).filter((code) => code.includes("."));
  const all = EVENT_TYPES.filter((type) => type.startsWith("approval."));
  expect([...events].sort()).toEqual([...all, "job.dispatching"].sort());
});
