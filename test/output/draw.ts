/** Draws from one seed: the same seed gives the same texts, on every machine. */
export interface Draw {
  /** A whole number from 0 up to, not including, `bound`. */
  readonly below: (bound: number) => number;
  /**
   * Characters of an alphabet. Where it holds digits, capitals and small letters, so does every text of 16 or more: a
   * token without one of them is too rare to be what an example should stand for.
   */
  readonly text: (length: number, alphabet: string) => string;
  readonly bytes: (length: number) => Buffer;
}

/** Mulberry32: 32 bits of state, which is plenty for examples and worth nothing for secrets. */
export function openDraw(seed: number): Draw {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  const once = (length: number, alphabet: string): string =>
    Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");
  return {
    below,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    text: (length, alphabet) => {
      let text = once(length, alphabet);
      while (length >= 16 && !isMixed(text, alphabet)) text = once(length, alphabet);
      return text;
    },
  };
}

function isMixed(text: string, alphabet: string): boolean {
  return [/[0-9]/, /[A-Z]/, /[a-z]/].every((group) => !group.test(alphabet) || group.test(text));
}

export const DIGIT = "0123456789";
export const LOWER = "abcdefghijklmnopqrstuvwxyz";
export const UPPER = LOWER.toUpperCase();
export const ALNUM = UPPER + LOWER + DIGIT;
export const HEX = `${DIGIT}abcdef`;
export const WORDY = `${ALNUM}_-`;
export const BASE64 = `${ALNUM}+/`;
