import type { Constraints } from "../../outcome.js";
import { inRange } from "./network-address.js";
import type { Entry } from "./network-entry.js";
import { readLimits as readNetwork } from "./network-limits.js";
import { readLimits as readPaths } from "./path-limits.js";
import { isWithin } from "./path-place.js";

/**
 * The allow lists that must all hold and have nothing in common, by name: nothing could ever be allowed, and nobody said so.
 * A list that is empty says so. Of networks only what is plain is told: entries for names and for addresses may meet.
 */
export function apart({ paths, network }: Constraints): readonly string[] {
  const { read, write } = readPaths(paths ?? {});
  const { allow } = readNetwork(network);
  return [
    ...(meets(read, (one, other) => isWithin(one.written, other.written)) ? [] : ["paths.read"]),
    ...(meets(write, (one, other) => isWithin(one.written, other.written)) ? [] : ["paths.write"]),
    ...(meets(allow, overlaps) ? [] : ["network.allow"]),
  ];
}

/** Whether some entry of some list meets one of every other. */
function meets<Item>(
  lists: readonly (readonly Item[])[] | undefined,
  meet: (one: Item, other: Item) => boolean,
): boolean {
  if (lists === undefined || lists.length < 2 || lists.some((list) => list.length === 0)) return true;
  return lists.flat().some((one) => lists.every((list) => list.some((other) => meet(one, other))));
}

function overlaps(one: Entry, other: Entry): boolean {
  if (one.port !== null && other.port !== null && one.port !== other.port) return false;
  if (one.type === "range" || other.type === "range") {
    if (one.type !== other.type) return true;
    return one.type === "range" && other.type === "range" && rangesMeet(one.range, other.range);
  }
  const [a, b] = [textOf(one), textOf(other)];
  return a === b || (one.type === "below" && b.endsWith(a)) || (other.type === "below" && a.endsWith(b));
}

type NamedEntry = Exclude<Entry, { readonly type: "range" }>;

function textOf(entry: NamedEntry): string {
  return entry.type === "name" ? entry.name : entry.suffix;
}

type Range = Extract<Entry, { readonly type: "range" }>["range"];

function rangesMeet(one: Range, other: Range): boolean {
  return inRange(one, other.first) || inRange(other, one.first);
}
