import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bare, rowsOf } from "./markdown.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DOCS = readFileSync(join(root, "docs/evidence-export.md"), "utf8");

test("docs/evidence-export.md names every code of a finding, and no other", () => {
  const source = readFileSync(join(root, "src/evidence/faults.ts"), "utf8");
  const union = /export type FaultCode =([\s\S]*?);/.exec(source)?.[1] ?? "";
  const told = rowsOf(DOCS, "| code |").map(([cell = ""]) => bare(cell));
  expect(told.sort()).toEqual([...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code).sort());
});
