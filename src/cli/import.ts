import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { quoted } from "../policy/source.js";
import { issueJson, toWire } from "../wire.js";
import { readArguments } from "./arguments.js";
import { issueLines, placeIssues, placeOf } from "./excerpt.js";
import { type ImportNote, importCordum } from "./import-cordum.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { count, type Ink, inked, type Line, printLines, shownPath } from "./print.js";
import { readText } from "./read-text.js";

export const IMPORT_HELP = `usage: dispatch-gate import --from cordum FILE [options]

Rewrites a policy of another engine. What cannot be carried over never widens: notes on standard error say what
changed its meaning, what was dropped and what was refused. FILE may be \`-\` for standard input.

  --from WORD   the engine: cordum
  --out FILE    write there and not to standard output; an existing file is left alone
  --force       overwrite it
  --json        one JSON document on standard output, notes included

  dispatch-gate import --from cordum safety.yaml --out policy.yaml

Exit: 0 all of it carried over or tightened, 1 something was dropped or refused, 2 could not run.`;

/** What it takes. */
export const IMPORT_SHAPE = {
  options: { from: ["cordum"], out: "text", force: "switch" },
  operands: { least: 1, most: 1, name: "FILE" },
} as const;

/** Rewrites one policy. */
export async function importPolicy(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, IMPORT_SHAPE);
  const [file = ""] = given.operands;
  if (given.text("from") === undefined) {
    throw new CannotRun("option_missing", "`--from` is missing", "name the engine: `--from cordum`");
  }
  const result = importCordum(await readText(io, file));
  if (!result.ok) {
    const problems = await placeIssues(io, file, result.problems);
    if (given.has("json")) {
      const issues = problems.map(({ issue, file: where }) => issueJson(issue, where));
      printJson(io, { command: "import", file, ok: false, problems: issues, notes: [], yaml: null, out: null });
    } else printLines(io.stderr, io.env, issueLines(problems));
    return EXIT.cannot;
  }
  const { yaml, notes } = result.imported;
  const out = given.text("out");
  if (out !== undefined) await write(io, out, yaml, given.has("force"));
  const lost = notes.some(({ kind }) => kind !== "changed");
  if (given.has("json")) {
    const facts = { command: "import", file, ok: !lost, problems: [], notes, yaml, out: out ?? null };
    printJson(io, toWire(facts));
  } else {
    if (out === undefined) io.stdout.write(yaml);
    printLines(io.stderr, io.env, noteLines(file, notes));
  }
  return lost ? EXIT.findings : EXIT.fine;
}

/** Takes the place of another file only when told to, and then at once. */
async function write(io: Io, out: string, yaml: string, force: boolean): Promise<void> {
  const path = resolve(io.cwd, out);
  try {
    if (!force) await writeFile(path, yaml, { flag: "wx" });
    else await replace(path, yaml);
  } catch (error) {
    const code = String((error as { readonly code?: unknown } | null)?.code ?? "unknown error");
    if (code === "EEXIST") throw new CannotRun("file_exists", `${quoted(out)} exists`, "overwrite it with `--force`");
    throw new CannotRun("file_unwritable", `${quoted(out)} cannot be written (${code})`, "check the path");
  }
}

async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(beside, text, { flag: "wx" });
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

const INKS: Readonly<Record<ImportNote["kind"], Ink>> = { refused: "bad", dropped: "wait", changed: "note" };

function noteLines(file: string, notes: readonly ImportNote[]): readonly Line[] {
  const lines = notes.flatMap((note): readonly Line[] => [
    [inked("strong", placeOf(file, note)), ": ", inked(INKS[note.kind], note.kind), `: ${note.message}`],
    ...(note.help === undefined ? [] : [["    ", inked("note", "help"), `: ${note.help}`]]),
  ]);
  const total = (kind: ImportNote["kind"]): number => notes.filter((note) => note.kind === kind).length;
  const counts = `${total("changed")} changed, ${total("dropped")} dropped, ${total("refused")} refused`;
  return [...lines, [inked("strong", shownPath(file)), `: ${count(notes.length, "note")}; ${counts}`]];
}
