import { EvidenceError } from "../errors.js";
import { openCheckpoint, readCheckpoint } from "../evidence/checkpoint.js";
import { leafHash } from "../evidence/merkle.js";
import { formatKey } from "../evidence/note.js";
import { isIncluded } from "../evidence/proof.js";
import { formatConsistency, formatTlogProof } from "../evidence/tlog-proof.js";
import { keyOf } from "../signer.js";
import type { Store, StoredProof } from "../store/port.js";
import { readHash } from "../store/prove.js";
import type { CheckpointRow } from "../store/rows.js";
import type { Core } from "./core.js";

/** What proves one event: with the log's public key, and nothing else. */
export interface Receipt {
  /** The event's place in the log, from 1. The proof counts from 0. */
  readonly eventId: number;
  /** The event's exact bytes, as text. */
  readonly event: string;
  /**
   * A C2SP tlog-proof, to keep as a file `.tlog-proof`: the place, the hashes that lead from the event to the root, and the
   * signed checkpoint with that root. Its `extra` is the event itself.
   */
  readonly proof: string;
  /** The verifier key of the log. Who checks MUST have it from elsewhere: a proof that brings its own key proves nothing. */
  readonly key: string;
}

/**
 * Proves one event under the oldest checkpoint that covers it, which is made where there is none. One that a former key signed is
 * passed over for the latest: a receipt is checked with the key that it names.
 */
export async function receiptOf(core: Core, eventId: number): Promise<Receipt> {
  if (!Number.isSafeInteger(eventId) || eventId < 1)
    throw new TypeError("an event is named by its place in the log, from 1");
  const { store, checkpoints, signer } = core;
  const key = keyOf(signer);
  const oldest = await checkpointFrom(store, eventId);
  const isOurs = oldest !== null && openCheckpoint(oldest.note, [key]) !== null;
  const checkpoint = isOurs ? oldest : await checkpoints.now();
  if (checkpoint === null || checkpoint.size < eventId) throw unknownEvent(eventId);
  const { event, proof } = await proofOf(store, eventId, checkpoint);
  return Object.freeze({ eventId, event, proof, key: formatKey(key) });
}

/** One event's text with its proof under a checkpoint. */
export async function proofOf(
  store: Pick<Store, "read">,
  eventId: number,
  checkpoint: CheckpointRow,
): Promise<{ readonly event: string; readonly proof: string }> {
  const { event, proof } = await store.read({ kind: "inclusion", seq: eventId, size: checkpoint.size });
  if (event === undefined || event === null || proof === undefined || proof === null) throw unknownEvent(eventId);
  const hashes = mustFit(proof, checkpoint).hashes.map(readHash);
  const [index, leaf, root] = [eventId - 1, leafHash(event.text), readHash(proof.root)];
  // The hashes of what is long past are kept apart from it: the event must be the one that they are of.
  if (!isIncluded({ index, size: checkpoint.size, leaf, root, proof: hashes })) throw logChanged(checkpoint.size);
  const extra = Buffer.from(event.text);
  return {
    event: event.text,
    proof: formatTlogProof({ index, proof: hashes, checkpoint: checkpoint.note, extra }),
  };
}

/** Proves that the log begins with the tree of an older checkpoint. */
export async function consistencySince(core: Core, fromSize: number): Promise<string> {
  if (!Number.isSafeInteger(fromSize) || fromSize < 1) throw new TypeError("a checkpoint is named by its size, from 1");
  const latest = await core.checkpoints.now();
  const query = { kind: "consistency", from: fromSize, to: latest?.size ?? 0 } as const;
  const { proof } = await core.store.read(query);
  if (latest === null || proof === undefined || proof === null) {
    throw new EvidenceError("checkpoint_unknown", `the log never had ${fromSize} events`, {
      help: "take the size from a checkpoint of this very log",
    });
  }
  const hashes = mustFit(proof, latest).hashes.map(readHash);
  return formatConsistency({ from: fromSize, proof: hashes, checkpoint: latest.note });
}

/** The oldest checkpoint that covers an event. */
async function checkpointFrom(store: Pick<Store, "read">, size: number): Promise<CheckpointRow | null> {
  const { checkpoint } = await store.read({ kind: "checkpoint", size });
  return checkpoint ?? null;
}

/** Nobody is handed a proof under a checkpoint that it does not lead to: the log was changed since it was signed. */
function mustFit(proof: StoredProof, { note, size }: CheckpointRow): StoredProof {
  const signed = readCheckpoint(note);
  if (signed?.size === size && Buffer.compare(signed.root, readHash(proof.root)) === 0) return proof;
  throw logChanged(size);
}

function logChanged(size: number): EvidenceError {
  return new EvidenceError("log_changed", `the log is not what was signed of its first ${size} events`, {
    help: "verify the log, and keep the file as it is",
  });
}

function unknownEvent(eventId: number): EvidenceError {
  return new EvidenceError("event_unknown", `the log has no event ${eventId}`, {
    help: "an event's id is its `seq` in a timeline",
  });
}
