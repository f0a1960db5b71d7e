import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import fc from "fast-check";
import type { PathLimits } from "../../src/dispatch/guard/path.js";

// A small file tree, in memory and on the disk, and what paths mean in it: slow and plain, from `path_resolution(7)`.

interface Folder {
  readonly kind: "folder";
  readonly path: string;
  /** The root's is the root. */
  readonly parent: Folder | null;
  readonly children: Map<string, Child>;
}

type Child = Folder | { readonly kind: "file" } | { readonly kind: "link"; readonly target: string };

export interface Item {
  readonly at: readonly string[];
  readonly kind: "folder" | "file" | "link";
  readonly target: Text;
}

/** A path below a base, or one relative to nothing. */
export interface Text {
  readonly absolute: boolean;
  readonly steps: readonly string[];
  readonly slash: boolean;
}

export interface Query {
  readonly path: Text;
  readonly mode: "read" | "write";
  readonly limits: { readonly read?: Text[][]; readonly write?: Text[][]; readonly deny?: Text[] };
}

// No folder above the base has anything of these names.
const name = fc.constantFrom("dg-a", "dg-b", "dg-ab");
const step = fc.oneof({ weight: 7, arbitrary: name }, { weight: 3, arbitrary: fc.constantFrom("..", "..", ".", "") });

const text = (steps: fc.Arbitrary<string[]>, absolute: fc.Arbitrary<boolean>): fc.Arbitrary<Text> =>
  fc.record({ absolute, steps, slash: fc.nat(5).map((n) => n === 0) });

const entry = text(fc.array(name, { maxLength: 2 }), fc.constant(true));
const lists = fc.array(fc.array(entry, { maxLength: 3 }), { minLength: 1, maxLength: 2 });

export const items: fc.Arbitrary<Item[]> = fc.array(
  fc.record({
    at: fc.array(name, { minLength: 1, maxLength: 3 }),
    kind: fc.constantFrom("folder", "folder", "file", "link", "link", "link"),
    target: text(fc.array(step, { minLength: 1, maxLength: 4 }), fc.boolean()),
  }),
  { minLength: 4, maxLength: 14 },
);

export const query: fc.Arbitrary<Query> = fc.record({
  path: text(fc.array(step, { maxLength: 6 }), fc.constant(true)),
  mode: fc.constantFrom("read", "write"),
  limits: fc.record({ read: lists, write: lists, deny: fc.array(entry, { maxLength: 2 }) }, { requiredKeys: [] }),
});

export function write({ absolute, steps, slash }: Text, base: string): string {
  const below = steps.join("/");
  return (
    (absolute ? `${base}/${below}` : below === "" || below.startsWith("/") ? `.${below}` : below) + (slash ? "/" : "")
  );
}

export function writeLimits({ read, write: written, deny }: Query["limits"], base: string): PathLimits {
  const of = (some: readonly Text[]): string[] => some.map((one) => write(one, base));
  return {
    ...(read === undefined ? {} : { read: read.map(of) }),
    ...(written === undefined ? {} : { write: written.map(of) }),
    ...(deny === undefined ? {} : { deny: of(deny) }),
  };
}

/** Makes a tree twice: below `base` on the disk, and as the model that is answered. */
export function build(all: readonly Item[], base: string): Folder {
  const root: Folder = { kind: "folder", path: "/", parent: null, children: new Map() };
  let at = root;
  for (const part of base.slice(1).split("/")) at = addFolder(at, part);
  mkdirSync(base);
  for (const item of all) add(at, item, base);
  return root;
}

function addFolder(parent: Folder, part: string): Folder {
  const folder: Folder = { kind: "folder", path: posix.join(parent.path, part), parent, children: new Map() };
  parent.children.set(part, folder);
  return folder;
}

function add(base: Folder, { at, kind, target }: Item, basePath: string): void {
  let folder = base;
  for (const part of at.slice(0, -1)) {
    const child = folder.children.get(part);
    if (child !== undefined && child.kind !== "folder") return;
    if (child === undefined) mkdirSync(`${folder.path}/${part}`);
    folder = child ?? addFolder(folder, part);
  }
  const last = at.at(-1) ?? "";
  if (folder.children.has(last)) return;
  const path = `${folder.path}/${last}`;
  if (kind === "folder") {
    mkdirSync(path);
    addFolder(folder, last);
  } else if (kind === "file") {
    writeFileSync(path, "");
    folder.children.set(last, { kind });
  } else {
    symlinkSync(write(target, basePath), path);
    folder.children.set(last, { kind, target: write(target, basePath) });
  }
}

/** Where a path leads in the model, and whether anything is there; null where it leads nowhere. */
export function lead(root: Folder, path: string): { readonly path: string; readonly exists: boolean } | null {
  let links = 0;
  const from = (folder: Folder, parts: readonly string[]): ReturnType<typeof lead> => {
    const [head, ...tail] = parts;
    if (head === undefined) return { path: folder.path, exists: true };
    if (head === "" || head === ".") return from(folder, tail);
    if (head === "..") return from(folder.parent ?? folder, tail);
    const child = folder.children.get(head);
    const there = posix.join(folder.path, head);
    if (child === undefined)
      return tail.includes("..") ? null : { path: strip(posix.join(there, ...tail)), exists: false };
    if (child.kind === "folder") return from(child, tail);
    if (child.kind === "file") return tail.length === 0 ? { path: there, exists: true } : null;
    links += 1;
    if (links > 40) return null;
    return from(child.target.startsWith("/") ? root : folder, [...child.target.split("/"), ...tail]);
  };
  return from(root, path.split("/"));
}

/** What a guard has to answer: the path, or the code of its refusal. */
export function answer(root: Folder, limits: PathLimits, path: string, mode: "read" | "write"): string {
  const real = lead(root, path);
  if (real === null) return "path_invalid";
  const leads = (some: readonly string[]): string[] =>
    some.map((one) => lead(root, one)?.path).filter((one) => one !== undefined);
  const below = (one: string, some: readonly string[]): boolean =>
    some.some((folder) => `${one}/`.startsWith(`${folder}/`));
  const holds = (one: string, some: readonly string[]): boolean =>
    some.some((place) => `${place}/`.startsWith(one === "/" ? one : `${one}/`));
  const denied = [...(limits.deny ?? []).map((one) => strip(posix.normalize(one))), ...leads(limits.deny ?? [])];
  if (below(real.path, denied) || below(strip(posix.normalize(path)), denied)) return "path_denied";
  if (mode === "write" && (holds(real.path, denied) || holds(strip(posix.normalize(path)), denied)))
    return "path_denied";
  for (const list of limits[mode] ?? []) if (!below(real.path, leads(list))) return "path_denied";
  return real.path;
}

function strip(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
