import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { PathLimits } from "../../src/dispatch/guard/path.js";
import { GuardError } from "../../src/errors.js";

/** A guard as they are written in a hurry. Each of these is wrong in its own way: the controls. */
export type MakeGuard = (limits: PathLimits | undefined) => (path: string, mode: "read" | "write") => Promise<string>;

type Within = (path: string, folder: string) => boolean;

interface Parts {
  /** Where a path that was asked for leads. */
  readonly lead: (path: string) => string;
  /** Where an entry of the policy leads. */
  readonly entry: (entry: string) => string;
  /** Default: by whole components. */
  readonly within?: Within;
  /** Default: all lists. */
  readonly all?: boolean;
  /** Default: what holds something denied is not written. */
  readonly above?: boolean;
}

const byComponent: Within = (path, folder) => path === folder || path.startsWith(folder === sep ? sep : folder + sep);

function naive({ lead, entry, within = byComponent, all = true, above = true }: Parts): MakeGuard {
  return (limits) => async (path, mode) => {
    const real = lead(path);
    const on = (list: readonly string[]): boolean => list.some((folder) => within(real, entry(folder)));
    const lists = limits?.[mode];
    const allowed = lists === undefined || (all ? lists.every(on) : lists.some(on));
    const deny = limits?.deny ?? [];
    const holds = above && mode === "write" && deny.some((denied) => within(entry(denied), real));
    if (!allowed || holds || on(deny)) throw new GuardError("path_denied", "denied");
    return real;
  };
}

/** The real path of the deepest parent that exists, after the `..` were taken out of the text. */
function realParent(path: string): string {
  const text = resolve(path);
  try {
    return realpathSync(text);
  } catch {
    return join(realParent(dirname(text)), basename(text));
  }
}

/** Begins with the entry, as text. */
export const startsWith = naive({
  lead: (p) => resolve(p),
  entry: (e) => resolve(e),
  within: (p, e) => p.startsWith(e),
});

/** Compares whole components, knows no links. */
export const lexical = naive({ lead: (p) => resolve(p), entry: (e) => resolve(e) });

/** Decodes first, as a web server would. */
export const decoding = naive({ lead: (p) => resolve(decodeURIComponent(p)), entry: (e) => resolve(e) });

/** Follows links, but takes a link that dangles for a new file, and `..` by the text. */
export const deepestParent = naive({ lead: realParent, entry: realParent });

/** Follows the links of what was asked for, and not those of the policy. */
export const entriesAsWritten = naive({ lead: realParent, entry: (e) => resolve(e) });

/** Takes all lists for one. */
export const oneList = naive({ lead: realParent, entry: realParent, all: false });

/** Lets a folder be written, and so be moved, that holds what is denied. */
export const parentsOpen = naive({ lead: realParent, entry: realParent, above: false });

/** An empty list for no list. */
export const emptyIsAbsent: MakeGuard = (limits) =>
  deepestParent({
    ...limits,
    ...(limits?.read === undefined ? {} : { read: limits.read.filter((list) => list.length > 0) }),
    ...(limits?.write === undefined ? {} : { write: limits.write.filter((list) => list.length > 0) }),
  });
