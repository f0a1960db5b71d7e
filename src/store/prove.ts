import { readBase64, writeBase64 } from "../evidence/base64.js";
import { type Hash, rootOf, subtreeSizes } from "../evidence/merkle.js";
import { consistencyProof, inclusionProof, type SubtreeHash } from "../evidence/proof.js";
import type { StoredProof } from "./port.js";

/** The root of the tree of the first `size` leaves, from its complete subtrees. */
export function rootAt(size: number, subtree: SubtreeHash): Hash {
  let from = 0;
  const hashes = subtreeSizes(size).map((part) => {
    const hash = subtree(Math.round(Math.log2(part)), from / part);
    from += part;
    return hash;
  });
  return rootOf({ size, hashes });
}

/** The root of the tree at that size as text; null where there is no such tree, or nothing in it to sign. */
export function proveRoot(size: number, logged: number, subtree: SubtreeHash): string | null {
  return isPlace(size, logged) ? writeBase64(rootAt(size, subtree)) : null;
}

/** The proof that an event stands in the tree of that size; null where it does not, or the log is not that large. */
export function proveInclusion(seq: number, size: number, logged: number, subtree: SubtreeHash): StoredProof | null {
  if (!isPlace(seq, size) || !isPlace(size, logged)) return null;
  return {
    root: writeBase64(rootAt(size, subtree)),
    hashes: inclusionProof(seq - 1, size, subtree).map(writeBase64),
  };
}

/** The proof that the tree of one size begins with that of another; null where the log is not that large. */
export function proveConsistency(from: number, to: number, logged: number, subtree: SubtreeHash): StoredProof | null {
  if (!isPlace(from, to) || !isPlace(to, logged)) return null;
  return {
    fromRoot: writeBase64(rootAt(from, subtree)),
    root: writeBase64(rootAt(to, subtree)),
    hashes: consistencyProof(from, to, subtree).map(writeBase64),
  };
}

/** Hashes of a stored proof as bytes. Throws a `TypeError` for what no store may answer. */
export function readHash(text: string): Hash {
  const hash = readBase64(text);
  if (hash === null) throw new TypeError("the store answered a hash that is none");
  return hash;
}

function isPlace(n: number, most: number): boolean {
  return Number.isSafeInteger(n) && n >= 1 && n <= most;
}
