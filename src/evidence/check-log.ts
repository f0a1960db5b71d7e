import { type Checkpoint, openCheckpoint, readCheckpoint } from "./checkpoint.js";
import type { Faults } from "./faults.js";
import { append, type Hash, leafHashOf, NO_LEAVES, rootOf, sameHash } from "./merkle.js";
import type { NoteKey } from "./note.js";
import { type ReadEvent, readEvent } from "./read-event.js";

/** What a note says, whoever signed it. What is wrong with it stands among the faults. */
export function checkSigned(note: string, key: NoteKey | null, place: string, faults: Faults): Checkpoint | null {
  const read = readCheckpoint(note);
  if (read === null)
    faults.add("checkpoint_malformed", place, "the checkpoint is not a signed note of one (C2SP tlog-checkpoint)");
  else if (key !== null && openCheckpoint(note, [key]) === null) {
    faults.add("checkpoint_unsigned", place, "the key did not sign the checkpoint");
  }
  return read;
}

/** Takes the lines of a log one by one, and keeps no more of them than the tree's frontier. */
export interface LinesCheck {
  /** The next line, or null for one that is too long to be an event. Answers the event that stands in it, where one does. */
  readonly take: (line: Uint8Array | null) => ReadEvent | null;
  /** Lines so far. */
  readonly count: () => number;
  /** The root of the tree of the lines so far; null where one was too long to be hashed. */
  readonly root: () => Hash | null;
}

/** A check of the lines of `file`. */
export function createLinesCheck(file: string, faults: Faults): LinesCheck {
  let tree = NO_LEAVES;
  let count = 0;
  let isWhole = true;
  return {
    take: (line) => {
      count += 1;
      const reading = readEvent(line ?? TOO_LONG);
      if (!reading.ok) faults.add(reading.code, `${file}:${count}`, reading.message);
      if (line === null) isWhole = false;
      else tree = append(tree, leafHashOf(line));
      return reading.ok ? reading.event : null;
    },
    count: () => count,
    root: () => (isWhole ? rootOf(tree) : null),
  };
}

/** Stands for a line of which nothing was kept. */
const TOO_LONG = new Uint8Array(65_536);

/** Holds the lines so far, of which there are as many as the checkpoint covers, against its root. */
export function checkRoot(lines: LinesCheck, checkpoint: Checkpoint, place: string, faults: Faults): void {
  const root = lines.root();
  // A line that could not be hashed is a fault of its own.
  if (root === null || sameHash(root, checkpoint.root)) return;
  faults.add("root_differs", place, `the first ${checkpoint.size} events are not those that were signed`);
}
