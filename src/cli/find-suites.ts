import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { quoted } from "../policy/source.js";
import { CannotRun, type Io } from "./io.js";
import { unreadable } from "./read-text.js";

const SUITE = /\.test\.ya?ml$/;

/** Suites that one run looks at: a folder that was named by mistake ends in an error, not in an hour. */
const MAX_SUITES = 10_000;

/**
 * The files to run, each once, in the order given: a file as it is, of a folder all `*.test.yaml` below it by name.
 * Folders that begin with a dot, `node_modules` and symbolic links are not entered.
 *
 * @throws CannotRun when a path does not exist, or nothing is found.
 */
export async function findSuites(io: Io, paths: readonly string[]): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const absolute = resolve(io.cwd, path);
    const known = await stat(absolute).catch((error: unknown) => {
      throw unreadable(error, path);
    });
    const files = known.isDirectory() ? await suitesBelow(io, path) : [path];
    for (const file of files) found.set(resolve(io.cwd, file), found.get(resolve(io.cwd, file)) ?? file);
  }
  if (found.size > 0) return [...found.values()];
  const where = paths.map(quoted).join(", ");
  throw new CannotRun("suites_missing", `no suite was found in ${where}`, "a suite is a file named `*.test.yaml`");
}

async function suitesBelow(io: Io, folder: string): Promise<readonly string[]> {
  const suites: string[] = [];
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const inside: string[] = [];
    for (const entry of await entriesOf(io, next)) {
      const path = join(next, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") inside.push(path);
      if (entry.isFile() && SUITE.test(entry.name)) suites.push(path);
    }
    waiting.push(...inside);
    if (suites.length > MAX_SUITES) {
      throw new CannotRun(
        "suites_too_many",
        `more than ${MAX_SUITES} suites in ${quoted(folder)}`,
        "name a folder in it",
      );
    }
  }
  return suites.sort();
}

async function entriesOf(io: Io, folder: string): ReturnType<typeof readFolder> {
  try {
    return await readFolder(resolve(io.cwd, folder));
  } catch (error) {
    throw unreadable(error, folder);
  }
}

function readFolder(
  path: string,
): Promise<readonly { readonly name: string; readonly isDirectory: () => boolean; readonly isFile: () => boolean }[]> {
  return readdir(path, { withFileTypes: true });
}
