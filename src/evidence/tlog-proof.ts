import { readBase64, writeBase64 } from "./base64.js";
import { type Checkpoint, openCheckpoint, readCount } from "./checkpoint.js";
import { HASH_BYTES, type Hash, leafHashOf } from "./merkle.js";
import type { NoteKey } from "./note.js";
import { isConsistent, isIncluded } from "./proof.js";

/** A proof that an entry is in a log, as a file of its own (C2SP tlog-proof). */
export interface TlogProof {
  /** From 0. */
  readonly index: number;
  readonly proof: readonly Hash[];
  /** The signed note, as the log made it. */
  readonly checkpoint: string;
  /** Nothing vouches for it but that it is the entry which the proof is of. */
  readonly extra: Uint8Array | null;
}

/** A proof that a log still begins with what it once was (the body of C2SP tlog-witness `add-checkpoint`). */
export interface TlogConsistency {
  /** How many entries it had then. */
  readonly from: number;
  readonly proof: readonly Hash[];
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";

/** More hashes than any tree has levels. */
const MAX_HASHES = 64;

/** Writes a proof of inclusion. */
export function formatTlogProof({ index, proof, checkpoint, extra }: TlogProof): string {
  const about = extra === null ? [] : [`extra ${writeBase64(extra)}`];
  return `${[HEADER, ...about, `index ${index}`, ...proof.map(writeBase64)].join("\n")}\n\n${checkpoint}`;
}

/** Reads a proof of inclusion; null unless it is exactly what the format says. Whether it proves anything is not looked at. */
export function parseTlogProof(text: string): TlogProof | null {
  const split = splitProof(text);
  if (split === null) return null;
  const [header, ...lines] = split.lines;
  if (header !== HEADER) return null;
  const extra = readField(lines[0], "extra");
  const bytes = extra === null ? null : readBase64(extra);
  if (extra !== null && bytes === null) return null;
  const [first, ...hashes] = extra === null ? lines : lines.slice(1);
  const index = readCount(readField(first, "index") ?? "");
  const proof = readHashes(hashes);
  return index === null || proof === null ? null : { index, proof, checkpoint: split.checkpoint, extra: bytes };
}

/** Writes a proof of consistency. */
export function formatConsistency({ from, proof, checkpoint }: TlogConsistency): string {
  return `${[`old ${from}`, ...proof.map(writeBase64)].join("\n")}\n\n${checkpoint}`;
}

/** Reads a proof of consistency; null unless it is exactly what the format says. */
export function parseConsistency(text: string): TlogConsistency | null {
  const split = splitProof(text);
  if (split === null) return null;
  const [first, ...hashes] = split.lines;
  const from = readCount(readField(first, "old") ?? "");
  const proof = readHashes(hashes);
  return from === null || proof === null ? null : { from, proof, checkpoint: split.checkpoint };
}

/** The checkpoint under which this entry is proved to stand; null where it is not. */
export function openTlogProof(read: TlogProof, entry: Uint8Array, keys: readonly NoteKey[]): Checkpoint | null {
  const checkpoint = openCheckpoint(read.checkpoint, keys);
  if (checkpoint === null) return null;
  const { index, proof } = read;
  return isIncluded({ ...checkpoint, index, proof, leaf: leafHashOf(entry) }) ? checkpoint : null;
}

/** The newer checkpoint, where the log is proved to begin with the older one; null where it is not. */
export function openConsistency(read: TlogConsistency, older: Checkpoint, keys: readonly NoteKey[]): Checkpoint | null {
  const newer = openCheckpoint(read.checkpoint, keys);
  if (newer === null || newer.origin !== older.origin || read.from !== older.size) return null;
  const { size: from, root: fromRoot } = older;
  const { size: to, root: toRoot } = newer;
  return isConsistent({ from, fromRoot, to, toRoot, proof: read.proof }) ? newer : null;
}

/** The lines before the first empty one, and what comes after it. */
function splitProof(text: string): { readonly lines: readonly string[]; readonly checkpoint: string } | null {
  const end = text.indexOf("\n\n");
  if (end < 0) return null;
  return { lines: text.slice(0, end).split("\n"), checkpoint: text.slice(end + 2) };
}

function readField(line: string | undefined, name: string): string | null {
  return line?.startsWith(`${name} `) === true ? line.slice(name.length + 1) : null;
}

function readHashes(lines: readonly string[]): readonly Hash[] | null {
  if (lines.length > MAX_HASHES) return null;
  const hashes = lines.map(readBase64);
  return hashes.every((hash) => hash?.length === HASH_BYTES) ? (hashes as readonly Hash[]) : null;
}
