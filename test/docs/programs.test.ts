import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createProcessDispatcher } from "dispatch-gate/process";
import { expect, test } from "vitest";
import { bare, blocksOf, rowsOf } from "./markdown.js";
import { runProgram, userFolder } from "./user-folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = userFolder();

// Only bubblewrap, and a system that lets it work, runs the program in docs/process.md.
const { sandboxed } = await createProcessDispatcher({ command: () => ["true"] });

test.for([
  ["evidence.md", ["ALLOW", "SUCCEEDED", "c2sp.org/tlog-proof@v1", "0 true", "2"]],
  ["constraints.md", ["SUCCEEDED", "FAILED GuardError", "constraint_unenforceable"]],
  ["permits.md", ['paid {"amount":5} for default', "permit_malformed"]],
  ["http.md", ["202 200 SUCCEEDED"]],
  [
    "checklist.md",
    [
      "DENIED PENDING_APPROVAL 0",
      "approval_queue_full 1 1 true",
      "closed",
      "approval.requested approval.voted job.dispatching job.settled ticket 7",
    ],
  ],
  ["process.md", ["SUCCEEDED", "FAILED"]],
] as const)("the program in docs/%s runs as it stands, and says what it should", ([file, said], { skip }) => {
  skip(file === "process.md" && !sandboxed, "bubblewrap does not work here");
  const programs = blocksOf(readFileSync(join(root, "docs", file), "utf8")).filter(({ language }) => language === "ts");
  expect(programs.length).toBeGreaterThan(0);
  const ran = runProgram(folder, programs[0]?.text ?? "");
  expect([ran.stderr, ran.status]).toEqual(["", 0]);
  expect(ran.stdout.trimEnd().split("\n")).toEqual(said);
});

test("docs/constraints.md names every code of a guard's refusal, and no other", () => {
  const told = rowsOf(readFileSync(join(root, "docs/constraints.md"), "utf8"), "| code |").map(([cell = ""]) =>
    bare(cell),
  );
  const source = readFileSync(join(root, "src/errors.ts"), "utf8");
  const union = /export type GuardErrorCode =([\s\S]*?);/.exec(source)?.[1] ?? "";
  expect(told.sort()).toEqual([...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code).sort());
});

test("docs/evidence.md names every code of what can be wrong with a database, and no other", () => {
  const told = rowsOf(readFileSync(join(root, "docs/evidence.md"), "utf8"), "| code |").flatMap(([cell = ""]) =>
    cell.split(",").map((each) => bare(each.trim())),
  );
  const source = readFileSync(join(root, "src/store/verify/problem.ts"), "utf8").replace(/\/\*\*.*?\*\//gs, "");
  const union = /export type ProblemCode =([\s\S]*?);/.exec(source)?.[1] ?? "";
  expect(told.sort()).toEqual([...union.matchAll(/\| "([a-z_]+)"/g)].map(([, code]) => code).sort());
});
