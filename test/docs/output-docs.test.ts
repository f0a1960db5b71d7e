import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { blocksOf } from "./markdown.js";
import { runProgram, userFolder } from "./user-folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DOCS = readFileSync(join(root, "docs/output.md"), "utf8");
const folder = userFolder();

test.each([
  ["Streams", ["The account of [REDACTED:email] is open.", "SUCCEEDED"]],
  ["Detectors of your own", ["{ rows: [ '[REDACTED:badge], Basel', 'YmFkZ2Ug[REDACTED:badge]' ] }"]],
  ["Input too", ["wait with-secret"]],
])("the program under `%s` runs as it stands, and says what it should", (title, said) => {
  const section = DOCS.slice(DOCS.indexOf(`## ${title}`));
  const program = blocksOf(section).find(({ language }) => language === "ts");
  const ran = runProgram(folder, program?.text ?? "");
  expect([ran.stderr, ran.status]).toEqual(["", 0]);
  expect(ran.stdout.trimEnd().split("\n")).toEqual(said);
});
