import { openCheckpoint, readCheckpoint } from "../../evidence/checkpoint.js";
import { frontierBytes, type Hash, hashesIn, leafHashOf, sameHash, wholeRoot } from "../../evidence/merkle.js";
import type { NoteKey } from "../../evidence/note.js";
import { type FullTile, growTiles, TILE_WIDTH } from "../../evidence/tiled-tree.js";
import type { Problems } from "./problem.js";
import type { LogSource } from "./source.js";

/** Events that may be missing in one place before the tree is given up: each is a leaf that stands for it. */
const MOST_MISSING = 65_536;

/** Events whose stored hash is another, that are told one by one. */
const MOST_CHANGED = 100;

/** Checkpoints that are read at a time. */
const PAGE = 256;

/** The tree over the events as they are read, held against what is stored of it. */
export interface LogCheck {
  /** The next event in order. `bytes`: null where they cannot be read. */
  readonly add: (seq: number, bytes: Uint8Array | null) => void;
  /** To be called once all events were read, or could not be: then `whole` is false, and no head is looked at. */
  readonly end: (whole: boolean) => { readonly size: number; readonly root: Hash; readonly checkpoints: number };
}

/** In place of an event that is not there: no event has this hash. */
const NO_LEAF: Hash = new Uint8Array(32);

export function checkLog(source: LogSource, keys: readonly NoteKey[], problems: Problems): LogCheck {
  let size = 0;
  let given = true;
  let tiles = 0;
  /** Where a stored leaf hash differs: whether the event or the tile is wrong is known once the head is. */
  const changed: { readonly seq: number; readonly tile: number }[] = [];
  let changedInAll = 0;

  const takeTile = ({ level, number, hashes, root }: FullTile): void => {
    tiles += 1;
    const kept = source.tile(level, number);
    const name = `tile ${number} of level ${level}`;
    if (kept === undefined) {
      problems.add("tile", `${name} is missing`);
      return;
    }
    const { root: keptRoot, hashes: keptHashes } = kept;
    if (!isBytes(keptRoot) || !isBytes(keptHashes) || keptHashes.length !== TILE_WIDTH * 32) {
      problems.add("tile", `${name} does not hold 256 hashes and their root`);
      return;
    }
    const same = sameHash(keptHashes, Buffer.concat(hashes));
    if (same && sameHash(keptRoot, root)) return;
    const stored = hashesIn(keptHashes);
    // One that is not even right in itself says nothing of events.
    if (level > 0 || same || !sameHash(wholeRoot(stored), keptRoot)) {
      problems.add("tile", `${name} is not that of the events`);
      return;
    }
    for (const [index, hash] of stored.entries()) {
      if (sameHash(hash, hashes[index] as Hash)) continue;
      changedInAll += 1;
      if (changed.length < MOST_CHANGED) changed.push({ seq: number * TILE_WIDTH + index + 1, tile: number });
    }
  };

  const tree = growTiles(takeTile);
  const signed = readCheckpoints(source, keys, problems);

  const leaf = (hash: Hash): void => {
    tree.add(hash);
    size += 1;
    signed.at(size, tree.root);
  };

  /** The leaf that was appended there, as far as the tile that it stands in is kept. */
  const missing = (from: number, to: number): void => {
    const many = to - from > 1 ? `events ${from} to ${to - 1} are missing` : `event ${from} is missing`;
    problems.add("event_missing", many, from);
    if (to - from > MOST_MISSING) given = false;
    if (!given) return;
    let number = -1;
    let hashes: readonly Hash[] = [];
    for (let seq = from; seq < to; seq += 1) {
      if (number !== Math.floor((seq - 1) / TILE_WIDTH)) {
        number = Math.floor((seq - 1) / TILE_WIDTH);
        const kept = source.tile(0, number)?.hashes;
        hashes = isBytes(kept) && kept.length === TILE_WIDTH * 32 ? hashesIn(kept) : [];
      }
      leaf(hashes[(seq - 1) % TILE_WIDTH] ?? NO_LEAF);
    }
  };

  const sayChanged = (headHolds: boolean): void => {
    for (const { seq, tile } of changed) {
      // Where the head is that of the events it is the tile that was changed.
      if (headHolds) problems.add("tile", `tile ${tile} of level 0 has another hash of event ${seq}`, seq);
      else problems.add("event_bytes", "its bytes are not those that were appended", seq);
    }
    if (changedInAll > changed.length) {
      problems.add("tile", `${changedInAll - changed.length} more events have another hash than was kept`);
    }
  };

  const checkHead = (): boolean => {
    const head = source.head();
    if (head === undefined) {
      problems.add("head", "the tree has no head");
      return false;
    }
    const { size: kept, frontier } = head;
    if (typeof kept === "number" && kept > size) {
      const last = kept - size > 1 ? `the last ${kept - size} events are missing` : "the last event is missing";
      problems.add("event_missing", last, size + 1);
      return false;
    }
    if (kept !== size) {
      problems.add("head", `the head of the tree is of ${Number(kept)} events, and there are ${size}`);
      return false;
    }
    if (isBytes(frontier) && sameHash(frontier, frontierBytes(tree.frontier()))) return true;
    problems.add("head", "the head of the tree is not that of the events");
    return false;
  };

  return {
    add: (seq, bytes) => {
      if (given && seq > size + 1) missing(size + 1, seq);
      if (given) leaf(bytes === null ? NO_LEAF : leafHashOf(bytes));
    },
    end: (whole) => {
      if (!given || !whole) {
        sayChanged(false);
        return { size, root: tree.root(), checkpoints: signed.end(null) };
      }
      sayChanged(checkHead());
      const kept = source.tileCount();
      if (kept > tiles) problems.add("tile", `there are ${kept - tiles} more tiles than the events fill`);
      return { size, root: tree.root(), checkpoints: signed.end(size) };
    },
  };
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

interface SignedSizes {
  /** The tree has this size now. */
  readonly at: (size: number, root: () => Hash) => void;
  /** Answers how many checkpoints were looked at. `size`: how many events there are; null where that is not known. */
  readonly end: (size: number | null) => number;
}

/** Holds each checkpoint against the tree when it has its size. */
function readCheckpoints(source: LogSource, keys: readonly NoteKey[], problems: Problems): SignedSizes {
  let after = -1;
  let page = source.checkpoints(after, PAGE);
  let index = 0;
  let count = 0;

  const next = (): { readonly size: number; readonly note: unknown } | undefined => {
    if (index === PAGE) {
      const last = Number(page[PAGE - 1]?.size);
      // Sizes that go back are no order to read on in.
      page = last > after ? source.checkpoints(last, PAGE) : [];
      after = last;
      index = 0;
    }
    const row = page[index];
    return row === undefined ? undefined : { size: Number(row.size), note: row.note };
  };

  const check = (size: number, note: unknown, root: Hash | null): void => {
    count += 1;
    const about = `the checkpoint of ${size} events`;
    const text = typeof note === "string" ? note : "";
    if (openCheckpoint(text, keys) === null) {
      problems.add("checkpoint_signature", `${about} is signed by none of the keys`);
    }
    const read = readCheckpoint(text);
    if (read === null) return;
    if (root === null) problems.add("checkpoint_root", `${about} is of more events than there are`);
    else if (read.size !== size || !sameHash(read.root, root)) {
      problems.add("checkpoint_root", `${about} is not of this log`);
    }
  };

  let waiting = next();

  return {
    at: (size, root) => {
      // NaN, for a size that is none, is never less.
      for (let row = waiting; row !== undefined && !(row.size > size); row = waiting) {
        index += 1;
        // One of no event, or of fewer than one before it, is of no log.
        check(row.size, row.note, row.size === size ? root() : NO_LEAF);
        waiting = next();
      }
    },
    end: (size) => {
      for (let row = waiting; row !== undefined; row = next()) {
        index += 1;
        if (size !== null) check(row.size, row.note, null);
      }
      return count;
    },
  };
}
