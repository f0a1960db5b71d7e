import { constants, createReadStream } from "node:fs";
import { type FileHandle, lstat, open, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { Faults } from "../evidence/faults.js";
import { createLineSplitter } from "../evidence/split-lines.js";
import { unreadable } from "./read-text.js";

/** Bytes of a file that is read as a whole: a checkpoint has some 200, a proof with its event at most 100,000. */
const MAX_SMALL = 1_048_576;

/** Names in one folder that are looked at. */
const MAX_NAMES = 1_000_000;

/**
 * A folder of evidence that somebody handed over. Only regular files in it are read, never through a link and never more of one
 * than is asked for. What is missing or something else is a fault; what this user may not read is not, and throws a `CannotRun`.
 */
export interface EvidenceFolder {
  /** The names in it, or in a folder of it. A folder that is none is a fault, and empty. */
  readonly names: (folder?: string) => AsyncIterable<string>;
  /** The bytes of a file; null where that is a fault. */
  readonly bytes: (name: string, most?: number) => Promise<Buffer | null>;
  /** The text of a file that MUST be UTF-8; null where that is a fault, or it is not. */
  readonly text: (name: string, most?: number) => Promise<string | null>;
  /**
   * Hands over the lines of a file in order, null for one of more bytes than `most`. Answers whether something stands after the
   * last newline, and null where there is no such file.
   */
  readonly lines: (
    name: string,
    most: number,
    take: (line: Uint8Array | null) => void | Promise<void>,
  ) => Promise<{ readonly isUnfinished: boolean } | null>;
}

/** A folder that is there. `shown` is its name for messages. */
export function openEvidenceFolder(path: string, shown: string, faults: Faults): EvidenceFolder {
  /** The answer of a step on one file. The system's errors that a hostile folder can cause are faults. */
  const reading = async <T>(name: string, step: () => Promise<T>): Promise<T | null> => {
    try {
      return await step();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (code === "ENOENT") faults.add("file_missing", name, "the file is not there");
      else if (NOT_REGULAR.has(code)) faults.add("file_not_regular", name, "there is something else in its place");
      else throw unreadable(error, `${shown}/${name}`);
      return null;
    }
  };

  const opened = async <T>(name: string, step: (file: FileHandle, size: number) => Promise<T>): Promise<T> => {
    const file = await openRegular(join(path, name));
    try {
      return await step(file, (await file.stat()).size);
    } finally {
      await file.close();
    }
  };

  const bytes = (name: string, most = MAX_SMALL): Promise<Buffer | null> =>
    reading(name, () =>
      opened(name, async (file, size) => {
        if (size <= most) return readAll(file, size);
        faults.add("file_too_large", name, `the file has more than ${most} bytes`);
        return null;
      }),
    );

  return {
    bytes,
    text: async (name, most) => {
      const read = await bytes(name, most);
      try {
        return read === null ? null : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read);
      } catch {
        // Nothing that is written here is anything but UTF-8: it is told as what it is not.
        return "";
      }
    },
    lines: (name, most, take) =>
      reading(name, () =>
        opened(name, async (file, size) => {
          const splitter = createLineSplitter(most);
          if (size === 0) return { isUnfinished: false };
          // Not beyond what was there when it was opened: a file that grows has an end all the same.
          const chunks = createReadStream("", { fd: file, autoClose: false, start: 0, end: size - 1 });
          for await (const chunk of chunks) {
            for (const line of splitter.push(chunk as Buffer)) await take(line);
          }
          return { isUnfinished: splitter.isUnfinished() };
        }),
      ),
    names: async function* (folder = "") {
      const inside = folder === "" ? path : join(path, folder);
      const found = await reading(folder, async () => {
        if (folder !== "" && !(await lstat(inside)).isDirectory()) throw notRegular();
        return opendir(inside, { bufferSize: 1_024 });
      });
      if (found === null) return;
      let count = 0;
      for await (const { name } of found) {
        count += 1;
        if (count > MAX_NAMES) {
          faults.add("file_unexpected", folder, `the folder has more than ${MAX_NAMES} files`);
          return;
        }
        yield name;
      }
    },
  };
}

/** A link, a pipe, a socket or a folder in place of a file, or a file in place of a folder. */
const NOT_REGULAR: ReadonlySet<string> = new Set(["ELOOP", "EMLINK", "ENOTDIR", "EISDIR", "ENXIO", "not_regular"]);

function notRegular(): Error {
  return Object.assign(new Error("not a regular file"), { code: "not_regular" });
}

async function openRegular(path: string): Promise<FileHandle> {
  // Looked at first, where the system cannot refuse a link by itself; then what was opened is looked at.
  if (!(await lstat(path)).isFile()) throw notRegular();
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notRegular();
}

async function readAll(file: FileHandle, size: number): Promise<Buffer> {
  const buffer = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(buffer, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
