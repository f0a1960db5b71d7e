import { type Hash, nodeHash, sameHash } from "./merkle.js";

/**
 * The root of one complete subtree: of the `2 ** level` leaves from `index * 2 ** level` on. Whoever asks MUST only ask for
 * leaves that there are.
 */
export type SubtreeHash = (level: number, index: number) => Hash;

/** The hashes that lead from a leaf to the root (RFC 6962, 2.1.1). Throws a `RangeError` where there is no such leaf. */
export function inclusionProof(index: number, size: number, subtree: SubtreeHash): readonly Hash[] {
  if (!isCount(index) || !isCount(size) || index >= size) {
    throw new RangeError(`a tree of ${size} leaves has no leaf at ${index}`);
  }
  const proof: Hash[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      proof.push(rangeHash(middle, to, subtree));
      to = middle;
    } else {
      proof.push(rangeHash(from, middle, subtree));
      from = middle;
    }
  }
  return proof.reverse();
}

/**
 * The hashes that show that a tree of `to` leaves begins with the tree of `from` leaves (RFC 6962, 2.1.2). Throws a
 * `RangeError` unless `1 <= from <= to`: about a tree without leaves nothing can be shown.
 */
export function consistencyProof(from: number, to: number, subtree: SubtreeHash): readonly Hash[] {
  if (!isCount(from) || !isCount(to) || from < 1 || from > to) {
    throw new RangeError(`there is no proof from a tree of ${from} leaves to one of ${to}`);
  }
  const proof: Hash[] = [];
  let [low, high] = [0, to];
  while (high !== from) {
    const middle = low + splitOf(high - low);
    if (from <= middle) {
      proof.push(rangeHash(middle, high, subtree));
      high = middle;
    } else {
      proof.push(rangeHash(low, middle, subtree));
      low = middle;
    }
  }
  // Who checks it knows the whole old tree by its root; of any other part the hash must be given.
  if (low > 0) proof.push(rangeHash(low, high, subtree));
  return proof.reverse();
}

/** The root of the leaves from `from` to `to`, which MUST begin where a tree of that many would. */
function rangeHash(from: number, to: number, subtree: SubtreeHash): Hash {
  const count = to - from;
  const split = splitOf(count);
  if (split * 2 === count || count === 1) {
    const level = Math.round(Math.log2(count));
    return subtree(level, from / count);
  }
  return nodeHash(rangeHash(from, from + split, subtree), rangeHash(from + split, to, subtree));
}

/** What a proof of inclusion is about. */
export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leaf: Hash;
  readonly root: Hash;
  readonly proof: readonly Hash[];
}

/** True when the proof leads from this leaf to this root (RFC 9162, 2.1.3.2), with no hash missing and none too many. */
export function isIncluded({ index, size, leaf, root, proof }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [at, last] = [index, size - 1];
  let hash = leaf;
  for (const step of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(step, hash);
      while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)];
    } else {
      hash = nodeHash(hash, step);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && sameHash(hash, root);
}

/** What a proof of consistency is about. */
export interface Consistency {
  readonly from: number;
  readonly fromRoot: Hash;
  readonly to: number;
  readonly toRoot: Hash;
  readonly proof: readonly Hash[];
}

/**
 * True when the proof shows that the one tree begins with the other (RFC 9162, 2.1.4.2). False from a tree without leaves:
 * every tree begins with that one, so a "proof" of it shows nothing.
 */
export function isConsistent({ from, fromRoot, to, toRoot, proof }: Consistency): boolean {
  if (!isCount(from) || !isCount(to) || from < 1 || from > to) return false;
  if (from === to) return proof.length === 0 && sameHash(fromRoot, toRoot);
  let [at, last] = [from - 1, to - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  // An old tree that is complete is its own first hash.
  const [first, ...steps] = at === 0 ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [old, whole] = [first, first];
  for (const step of steps) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      old = nodeHash(step, old);
      whole = nodeHash(step, whole);
      while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)];
    } else {
      whole = nodeHash(whole, step);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && sameHash(old, fromRoot) && sameHash(whole, toRoot);
}

/** The largest power of two below a count; 1 for one leaf. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}
