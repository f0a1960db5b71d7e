import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  append,
  type Frontier,
  frontierBytes,
  type Hash,
  leafHash,
  leafHashOf,
  NO_LEAVES,
  nodeHash,
  readFrontier,
  rootOf,
  sameHash,
  subtreeSizes,
} from "../../src/evidence/merkle.js";
import { consistencyProof, inclusionProof, isConsistent, isIncluded } from "../../src/evidence/proof.js";

const MOST = 70;
const leaves = Array.from({ length: MOST }, (_, n) => leafHash(`event ${n}`));

/** The definitions of RFC 6962, section 2.1, word for word and as slow as they are. */
function sha(...parts: readonly (Uint8Array | readonly number[])[]): Hash {
  const made = createHash("sha256");
  for (const part of parts) made.update(Uint8Array.from(part));
  return made.digest();
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function mth(d: readonly Hash[]): Hash {
  if (d.length === 0) return sha();
  if (d.length === 1) return d[0] as Hash;
  const k = split(d.length);
  return sha([1], mth(d.slice(0, k)), mth(d.slice(k)));
}

function path(m: number, d: readonly Hash[]): readonly Hash[] {
  if (d.length <= 1) return [];
  const k = split(d.length);
  return m < k ? [...path(m, d.slice(0, k)), mth(d.slice(k))] : [...path(m - k, d.slice(k)), mth(d.slice(0, k))];
}

function subproof(m: number, d: readonly Hash[], whole: boolean): readonly Hash[] {
  if (m === d.length) return whole ? [] : [mth(d)];
  const k = split(d.length);
  return m <= k
    ? [...subproof(m, d.slice(0, k), whole), mth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))];
}

const frontierOf = (size: number): Frontier => leaves.slice(0, size).reduce(append, NO_LEAVES);
const subtree = (level: number, index: number): Hash => mth(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const hex = (hash: Hash): string => Buffer.from(hash).toString("hex");
const flipped = (hash: Hash): Hash => Uint8Array.from(hash, (byte, at) => (at === 7 ? byte ^ 1 : byte));
const other = leafHash("another");

describe("the tree of RFC 6962", () => {
  test("hashes leaves and nodes under prefixes of their own", () => {
    expect(hex(leafHash(""))).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    expect(hex(leafHash("\u00e9"))).toBe(hex(sha([0], Buffer.from("\u00e9"))));
    expect(hex(leafHashOf(Buffer.from("\u00e9")))).toBe(hex(leafHash("\u00e9")));
    expect(hex(nodeHash(other, leafHash("")))).toBe(hex(sha([1], other, leafHash(""))));
    expect(hex(rootOf(NO_LEAVES))).toBe(hex(sha()));
  });

  test("has at every size the root that the definition gives, and reads back what it keeps", () => {
    for (let size = 0; size <= MOST; size += 1) {
      const frontier = frontierOf(size);
      expect(hex(rootOf(frontier))).toBe(hex(mth(leaves.slice(0, size))));
      const again = readFrontier(size, frontierBytes(frontier));
      expect(again?.hashes.map(hex)).toEqual(frontier.hashes.map(hex));
      expect(frontier.hashes).toHaveLength(subtreeSizes(size).length);
      expect(subtreeSizes(size).reduce((sum, part) => sum + part, 0)).toBe(size);
      expect(readFrontier(size, Buffer.concat([frontierBytes(frontier), other]))).toBeNull();
    }
    expect(readFrontier(-1, Buffer.alloc(0))).toBeNull();
    expect(readFrontier(1, Buffer.alloc(31))).toBeNull();
  });

  test("never changes a frontier that somebody holds", () => {
    const frontier = frontierOf(7);
    const before = frontier.hashes.map(hex);
    append(frontier, other);
    expect(frontier.hashes.map(hex)).toEqual(before);
  });
});

describe("a proof of inclusion", () => {
  test("is that of the definition, for every leaf of every size, and holds", () => {
    for (let size = 1; size <= MOST; size += 1) {
      const root = mth(leaves.slice(0, size));
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, subtree);
        expect(proof.map(hex)).toEqual(path(index, leaves.slice(0, size)).map(hex));
        expect(isIncluded({ index, size, leaf: leaves[index] as Hash, root, proof })).toBe(true);
      }
    }
  });

  test("does not hold for another leaf, place, size or root, nor with a hash more, fewer or changed", () => {
    for (const size of [1, 2, 3, 5, 8, 13, 64, 69]) {
      const root = mth(leaves.slice(0, size));
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, subtree);
        const right = { index, size, leaf: leaves[index] as Hash, root, proof };
        const wrong = [
          { ...right, leaf: other },
          { ...right, index: index + 1 },
          { ...right, index: index - 1 },
          { ...right, index: size },
          { ...right, root: flipped(root) },
          { ...right, proof: [...proof, other] },
          { ...right, proof: [other, ...proof] },
          ...proof.map((_, at) => ({ ...right, proof: proof.filter((__, each) => each !== at) })),
          ...proof.map((_, at) => ({
            ...right,
            proof: proof.map((hash, each) => (each === at ? flipped(hash) : hash)),
          })),
          { ...right, index: Number.NaN },
          { ...right, size: 0 },
        ];
        expect(wrong.filter(isIncluded)).toEqual([]);
      }
    }
    expect(() => inclusionProof(3, 3, subtree)).toThrow("a tree of 3 leaves has no leaf at 3");
    expect(() => inclusionProof(-1, 3, subtree)).toThrow(RangeError);
  });
});

describe("a proof of consistency", () => {
  test("is that of the definition, between every two sizes, and holds", () => {
    for (let to = 1; to <= MOST; to += 1) {
      const toRoot = mth(leaves.slice(0, to));
      for (let from = 1; from <= to; from += 1) {
        const proof = consistencyProof(from, to, subtree);
        expect(proof.map(hex)).toEqual(subproof(from, leaves.slice(0, to), true).map(hex));
        expect(isConsistent({ from, fromRoot: mth(leaves.slice(0, from)), to, toRoot, proof })).toBe(true);
      }
    }
  });

  test("does not hold for other roots or sizes, nor with a hash more, fewer or changed", () => {
    for (const [from, to] of [
      [1, 2],
      [3, 7],
      [4, 7],
      [6, 8],
      [8, 8],
      [32, 70],
      [33, 70],
      [69, 70],
    ] as const) {
      const [fromRoot, toRoot] = [mth(leaves.slice(0, from)), mth(leaves.slice(0, to))];
      const proof = consistencyProof(from, to, subtree);
      const right = { from, fromRoot, to, toRoot, proof };
      const wrong = [
        { ...right, fromRoot: flipped(fromRoot) },
        { ...right, toRoot: flipped(toRoot) },
        { ...right, from: from - 1 },
        { ...right, from: from + 1 },
        { ...right, proof: [...proof, other] },
        { ...right, proof: [other, ...proof] },
        ...proof.map((_, at) => ({ ...right, proof: proof.filter((__, each) => each !== at) })),
        ...proof.map((_, at) => ({ ...right, proof: proof.map((hash, each) => (each === at ? flipped(hash) : hash)) })),
      ];
      expect(wrong.filter(isConsistent)).toEqual([]);
    }
  });

  test("from a tree without leaves is none: it would show nothing", () => {
    const toRoot = mth(leaves.slice(0, 5));
    const empty = mth([]);
    expect(isConsistent({ from: 0, fromRoot: empty, to: 5, toRoot, proof: [] })).toBe(false);
    expect(isConsistent({ from: 0, fromRoot: empty, to: 5, toRoot, proof: [toRoot] })).toBe(false);
    expect(isConsistent({ from: 0, fromRoot: empty, to: 0, toRoot: empty, proof: [] })).toBe(false);
    expect(() => consistencyProof(0, 5, subtree)).toThrow("there is no proof from a tree of 0 leaves to one of 5");
  });

  test("control: the hashes of one tree do not lead to another that differs in one old leaf", () => {
    const changed = leaves.slice(0, 9).map((leaf, at) => (at === 2 ? other : leaf));
    const proof = subproof(5, changed, true);
    expect(isConsistent({ from: 5, fromRoot: mth(leaves.slice(0, 5)), to: 9, toRoot: mth(changed), proof })).toBe(
      false,
    );
    expect(isConsistent({ from: 5, fromRoot: mth(changed.slice(0, 5)), to: 9, toRoot: mth(changed), proof })).toBe(
      true,
    );
    expect(sameHash(mth(changed), mth(leaves.slice(0, 9)))).toBe(false);
  });
});
