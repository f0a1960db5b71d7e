import type { Json } from "../../outcome.js";
import { isMap } from "../../policy/report.js";

/** A list as the log holds it: whole, or only its head. */
export interface RecordedList {
  readonly items: readonly Json[];
  /** True where the log holds no more than the head. */
  readonly cut: boolean;
}

/** A list that `boundList` wrote; null when it is something else. */
export function readList(value: Json | undefined): RecordedList | null {
  if (Array.isArray(value)) return { items: value as readonly Json[], cut: false };
  if (isMap(value) && Array.isArray(value.head) && typeof value.count === "number") {
    return { items: value.head as readonly Json[], cut: true };
  }
  return null;
}

/** The ids of a list: its texts, or the `rule_id` of its maps. */
export function textsOf(list: RecordedList | null): readonly string[] {
  return (list?.items ?? []).flatMap((item) => {
    const id = isMap(item) ? item.rule_id : item;
    return typeof id === "string" ? [id] : [];
  });
}

/** How often each of some ids stood in a list. */
export interface Tally {
  /** Takes a list whose ids are in the order of the tally, and ids that are known from elsewhere to be in it. */
  readonly take: (list: RecordedList, also: readonly string[]) => void;
  /** `exact` is false where some list may have held more of an id than it shows. */
  readonly report: () => readonly { readonly id: string; readonly matched: number; readonly exact: boolean }[];
  /** A list could not be read: whatever was not seen may have been in it. */
  readonly blur: () => void;
}

/** Counts ids, which are given in their order: what a cut list leaves out stands after the last that it shows. */
export function createTally(ids: readonly string[]): Tally {
  const places = new Map(ids.map((id, place) => [id, place] as const));
  const counts = new Array<number>(ids.length).fill(0);
  let cutAfter = Number.POSITIVE_INFINITY;
  return {
    take: (list, also) => {
      const shown = new Set([...textsOf(list), ...also]);
      for (const id of shown) {
        const place = places.get(id);
        if (place !== undefined) counts[place] = (counts[place] ?? 0) + 1;
      }
      if (!list.cut) return;
      const last = Math.max(-1, ...textsOf(list).map((id) => places.get(id) ?? -1));
      cutAfter = Math.min(cutAfter, last);
    },
    blur: () => {
      cutAfter = -1;
    },
    report: () => ids.map((id, place) => ({ id, matched: counts[place] ?? 0, exact: place <= cutAfter })),
  };
}
