import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { quoted } from "../policy/source.js";
import { CannotRun, type Io } from "./io.js";
import { unreadable } from "./read-text.js";

/** Characters of one line. */
const MAX_LINE = 1_048_576;

/** Hands over the lines of a text file of any length, or of standard input for `-`, with their numbers from 1. @throws CannotRun */
export async function readLines(io: Io, path: string, take: (line: string, number: number) => void): Promise<void> {
  const lines = createInterface({ input: openInput(io, path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  try {
    for await (const line of lines) {
      number += 1;
      if (line.length > MAX_LINE)
        throw new CannotRun("line_too_long", `line ${number} of ${quoted(path)} is over 1 MiB`);
      take(line, number);
    }
  } catch (error) {
    throw error instanceof CannotRun ? error : unreadable(error, path);
  }
}

function openInput(io: Io, path: string): Readable {
  if (path === "-") return Readable.from(io.stdin);
  const file = resolve(io.cwd, path);
  try {
    if (!statSync(file).isFile()) throw new CannotRun("file_unreadable", `${quoted(path)} is not a regular file`);
  } catch (error) {
    throw error instanceof CannotRun ? error : unreadable(error, path);
  }
  return createReadStream(file, { encoding: "utf8" });
}
