import { writeBase64 } from "../evidence/base64.js";
import { checkSigned } from "../evidence/check-log.js";
import { type Checkpoint, readCount } from "../evidence/checkpoint.js";
import type { Faults } from "../evidence/faults.js";
import { formatKey, type NoteKey, parseKey } from "../evidence/note.js";
import type { EvidenceFolder } from "./evidence-folder.js";

/** What is to be checked, and with what. */
export interface FolderCheck {
  readonly folder: EvidenceFolder;
  /** Null: the one that the folder brings along. */
  readonly key: NoteKey | null;
  readonly faults: Faults;
}

/** What was checked of a folder. */
export interface Checked {
  readonly kind: "log" | "bundle";
  /** The key that it was checked with; null where the folder brought none. */
  readonly key: NoteKey | null;
  /** What the checkpoint says, whoever signed it. */
  readonly size: number | null;
  readonly root: string | null;
  readonly counts: {
    readonly events: number;
    readonly checkpoints: number;
    readonly proofs: number;
    readonly policies: number;
    readonly values: number;
  };
}

/** Counts of nothing. */
export const NOTHING = { events: 0, checkpoints: 0, proofs: 0, policies: 0, values: 0 };

/** What is said of a file whose last line was cut off. */
export const UNFINISHED = "the last line has no end";

/** What is signed, and by whom. */
export interface Head {
  readonly key: NoteKey | null;
  readonly checkpoint: Checkpoint | null;
  readonly note: string | null;
}

/** The key to check with, and what is signed. */
export async function readHead({ folder, key: given, faults }: FolderCheck): Promise<Head> {
  const line = await folder.text("key");
  const own = line?.endsWith("\n") ? parseKey(line.slice(0, -1)) : null;
  if (line !== null && own === null)
    faults.add("key_malformed", "key", "the file is no key of a log (C2SP signed-note)");
  if (own !== null && given !== null && formatKey(own) !== formatKey(given)) {
    faults.add("key_differs", "key", "the folder brings another key than the one to check with");
  }
  const key = given ?? own;
  const note = await folder.text("checkpoint");
  return { key, note, checkpoint: note === null ? null : checkSigned(note, key, "checkpoint", faults) };
}

/** Adds a fault for each name that is neither expected nor allowed. Answers those that are. */
export async function checkNames(
  folder: EvidenceFolder,
  expected: ReadonlySet<string>,
  faults: Faults,
  allowed: ReadonlySet<string> = new Set(),
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const name of folder.names()) {
    if (expected.has(name) || allowed.has(name)) found.add(name);
    else faults.add("file_unexpected", name, "nothing of that name belongs here");
  }
  return found;
}

/** The numbers that files of a folder are named by, in order; a fault for every other name. */
export async function numbersIn(
  folder: EvidenceFolder,
  inside: string,
  ending: string,
  faults: Faults,
): Promise<readonly number[]> {
  const numbers: number[] = [];
  for await (const name of folder.names(inside)) {
    const number = name.endsWith(ending) ? readCount(name.slice(0, name.length - ending.length)) : null;
    if (number === null) faults.add("file_unexpected", `${inside}/${name}`, "nothing of that name belongs here");
    else numbers.push(number);
  }
  return numbers.sort((a, b) => a - b);
}

/** What was checked, with what the checkpoint says. */
export function result(
  kind: Checked["kind"],
  key: NoteKey | null,
  checkpoint: Checkpoint | null,
  counts: Checked["counts"],
): Checked {
  const root = checkpoint === null ? null : writeBase64(checkpoint.root);
  return { kind, key, size: checkpoint?.size ?? null, root, counts };
}
