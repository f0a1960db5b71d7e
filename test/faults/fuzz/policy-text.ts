import type { Draws } from "../random.js";
import { TEXTS, TOKENS } from "./corpus.js";

/** The longest text that is tried, in UTF-16 code units: a host's policy is seldom longer, and each costs what it is long. */
const LONGEST = 8_192;

type Change = (text: string, draws: Draws) => string;

const cut = (text: string, from: number, to: number, between: string): string =>
  text.slice(0, from) + between + text.slice(to);

const inLines =
  (change: (lines: string[], draws: Draws) => void): Change =>
  (text, draws) => {
    const lines = text.split("\n");
    change(lines, draws);
    return lines.join("\n");
  };

/** Each way to make another text of one. Those that stand twice come twice as often. */
const CHANGES: readonly Change[] = [
  // One character is another.
  (text, draws) => {
    const at = draws.below(text.length + 1);
    return cut(text, at, at + 1, String.fromCharCode(draws.below(draws.pick([128, 128, 65_536]))));
  },
  // A token is another.
  ...Array.from({ length: 3 }, () => replaceToken),
  // A token comes in.
  (text, draws) => {
    const at = draws.below(text.length + 1);
    return cut(text, at, at, draws.pick(TOKENS));
  },
  // A piece goes.
  (text, draws) => {
    const at = draws.below(text.length + 1);
    return cut(text, at, at + 1 + draws.below(20), "");
  },
  // A line goes, comes twice, changes places, or stands further in or out.
  inLines((lines, draws) => void lines.splice(draws.below(lines.length), 1)),
  inLines((lines, draws) => void lines.splice(draws.below(lines.length), 0, draws.pick(lines))),
  inLines((lines, draws) => {
    const [a, b] = [draws.below(lines.length), draws.below(lines.length)];
    [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
  }),
  inLines((lines, draws) => {
    const at = draws.below(lines.length);
    lines[at] = draws.below(2) === 0 ? `  ${lines[at]}` : (lines[at] ?? "").replace(/^ {2}/, "");
  }),
  // The head of one and the tail of another.
  (text, draws) => {
    const other = draws.pick(TEXTS);
    return text.slice(0, draws.below(text.length + 1)) + other.slice(draws.below(other.length + 1));
  },
  // Deep, or many.
  (text, draws) => {
    const at = draws.below(text.length + 1);
    const depth = draws.pick([3, 63, 64, 65, 1_000, 4_000]);
    const [open, close] = draws.pick([
      ["[", "]"],
      ["{a: ", "}"],
      ["- ", ""],
      ["(", ")"],
      ["!", ""],
      ["? ", ""],
      ["'", "'"],
    ] as const);
    return cut(text, at, at, open.repeat(depth) + (draws.below(2) === 0 ? close.repeat(depth) : ""));
  },
  (text, draws) => {
    const at = draws.below(text.length + 1);
    return cut(text, at, at, draws.pick(TOKENS).repeat(1 + draws.below(400)));
  },
];

const TOKEN = /[A-Za-z0-9_*.]+/g;

function replaceToken(text: string, draws: Draws): string {
  const tokens = [...text.matchAll(TOKEN)];
  if (tokens.length === 0) return text;
  const { 0: token, index } = draws.pick(tokens);
  // Half of them stay where they could stand: the value of a key, or the key itself.
  const other = draws.below(2) === 0 ? draws.pick(TOKENS) : draws.pick(tokens)[0];
  return cut(text, index, index + token.length, other);
}

/** One text of the many: a policy that loads, changed a few times; one in sixteen is left as it is. As text, or as bytes. */
export function drawText(draws: Draws): string | Uint8Array {
  let text = draws.pick(TEXTS);
  const changes = draws.below(16) === 0 ? 0 : 1 + draws.below(draws.pick([1, 1, 2, 6]));
  for (let n = 0; n < changes; n += 1) text = draws.pick(CHANGES)(text, draws).slice(0, LONGEST);
  if (draws.below(4) > 0) return text;
  const bytes = Buffer.from(text);
  // Bytes may be no text at all.
  if (draws.below(4) === 0 && bytes.length > 0) bytes[draws.below(bytes.length)] = draws.below(256);
  return bytes;
}
