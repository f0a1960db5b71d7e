import type { Span } from "../view.js";

/** Letters, digits, `+`, `/`, `-` and `_`: base64 in both alphabets (RFC 4648), hex, and what tokens are made of. */
const OF_RUN = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9+/_-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function isOfRun(code: number): boolean {
  return OF_RUN[code] === 1;
}

/** Digits, small letters of hex, and dashes. */
const OF_HEX = Uint8Array.from({ length: 128 }, (_, code) => (/[0-9a-f-]/.test(String.fromCharCode(code)) ? 1 : 0));

/** True for a run like those of UUIDs and digests. */
export function isPlainHex(text: string, { start, end }: Span): boolean {
  for (let at = start; at < end; at += 1) if (OF_HEX[text.charCodeAt(at)] !== 1) return false;
  return true;
}

/** Characters of a run that is looked at. */
const LEAST_RUN = 16;

/** Every longest run of such characters that has at least {@link LEAST_RUN} of them. */
export function eachRun(text: string, visit: (run: Span) => void): void {
  for (let probe = LEAST_RUN - 1; probe < text.length; ) {
    // Within any run that is long enough stands one of the places looked at.
    if (!isOfRun(text.charCodeAt(probe))) {
      probe += LEAST_RUN;
      continue;
    }
    let start = probe;
    while (start > 0 && isOfRun(text.charCodeAt(start - 1))) start -= 1;
    let end = probe + 1;
    while (end < text.length && isOfRun(text.charCodeAt(end))) end += 1;
    if (end - start >= LEAST_RUN) visit({ start, end });
    probe = end + LEAST_RUN;
  }
}
