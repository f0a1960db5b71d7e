import { lastNotPast, type View } from "../view.js";

/** A view of a text in which parts are written otherwise, made from left to right. */
export interface Replacing {
  /** From `from` to `to` it reads `by`. Parts MUST ascend and not touch what is inside another. */
  readonly replace: (from: number, to: number, by: string) => void;
  /** The view so far, with where each part that was replaced stands in it; null where none was. */
  readonly done: () => Replaced | null;
}

export interface Replaced {
  readonly view: View;
  readonly places: readonly number[];
}

export function replacing(before: View): Replacing {
  const { text } = before;
  const parts: string[] = [];
  /** Of what was replaced: where it begins and ends in the view, and where in the text before. */
  const at: number[] = [];
  const past: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  let length = 0;
  let copied = 0;
  const startOf = (place: number): number => {
    const last = lastNotPast(at, place);
    const beyond = place - (past[last] ?? 0);
    return beyond < 0 ? (from[last] ?? 0) : (to[last] ?? 0) + beyond;
  };
  const endOf = (place: number): number => {
    const last = lastNotPast(at, place - 1);
    return (to[last] ?? 0) + Math.max(0, place - (past[last] ?? 0));
  };
  return {
    replace: (start, end, by) => {
      parts.push(text.slice(copied, start), by);
      length += start - copied;
      copied = end;
      at.push(length);
      from.push(start);
      to.push(end);
      length += by.length;
      past.push(length);
    },
    done: () => {
      if (at.length === 0) return null;
      const view: View = {
        text: parts.join("") + text.slice(copied),
        before,
        within: ({ start, end }) => ({ start: startOf(start), end: endOf(end) }),
      };
      return { view, places: at };
    },
  };
}
