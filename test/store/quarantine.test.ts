import { expect, test } from "vitest";
import { outputViewOf, type Quarantine, quarantineOf, releasedResult } from "../../src/store/quarantine.js";
import type { JobRow } from "../../src/store/rows.js";
import { withheldRow } from "./withheld-row.js";

const FINDING = {
  kind: "k",
  path: "/a",
  length: 1,
  fingerprint: "0".repeat(12),
  ruleId: "r",
  action: "redact",
} as const;
const HELD: Partial<Quarantine> = { quarantineId: "q", findings: [FINDING], held: "h", requesters: ["bot"] };

function viewOf(row: JobRow): string {
  const quarantine = quarantineOf(row);
  if (quarantine === null) throw new Error("nothing was withheld");
  return outputViewOf(row, quarantine);
}

test("the view of an output is another where anything is that a person is shown of it", () => {
  const views = [
    withheldRow(HELD),
    withheldRow({ ...HELD, quarantineId: "p" }),
    withheldRow({ ...HELD, held: "g" }),
    withheldRow({ ...HELD, findings: [] }),
    withheldRow({ ...HELD, findings: [{ ...FINDING, path: "/b" }] }),
    withheldRow(HELD, { reason: { code: "output_quarantined", message: "n" } }),
    withheldRow(HELD, { commitment: "d" }),
  ].map(viewOf);
  expect(new Set(views).size).toBe(views.length);
});

test("the view stays the same when the output is delivered, and there is one also where a place holds half a character", () => {
  const row = withheldRow({ ...HELD, findings: [{ ...FINDING, path: "/\ud800" }] });
  const view = viewOf(row);
  expect(view).toMatch(/^[0-9a-f]{64}$/);
  const after = { ...row, result: releasedResult(row, { by: "ann", at: 3 }) };
  expect(viewOf(after)).toBe(view);
  expect(quarantineOf(after)).toEqual({ ...quarantineOf(row), released: { by: "ann", at: 3 } });
});

test("nothing was withheld of a job that ended otherwise, or of which nobody recorded it", () => {
  expect(quarantineOf(withheldRow(HELD, { status: "SUCCEEDED" }))).toBeNull();
  expect(quarantineOf(withheldRow({}))).toBeNull();
  expect(quarantineOf(withheldRow(HELD, { result: null }))).toBeNull();
});
