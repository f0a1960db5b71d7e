/** Where in a text something was found, in UTF-16 code units: from `start` up to, not including, `end`. */
export interface Hit {
  /** Which pattern, for example `private_key`. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A set of detectors over one text. `find` MUST report every hit, in any order, and MUST take time linear in the text,
 * whatever the text: outputs are chosen by whoever wrote what the job reads.
 */
export interface DetectorSet {
  /**
   * Literals without which there is no hit. Tested on each string, and before that on the recorded form of the whole
   * output, so they MUST be made of characters that JSON never escapes.
   */
  readonly clues: readonly RegExp[];
  /** Names of fields whose value is also looked at as `name=value`; null when names say nothing. */
  readonly names: RegExp | null;
  /** True when it finds a hit in UTF-8 bytes also when they are read as one character a byte. */
  readonly bytewise: boolean;
  readonly find: (text: string, report: (hit: Hit) => void) => void;
}

/** A set of characters as a table by code; a code past its end is not in it. */
export type Charset = Uint8Array;

/** The characters of a regular expression class, up to U+024F (the end of Latin Extended-B). */
export function charset(characters: string): Charset {
  const test = new RegExp(`^[${characters}]$`);
  return Uint8Array.from({ length: 0x250 }, (_, code) => (test.test(String.fromCharCode(code)) ? 1 : 0));
}

/** Where the run of such characters that begins at `from` ends. */
export function runEnd(text: string, from: number, characters: Charset): number {
  let end = from;
  while (end < text.length && characters[text.charCodeAt(end)] === 1) end += 1;
  return end;
}

/** Where the run of such characters that ends before `to` starts. */
export function runStart(text: string, to: number, characters: Charset): number {
  let start = to;
  while (start > 0 && characters[text.charCodeAt(start - 1)] === 1) start -= 1;
  return start;
}
