import type { AllowLists, Constraints } from "../../outcome.js";
import { type Place, writtenPlace } from "./path-place.js";
import { readSpelling } from "./path-spelling.js";

/** What a run may do with files, from policy, job and gate together. An absent list does not limit; `[]` does. */
export type PathLimits = NonNullable<Constraints["paths"]>;

/** An absolute path that is yet to be followed. */
export interface Route {
  readonly root: string;
  /** Names, `.` and `..`, in order. */
  readonly steps: readonly string[];
  /** Where it leads if no link is on the way. */
  readonly written: Place;
}

/** A route, or why the text is no path that a guard takes. */
export type RouteReading =
  | { readonly ok: true; readonly route: Route }
  | { readonly ok: false; readonly message: string; readonly help?: string };

/** Lists that must all hold, as in {@link AllowLists}. */
export type RouteLists = readonly (readonly Route[])[];

/** The limits, read. `deny` is null where an entry of it cannot be told: then nothing is allowed. */
export interface ReadLimits {
  readonly read: RouteLists | undefined;
  readonly write: RouteLists | undefined;
  readonly deny: readonly Route[] | null;
}

/** Reads a path from outside. */
export function readRoute(path: unknown): RouteReading {
  const reading = readSpelling(path, process.platform);
  if (!reading.ok) return reading;
  const { root, steps } = reading.spelling;
  if (root !== null) return { ok: true, route: { root, steps, written: writtenPlace(root, steps) } };
  const help = "a guard has no working folder: give the whole path, from the root";
  return { ok: false, message: "a path must be absolute", help };
}

/** Reads limits, once: later changes to what was given change nothing. */
export function readLimits({ read, write, deny }: PathLimits): ReadLimits {
  return { read: readLists(read), write: readLists(write), deny: readDenied(deny ?? []) };
}

/** An entry that names no one place here allows nothing. */
function readLists(lists: AllowLists | undefined): RouteLists | undefined {
  return lists?.map((list) => list.map(readEntry).filter((entry) => entry !== null));
}

function readDenied(entries: readonly string[]): readonly Route[] | null {
  const routes: Route[] = [];
  for (const entry of entries) {
    if (process.platform !== "win32" && /^[A-Za-z]:[\\/]/.test(entry)) continue;
    const route = readEntry(entry);
    if (route === null) return null;
    routes.push(route);
  }
  return routes;
}

/** Null where the entry names no one place on this system. */
function readEntry(entry: string): Route | null {
  const reading = readRoute(entry);
  return reading.ok && !reading.route.steps.includes("..") ? reading.route : null;
}
