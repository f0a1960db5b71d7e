import { GuardError } from "../../errors.js";
import { quoted } from "../../policy/source.js";
import { type PathLimits, type Route, type RouteLists, readLimits, readRoute } from "./path-limits.js";
import { isWithin, mayBeWithin, type Place, placeText } from "./path-place.js";
import { type Seen, type Walk, type WalkFailure, walk } from "./path-walk.js";

export type { PathLimits } from "./path-limits.js";

/**
 * Whether a path that a job declares is within the limits as it is written: no file system is asked, so a link may still
 * lead elsewhere, and the guard decides again when the path is used. `any` is to be read or to be written, whichever is
 * allowed. Without limits every path is; within limits none is that is not absolute, that holds `..`, or that is no path.
 */
export function allowsPath(limits: PathLimits | undefined, path: string, mode: "read" | "write" | "any"): boolean {
  if (limits === undefined) return true;
  const reading = readRoute(path);
  if (!reading.ok || reading.route.steps.includes("..")) return false;
  const { written } = reading.route;
  const { read, write, deny } = readLimits(limits);
  if (deny === null || isDenied(written, deny.map(writtenOf))) return false;
  if (mode === "write" && holdsDenied(written, deny.map(writtenOf))) return false;
  const onAll = (lists: RouteLists | undefined): boolean => isOnAll(written, writtenLists(lists));
  if (mode === "any") return onAll(read) || onAll(write);
  return onAll(mode === "read" ? read : write);
}

/** A path guard, see {@link createPathGuard}. */
export interface PathGuard {
  (path: string, mode: "read" | "write"): Promise<string>;
  /** Resolves when it is known where the entries of the limits lead: before that, nobody may act who could move them. */
  readonly ready: Promise<unknown>;
}

/**
 * Answers for a path the absolute path that it leads to, every link followed and no `.` or `..` left in it, or rejects
 * with a {@link GuardError}: `path_invalid` where it leads nowhere, `path_denied` where the limits do not allow it. What
 * does not exist yet is answered as the path it would have. Names are compared as they are spelt, so that an allowed
 * folder in another case is refused even where the file system takes it for the same.
 *
 * An allow list is held against where a path leads, by where its entries led when the guard was made: make one for each
 * run, or a run could move what the next call allows. A denied entry covers all below it: as it is written, where it led
 * when the guard was made, where it leads now, and whatever has or had its inode (another case, a hard link, a mount,
 * another name by now). Its parents may be read, but not be written themselves: that would rename or remove what is
 * denied. On macOS and Windows it covers every case and composition. Both readings of `..` must be clear of it.
 *
 * A guard on arguments is not a sandbox. Between the answer and its use somebody else can put a link where a folder was.
 * What narrows that: use the answer, at once, and never the path that was asked for; open with `O_NOFOLLOW`, new files
 * with `O_EXCL`; allow only folders to which nobody else may write. What ends it is a process that can reach no more.
 */
export function createPathGuard(limits: PathLimits | undefined): PathGuard {
  const { read, write, deny } = readLimits(limits ?? {});
  const start = lookUp(read, write, deny ?? []);

  const guard = async (path: string, mode: "read" | "write"): Promise<string> => {
    // From plain JavaScript any other mode would name a list that is not there, and so does not limit.
    if (mode !== "read" && mode !== "write") {
      throw new GuardError("path_invalid", "a path is asked for either to `read` or to `write`");
    }
    const reading = readRoute(path);
    if (!reading.ok) {
      throw new GuardError("path_invalid", reading.message, reading.help === undefined ? {} : { help: reading.help });
    }
    if (deny === null) throw untold(path);
    const { denied, ...allow } = await start;
    const seen: Seen = new Map();
    const found = await follow(path, reading.route, seen);
    if (!isOnAll(found.place, allow[mode])) {
      throw new GuardError("path_denied", `${quoted(path)} is not where the policy allows to ${mode}`, LINKS_COUNT);
    }
    const walks = [...denied, ...(await walkAll(deny, seen))];
    if (walks.some(isUntold)) throw untold(path);
    const entries = [...deny.map(writtenOf), ...walks.flatMap(placeOf)];
    const places = [reading.route.written, found.place];
    if (places.some((place) => isDenied(place, entries)) || isOneOf(found, walks)) {
      throw new GuardError("path_denied", `${quoted(path)} is where the policy denies everything`, LINKS_COUNT);
    }
    if (mode === "write" && (places.some((place) => holdsDenied(place, entries)) || isOnWay(found, walks))) {
      throw new GuardError("path_denied", `${quoted(path)} holds what the policy denies`, ONLY_BELOW);
    }
    return placeText(found.place);
  };
  return Object.assign(guard, { ready: start });
}

const LINKS_COUNT = { help: "what counts is where a path leads, with every link followed" };
const ONLY_BELOW = { help: "such a folder can be read, and other files in it written, but not the folder itself" };

const WORDS: Readonly<Record<WalkFailure, string>> = {
  missing: "goes up from a folder that does not exist",
  not_folder: "goes through something that is not a folder",
  not_searchable: "goes through a folder that this process may not search",
  too_many_links: "goes through a loop of links, or more than 40",
  too_long: "is longer than the file system allows",
  link_unreadable: "goes through a link to what is no legal path",
  failed: "cannot be looked up",
};

type Found = Extract<Walk, { readonly ok: true }>;

async function follow(path: string, route: Route, seen: Seen): Promise<Found> {
  const found = await walk(route.root, route.steps, seen);
  if (found.ok) return found;
  throw new GuardError("path_invalid", `${quoted(path)} ${WORDS[found.failure]}`, { cause: found.cause });
}

function writtenOf(route: Route): Place {
  return route.written;
}

function writtenLists(lists: RouteLists | undefined): PlaceLists | undefined {
  return lists?.map((list) => list.map(writtenOf));
}

function isOnAll(place: Place, lists: PlaceLists | undefined): boolean {
  return lists === undefined || lists.every((list) => list.some((entry) => isWithin(place, entry)));
}

function isDenied(place: Place, entries: readonly Place[]): boolean {
  return entries.some((entry) => mayBeWithin(place, entry, process.platform));
}

/** True for a folder of which a denied place is below: to rename or remove it does that to what is denied. */
function holdsDenied(place: Place, entries: readonly Place[]): boolean {
  return entries.some((entry) => mayBeWithin(entry, place, process.platform));
}

/** True where what was found is itself, not only by its name, on the way to one of the entries. */
function isOnWay(found: Found, entries: readonly Walk[]): boolean {
  const [end] = identityOf(found);
  return end !== undefined && entries.some((entry) => entry.ok && entry.identities.includes(end));
}

/** True where one of the entries itself, not only its name, is on the way. */
function isOneOf(found: Found, entries: readonly Walk[]): boolean {
  const identities = new Set(entries.flatMap(identityOf));
  return found.identities.some((identity) => identity !== null && identities.has(identity));
}

function untold(path: string): GuardError {
  return new GuardError("path_denied", `${quoted(path)} is refused, as all are: a denied path cannot be told`, {
    help: "a denied path must be absolute, without `..`, and lead somewhere that the file system can say",
  });
}

/** One after the other: a policy of many entries does not take the thread pool from everybody else. */
async function walkAll(routes: readonly Route[], seen: Seen): Promise<readonly Walk[]> {
  const walks: Walk[] = [];
  for (const { root, steps } of routes) walks.push(await walk(root, steps, seen));
  return walks;
}

type PlaceLists = readonly (readonly Place[])[];

interface Led {
  readonly read: PlaceLists | undefined;
  readonly write: PlaceLists | undefined;
  readonly denied: readonly Walk[];
}

/** Where all entries lead. Never rejects. */
async function lookUp(
  read: RouteLists | undefined,
  write: RouteLists | undefined,
  deny: readonly Route[],
): Promise<Led> {
  const seen: Seen = new Map();
  return { read: await led(read, seen), write: await led(write, seen), denied: await walkAll(deny, seen) };
}

/** Where the entries of allow lists lead. One that leads nowhere allows nothing. */
async function led(lists: RouteLists | undefined, seen: Seen): Promise<PlaceLists | undefined> {
  if (lists === undefined) return undefined;
  const places: (readonly Place[])[] = [];
  for (const list of lists) places.push((await walkAll(list, seen)).flatMap(placeOf));
  return places;
}

function placeOf(found: Walk): readonly Place[] {
  return found.ok ? [found.place] : [];
}

/** The inode of the very end of a path; of none that does not exist. */
function identityOf(found: Walk): readonly string[] {
  if (!found.ok || found.identities.length < found.place.length - 1) return [];
  const last = found.identities.at(-1);
  return last === undefined || last === null ? [] : [last];
}

const UNTOLD: ReadonlySet<WalkFailure> = new Set(["too_long", "link_unreadable", "failed"]);

/**
 * True where a denied entry may lead to a place that has another name, too. Not where this process may not look: it gets
 * nowhere through there. Nor behind a file or a loop: nothing is there.
 */
function isUntold(found: Walk): boolean {
  return !found.ok && UNTOLD.has(found.failure);
}
