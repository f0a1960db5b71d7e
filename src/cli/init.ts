import { lstat, mkdir, rm, writeFile } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { quoted } from "../policy/source.js";
import { readArguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { inked, type Line, printLines, shownPath } from "./print.js";
import { shellWord } from "./shell-word.js";
import { STARTER_TEST, starterPolicy } from "./starter.js";

export const INIT_HELP = `usage: dispatch-gate init [FOLDER] [options]

Writes a first policy with comments, and a test of it, into a folder: the current one where none is given. Never overwrites.

  --json   one JSON document

  dispatch-gate init policies && dispatch-gate test policies

Exit: 0 written, 2 could not run: one of the files is there already, or the folder cannot be written.`;

/** What it takes. */
export const INIT_SHAPE = { options: {}, operands: { least: 0, most: 1, name: "FOLDER" } } as const;

const [POLICY, SUITE] = ["policy.yaml", "policy.test.yaml"];

/** Writes a first policy and its test, both or none. */
export async function init(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, INIT_SHAPE);
  const [folder = "."] = given.operands;
  const [policy, suite] = [pathOf(folder, POLICY), pathOf(folder, SUITE)];
  await writeNew(io, folder, [
    [policy, starterPolicy(schemaFrom(io.cwd, resolve(io.cwd, folder)))],
    [suite, STARTER_TEST],
  ]);
  const job = JSON.stringify({ topic: "job.tickets.write.close" });
  const next = [
    `dispatch-gate check ${shellWord(policy)}`,
    `dispatch-gate test ${shellWord(suite)}`,
    `dispatch-gate decide ${shellWord(policy)} --job ${shellWord(job)}`,
  ];
  if (given.has("json")) printJson(io, { command: "init", ok: true, written: [policy, suite], next });
  else {
    const written = [policy, suite].map((file): Line => [inked("good", "written"), ` ${shownPath(file)}`]);
    printLines(io.stdout, io.env, [...written, ["next:"], ...next.map((one): Line => ["  ", inked("strong", one)])]);
  }
  return EXIT.fine;
}

/** A path that no command takes for an option. */
function pathOf(folder: string, name: string): string {
  const path = join(folder, name);
  return path.startsWith("-") ? `./${path}` : path;
}

/** Where the schema of the package stands that is installed in the current folder. Another folder's name is never in it. */
function schemaFrom(cwd: string, folder: string): string {
  const below = relative(cwd, folder);
  const isBelow = below !== "" && !isAbsolute(below) && below.split(sep)[0] !== "..";
  const up = isBelow ? "../".repeat(below.split(sep).length) : "./";
  return `${up}node_modules/dispatch-gate/dist/policy.schema.json`;
}

type NewFile = readonly [path: string, text: string];

/** Writes files that are not there yet, all or none. */
async function writeNew(io: Io, folder: string, files: readonly NewFile[]): Promise<void> {
  for (const [path] of files) if (await exists(resolve(io.cwd, path))) throw taken(path);
  const written: string[] = [];
  try {
    await mkdir(resolve(io.cwd, folder), { recursive: true });
    for (const [path, text] of files) {
      await writeFile(resolve(io.cwd, path), text, { flag: "wx" });
      written.push(resolve(io.cwd, path));
    }
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    const code = String((error as { readonly code?: unknown } | null)?.code ?? "unknown error");
    throw new CannotRun("file_unwritable", `${quoted(folder)} cannot be written (${code})`, "check the path");
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function taken(path: string): CannotRun {
  return new CannotRun("file_exists", `${quoted(path)} exists`, "name another folder");
}
