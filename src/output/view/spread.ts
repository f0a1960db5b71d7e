import type { Leaf, Sheet } from "../sheet.js";
import { lastNotPast, type View } from "../view.js";

/** All values of a sheet, one right after the other, without their keys: for what was cut into several. Null for fewer than two. */
export function spreadView(before: View, { leaves }: Sheet): View | null {
  const values = valuesOf(leaves);
  return values.length < 2 ? null : runTogether(before, [values]);
}

/** The same for the values under one key: the parts of one text in a list of messages. Null where no key has two. */
export function columnsView(before: View, { leaves }: Sheet): View | null {
  const columns = new Map<string, Leaf[]>();
  for (const leaf of valuesOf(leaves)) {
    if (leaf.under === "") continue;
    const column = columns.get(leaf.under);
    if (column === undefined) columns.set(leaf.under, [leaf]);
    else column.push(leaf);
  }
  const several = [...columns.values()].filter(({ length }) => length > 1);
  if (several.length === 0) return null;
  const view = runTogether(before, several);
  const keys: string[] = [];
  const starts: number[] = [];
  let length = 0;
  for (const column of several) {
    starts.push(length);
    keys.push(column[0]?.under ?? "");
    length += column.reduce((sum, { start, end }) => sum + end - start, 1);
  }
  return { ...view, keyAt: (at) => keys[lastNotPast(starts, at)] ?? "" };
}

/** The texts of each list of a sheet: null where no list has two. */
export function listsView(before: View, { leaves }: Sheet): View | null {
  const lists: Leaf[][] = [];
  let last: Leaf | undefined;
  for (const leaf of valuesOf(leaves)) {
    if (last !== undefined && isBeside(before.text, last, leaf)) lists[lists.length - 1]?.push(leaf);
    else lists.push([leaf]);
    last = leaf;
  }
  const several = lists.filter(({ length }) => length > 1);
  return several.length === 0 ? null : runTogether(before, several);
}

function valuesOf(leaves: readonly Leaf[]): readonly Leaf[] {
  return leaves.filter(({ kind, start, end }) => kind === "value" && end > start);
}

/** True for what nothing stands between but the end of the first. */
function isBeside(text: string, first: Leaf, second: Leaf): boolean {
  return second.start === first.end || (second.start === first.end + 1 && text[first.end] === "\0");
}

/** The texts of each group as one text, groups parted by NULs. */
function runTogether(before: View, groups: readonly (readonly Leaf[])[]): View {
  const places: number[] = [];
  const starts: number[] = [];
  const parts: string[] = [];
  let length = 0;
  for (const group of groups) {
    for (const { start, end } of group) {
      places.push(length);
      starts.push(start);
      parts.push(before.text.slice(start, end));
      length += end - start;
    }
    parts.push("\0");
    length += 1;
  }
  const sourceOf = (at: number): number => {
    const index = lastNotPast(places, at);
    return (starts[index] ?? 0) + at - (places[index] ?? 0);
  };
  return {
    text: parts.join(""),
    before,
    within: ({ start, end }) => ({ start: sourceOf(start), end: sourceOf(end - 1) + 1 }),
  };
}
