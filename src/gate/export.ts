import { EvidenceError } from "../errors.js";
import { writeBase64 } from "../evidence/base64.js";
import { openCheckpoint, type TreeHead } from "../evidence/checkpoint.js";
import { append, type Frontier, leafHash, NO_LEAVES, rootOf, sameHash } from "../evidence/merkle.js";
import { formatKey, type NoteKey } from "../evidence/note.js";
import type { LoggedEvent, Store } from "../store/port.js";
import type { CheckpointRow } from "../store/rows.js";
import { type FreshFolder, writeFolder } from "./fresh-folder.js";

/** How evidence is written out. */
export interface ExportOptions {
  /** Ends the writing; nothing is left of it then. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface Exported {
  /** How many events: all of the log, when the export began. */
  readonly size: number;
  /** The root of the tree of them (RFC 6962), in standard base64. */
  readonly root: string;
  /** Earlier checkpoints beside the one over all of it. */
  readonly checkpoints: number;
  /** Earlier checkpoints that are not there: another key signed them than the one that is. */
  readonly otherKeys: number;
}

/** What evidence is written from. */
export interface EvidenceSource {
  readonly store: Pick<Store, "read" | "page">;
  /** Over all that is written. */
  readonly checkpoint: CheckpointRow;
  /** Who signed it. */
  readonly key: NoteKey;
}

/** Events that are in memory at a time: of the largest there are 16 MiB. */
const PAGE = 256;

/**
 * Writes the log up to a checkpoint into a folder: `events.jsonl`, `checkpoint`, `key` and `checkpoints/`. What is written was
 * hashed as it was written, and is what was signed; else it rejects with an `EvidenceError` (`log_changed`).
 */
export async function exportLog(
  source: EvidenceSource,
  folder: string,
  { signal }: ExportOptions = {},
): Promise<Exported> {
  const head = openHead(source);
  return writeFolder(folder, async (fresh) => {
    const tree = await writeEvents(source, fresh, signal);
    if (tree.size !== head.size || !sameHash(rootOf(tree), head.root)) throw changed(head.size);
    const earlier = await writeCheckpoints(source, fresh, signal);
    await writeSigned(source, fresh);
    return Object.freeze({ size: head.size, root: writeBase64(head.root), ...earlier });
  });
}

/** What the checkpoint says, which the key MUST have signed: nobody could check what is written otherwise. */
export function openHead({ checkpoint, key }: EvidenceSource): TreeHead {
  const head = openCheckpoint(checkpoint.note, [key]);
  if (head !== null && head.size === checkpoint.size) return head;
  throw new EvidenceError("checkpoint_unknown", "the latest checkpoint was not signed by the log's key", {
    help: "let a gate with that key sign the log, or name the key that signed",
  });
}

/** Which key, and what it signed. A folder without them is not whole: so they are written last. */
export async function writeSigned({ checkpoint, key }: EvidenceSource, fresh: FreshFolder): Promise<void> {
  await fresh.file("key", `${formatKey(key)}\n`);
  await fresh.file("checkpoint", checkpoint.note);
}

/** One line of `events.jsonl`: the event's exact bytes, which hold no newline of their own. */
export function eventLine({ seq, text }: LoggedEvent): string {
  if (text.includes("\n")) throw changed(seq);
  return `${text}\n`;
}

async function writeEvents(
  { store, checkpoint: { size } }: EvidenceSource,
  fresh: FreshFolder,
  signal: AbortSignal | undefined,
): Promise<Frontier> {
  const file = await fresh.begin("events.jsonl");
  let tree = NO_LEAVES;
  let after: string | null = null;
  while (tree.size < size) {
    signal?.throwIfAborted();
    const limit = Math.min(PAGE, size - tree.size);
    const { events = [], next }: Awaited<ReturnType<Store["page"]>> = await store.page({
      kind: "events",
      after,
      limit,
    });
    let text = "";
    for (const event of events) {
      tree = append(tree, leafHash(event.text));
      text += eventLine(event);
    }
    await file.write(text);
    if (next === null) break;
    after = next;
  }
  await file.end();
  return tree;
}

async function writeCheckpoints(
  { store, checkpoint, key }: EvidenceSource,
  fresh: FreshFolder,
  signal: AbortSignal | undefined,
): Promise<Pick<Exported, "checkpoints" | "otherKeys">> {
  await fresh.folder("checkpoints");
  const counts = { checkpoints: 0, otherKeys: 0 };
  let after: string | null = null;
  do {
    signal?.throwIfAborted();
    const page: Awaited<ReturnType<Store["page"]>> = await store.page({ kind: "checkpoints", after, limit: PAGE });
    for (const { size, note } of page.checkpoints ?? []) {
      if (size >= checkpoint.size) return counts;
      // A key that was changed signs no more: what it signed is for who has that key.
      const own = openCheckpoint(note, [key]) !== null;
      if (own) await fresh.file(`checkpoints/${size}`, note);
      counts[own ? "checkpoints" : "otherKeys"] += 1;
    }
    after = page.next;
  } while (after !== null);
  return counts;
}

function changed(size: number): EvidenceError {
  return new EvidenceError("log_changed", `the log is not what was signed of its first ${size} events`, {
    help: "verify the log, and keep the file as it is",
  });
}
