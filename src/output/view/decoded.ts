import { lastNotPast, type Span, type View } from "../view.js";
import { ENCODINGS, type Encoding, HEX_ALONE } from "./encodings.js";
import { eachRun, isPlainHex } from "./runs.js";

/** A stretch of decoded bytes in the view, and where in the text before they come from. */
interface Piece {
  /** Where its bytes begin in the view. */
  readonly at: number;
  readonly encoding: Encoding;
  /** Where, in the text before, the first byte was decoded from. */
  readonly from: number;
  /** Where the run ends there. */
  readonly to: number;
  /** For each character of the view its byte; null where they are the same. */
  readonly bytes: readonly number[] | null;
}

/**
 * What the runs of base64 and hex in a text decode to, each from every place it may begin at, where that holds readable
 * stretches; a NUL parts them. Null where none does.
 */
export function decodedView(before: View): View | null {
  const pieces: Piece[] = [];
  const texts: string[] = [];
  let length = 0;
  eachRun(before.text, ({ start, end }) => {
    // Base64 of that length is never hex alone.
    for (const encoding of isPlainHex(before.text, { start, end }) ? HEX_ALONE : ENCODINGS) {
      for (let shift = 0; shift < encoding.group; shift += 1) {
        if (!encoding.isReadable(before.text, start + shift, end)) continue;
        const decoded = encoding.decode(before.text.slice(start + shift, end));
        const { text, bytes } = withoutNuls(decoded);
        pieces.push({ at: length, encoding, from: start + shift, to: end, bytes });
        texts.push(text);
        length += text.length + 1;
      }
    }
  });
  if (pieces.length === 0) return null;
  const places = pieces.map(({ at }) => at);
  const within = (part: Span): Span => {
    const piece = pieces[lastNotPast(places, part.start)];
    return piece === undefined ? { start: 0, end: 0 } : withinPiece(piece, part);
  };
  return { text: texts.join("\0"), before, within };
}

/** The groups of characters that hold any of the bytes. */
function withinPiece({ at, encoding, from, to, bytes }: Piece, { start, end }: Span): Span {
  const byteOf = (place: number): number => bytes?.[place - at] ?? place - at;
  const first = from + Math.floor(byteOf(start) / encoding.bytes) * encoding.group;
  const last = from + Math.ceil((byteOf(end - 1) + 1) / encoding.bytes) * encoding.group;
  return { start: first, end: Math.min(to, last) };
}

/** Text of two bytes a character is read by its low ones. */
function withoutNuls(decoded: string): { readonly text: string; readonly bytes: readonly number[] | null } {
  const nul = decoded.indexOf("\0");
  if (nul === -1) return { text: decoded, bytes: null };
  const kept = Array.from({ length: decoded.length }, (_, at) => at).filter((at) => decoded.charCodeAt(at) !== 0);
  if (kept.length > decoded.length * 0.7) return { text: decoded, bytes: null };
  return { text: kept.map((at) => decoded.charAt(at)).join(""), bytes: kept };
}
