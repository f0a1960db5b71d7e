import { constants, open, opendir, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { createFaults, type Fault } from "../evidence/faults.js";
import { quoted } from "../policy/source.js";
import { type Arguments, readArguments } from "./arguments.js";
import { checkBundleFolder } from "./check-bundle-folder.js";
import { checkLogFolder } from "./check-log-folder.js";
import { checkProofFile } from "./check-proof-file.js";
import { openEvidenceFolder } from "./evidence-folder.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { printLines } from "./print.js";
import { createProgress } from "./progress.js";
import { readKey } from "./read-key.js";
import { unreadable } from "./read-text.js";
import { verifyDatabase } from "./verify-database.js";
import { type Verified, verifiedJson, verifiedLines } from "./verify-report.js";

export const VERIFY_HELP = `usage: dispatch-gate verify PATH [options]

Checks evidence with nothing else than what is there, and a key: the folder of a log or of one trace that
\`dispatch-gate export\` wrote, a file .tlog-proof, or the database of a gate, which is left as it is.

  --key KEY      the public key of the log, or a file with it: get it from elsewhere than the evidence
  --event FILE   the event that a .tlog-proof is of, where it carries none
  --json         one JSON document

  dispatch-gate verify dispatch-gate.db
  dispatch-gate verify evidence --key log.key

Without \`--key\` a folder is checked with the key in it, and a database with the key file beside it, which shows only that it is of
one piece.
Exit: 0 all of it holds, 1 something does not, 2 could not run.`;

/** What it takes. */
export const VERIFY_SHAPE = {
  options: { key: "text", event: "text" },
  operands: { least: 1, most: 1, name: "PATH" },
} as const;

/** Checks evidence that somebody handed over. */
export async function verify(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, VERIFY_SHAPE);
  const [shown = ""] = given.operands;
  const path = resolve(io.cwd, shown);
  const kind = await kindOf(path, shown);
  if (kind !== "proof" && given.has("event")) {
    throw new CannotRun("option_unexpected", "`--event` goes with a file .tlog-proof", "see `--help`");
  }
  if (kind === "sqlite") {
    return verifyDatabase({ io, path, shown, key: await readKey(io, given), json: given.has("json") });
  }
  const verified = await check(kind, { io, path, shown, given });
  const ok = verified.faults.count === 0;
  if (given.has("json")) printJson(io, verifiedJson(shown, verified));
  else printLines(io.stdout, io.env, verifiedLines(shown, verified));
  return ok ? EXIT.fine : EXIT.findings;
}

type Kind = "log" | "bundle" | "proof" | "sqlite";

interface Asked {
  readonly io: Io;
  readonly path: string;
  readonly shown: string;
  readonly given: Arguments;
}

async function check(kind: Exclude<Kind, "sqlite">, { io, path, shown, given }: Asked): Promise<Verified> {
  const faults = createFaults();
  const key = await readKey(io, given);
  const found = (): { readonly list: readonly Fault[]; readonly count: number } => ({
    list: faults.list(),
    count: faults.count(),
  });
  switch (kind) {
    case "log":
    case "bundle": {
      const folder = openEvidenceFolder(path, shown, faults);
      const checkFolder = kind === "log" ? checkLogFolder : checkBundleFolder;
      const progress = createProgress(io, given.has("json"), "events");
      const checked = await checkFolder({ folder, key, faults }, progress).finally(progress.end);
      return { ...checked, isKeyGiven: key !== null, event: null, faults: found() };
    }
    case "proof": {
      if (key === null) throw new CannotRun("option_missing", "a proof is checked with `--key`", "give the log's key");
      const checked = await checkProofFile({ io, shown, event: given.text("event"), key, faults });
      return { ...checked, isKeyGiven: true, faults: found() };
    }
  }
}

/** Files that only a bundle has, and those that any folder of evidence may have. */
const OF_BUNDLE: ReadonlySet<string> = new Set(["proofs", "policies", "timeline.json", "timeline.txt", "values.jsonl"]);
const OF_ANY: ReadonlySet<string> = new Set(["events.jsonl", "checkpoint", "key", "checkpoints"]);

/** Told apart by what is there. @throws CannotRun for what is no evidence. */
async function kindOf(path: string, shown: string): Promise<Kind> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return await kindOfFolder(path, shown);
    if (!found.isFile()) throw new CannotRun("file_unreadable", `${quoted(shown)} is not a regular file`);
    // A gate has it open: reading the file itself would drop the locks of one in this very process.
    if (await isOpen(path)) return "sqlite";
    const head = await headOf(path);
    if (head.startsWith("SQLite format 3\0")) return "sqlite";
    if (shown.endsWith(".tlog-proof") || head.startsWith("c2sp.org/tlog-proof@v1\n")) return "proof";
  } catch (error) {
    throw error instanceof CannotRun ? error : unreadable(error, shown);
  }
  throw noEvidence(shown);
}

function isOpen(path: string): Promise<boolean> {
  return stat(`${path}-shm`).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function kindOfFolder(path: string, shown: string): Promise<Kind> {
  let isLog = false;
  let looked = 0;
  for await (const { name } of await opendir(path)) {
    if (OF_BUNDLE.has(name)) return "bundle";
    isLog ||= OF_ANY.has(name);
    looked += 1;
    if (looked > MAX_LOOKED) break;
  }
  if (isLog) return "log";
  throw noEvidence(shown);
}

/** Names that are looked at to tell what a folder is. */
const MAX_LOOKED = 10_000;

/** Bytes that tell a kind of file. */
const HEAD = 32;

async function headOf(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function noEvidence(shown: string): CannotRun {
  return new CannotRun("evidence_unknown", `${quoted(shown)} is no evidence that is known here`, "see `--help`");
}
