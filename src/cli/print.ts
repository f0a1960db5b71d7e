import { styleText } from "node:util";
import { displaySafe } from "../evidence/describe.js";
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

/** Writes lines in which nothing but our own colours can act on a terminal, whatever stands in the texts. */
export function printLines(sink: Sink, env: Io["env"], lines: Iterable<Line>): void {
  const colours = showsColours(sink, env);
  let text = "";
  for (const line of lines) text += `${line.map((part) => paint(part, colours)).join("")}\n`;
  if (text !== "") sink.write(text);
}

function paint(part: Part, colours: boolean): string {
  if (typeof part === "string") return displaySafe(part);
  const text = displaySafe(part.text);
  return colours && text !== "" ? styleText(STYLES[part.ink], text, { validateStream: false }) : text;
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
