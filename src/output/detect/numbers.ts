import { type Charset, charset } from "../hit.js";

const DIGIT = charset("0-9");

/** Characters between two stretches that cost less than another look. */
const NEAR = 24;

/** What numbers of some kind are made of. */
export interface Make {
  /** Digits, and what parts their groups. */
  readonly of: Charset;
  /** How many digits there are, at least. */
  readonly digits: number;
  /** How many characters before one are looked at. */
  readonly before: number;
}

/** What may stand behind a number and say that it is none. */
const AFTER = 2;

/**
 * Visits the parts of a text around its longest stretches of digits and what parts them, where those have enough digits, and
 * tells where each part begins in the text.
 */
export function aroundNumbers(
  text: string,
  { of, digits, before }: Make,
  visit: (part: string, from: number) => void,
): void {
  let from = 0;
  let to = -1;
  const part = (): void => {
    if (to !== -1) visit(text.slice(from, to + AFTER), from);
  };
  for (let probe = digits - 1; probe < text.length; ) {
    // Within any stretch that is long enough stands one of the places looked at.
    if (of[text.charCodeAt(probe)] !== 1) {
      probe += digits;
      continue;
    }
    let start = probe;
    while (start > 0 && of[text.charCodeAt(start - 1)] === 1) start -= 1;
    let count = 0;
    let end = start;
    for (; end < text.length; end += 1) {
      const code = text.charCodeAt(end);
      if (of[code] !== 1) break;
      if (DIGIT[code] === 1) count += 1;
    }
    if (count >= digits) {
      if (to === -1 || start - before > to + NEAR) {
        part();
        from = Math.max(0, start - before);
      }
      to = end;
    }
    probe = end + digits;
  }
  part();
}
