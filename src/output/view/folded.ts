import { type View, viewOf } from "../view.js";
import { focusedView } from "./focused.js";

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
  const { text } = before;
  if (!FOREIGN.test(text)) return null;
  const places: number[] = [];
  const units = new Uint16Array(text.length * MOST_LETTERS);
  const length = fold(
    text,
    (unit, at) => {
      units[at] = unit;
    },
    (at) => {
      // Near enough to the last, it has the same parts around it.
      if (at - (places[places.length - 1] ?? -NEAR) >= NEAR) places.push(at);
    },
  );
  if (places.length === 0) return null;
  const folded = Buffer.from(units.buffer, 0, length * 2).toString("utf16le");
  const whole = viewOf(before, folded, () => {
    const starts = new Uint32Array(length);
    fold(
      text,
      (_, at, from) => {
        starts[at] = from;
      },
      () => undefined,
    );
    return starts;
  });
  return { whole, changed: focusedView(whole, places, RADIUS) };
}

/** How far around a change something may reach that it is part of. */
const RADIUS = 2_048;

/** Code units that a character becomes at most. */
const MOST_LETTERS = 4;

/** Places of changes that are told of: within so many code units, one. */
const NEAR = 256;

/** Told each code unit of the folded text, where it stands and where what it was made of begins. */
type OnUnit = (unit: number, at: number, from: number) => void;

/** A control sequence of terminals (ECMA-48), after its escape. */
const CSI = /\[[0-?]{0,32}[ -/]{0,4}[@-~]/y;

/** Folds, and answers the length of the folded text. `onChange` is told where something became something else. */
function fold(text: string, onUnit: OnUnit, onChange: (at: number) => void): number {
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x7f && (code >= 0x20 || isKept(code))) {
      onUnit(code, length, at);
      length += 1;
      continue;
    }
    if (code === 0x1b) {
      // What only colours a terminal parts nothing.
      CSI.lastIndex = at + 1;
      if (CSI.test(text)) {
        onChange(length);
        at = CSI.lastIndex - 1;
        continue;
      }
    }
    const character = characterAt(text, at, code);
    const becomes = foldCharacter(character);
    if (becomes !== character) onChange(length);
    for (let index = 0; index < becomes.length; index += 1) {
      onUnit(becomes.charCodeAt(index), length, at);
      length += 1;
    }
    at += character.length - 1;
  }
  return length;
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
