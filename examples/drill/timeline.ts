import type { Timeline, TimelineEntry } from "dispatch-gate";
import { type Ink, inked, type Part, type Printer } from "./print.js";

/** Prints what happened under one trace id, in order. */
export function printTimeline(print: Printer, { traceId, entries }: Timeline): void {
  print.line();
  print.line(inked("strong", `Timeline of trace ${traceId}`));
  const start = entries[0]?.at ?? 0;
  for (const entry of entries) {
    print.line(...lineOf(entry, start));
    if (entry.note !== null) print.line(" ".repeat(12), inked("faint", "note "), entry.note);
  }
}

function lineOf({ at, type, body, summary }: TimelineEntry, start: number): readonly Part[] {
  const time = `+${((at - start) / 1_000).toFixed(3)} s`.padStart(10);
  const job = typeof body.job_id === "string" ? body.job_id : "";
  return [inked("faint", time), "  ", type.padEnd(19), inked("note", job.padEnd(17)), inked(inkOf(summary), summary)];
}

/** The first of these words that stands in a line gives the line its colour. */
const INKS: readonly (readonly [pattern: RegExp, ink: Ink])[] = [
  [/^refused.* rate_limited|approval asked|is pending/, "wait"],
  [/^refused|TIMED_OUT|FAILED|UNKNOWN|QUARANTINED|rejected|ended late/, "bad"],
  [/SUCCEEDED|ALLOW|is approved|with its approval/, "good"],
];

function inkOf(summary: string): Ink {
  return INKS.find(([pattern]) => pattern.test(summary))?.[1] ?? "note";
}
