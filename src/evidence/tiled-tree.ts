import { append, type Frontier, type Hash, NO_LEAVES, rootOf, wholeRoot } from "./merkle.js";

/** Hashes in one tile: eight levels of the tree (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;

/** A tile that is full. */
export interface FullTile {
  /** 0: of leaves; above: of the roots of tiles one level below. */
  readonly level: number;
  /** From 0. */
  readonly number: number;
  readonly hashes: readonly Hash[];
  readonly root: Hash;
}

/** A tree that is grown leaf by leaf over its tiles, in memory that does not grow with it. Each node is hashed once. */
export interface TiledTree {
  readonly add: (leaf: Hash) => void;
  readonly frontier: () => Frontier;
  readonly root: () => Hash;
}

/** Grows a tree, and hands over each tile as soon as it is full. */
export function growTiles(take: (tile: FullTile) => void): TiledTree {
  const levels: Hash[][] = [[]];
  const counts: number[] = [0];
  let full: Frontier = NO_LEAVES;

  const push = (level: number, hash: Hash): void => {
    levels[level] ??= [];
    const hashes = levels[level] as Hash[];
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const root = wholeRoot(hashes);
    const number = counts[level] ?? 0;
    counts[level] = number + 1;
    levels[level] = [];
    if (level === 0) full = append(full, root);
    take({ level, number, hashes, root });
    push(level + 1, root);
  };

  const frontier = (): Frontier => {
    const rest = (levels[0] as Hash[]).reduce(append, NO_LEAVES);
    return { size: full.size * TILE_WIDTH + rest.size, hashes: [...full.hashes, ...rest.hashes] };
  };

  return { add: (leaf) => push(0, leaf), frontier, root: () => rootOf(frontier()) };
}
