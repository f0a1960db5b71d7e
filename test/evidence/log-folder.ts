import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatCheckpoint } from "../../src/evidence/checkpoint.js";
import { append, type Hash, leafHash, NO_LEAVES, nodeHash, rootOf } from "../../src/evidence/merkle.js";
import { formatKey, formatNote, type NoteKey, signatureOf } from "../../src/evidence/note.js";
import { consistencyProof, inclusionProof } from "../../src/evidence/proof.js";
import { formatConsistency, formatTlogProof } from "../../src/evidence/tlog-proof.js";

/** Who signs a log: its name with a private Ed25519 key of `node:crypto`. */
export interface LogSigner {
  readonly name: string;
  readonly privateKey: KeyObject;
}

/** A log of these events, with all that can be shown about it. Sizes are those of the whole log unless given. */
export interface Log {
  readonly events: readonly string[];
  readonly signer: LogSigner;
  rootAt(size: number): Hash;
  /** A signed checkpoint. */
  checkpoint(size?: number): string;
  /** A `.tlog-proof` that the event at an index stands in the log of that size; with `carries`, with the event in it. */
  inclusion(index: number, size?: number, carries?: boolean): string;
  /** A proof that the log of `to` events begins with that of `from`. */
  consistency(from: number, to?: number): string;
}

/** What is known of a signer by all. */
export function keyOf({ name, privateKey }: LogSigner): NoteKey {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return { name, publicKey: Buffer.from(x ?? "", "base64url") };
}

/** Signs a text as a note, whatever the text says. It MUST end in a newline. */
export function signNote(text: string, ...signers: readonly LogSigner[]): string {
  const signatures = signers.map((signer) =>
    signatureOf(keyOf(signer), sign(null, Buffer.from(text), signer.privateKey)),
  );
  return formatNote(text, signatures);
}

/** A log of these events in memory, made by our own modules. */
export function logOf(events: readonly string[], signer: LogSigner): Log {
  const roots = [rootOf(NO_LEAVES)];
  const levels: Hash[][] = [events.map(leafHash)];
  let frontier = NO_LEAVES;
  for (const leaf of levels[0] ?? []) {
    frontier = append(frontier, leaf);
    roots.push(rootOf(frontier));
  }
  for (let below = levels[0] ?? []; below.length > 1; below = levels.at(-1) ?? []) {
    const count = Math.floor(below.length / 2);
    levels.push(Array.from({ length: count }, (_, n) => nodeHash(below[2 * n] as Hash, below[2 * n + 1] as Hash)));
  }
  const subtree = (level: number, index: number): Hash => levels[level]?.[index] as Hash;
  const rootAt = (size: number): Hash => roots[size] as Hash;
  const checkpoint = (size = events.length): string =>
    signNote(formatCheckpoint({ origin: signer.name, size, root: rootAt(size) }), signer);
  return {
    events,
    signer,
    rootAt,
    checkpoint,
    inclusion: (index, size = events.length, carries = false) =>
      formatTlogProof({
        index,
        proof: inclusionProof(index, size, subtree),
        checkpoint: checkpoint(size),
        extra: carries ? Buffer.from(events[index] as string) : null,
      }),
    consistency: (from, to = events.length) =>
      formatConsistency({ from, proof: consistencyProof(from, to, subtree), checkpoint: checkpoint(to) }),
  };
}

/** What a folder of a log holds, as `examples/verify` reads it. */
export interface LogFiles {
  /** The bytes of `events.jsonl`: each event and a newline. */
  readonly events: string;
  readonly checkpoint: string;
  /** By name; without them there is no folder `checkpoints`. */
  readonly earlier?: Readonly<Record<string, string>>;
}

/** The files of a log with its checkpoints at earlier sizes. */
export function filesOf(log: Log, earlier: readonly number[] = []): Required<LogFiles> {
  return {
    events: log.events.map((event) => `${event}\n`).join(""),
    checkpoint: log.checkpoint(),
    earlier: Object.fromEntries(earlier.map((size) => [`${size}`, log.checkpoint(size)])),
  };
}

/** Writes a folder of a log, and returns its path. */
export function writeLogFolder(path: string, { events, checkpoint, earlier = {} }: LogFiles): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "events.jsonl"), events);
  writeFileSync(join(path, "checkpoint"), checkpoint);
  const named = Object.entries(earlier);
  if (named.length > 0) mkdirSync(join(path, "checkpoints"));
  for (const [name, text] of named) writeFileSync(join(path, "checkpoints", name), text);
  return path;
}

/** Writes the line by which others know the signer, and returns the path of its file. */
export function writeKey(path: string, signer: LogSigner): string {
  writeFileSync(path, `${formatKey(keyOf(signer))}\n`);
  return path;
}
