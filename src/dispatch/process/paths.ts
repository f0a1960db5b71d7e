import { lstatSync } from "node:fs";
import type { AllowLists } from "../../outcome.js";

/** True for an absolute path that has one spelling: no `.`, `..`, empty component, final slash or control character. */
export function isPlainPath(path: unknown): path is string {
  if (typeof path !== "string" || !path.startsWith("/") || /\p{Cc}/u.test(path)) return false;
  return path === "/" || path.slice(1).split("/").every(isName);
}

function isName(component: string): boolean {
  return component !== "" && component !== "." && component !== "..";
}

/** The path in its one spelling; null for what has none. */
export function plainPath(path: string): string | null {
  const spelt = path.replace(/\/{2,}/g, "/");
  const plain = spelt.length > 1 && spelt.endsWith("/") ? spelt.slice(0, -1) : spelt;
  return isPlainPath(plain) ? plain : null;
}

/** True when the path is the folder or below it, by whole components. Both in their one spelling. */
export function isWithin(path: string, folder: string): boolean {
  return folder === "/" || path === folder || path.startsWith(`${folder}/`);
}

/** True when the path is within one of them. */
export function isWithinAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => isWithin(path, folder));
}

/** Those that are not below another one. */
export function outermost(paths: readonly string[]): readonly string[] {
  const distinct = [...new Set(paths)];
  return distinct.filter((path) => !distinct.some((other) => other !== path && isWithin(path, other)));
}

/** Every list in the one spelling of its paths; null when a path has none. */
export function plainLists(lists: AllowLists): AllowLists | null {
  const plain: (readonly string[])[] = [];
  for (const list of lists) {
    const paths = plainPaths(list);
    if (paths === null) return null;
    plain.push(paths);
  }
  return plain;
}

/** Every path in its one spelling; null when one has none. */
export function plainPaths(list: readonly string[]): readonly string[] | null {
  const paths = list.map(plainPath);
  return paths.every((path) => path !== null) ? paths : null;
}

/** The fewest paths that hold exactly what is within a path of every list. What is not listed anywhere is not guessed at. */
export function meetLists(lists: AllowLists): readonly string[] {
  return outermost(lists.flat().filter((path) => lists.every((list) => isWithinAny(path, list))));
}

/** The folders above a path that are below another, from the outermost. */
export function between(above: string, path: string): readonly string[] {
  const start = above === "/" ? "" : above;
  const names = path.slice(start.length + 1).split("/");
  return names.slice(0, -1).map((_, index) => `${start}/${names.slice(0, index + 1).join("/")}`);
}

/** What stands at a path. `link`: it, or a folder on the way to it, is a symbolic link. `unknown`: it cannot be told. */
export type Standing = "folder" | "file" | "absent" | "link" | "unknown";

/** Looks at every step of a path, in its one spelling, without following any link. */
export function look(path: string): Standing {
  try {
    for (const step of [...between("/", path), path]) {
      const found = lstatSync(step);
      if (found.isSymbolicLink()) return "link";
      if (step === path) return found.isDirectory() ? "folder" : "file";
    }
    return "unknown";
  } catch (error) {
    return isAbsence(error) ? "absent" : "unknown";
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
