import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsyncSync,
  futimesSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { digest } from "../digest.js";
import { StoreError } from "../errors.js";
import { isGone } from "./owner.js";
import type { Spooled } from "./port.js";
import type { OwnerRow } from "./rows.js";

/** What was read of a spool. */
export interface SpoolContent {
  /** The process that wrote it; null where not even that can be read. */
  readonly owner: OwnerRow | null;
  readonly entries: readonly Spooled[];
  /** Entries that were written, as their numbers show, and cannot be read. */
  readonly lost: number;
}

/**
 * A bounded file that holds what was done while the store was away, durable line by line. All of its space is taken when it is
 * opened, so that a disk that runs full later does not matter to it.
 */
export interface Spool {
  readonly path: string;
  /** Resolves once the entry is on the disk. Rejects with `store_full` where there is no room, and with `store_io`. */
  readonly append: (entry: Spooled) => Promise<void>;
  /** Whether a claim has room, and how it ended after it. */
  readonly hasRoom: () => boolean;
  /** What it holds that was not taken yet. */
  readonly read: () => SpoolContent;
  /** Bytes of entries. */
  readonly used: () => number;
  /** Says that its process lives. */
  readonly touch: () => void;
  /** Forgets everything, and leaves nothing of it in the file. */
  readonly clear: () => void;
  /** Removes the file where nothing is in it; else leaves it for whoever comes next, and says so by its name. */
  readonly close: () => void;
}

/** Ends the name of a spool whose process let go of it. */
const LEFT = ".left";

/** True for a spool that nobody writes to any more: its process let go of it, is gone, or was silent for so many milliseconds. */
export function isLeftSpool(path: string, silentMs: number): boolean {
  if (path.endsWith(LEFT)) return true;
  const { owner } = readSpool(path);
  const touched = statSync(path, { throwIfNoEntry: false });
  const isSilent = touched !== undefined && Date.now() - touched.mtimeMs > silentMs;
  return isSilent || (owner !== null && isGone(owner));
}

/** How a spool is opened. */
export interface SpoolOptions {
  readonly path: string;
  readonly maxBytes: number;
  readonly owner: OwnerRow;
}

/** Room that is kept free for the end of each claim, in bytes: an event with what is found in an output fits mostly. */
const END_BYTES = 8_192;

const sync = promisify(fdatasync);

/** Makes the file, for its owner alone. Throws a `StoreError` where it cannot be made, or has no room. */
export function openSpool({ path, maxBytes, owner }: SpoolOptions): Spool {
  const head = Buffer.from(`${JSON.stringify({ v: 1, owner })}\n`);
  const fd = attempt(path, () => {
    const opened = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
    fill(opened, 0, maxBytes);
    writeSync(opened, head, 0, head.length, 0);
    fsyncSync(opened);
    syncFolder(path);
    return opened;
  });
  const inode = fstatSync(fd).ino;
  let end = head.length;
  let written = 0;
  /** Claims whose end is not in the file yet. */
  let begun = 0;
  let waiting: Promise<void> = Promise.resolve();
  let closed = false;

  const hasRoom = (): boolean => end + (begun + 1) * END_BYTES * 2 <= maxBytes;

  const stands = (): boolean => {
    const now = statSync(path, { throwIfNoEntry: false });
    return now !== undefined && now.ino === inode && !closed;
  };

  const write = async (entry: Spooled): Promise<void> => {
    const line = lineOf(written + 1, entry);
    const kept = entry.kind === "claim" ? (begun + 1) * END_BYTES : 0;
    if (end + line.length + kept > maxBytes) {
      throw new StoreError("store_full", `the spool is full: \`${path}\``, {
        help: "bring the store back, or give the gate a larger `spool.maxBytes`",
        nothingDone: true,
      });
    }
    const at = end;
    try {
      writeSync(fd, line, 0, line.length, at);
      await sync(fd);
    } catch (cause) {
      // What is in the place of this line now is not known: the next one is written over it.
      throw failed(path, cause);
    }
    // Whoever took the file away, or took it for that of a dead process, has read it already.
    if (!stands()) throw failed(path, new Error("the file was taken away"));
    end = at + line.length;
    written += 1;
    begun += entry.kind === "claim" ? 1 : entry.request.status === null ? 0 : -1;
  };

  return {
    path,
    hasRoom,
    used: () => end - head.length,
    append: (entry) => {
      const next = waiting.then(() => write(entry));
      waiting = next.catch(() => undefined);
      return next;
    },
    read: () => readSpool(path),
    touch: () => {
      const now = Date.now() / 1_000;
      if (!closed) futimesSync(fd, now, now);
    },
    clear: () => {
      attempt(path, () => {
        fill(fd, head.length, end);
        fsyncSync(fd);
      });
      [end, written, begun] = [head.length, 0, 0];
    },
    close: () => {
      if (closed) return;
      closeSync(fd);
      const isThere = stands();
      closed = true;
      if (!isThere) return;
      if (end === head.length) rmSync(path);
      else renameSync(path, `${path}${LEFT}`);
    },
  };
}

/** Reads a spool, also one that was cut off or damaged. */
export function readSpool(path: string): SpoolContent {
  const bytes = attempt(path, () => readFileSync(path));
  const [first = "", ...lines] = bytes.subarray(0, lastEnd(bytes)).toString("utf8").split("\n");
  const entries: Spooled[] = [];
  let last = 0;
  for (const line of lines) {
    const read = readLine(line);
    if (read === null) continue;
    entries.push(read.entry);
    last = Math.max(last, read.number);
  }
  const unread = lines.filter((line) => line !== "").length - entries.length;
  return { owner: ownerIn(first), entries, lost: Math.max(last - entries.length, unread) };
}

/** Takes a spool over from a process that is gone. False where somebody else was quicker. */
export function takeSpool(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Removes a spool whose entries stand in the log, and leaves nothing of them on the disk. */
export function removeSpool(path: string): void {
  attempt(path, () => {
    const fd = openSync(path, constants.O_RDWR);
    try {
      fill(fd, 0, fstatSync(fd).size);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    rmSync(path);
  });
}

/** Zeros follow the last line. */
function lastEnd(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

/** The hash shows a line that was torn; the number one that is missing. */
function lineOf(number: number, entry: Spooled): Buffer {
  const text = JSON.stringify({ number, entry });
  return Buffer.from(`${digest("value", text).slice(0, 16)} ${text}\n`);
}

function readLine(line: string): { readonly number: number; readonly entry: Spooled } | null {
  const text = line.slice(17);
  if (line.slice(0, 16) !== digest("value", text).slice(0, 16)) return null;
  try {
    return JSON.parse(text) as { readonly number: number; readonly entry: Spooled };
  } catch {
    return null;
  }
}

function ownerIn(head: string): OwnerRow | null {
  try {
    const { v, owner } = JSON.parse(head) as { readonly v?: unknown; readonly owner?: OwnerRow };
    return v === 1 && typeof owner?.id === "string" ? owner : null;
  } catch {
    return null;
  }
}

const ZEROS = Buffer.alloc(65_536);

function fill(fd: number, from: number, to: number): void {
  for (let at = from; at < to; at += ZEROS.length) writeSync(fd, ZEROS, 0, Math.min(ZEROS.length, to - at), at);
}

/** That a file is there is durable with its folder. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function attempt<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw failed(path, cause);
  }
}

function failed(path: string, cause: unknown): StoreError {
  const full = ["ENOSPC", "EDQUOT"].includes(String((cause as NodeJS.ErrnoException | null)?.code));
  return new StoreError(full ? "store_full" : "store_io", `the spool \`${basename(path)}\` cannot be used`, {
    help: "look at the disk that it is on, or give the gate another `spool.path`",
    cause,
  });
}
