import { readBase64, writeBase64 } from "./base64.js";
import { HASH_BYTES, type Hash } from "./merkle.js";
import { type NoteKey, openNote, parseNote } from "./note.js";

/** The head of a log at one size. */
export interface TreeHead {
  /** How many events, from 0 to 2^53 - 1. */
  readonly size: number;
  readonly root: Hash;
}

/** The head of a log at one size, as it is signed: which log, how many entries, and the root of the tree of them. */
export interface Checkpoint extends TreeHead {
  /** Names the log; equals the name of the key that signs. */
  readonly origin: string;
}

/** The text that is signed (C2SP tlog-checkpoint): three lines, and no extension lines. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${writeBase64(root)}\n`;
}

/** Reads the signed text; null unless it is exactly what {@link formatCheckpoint} writes. */
function parseCheckpoint(text: string): Checkpoint | null {
  const [origin, size, root, end, ...more] = text.split("\n");
  if (!origin || size === undefined || root === undefined || end !== "" || more.length > 0) return null;
  const count = readCount(size);
  const hash = readBase64(root);
  if (count === null || hash === null || hash.length !== HASH_BYTES) return null;
  return { origin, size: count, root: hash };
}

/** A checkpoint that one of these keys signed for the log of its own name; null where none did. */
export function openCheckpoint(note: string, keys: readonly NoteKey[]): Checkpoint | null {
  const read = readCheckpoint(note);
  if (read === null) return null;
  // A key speaks for the log of its name alone: a signature by another log's key is none of this one's.
  const own = keys.filter(({ name }) => name === read.origin);
  return openNote(note, own) === null ? null : read;
}

/** The same without looking at who signed: for one's own records, and never for what others hand over. */
export function readCheckpoint(note: string): Checkpoint | null {
  const unchecked = parseNote(note);
  return unchecked === null ? null : parseCheckpoint(unchecked.text);
}

/** A count in ASCII decimal with no leading zero, as the formats of C2SP write them; null for any other text. */
export function readCount(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const count = Number(text);
  return Number.isSafeInteger(count) ? count : null;
}
