import { TOKEN_CLUE } from "./detect/tokens.js";
import type { Sighting } from "./look.js";
import type { ChunkSheet, Leaf, Sheet } from "./sheet.js";

/** How much is held back, and how much more is waited for before it is looked at, in UTF-16 code units. */
export const STREAM_CAPS = {
  /** What has left already is still seen as what stands before. */
  context: 1_024,
  /** Shorter secrets are never cut by what leaves. */
  hold: 1_024,
  /** The same where chunks are values with texts in them, keys counted. */
  holdValues: 8 * 1_024,
  /** A word, or something found, that is longer and has not ended. */
  open: 64 * 1024,
  /** What is held back of a longer word. */
  long: 16 * 1024,
} as const;

/** Up to where nothing is held back for what it is followed by: white space does not count, and values are held by number too. */
export function freeOf({ text, ends }: ChunkSheet, hold: number): number {
  const at = placeBefore(text, hold);
  if (hold === STREAM_CAPS.hold) return at;
  const least = Math.max(0, text.length - STREAM_CAPS.open * (hold / STREAM_CAPS.hold));
  return Math.max(least, Math.min(at, ends[ends.length - 1 - HELD_CHUNKS] ?? 0));
}

/** Chunks of values that are held back however long they are. */
const HELD_CHUNKS = 48;

/** Up to where the text may leave: far enough before its end, and inside nothing that was found or has begun. */
export function cutOf(
  sheet: Sheet,
  sightings: readonly Sighting[],
  { free, least }: { readonly free: number; readonly least: number },
): number {
  let cut = Math.max(least, Math.min(free, wordBefore(sheet.text), tokenBefore(sheet, free)));
  for (let moved = true; moved; ) {
    moved = false;
    for (const { start, end } of sightings) {
      if (start < cut && cut < end) {
        cut = Math.max(least, start);
        moved = cut > least;
      }
    }
  }
  return cut;
}

/** What no word of a text goes across; JSON without white space is no word. */
const BETWEEN_WORDS = /[\s\0"'`<>{}()[\],;|&]/;

/** Where the word at the end begins. Of a longer one than any secret, only the end may be part of something. */
function wordBefore(text: string): number {
  let start = text.length;
  while (start > 0 && !BETWEEN_WORDS.test(text.charAt(start - 1))) {
    if (text.length - start >= STREAM_CAPS.open) return text.length - STREAM_CAPS.long;
    start -= 1;
  }
  return start;
}

/** What is known by its beginning is known after so many characters. */
const LONGEST_KNOWN = 128;

const PART_OF_TOKEN = /[A-Za-z0-9_.-]*$/;

/**
 * Where, among values that say a text piece by piece under one key, a token begins that is not known for one yet: a JWT, which
 * alone is known by what comes late, or any other near the end.
 */
function tokenBefore({ text, leaves }: Sheet, free: number): number {
  let first = text.length;
  const groups = new Map<string, { readonly leaf: Leaf; readonly from: number }[]>();
  for (const leaf of leaves) {
    if (leaf.kind !== "value" || leaf.end === leaf.start) continue;
    const tail = PART_OF_TOKEN.exec(text.slice(Math.max(leaf.start, leaf.end - STREAM_CAPS.long), leaf.end))?.[0] ?? "";
    const from = leaf.end - tail.length;
    const group = groups.get(leaf.under);
    if (group === undefined || from > leaf.start) groups.set(leaf.under, [{ leaf, from }]);
    else group.push({ leaf, from });
  }
  for (const group of groups.values()) {
    if ((group.at(-1)?.leaf.end ?? 0) < free) continue;
    const begin = beginningOf(text, group);
    if (begin !== undefined) first = Math.min(first, begin);
  }
  return first;
}

/** Where in the run of its leaves a token begins; undefined where none does. */
function beginningOf(
  text: string,
  group: readonly { readonly leaf: Leaf; readonly from: number }[],
): number | undefined {
  const run = group.map(({ leaf, from }) => text.slice(from, leaf.end)).join("");
  const near = Math.max(0, run.length - LONGEST_KNOWN);
  const clue = run.slice(near).search(TOKEN_CLUE);
  const begins = [run.indexOf("eyJ"), clue === -1 ? -1 : near + clue].filter((at) => at !== -1);
  if (begins.length === 0) return undefined;
  let left = Math.min(...begins);
  for (const { leaf, from } of group) {
    if (left < leaf.end - from) return from + left;
    left -= leaf.end - from;
  }
  return undefined;
}

/** What views leave out, so that it parts nothing: NULs part what stands in a value. */
const UNSEEN = /[\s\p{C}\p{M}]/u;

/** Where the last so many characters begin that every view has; never further back than what may be open. */
export function placeBefore(text: string, seen: number): number {
  let at = text.length;
  for (let left = seen; at > 0 && left > 0 && text.length - at < STREAM_CAPS.open; at -= 1) {
    if (!UNSEEN.test(text.charAt(at - 1))) left -= 1;
  }
  return at;
}
