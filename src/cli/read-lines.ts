import { createReadStream, statSync } from "node:fs";
import { resolve } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { quoted } from "../policy/source.js";
import { CannotRun, type Io } from "./io.js";
import { unreadable } from "./read-text.js";

/** Characters of one line. */
const MAX_LINE = 1_048_576;

/**
 * Hands over the lines of a text file of any length, or of standard input for `-`, with their numbers from 1. A line ends
 * with LF, CR or both. Of a line that is too long no more is read than shows it. @throws CannotRun
 */
export async function readLines(io: Io, path: string, take: (line: string, number: number) => void): Promise<void> {
  let number = 0;
  try {
    for await (const pending of splitLines(openInput(io, path))) {
      if (pending.text.length > MAX_LINE)
        throw new CannotRun("line_too_long", `line ${number + 1} of ${quoted(path)} is over 1 MiB`);
      if (!pending.ended) continue;
      number += 1;
      take(pending.text, number);
    }
  } catch (error) {
    throw error instanceof CannotRun ? error : unreadable(error, path);
  }
}

type Chunks = AsyncIterable<Uint8Array | string>;

/** A line, or as much of it as has come so far. */
interface Pending {
  readonly text: string;
  readonly ended: boolean;
}

/** Each line when it has ended, and after each chunk the one that has not: whoever takes them can stop before it does. */
async function* splitLines(chunks: Chunks): AsyncGenerator<Pending> {
  const decoder = new StringDecoder("utf8");
  let text = "";
  let afterReturn = false;
  for await (const chunk of chunks) {
    const decoded = typeof chunk === "string" ? chunk : decoder.write(chunk);
    if (decoded === "") continue;
    // The line has ended with the CR already, where CR and LF come in two chunks.
    const [first = "", ...more] = (afterReturn ? decoded.replace(/^\n/, "") : decoded).split(/\r\n|[\r\n]/);
    afterReturn = decoded.endsWith("\r");
    text += first;
    for (const next of more) {
      yield { text, ended: true };
      text = next;
    }
    yield { text, ended: false };
  }
  text += decoder.end();
  if (text !== "") yield { text, ended: true };
}

function openInput(io: Io, path: string): Chunks {
  if (path === "-") return io.stdin;
  const file = resolve(io.cwd, path);
  try {
    if (!statSync(file).isFile()) throw new CannotRun("file_unreadable", `${quoted(path)} is not a regular file`);
  } catch (error) {
    throw error instanceof CannotRun ? error : unreadable(error, path);
  }
  return createReadStream(file);
}
