/** An encoding of bytes as characters, in groups. */
export interface Encoding {
  /** Characters of a group. */
  readonly group: number;
  /** Bytes that a group stands for. */
  readonly bytes: number;
  /** Tells, cheaply, whether enough bytes one after the other could be readable. Never says no where they are. */
  readonly isReadable: (text: string, from: number, to: number) => boolean;
  /** The bytes, one character each. */
  readonly decode: (run: string) => string;
}

/** Bytes in a row that are readable, without which nothing is worth to be decoded. */
const LEAST_READABLE = 6;

/** How many there are, with one byte more; between two of them may stand the NULs of two bytes a character. */
function readOn(readable: number, byte: number): number {
  if ((byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10 || byte === 13) return readable + 1;
  return byte === 0 ? readable : 0;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The value of each character of base64, by code; the second alphabet's as the first's. */
const SEXTETS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code).replace("-", "+").replace("_", "/");
  return Math.max(0, BASE64.indexOf(character));
});

const sextetAt = (text: string, at: number): number => SEXTETS[text.charCodeAt(at)] ?? 0;

const base64: Encoding = {
  group: 4,
  bytes: 3,
  isReadable: (text, from, to) => {
    let readable = 0;
    for (let at = from; at + 3 < to; at += 4) {
      const bits =
        (sextetAt(text, at) << 18) |
        (sextetAt(text, at + 1) << 12) |
        (sextetAt(text, at + 2) << 6) |
        sextetAt(text, at + 3);
      readable = readOn(readOn(readOn(readable, bits >> 16), (bits >> 8) & 255), bits & 255);
      if (readable >= LEAST_READABLE) return true;
    }
    return false;
  },
  decode: (run) => Buffer.from(run, "base64").toString("latin1"),
};

/** The value of each hex digit, by code; 16 for what is none. */
const NIBBLES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 16 : value;
});

const nibbleAt = (text: string, at: number): number => NIBBLES[text.charCodeAt(at)] ?? 16;

const hex: Encoding = {
  group: 2,
  bytes: 1,
  isReadable: (text, from, to) => {
    let readable = 0;
    for (let at = from; at + 1 < to; at += 2) {
      readable = readOn(readable, nibbleAt(text, at) * 16 + nibbleAt(text, at + 1));
      if (readable >= LEAST_READABLE) return true;
    }
    return false;
  },
  decode: decodeHex,
};

/** What is no pair of hex digits is one byte of 255: it ends whatever stands before it. */
function decodeHex(run: string): string {
  const bytes = new Uint8Array(run.length >> 1);
  for (let index = 0; index < bytes.length; index += 1) {
    const [high, low] = [nibbleAt(run, index * 2), nibbleAt(run, index * 2 + 1)];
    bytes[index] = high < 16 && low < 16 ? high * 16 + low : 255;
  }
  return Buffer.from(bytes.buffer).toString("latin1");
}

/** What one pass decodes. */
export const ENCODINGS: readonly Encoding[] = [base64, hex];

/** For runs of hex digits alone. */
export const HEX_ALONE: readonly Encoding[] = [hex];
