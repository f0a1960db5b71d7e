/** Where in a text something was found, in UTF-16 code units: from `start` up to, not including, `end`. */
export interface Hit {
  /** Which pattern, for example `private_key`. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/** Told every hit, in any order. */
export type Report = (hit: Hit) => void;

/** One way to find kinds of secrets or personal data in a text. */
export interface Finder {
  /** Every kind that it reports: 1 to 64 of a-z, 0-9 and _. */
  readonly kinds: readonly string[];
  /** How it is known that something may begin: three characters each. Absent where the finder looks by itself. */
  readonly clues?: readonly string[];
  /**
   * MUST report every hit in time linear in the text, whatever the text: outputs are chosen by whoever wrote what the job
   * reads. A NUL never stands inside a hit: it parts values that are not one text. Told, in ascending order, where its clues
   * may stand; at some of the places something else does.
   */
  readonly find: (text: string, report: Report, places: readonly number[]) => void;
  /**
   * The same in text whose white space was taken out, or in several values run together: reports what is known by its own
   * beginning and length, at its shortest. Absent where words that ran together could look like a hit.
   */
  readonly findJoined?: (text: string, report: Report, places: readonly number[]) => void;
  /**
   * Whether a hit may be broken by a line end, or stand in several values of a list: never, always, or only where what follows
   * the break looks made and not written.
   */
  readonly breaks: "never" | "always" | "made";
  /** True for what is known by its name alone: where another finder knows the same by itself, that is what it is. */
  readonly yields?: true;
  /** True where what is found has so few possible values that a fingerprint of it would let somebody try them all. */
  readonly guessable: boolean;
}

/** Visits each match of a global expression; where one is, the expression's `lastIndex` is its end. */
export function eachMatch(pattern: RegExp, text: string, visit: (found: RegExpExecArray) => void): void {
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) visit(found);
}

/** The matches of a sticky expression at some places; where one is, the expression's `lastIndex` is its end, and may be moved on. */
export function* matchesAt(pattern: RegExp, text: string, places: Iterable<number>): Iterable<RegExpExecArray> {
  let done = 0;
  for (const at of places) {
    if (at < done) continue;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) continue;
    yield found;
    done = pattern.lastIndex;
  }
}

/** Every place of a literal in a text, one that begins inside another too. */
export function* placesOf(literal: string, text: string): Iterable<number> {
  for (let at = text.indexOf(literal); at !== -1; at = text.indexOf(literal, at + 1)) yield at;
}

/** A set of characters as a table by code; a code past its end is not in it. */
export type Charset = Uint8Array;

/** The characters of a regular expression class, up to U+024F (the end of Latin Extended-B). */
export function charset(characters: string): Charset {
  const test = new RegExp(`^[${characters}]$`);
  return Uint8Array.from({ length: 0x250 }, (_, code) => (test.test(String.fromCharCode(code)) ? 1 : 0));
}

/** Where the run of such characters that begins at `from` ends; at most `most` characters on. */
export function runEnd(text: string, from: number, characters: Charset, most = text.length): number {
  const last = Math.min(text.length, from + most);
  let end = from;
  while (end < last && characters[text.charCodeAt(end)] === 1) end += 1;
  return end;
}

/** Where the run of such characters that ends before `to` starts; at most `most` characters before. */
export function runStart(text: string, to: number, characters: Charset, most = to): number {
  const first = Math.max(0, to - most);
  let start = to;
  while (start > first && characters[text.charCodeAt(start - 1)] === 1) start -= 1;
  return start;
}
