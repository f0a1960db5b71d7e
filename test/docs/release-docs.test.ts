import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { held, open } from "../gate/open.js";
import { bare, blocksOf, codesIn, rowsOf } from "./markdown.js";
import { runProgram, userFolder } from "./user-folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DOCS = readFileSync(join(root, "docs/output.md"), "utf8");
const SECTION = DOCS.slice(DOCS.indexOf("## Quarantine and release"));
const folder = userFolder();

test("its program runs as it stands, shows nothing of what is withheld, and delivers it", () => {
  const [program] = blocksOf(SECTION);
  const ran = runProgram(folder, program?.text ?? "");
  expect([ran.stderr, ran.status]).toEqual(["", 0]);
  expect(ran.stdout.split("\n").slice(0, 3)).toEqual([
    "output rule `accounts` withheld the output: account at `/account`",
    expect.stringMatching(/^\{ "account": "\[REDACTED:account[^"]*\]", "paid": true \}$/),
    "{ account: 'ACME-123456', paid: true }",
  ]);
});

test("it names every code of a refusal, and no other", () => {
  const source = readFileSync(join(root, "src/errors.ts"), "utf8");
  const union = /export type OutputErrorCode =([\s\S]*?);/.exec(source)?.[1] ?? "";
  const told = rowsOf(SECTION, "| code |").map(([cell = ""]) => bare(cell));
  expect(told.sort()).toEqual([...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code).sort());
});

test("it names every field of what is shown and of what is delivered, and no other", async () => {
  const gate = await open({ policy: held("max_output_bytes: 1"), store: createMemoryStore(), dispatch: () => "ab" });
  const { quarantineId: id } = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
  const shown = await gate.outputs.get(id);
  const delivered = await gate.outputs.release(id, { by: { id: "ann" }, view: shown?.view ?? "" });
  const fieldsOf = (call: string): readonly string[] =>
    codesIn(new RegExp(`^\`${call}\` answers[\\s\\S]*?[.]\\s`, "m").exec(SECTION)?.[0] ?? "").slice(1);
  expect([...fieldsOf("get")].sort()).toEqual(Object.keys(shown ?? {}).sort());
  expect([...fieldsOf("release")].sort()).toEqual(Object.keys(delivered).sort());
});
