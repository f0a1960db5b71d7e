import type { View } from "../view.js";
import { focusedView } from "./focused.js";
import { type Replacing, replacing } from "./replaced.js";

/** Anything but what is the same in both readings; NUL parts values and stays. */
const FOREIGN = /[^\0\t\n\r\x20-\x7e]/;

/** A text and its parts around what is new in it. */
export interface Changed {
  readonly whole: View;
  readonly changed: View;
}

/**
 * The text in compatibility form (NFKC, character by character), without controls, invisible characters, combining marks and
 * lone surrogates: full-width letters are plain ones, and what was put between letters is gone. Null where nothing changes.
 */
export function foldedView(before: View): Changed | null {
  if (!FOREIGN.test(before.text)) return null;
  const { replace, done } = replacing(before);
  fold(before.text, replace);
  const replaced = done();
  if (replaced === null) return null;
  const { view: whole, places } = replaced;
  return { whole, changed: focusedView(whole, places, RADIUS) };
}

/** How far around a change something may reach that it is part of. */
const RADIUS = 2_048;

/** A control sequence of terminals (ECMA-48), after its escape. */
const CSI = /\[[0-?]{0,32}[ -/]{0,4}[@-~]/y;

/** Tells of each character, or sequence, that becomes something else. */
function fold(text: string, replace: Replacing["replace"]): void {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x7f && (code >= 0x20 || isKept(code))) continue;
    const end = code === 0x1b ? sequenceEnd(text, at) : -1;
    const character = end === -1 ? characterAt(text, at, code) : text.slice(at, end);
    // What only colours a terminal parts nothing.
    const becomes = end === -1 ? foldCharacter(character) : "";
    if (becomes !== character) replace(at, at + character.length, becomes);
    at += character.length - 1;
  }
}

/** Where the control sequence that begins at an escape ends; -1 where none does. */
function sequenceEnd(text: string, at: number): number {
  CSI.lastIndex = at + 1;
  return CSI.test(text) ? CSI.lastIndex : -1;
}

/** NUL, tab and the line ends. */
function isKept(code: number): boolean {
  return code === 0 || code === 9 || code === 10 || code === 13;
}

function characterAt(text: string, at: number, code: number): string {
  return code < 0xd800 || code > 0xdfff ? text.charAt(at) : String.fromCodePoint(text.codePointAt(at) ?? code);
}

/** Characters met so far: texts are made of few different ones. */
const known = new Map<string, string>();
const MOST_KNOWN = 4_096;

const UNSEEN = /^(?:\p{Cc}|\p{Cf}|\p{Cs}|\p{M}|\p{Default_Ignorable_Code_Point})$/u;
const MARKS = /\p{M}/gu;

/** Letters that finders know, and white space. */
const PLAIN = /^[\x20-\u024f]{0,4}$/;

function foldCharacter(character: string): string {
  const before = known.get(character);
  if (before !== undefined) return before;
  const normal = UNSEEN.test(character) ? "" : character.normalize("NFKC").replaceAll(MARKS, "");
  // What becomes several letters of no use here stays as it is, so that nobody can make a text grow by them.
  const folded = PLAIN.test(normal) ? normal : character;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(character, folded);
  return folded;
}
