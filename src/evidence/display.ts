/**
 * As part of a character class: control, format (bidi, zero-width), surrogate, private-use and unassigned characters,
 * separators of lines and paragraphs, and characters that are drawn as nothing (Hangul fillers, variation selectors, the
 * braille blank, joiners and blanks of single scripts).
 */
export const NEVER_SEEN =
  "\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u2800\\u2d7f\\u{1107f}\\u{13441}\\u{13442}\\u{16fe4}\\u{1d159}";

/**
 * What is not plainly visible where it stands: what is never seen, every space but the common one, and marks piled up beyond
 * the second.
 */
const UNSEEN = new RegExp(`[${NEVER_SEEN}]|(?! )\\p{Zs}|(?<=\\p{M}{2})\\p{M}`, "gu");

/** The text with every character that is not plainly visible written as `\u{...}`: nothing is dropped. */
export function displaySafe(raw: string): string {
  return raw.replace(UNSEEN, writtenOut);
}

function writtenOut(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A run of one character longer than this is told by its count. */
const LONGEST_RUN = 32;

const RUNS = new RegExp(`(.)\\1{${LONGEST_RUN},}`, "gsu");
const FIRST_RUN = new RegExp(`^(.)\\1{${LONGEST_RUN},}`, "su");

/**
 * A text as a literal of one line, from which it can be told exactly: in double quotes, with `\"` and `\\` for those two,
 * `\u{...}` for what is not plainly visible, and `c\{×N}` for a character `c` that stands there N times in a row.
 */
export function displayLiteral(raw: string): string {
  let literal = '"';
  let from = 0;
  // A mark at the beginning would be drawn onto our quote.
  const [mark] = /^\p{M}/u.exec(raw) ?? [];
  if (mark !== undefined && !FIRST_RUN.test(raw)) {
    literal += writtenOut(mark);
    from = mark.length;
  }
  for (const { 0: run, 1: character = "", index } of raw.matchAll(RUNS)) {
    literal += escaped(raw.slice(from, index));
    // Where a mark stands alone it would join what is before it; in a run it is written out whatever it follows.
    const one = /\p{M}/u.test(character) ? writtenOut(character) : escaped(character);
    literal += `${one}\\{×${run.length / character.length}}`;
    from = index + run.length;
  }
  return `${literal}${escaped(raw.slice(from))}"`;
}

function escaped(raw: string): string {
  return displaySafe(raw.replace(/["\\]/g, "\\$&"));
}
