import { hash } from "node:crypto";

/** SHA-256 as everywhere in the log: 32 bytes. */
export type Hash = Uint8Array;

/** Bytes of a hash. */
export const HASH_BYTES = 32;

/** The root of a tree without leaves: the hash of nothing. */
const EMPTY: Hash = sha256("");

/** By way of hex, which costs less than half of what a buffer does: most of the tree's cost are its hashes. */
function sha256(bytes: string | Uint8Array): Hash {
  return Buffer.from(hash("sha256", bytes, "hex"), "hex");
}

/** The hash of one entry (RFC 6962, 2.1): leaves and nodes are told apart by their first byte, so that neither passes for the other. */
export function leafHash(text: string): Hash {
  return sha256(`\0${text}`);
}

/** The same of an entry's bytes, whatever they are. */
export function leafHashOf(bytes: Uint8Array): Hash {
  const entry = Buffer.allocUnsafe(bytes.length + 1);
  entry[0] = 0;
  entry.set(bytes, 1);
  return sha256(entry);
}

/** The hash of two subtrees (RFC 6962, 2.1). */
export function nodeHash(left: Hash, right: Hash): Hash {
  const node = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return sha256(node);
}

/** True when two hashes are the same bytes. */
export function sameHash(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0;
}

/**
 * All that must be kept of a tree to append to it: the roots of its complete subtrees, largest first, one for each bit that is
 * set in its size. Never changed in place.
 */
export interface Frontier {
  /** How many leaves, from 0 to 2^53 - 1. */
  readonly size: number;
  readonly hashes: readonly Hash[];
}

/** A tree without leaves. */
export const NO_LEAVES: Frontier = Object.freeze({ size: 0, hashes: Object.freeze([]) });

/** The tree with one more leaf. */
export function append({ size, hashes }: Frontier, leaf: Hash): Frontier {
  const next = [...hashes];
  let last = leaf;
  for (let full = size; full % 2 === 1; full = Math.floor(full / 2)) last = nodeHash(next.pop() as Hash, last);
  next.push(last);
  return { size: size + 1, hashes: next };
}

/** The root of a tree (RFC 6962, 2.1). */
export function rootOf({ hashes }: Frontier): Hash {
  const last = hashes.at(-1);
  if (last === undefined) return EMPTY;
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** The root of a complete tree: `2 ** n` leaves, or roots of subtrees of one size. */
export function wholeRoot(hashes: readonly Hash[]): Hash {
  let level = hashes;
  while (level.length > 1) {
    const above: Hash[] = [];
    for (let at = 0; at < level.length; at += 2) above.push(nodeHash(level[at] as Hash, level[at + 1] as Hash));
    level = above;
  }
  return level[0] ?? EMPTY;
}

/** Hashes that stand one after the other. */
export function hashesIn(bytes: Uint8Array): readonly Hash[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, index) =>
    bytes.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
}

/** A frontier as bytes: its hashes one after the other. */
export function frontierBytes({ hashes }: Frontier): Uint8Array {
  return Buffer.concat(hashes);
}

/** Reads what {@link frontierBytes} wrote, or null where it cannot be of a tree of that size. */
export function readFrontier(size: number, bytes: Uint8Array): Frontier | null {
  if (!Number.isSafeInteger(size) || size < 0 || bytes.length !== HASH_BYTES * bitsIn(size)) return null;
  return { size, hashes: hashesIn(bytes) };
}

/** The sizes of the complete subtrees of a tree, largest first. */
export function subtreeSizes(size: number): readonly number[] {
  const sizes: number[] = [];
  for (let left = size, power = 1; left > 0; left = Math.floor(left / 2), power *= 2) {
    if (left % 2 === 1) sizes.unshift(power);
  }
  return sizes;
}

function bitsIn(size: number): number {
  return subtreeSizes(size).length;
}
