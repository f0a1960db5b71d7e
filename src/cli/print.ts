import { styleText } from "node:util";
import { displaySafe } from "../evidence/display.js";
import type { DecisionType } from "../outcome.js";
import type { Io, Sink } from "./io.js";

/** The colours in use, by what they are for. */
const STYLES = {
  good: "green",
  bad: "red",
  wait: "yellow",
  note: "cyan",
  faint: "gray",
  strong: "bold",
} as const;

export type Ink = keyof typeof STYLES;

/** A text with its colour. */
export interface Inked {
  readonly ink: Ink;
  readonly text: string;
}

/** A piece of a line. */
export type Part = string | Inked;

/** A line: its pieces in order. */
export type Line = readonly Part[];

/** Gives a text a colour. */
export function inked(ink: Ink, text: string): Inked {
  return { ink, text };
}

/**
 * Writes lines in which nothing but our own colours can act on a terminal, and nothing on what reads the output of a
 * build, whatever stands in the texts.
 */
export function printLines(sink: Sink, env: Io["env"], lines: Iterable<Line>): void {
  const colours = showsColours(sink, env);
  let text = "";
  for (const line of lines) {
    const parts = line.map(
      (part): Part => (typeof part === "string" ? plain(part) : { ...part, text: plain(part.text) }),
    );
    const isCommand = COMMAND.test(parts.map((part) => (typeof part === "string" ? part : part.text)).join(""));
    text += `${isCommand ? "| " : ""}${parts.map((part) => paint(part, colours)).join("")}\n`;
  }
  if (text !== "") sink.write(text);
}

/** Lines that runners of builds read as commands. Renderers begin no line with a text of others: this is for the one that forgets. */
const COMMAND = /^\s*::/;

/** What is a command to a runner of builds wherever in a line it stands: `##[error]`, `##vso[...]`. */
const MARK = /#(?=#[a-z]*\[)/gi;

function plain(text: string): string {
  return displaySafe(text).replace(MARK, "\\u{23}");
}

function paint(part: Part, colours: boolean): string {
  if (typeof part === "string") return part;
  const { ink, text } = part;
  return colours && text !== "" ? styleText(STYLES[ink], text, { validateStream: false }) : text;
}

/** A path that may begin a line. One that begins with anything but a letter, a digit or `.`, `_`, `/`, `-` is written `./...`, the same file. */
export function shownPath(file: string): string {
  return /^[\p{L}\p{N}._/\\-]/u.test(file) ? file : `./${file}`;
}

/** `FORCE_COLOR` decides where it is set, then `NO_COLOR` (no-color.org), then whether somebody looks. */
function showsColours(sink: Sink, env: Io["env"]): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb" && sink.isTTY === true;
}

/** The colour of an answer: what runs, what waits, what is refused. */
export function inkOf(decision: DecisionType): Ink {
  if (decision === "DENY" || decision === "THROTTLE") return "bad";
  return decision === "REQUIRE_APPROVAL" ? "wait" : "good";
}

/** `1 rule`, `2 rules`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
