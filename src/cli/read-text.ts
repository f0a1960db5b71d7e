import { constants, open } from "node:fs/promises";
import { resolve } from "node:path";
import { DEFAULT_MAX_BYTES, quoted } from "../policy/source.js";
import { CannotRun, type Io } from "./io.js";

/** Reads a text file, or standard input for `-`. Never waits for a pipe named as a file, never reads without end. @throws CannotRun */
export async function readText(io: Io, path: string): Promise<string> {
  const bytes = path === "-" ? await readInput(io) : await readFile(resolve(io.cwd, path), path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CannotRun("encoding_invalid", `${quoted(path)} is not UTF-8`, "save it as UTF-8");
  }
}

async function readInput(io: Io): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of io.stdin) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    length += bytes.length;
    if (length > DEFAULT_MAX_BYTES) throw tooLarge("-");
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

async function readFile(path: string, shown: string): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw unreadable(error, shown);
  });
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw unreadable({ code: "EISDIR" }, shown);
    if (!stat.isFile()) throw new CannotRun("file_unreadable", `${quoted(shown)} is not a regular file`);
    if (stat.size > DEFAULT_MAX_BYTES) throw tooLarge(shown);
    const buffer = Buffer.alloc(stat.size);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } catch (error) {
    throw error instanceof CannotRun ? error : unreadable(error, shown);
  } finally {
    await file.close();
  }
}

function tooLarge(path: string): CannotRun {
  return new CannotRun("file_too_large", `${quoted(path)} is larger than ${DEFAULT_MAX_BYTES} bytes`);
}

/** A file system error in our words. */
export function unreadable(error: unknown, path: string): CannotRun {
  const code = String((error as { readonly code?: unknown } | null)?.code ?? "unknown error");
  if (code === "ENOENT") return new CannotRun("file_missing", `there is no ${quoted(path)}`, "check the path");
  if (code === "EISDIR")
    return new CannotRun("file_is_directory", `${quoted(path)} is a directory`, "name the file in it");
  return new CannotRun(
    "file_unreadable",
    `${quoted(path)} cannot be read (${code})`,
    "check that this user may read it",
  );
}
