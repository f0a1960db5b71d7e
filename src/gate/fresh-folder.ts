import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { EvidenceError } from "../errors.js";

/** A folder that is being written, and that nobody sees by its name until it is whole. */
export interface FreshFolder {
  /** Writes one file of text. */
  readonly file: (name: string, text: string) => Promise<void>;
  /** Begins a file that is written in parts, each of which MUST be waited for. */
  readonly begin: (name: string) => Promise<Growing>;
  readonly folder: (name: string) => Promise<void>;
}

/** A file that is written in parts. */
export interface Growing {
  /** Resolves once the system has taken the text: so no more is in memory than one part. */
  readonly write: (text: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

/**
 * Writes a folder of files for their owner alone. It is written under another name beside its own, made durable and then
 * renamed, so that one that is there is whole. Rejects with an `EvidenceError` (`folder_not_empty`) where something stands in its
 * place, and leaves nothing where it fails.
 */
export async function writeFolder<T>(folder: string, write: (fresh: FreshFolder) => Promise<T>): Promise<T> {
  const place = await placeFor(resolve(folder));
  const beside = join(dirname(place), `.${basename(place)}.${randomBytes(6).toString("hex")}.partial`);
  await mkdir(beside, { mode: 0o700 });
  const held: Held = { root: beside, folders: [beside], files: new Set(), ending: new Set(), failed: [] };
  try {
    const answer = await write(freshIn(held));
    await settled(held);
    for (const each of held.folders.reverse()) await syncFolder(each);
    await take(beside, place);
    await syncFolder(dirname(place));
    return answer;
  } catch (error) {
    await Promise.all(held.ending);
    for (const file of held.files) await file.close();
    await rm(beside, { recursive: true, force: true });
    throw error;
  }
}

/** What of a folder there is so far. */
interface Held {
  readonly root: string;
  readonly folders: string[];
  /** Those that are open. */
  readonly files: Set<FileHandle>;
  /** Small files that are being made durable: none of these rejects. */
  readonly ending: Set<Promise<unknown>>;
  /** Why some could not be. */
  readonly failed: unknown[];
}

/** Waits for all that is being made durable. Rejects where any of it could not be. */
async function settled({ ending, failed }: Held): Promise<void> {
  await Promise.all(ending);
  if (failed.length > 0) throw failed[0];
}

/** So many files are made durable at a time: a disk does several in hardly more time than one. */
const AT_ONCE = 4;

function freshIn({ root, folders, files, ending, failed }: Held): FreshFolder {
  const begin = async (name: string): Promise<Growing> => {
    const file = await open(join(root, name), "wx", 0o600);
    files.add(file);
    return {
      write: (text) => file.writeFile(text),
      end: async () => {
        await file.sync();
        files.delete(file);
        await file.close();
      },
    };
  };
  return {
    begin,
    file: async (name, text) => {
      const file = await begin(name);
      await file.write(text);
      const end: Promise<unknown> = file
        .end()
        .catch((error: unknown) => failed.push(error))
        .finally(() => ending.delete(end));
      ending.add(end);
      if (ending.size >= AT_ONCE) await Promise.race(ending);
    },
    folder: async (name) => {
      await mkdir(join(root, name), { mode: 0o700 });
      folders.push(join(root, name));
    },
  };
}

/** Where the folder will stand: the real place, where an empty one is there already by another name. */
async function placeFor(folder: string): Promise<string> {
  try {
    if ((await readdir(folder)).length > 0) throw notEmpty();
    return await realpath(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return folder;
    throw code === "ENOTDIR" ? notEmpty() : error;
  }
}

/** An empty folder gives way; one that was filled meanwhile does not. */
async function take(beside: string, place: string): Promise<void> {
  try {
    await rmdir(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await rename(beside, place);
  } catch (error) {
    const taken = ["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
    throw taken ? notEmpty() : error;
  }
}

/** Makes durable which files a folder has, where the system can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => null);
  if (folder === null) return;
  try {
    await folder.sync();
  } catch {
    // Some systems sync no folders.
  } finally {
    await folder.close();
  }
}

function notEmpty(): EvidenceError {
  return new EvidenceError("folder_not_empty", "something stands where the folder would be", {
    help: "name a folder that is empty, or not there yet",
  });
}
