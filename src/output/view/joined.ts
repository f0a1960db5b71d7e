import { type View, viewOf } from "../view.js";
import { replacing } from "./replaced.js";

/** The text without line ends and the white space around them, as if it had never been wrapped. Null where it has none. */
export function unwrappedView(before: View): View | null {
  const { text } = before;
  const { replace, done } = replacing(before);
  let feed = text.indexOf("\n");
  let carriage = text.indexOf("\r");
  while (feed !== -1 || carriage !== -1) {
    const first = feed === -1 || (carriage !== -1 && carriage < feed) ? carriage : feed;
    let start = first;
    while (start > 0 && isSpace(text.charCodeAt(start - 1))) start -= 1;
    let end = first;
    while (end < text.length && isSpace(text.charCodeAt(end))) end += 1;
    if (isOneLineEnd(text, first, end)) replace(start, end, "");
    if (feed !== -1 && feed < end) feed = text.indexOf("\n", end);
    if (carriage !== -1 && carriage < end) carriage = text.indexOf("\r", end);
  }
  return done()?.view ?? null;
}

/** False for more: an empty line between says that what follows is something else. */
function isOneLineEnd(text: string, from: number, to: number): boolean {
  let count = 0;
  for (let at = from; at < to; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === FEED || (unit === CARRIAGE && text.charCodeAt(at + 1) !== FEED)) count += 1;
  }
  return count === 1;
}

const FEED = 10;
const CARRIAGE = 13;

/** The text without any white space. Null where it has none. */
export function joinedView(before: View): View | null {
  const { text } = before;
  const units = new Uint16Array(text.length);
  let kept = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    units[kept] = unit;
    kept += KEPT[unit] ?? 1;
  }
  if (kept === text.length) return null;
  return viewOf(before, textOf(units.subarray(0, kept), text), () => {
    const starts = new Uint32Array(kept);
    let length = 0;
    for (let at = 0; at < text.length; at += 1) {
      if (!isSpace(text.charCodeAt(at))) starts[length++] = at;
    }
    return starts;
  });
}

/** As a text of one byte a character where that can be: it is read in half the time. */
const WIDE = /[^\0-\xff]/;

function textOf(units: Uint16Array, before: string): string {
  if (!WIDE.test(before)) return Buffer.from(new Uint8Array(units).buffer).toString("latin1");
  return Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString("utf16le");
}

/** For each code unit, 0 for white space as `\s` has it, and 1 for all else: without a branch, of which most would be guessed wrong. */
const KEPT = Uint8Array.from({ length: 0x1_00_00 }, (_, unit) => (/\s/.test(String.fromCharCode(unit)) ? 0 : 1));

function isSpace(unit: number): boolean {
  return KEPT[unit] === 0;
}
