import { StoreError } from "../../errors.js";
import type { SealedEvent } from "../../evidence/event.js";
import {
  append,
  type Frontier,
  frontierBytes,
  type Hash,
  hashesIn,
  leafHash,
  leafHashOf,
  readFrontier,
  rootOf,
  sameHash,
  wholeRoot,
} from "../../evidence/merkle.js";
import type { SubtreeHash } from "../../evidence/proof.js";
import { TILE_WIDTH } from "../../evidence/tiled-tree.js";
import { rootAt } from "../prove.js";
import type { Connection } from "./driver.js";
import type { FilesSeen } from "./files.js";

/**
 * The log of one SQLite file with its Merkle tree. The frontier is written in the transaction of the events that it is of. Every
 * 256 leaves their hashes are kept as a tile (the layout of C2SP tlog-tiles), so that a proof reads a few rows and hashes at most
 * 256 events, however long the log is.
 */
export interface Ledger {
  /**
   * MUST be called first in every transaction. Reads the head again, and throws `store_head_changed` where the log is not one
   * that goes on from what this connection acknowledged: another file, a backup put back, a write that went past the lock.
   */
  readonly begin: () => void;
  /** Appends one event within the transaction. */
  readonly append: (event: SealedEvent) => void;
  /** Grows the tree over events that were written before there was one, within the transaction. */
  readonly adopt: () => void;
  /** MUST be called last in every transaction that is committed: keeps the frontier. */
  readonly end: () => void;
  /** The transaction is durable: the head is from now on what must be gone on from. */
  readonly committed: () => void;
  /** What must be gone on from. */
  readonly acknowledged: () => Frontier;
  /** The tree as it stands within the transaction, for {@link Ledger.undo}. */
  readonly mark: () => Frontier;
  /** Goes back to a mark, where a savepoint was rolled back. */
  readonly undo: (mark: Frontier) => void;
  /** The tree as last committed, by whomever. */
  readonly head: () => Frontier;
  /** Of the tree as last committed. */
  readonly subtree: SubtreeHash;
}

/** Levels of the tree in one tile (C2SP tlog-tiles). */
const LEVELS = Math.log2(TILE_WIDTH);

/** Up to so many events of others are hashed to see that they go on from what was acknowledged; beyond that, proofs do. */
const CATCH_UP = 256;

/**
 * Opens the log on a connection whose schema is current. `from`: what an earlier connection acknowledged, which the log MUST go on
 * from. `look` says what became of the files that the connection has open: one
 * that was moved away would take what is written with it, and one that was written over is not what the connection remembers of it.
 */
export function openLedger(
  connection: Connection,
  path: string,
  look: () => FilesSeen = () => "same",
  from?: Frontier,
): Ledger {
  const readTree = connection.prepare(
    "SELECT size, frontier, (SELECT max(seq) FROM events) AS last FROM tree WHERE id = 1",
  );
  const keepTree = connection.prepare("UPDATE tree SET size = ?, frontier = ? WHERE id = 1");
  const insert = connection.prepare(
    `INSERT INTO events (seq, at, type, trace_id, approval_id, bytes)
     VALUES (?, max(?, coalesce((SELECT at FROM events ORDER BY seq DESC LIMIT 1), 0)), ?, ?, ?, CAST(? AS BLOB))`,
  );
  const bytesFrom = connection.prepare("SELECT bytes FROM events WHERE seq > ? ORDER BY seq LIMIT ?");
  const tileRoots = connection.prepare(
    "SELECT root FROM tiles WHERE level = ? AND number >= ? ORDER BY number LIMIT ?",
  );
  const tileHashes = connection.prepare("SELECT hashes FROM tiles WHERE level = ? AND number = ?");
  const keepTile = connection.prepare("INSERT INTO tiles (level, number, root, hashes) VALUES (?, ?, ?, ?)");

  /** The root of the tile that a leaf fills: of the last of its subtrees, and of the leaf. */
  const tileRoot = ({ hashes }: Frontier, leaf: Hash): Hash =>
    rootOf({ size: TILE_WIDTH, hashes: [...hashes.slice(-LEVELS), leaf] });

  const changed = (what: string): StoreError =>
    new StoreError("store_head_changed", `the log is not the one that was written to: ${what}: \`${path}\``, {
      help: "stop all gates on it; find out whether the file was swapped, or a backup put back, and keep both files",
    });

  /** What was read or written last: nearly always the next transaction finds the same bytes. */
  let latest: { readonly tree: Frontier; readonly bytes: Uint8Array } | null = null;

  /** The tree, and whether it is of all the events that there are. */
  const readHead = (): { readonly tree: Frontier; readonly isWhole: boolean } => {
    const row = readTree.get();
    if (row === undefined) throw changed("its tree has no head");
    const [size, bytes] = [row.size as number, row.frontier as Uint8Array];
    return { tree: treeOf(size, bytes), isWhole: (row.last ?? 0) === size };
  };

  const head = (): Frontier => readHead().tree;

  const treeOf = (size: number, bytes: Uint8Array): Frontier => {
    if (latest?.tree.size === size && sameHash(latest.bytes, bytes)) return latest.tree;
    const tree = readFrontier(size, bytes);
    if (tree === null) throw changed("its tree has no head");
    latest = { tree, bytes };
    return tree;
  };

  const leaves = (from: number, count: number): readonly Hash[] => {
    const hashes = bytesFrom.all(from, count).map(({ bytes }) => leafHashOf(bytes as Uint8Array));
    if (hashes.length !== count) throw changed("events are missing");
    return hashes;
  };

  /** Of one level of tiles, the hashes that they hold: leaves, or the roots of the tiles below. All within one tile. */
  const entries = (level: number, from: number, count: number): readonly Hash[] => {
    const number = Math.floor(from / TILE_WIDTH);
    const kept = tileHashes.get(level, number)?.hashes as Uint8Array | undefined;
    if (kept !== undefined) return hashesIn(kept).slice(from % TILE_WIDTH, (from % TILE_WIDTH) + count);
    if (level === 0) return leaves(from, count);
    const roots = tileRoots.all(level - 1, from, count).map(({ root }) => root as Hash);
    if (roots.length !== count) throw changed("parts of its tree are missing");
    return roots;
  };

  const subtree: SubtreeHash = (level, index) => {
    const width = 2 ** (level % LEVELS);
    return wholeRoot(entries(Math.floor(level / LEVELS), index * width, width));
  };

  /**
   * Keeps each tile that is full now. The leaves are hashed from what the database has, and MUST give the root that was appended
   * to: what was hashed is what was written.
   */
  const keepTiles = (size: number, root: Hash): void => {
    let [level, count, expected] = [0, size, root];
    while (count % TILE_WIDTH === 0) {
      const number = count / TILE_WIDTH - 1;
      const hashes = entries(level, number * TILE_WIDTH, TILE_WIDTH);
      const made = wholeRoot(hashes);
      if (level === 0 && !sameHash(made, expected)) throw changed("events are not as they were appended");
      keepTile.run(level, number, made, Buffer.concat(hashes));
      [level, count, expected] = [level + 1, number + 1, made];
    }
  };

  const grow = (leaf: Hash): void => {
    const before = tree;
    tree = append(before, leaf);
    if (tree.size % TILE_WIDTH === 0) keepTiles(tree.size, tileRoot(before, leaf));
  };

  const keep = (): void => {
    if (tree === begun) return;
    const bytes = frontierBytes(tree);
    keepTree.run(tree.size, bytes);
    latest = { tree, bytes };
  };

  let begun: Frontier = head();
  let acknowledged: Frontier = begun;
  let tree: Frontier = begun;

  /** That the tree is of the events and tiles that the database has. */
  const isOf = (tree: Frontier): boolean => sameHash(rootAt(tree.size, subtree), rootOf(tree));

  /** That the head goes on from what was acknowledged. */
  const check = (found: Frontier, known: Frontier): void => {
    if (found.size < known.size) throw changed(`it has ${found.size} events, and had ${known.size}`);
    const others = found.size - known.size;
    // What others appended is hashed, so that it is seen to be what their head is of; of very much, the tiles say both.
    const same =
      others <= CATCH_UP
        ? sameHash(frontierBytes(leaves(known.size, others).reduce(append, known)), frontierBytes(found))
        : isOf(known) && isOf(found);
    if (!same) throw changed(`its first ${known.size} events are others`);
  };

  if (from !== undefined) {
    check(begun, from);
    if (!isOf(from)) throw changed("its events are not what they were");
  }

  return {
    begin: () => {
      const seen = look();
      if (seen === "replaced") throw changed("another file is in its place");
      // What is remembered of a file that was written to says nothing about what it is now.
      if (seen === "touched") connection.pragma("shrink_memory", { simple: true });
      const { tree: found, isWhole } = readHead();
      if (!isWhole) throw changed("its tree is not of its events");
      begun = found;
      if (begun !== acknowledged) check(begun, acknowledged);
      if (seen === "touched" && !isOf(begun)) throw changed("its events are not what they were");
      tree = begun;
    },
    append: ({ at, type, traceId, approvalId, text }) => {
      const leaf = leafHash(text);
      // Bound as text, which is UTF-8, and kept as those very bytes.
      insert.run(tree.size + 1, at, type, traceId, approvalId, text);
      grow(leaf);
    },
    adopt: () => {
      for (;;) {
        const rows = bytesFrom.all(tree.size, TILE_WIDTH);
        for (const { bytes } of rows) grow(leafHashOf(bytes as Uint8Array));
        if (rows.length < TILE_WIDTH) break;
      }
      keep();
    },
    end: keep,
    committed: () => {
      acknowledged = tree;
    },
    acknowledged: () => acknowledged,
    mark: () => tree,
    undo: (mark) => {
      tree = mark;
    },
    head,
    subtree,
  };
}
