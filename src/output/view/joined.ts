import { type View, viewOf } from "../view.js";

const SPACE = /\s/;

/** The text without any white space. Null where it has none. */
export function joinedView(before: View): View | null {
  return SPACE.test(before.text) ? without(before, () => true) : null;
}

const LINE_END = /[\n\r]/;

/** The text without line ends and the white space around them, as if it had never been wrapped. Null where it has none. */
export function unwrappedView(before: View): View | null {
  return LINE_END.test(before.text) ? without(before, hasLineEnd) : null;
}

/** Decides of one stretch of white space whether it goes. */
type Goes = (units: Uint16Array, from: number, to: number) => boolean;

/** One line end: an empty line between says that what follows is something else. */
function hasLineEnd(units: Uint16Array, from: number, to: number): boolean {
  let count = 0;
  for (let at = from; at < to; at += 1) {
    if (units[at] === 10 || (units[at] === 13 && units[at + 1] !== 10)) count += 1;
  }
  return count === 1;
}

function without(before: View, goes: Goes): View {
  const units = unitsOf(before.text);
  let kept = 0;
  eachKept(units, goes, (from, to) => {
    units.copyWithin(kept, from, to);
    kept += to - from;
  });
  const text = Buffer.from(units.buffer, units.byteOffset, kept * 2).toString("utf16le");
  return viewOf(before, text, () => {
    const starts = new Uint32Array(kept);
    let length = 0;
    eachKept(unitsOf(before.text), goes, (from, to) => {
      for (let at = from; at < to; at += 1) starts[length++] = at;
    });
    return starts;
  });
}

function unitsOf(text: string): Uint16Array {
  const bytes = new ArrayBuffer(text.length * 2);
  Buffer.from(bytes).write(text, "utf16le");
  return new Uint16Array(bytes);
}

/** Visits what stays, in order; what was visited may be overwritten. */
function eachKept(units: Uint16Array, goes: Goes, visit: (from: number, to: number) => void): void {
  let from = 0;
  for (let at = 0; at < units.length; ) {
    if (!isSpace(units[at] ?? 0)) {
      at += 1;
      continue;
    }
    const start = at;
    while (at < units.length && isSpace(units[at] ?? 0)) at += 1;
    if (!goes(units, start, at)) continue;
    visit(from, start);
    from = at;
  }
  visit(from, units.length);
}

/** White space as `\s` has it. */
function isSpace(unit: number): boolean {
  if (unit < 0x80) return unit === 32 || (unit >= 9 && unit <= 13);
  return SPACE.test(String.fromCharCode(unit));
}
