import type { Constraints } from "../../outcome.js";
import type { EnforceableKey } from "../enforcer.js";
import {
  between,
  isWithin,
  isWithinAny,
  look,
  meetLists,
  outermost,
  plainLists,
  plainPaths,
  type Standing,
} from "./paths.js";

/** One thing to put into the sandbox's file system. All that is not put there is not there. */
export type Mount =
  | { readonly kind: "read" | "write" | "no_file" | "no_folder"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** What a host gives to every sandbox, before any rule. */
export interface Baseline {
  /** Folders that can be read, and links to them. */
  readonly system: readonly Mount[];
  readonly network: boolean;
}

/** How a run is held to its limits. Null: it cannot be. */
export interface Plan {
  readonly mounts: readonly Mount[] | null;
  readonly network: boolean | null;
}

/** The sandbox has its own of these, and of nothing else that a policy could name. */
const OWN = ["/proc", "/dev"];

/**
 * Turns limits into what a sandbox is made of, as the file system stands now. Never wider than the limits, but for the
 * host's own system folders, which can be read whatever `read` says; often tighter: what no rule names is not there.
 */
export function planRun(constraints: Constraints, baseline: Baseline): Plan {
  return {
    mounts: planMounts(constraints.paths ?? {}, baseline.system),
    network: planNetwork(constraints.network ?? {}, baseline.network),
  };
}

/** The limits among these that a plan holds. */
export function heldBy({ mounts, network }: Plan, constraints: Constraints): readonly EnforceableKey[] {
  const held: EnforceableKey[] = [];
  if (constraints.paths !== undefined && mounts !== null) held.push("paths");
  if (constraints.network !== undefined && network !== null) held.push("network");
  return held;
}

/** No network can be held to; some of it cannot. */
function planNetwork({ allow = [], deny = [] }: NonNullable<Constraints["network"]>, given: boolean): boolean | null {
  if (allow.some((list) => list.length === 0)) return false;
  if (allow.length > 0) return null;
  return deny.length > 0 && given ? null : given;
}

function planMounts(paths: NonNullable<Constraints["paths"]>, system: readonly Mount[]): readonly Mount[] | null {
  const readable = plainLists(paths.read ?? []);
  const writable = plainLists(paths.write ?? []);
  const denied = plainPaths(paths.deny ?? []);
  if (readable === null || writable === null || denied === null) return null;
  // What can be written in a sandbox can be read there too.
  const write = meetLists(writable);
  if (!write.every((path) => readable.every((list) => isWithinAny(path, list)))) return null;

  const read = meetLists(readable).filter((path) => !isWithinAny(path, write));
  const grants = grant(write, read, denied);
  if (grants === null) return null;
  const granted = grants.map(({ path }) => path);
  const base = system.filter(({ path }) => !isWithinAny(path, granted) && !isWithinAny(path, denied));
  const masks = mask(outermost(denied), grants, base);
  return masks === null ? null : [...base, ...grants, ...masks].sort(byDepth);
}

/** What the allow lists put there. What does not exist, or is denied as a whole, cannot be put there. */
function grant(write: readonly string[], read: readonly string[], denied: readonly string[]): readonly Mount[] | null {
  const grants: Mount[] = [];
  const wanted = [...write.map((path) => ({ kind: "write", path }) as const), ...read.map(asRead)];
  for (const mount of wanted) {
    if (isWithinAny(mount.path, OWN) || isWithinAny(mount.path, denied)) continue;
    const standing = look(mount.path);
    if (isUnsure(standing)) return null;
    if (standing !== "absent") grants.push(mount);
  }
  return grants;
}

/** What hides the denied parts of what was put there. */
function mask(denied: readonly string[], grants: readonly Mount[], base: readonly Mount[]): readonly Mount[] | null {
  const masks: Mount[] = [];
  for (const path of denied) {
    if (path === "/" || isWithinAny(path, OWN)) return null;
    const standing = look(path);
    if (isUnsure(standing)) return null;
    const within = grants.find((mount) => mount.kind === "write" && isWithin(path, mount.path));
    if (standing === "absent") {
      // A command that may write around it could make it.
      if (within !== undefined) return null;
      continue;
    }
    const there = [...grants, ...base].some((mount) => mount.kind !== "link" && isWithin(path, mount.path));
    if (there) masks.push({ kind: standing === "folder" ? "no_folder" : "no_file", path });
    if (within !== undefined) masks.push(...pins(within.path, path));
  }
  return distinct(masks);
}

/**
 * A denied path in a writable folder could be moved away with the folder it is in, and made anew. A folder that something
 * is mounted on cannot be moved or removed, so every one on the way is mounted on itself.
 */
function pins(writable: string, denied: string): readonly Mount[] {
  return between(writable, denied).map((path) => ({ kind: "write", path }));
}

/**
 * A link may lead anywhere, and whoever may write beside it may turn it: an entry with one in it says nothing that could
 * be held to. Policies name real paths.
 */
function isUnsure(standing: Standing): boolean {
  return standing === "link" || standing === "unknown";
}

function asRead(path: string): Mount {
  return { kind: "read", path };
}

function distinct(mounts: readonly Mount[]): readonly Mount[] {
  return [...new Map(mounts.map((mount) => [mount.path, mount])).values()];
}

/** Folders before what is in them. */
function byDepth(one: Mount, other: Mount): number {
  return depth(one.path) - depth(other.path);
}

function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}
