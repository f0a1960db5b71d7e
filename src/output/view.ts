/** A reading of a text: without what hides a secret in it, or decoded. */
export interface View {
  readonly text: string;
  /** What it was made from; null for the first text. */
  readonly before: View | null;
  /** Which part of that stands behind a part of this. */
  readonly within: (part: Span) => Span;
  /** Where only values under one key run together: that key. What stands between them is not part of it. */
  readonly keyAt?: (at: number) => string;
}

/** From `start` up to, not including, `end`, in UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A text as it is. */
export function plainView(text: string): View {
  return { text, before: null, within: (part) => part };
}

/** Which part of the first text stands behind a part of a view; or of the view `until`, on the way there. */
export function placeOf(view: View, part: Span, until?: View): Span {
  let place = part;
  for (let at: View | null = view; at !== null && at !== until; at = at.before) place = at.within(place);
  return place;
}

/** The key under which all values stand that a part of a view was made of; undefined where it is one stretch. */
export function keyOf(view: View, part: Span): string | undefined {
  let place = part;
  for (let at: View | null = view; at !== null; at = at.before) {
    if (at.keyAt !== undefined) return at.keyAt(place.start);
    place = at.within(place);
  }
  return undefined;
}

/**
 * A view of a view. `starts` answers, for each code unit of the new text, where in the old one what it was made of begins,
 * and is asked only once something was found.
 */
export function viewOf(before: View, text: string, starts: () => ArrayLike<number>): View {
  let known: ArrayLike<number> | undefined;
  return {
    text,
    before,
    within: ({ start, end }) => {
      known ??= starts();
      const first = known[start] ?? 0;
      const last = known[end - 1] ?? first;
      return { start: first, end: last + widthAt(before.text, last) };
    },
  };
}

/** Code units of the character that begins there. */
function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** The last of places in ascending order that is not past `at`; -1 where all are. */
export function lastNotPast(places: ArrayLike<number>, at: number): number {
  let low = -1;
  for (let high = places.length; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if ((places[middle] ?? 0) <= at) low = middle;
    else high = middle;
  }
  return low;
}
