import { isUtf8 } from "node:buffer";
import type { BigIntStats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { type Place, placeText } from "./path-place.js";
import { readSpelling, type Spelling } from "./path-spelling.js";

/** Why a path leads nowhere. `failed` is whatever else the file system said. */
export type WalkFailure =
  | "missing"
  | "not_folder"
  | "not_searchable"
  | "too_many_links"
  | "too_long"
  | "link_unreadable"
  | "failed";

/** Where a path leads. */
export type Walk =
  | {
      readonly ok: true;
      readonly place: Place;
      /** What stands at each name of `place`, as far as there is anything: device and inode, null where there is none. */
      readonly identities: readonly (string | null)[];
    }
  | { readonly ok: false; readonly failure: WalkFailure; readonly cause?: unknown };

/** What was found where, links not followed: paths that are walked with the same one are walked on one view of the disk. */
export type Seen = Map<string, BigIntStats | null>;

/** As Linux has it (`MAXSYMLINKS`). */
const MAX_LINKS = 40;

const FAILURES: ReadonlyMap<unknown, WalkFailure> = new Map([
  ["ENOENT", "missing"],
  ["ENOTDIR", "not_folder"],
  ["EACCES", "not_searchable"],
  ["EPERM", "not_searchable"],
  ["ELOOP", "too_many_links"],
  ["ENAMETOOLONG", "too_long"],
]);

/**
 * Follows an absolute path step by step, as the kernel does (`path_resolution(7)`): links wherever they stand, the last
 * name too, and a `..` to the parent of where the links before it have led. From the first name that does not exist the
 * rest is taken as it is written, but a `..` there leads nowhere. Never rejects.
 */
export async function walk(root: string, steps: readonly string[], seen: Seen): Promise<Walk> {
  try {
    return await follow(root, steps, seen);
  } catch (cause) {
    return { ok: false, failure: FAILURES.get(codeOf(cause)) ?? "failed", cause };
  }
}

async function follow(start: string, steps: readonly string[], seen: Seen): Promise<Walk> {
  let root = start;
  let names: string[] = [];
  let identities: (string | null)[] = [];
  let links = 0;
  const ahead = steps.toReversed();
  for (let step = ahead.pop(); step !== undefined; step = ahead.pop()) {
    const exists = identities.length === names.length;
    if (step === "." || step === "..") {
      if (exists) await search([root, ...names]);
      else if (step === "..") return { ok: false, failure: "missing" };
      if (step === "..") {
        names.pop();
        identities.pop();
      }
      continue;
    }
    const place: Place = [root, ...names, step];
    const found = exists ? await look(place, seen) : null;
    if (found?.isSymbolicLink() !== true) {
      names.push(step);
      if (found !== null) identities.push(found.ino === 0n ? null : `${found.dev}:${found.ino}`);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return { ok: false, failure: "too_many_links" };
    const target = await readTarget(place);
    if (target === null) return { ok: false, failure: "link_unreadable" };
    if (target.root !== null) {
      root = target.root;
      names = [];
      identities = [];
    }
    ahead.push(...target.steps.toReversed());
  }
  return { ok: true, place: [root, ...names], identities };
}

/** Throws unless this is a folder that may be searched, as looking up `.` or `..` in it would. */
async function search(place: Place): Promise<void> {
  const text = placeText(place);
  await lstat(text.endsWith("/") ? `${text}.` : `${text}/.`);
}

/** What stands there itself, a link too; null where nothing does. Inodes need all 64 bits. */
async function look(place: Place, seen: Seen): Promise<BigIntStats | null> {
  const text = placeText(place);
  const before = seen.get(text);
  if (before !== undefined) return before;
  const found = await lstat(text, { bigint: true }).catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") return null;
    throw cause;
  });
  seen.set(text, found);
  return found;
}

/** Not by `instanceof`: under some test runners the errors of Node are of another realm. */
function codeOf(cause: unknown): unknown {
  return typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
}

/** Null where the target is no path that a guard takes: read as text, it could be another. */
async function readTarget(place: Place): Promise<Spelling | null> {
  const bytes = await readlink(placeText(place), { encoding: "buffer" });
  if (!isUtf8(bytes)) return null;
  const reading = readSpelling(bytes.toString("utf8"), process.platform);
  return reading.ok ? reading.spelling : null;
}
