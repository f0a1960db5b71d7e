import { timelineText } from "../evidence/timeline-text.js";
import { readTrace } from "../gate/bundle.js";
import { readTimeline, type TimelineEntry } from "../gate/timeline.js";
import type { DecisionType, Json } from "../outcome.js";
import { readArguments } from "./arguments.js";
import { CannotRun, type Io } from "./io.js";
import { type Ink, inked, inkOf, type Line } from "./print.js";
import { tellStore } from "./read-store.js";
import { TRACE_OPTIONS, traceRefOf } from "./trace-ref.js";

export const TRACE_HELP = `usage: dispatch-gate trace [TRACE_ID] [options]

Tells what happened to one trace: of every job what was asked, decided, approved and done, when, by whom and why; then the
events, one a line. Reads the store beside gates that are running, and leaves it as it is.

  --store FILE     the gate's SQLite file, ./dispatch-gate.db where none is given
  --job ID         the trace of this job, in place of a TRACE_ID
  --tenant ID      whose job it is, where several have one of that id
  --approval ID    the trace of this request, in place of a TRACE_ID
  --json           one JSON document

  dispatch-gate trace 4bf92f3577b34da6a3ce929d0e0e4736 --store gate.db

Exit: 0 told, 1 there is no such trace, 2 could not run.`;

/** What it takes. */
export const TRACE_SHAPE = {
  options: { store: "text", ...TRACE_OPTIONS },
  operands: { least: 0, most: 1, name: "TRACE_ID" },
} as const;

/** Prints what happened to one trace. */
export async function trace(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, TRACE_SHAPE);
  const ref = traceRefOf(given, given.operands[0]);
  if (ref === null) {
    throw new CannotRun("operand_missing", "TRACE_ID is missing", "give it, or `--job` or `--approval`");
  }
  return tellStore("trace", given, io, async (store) => {
    // A trace of which nothing is known is told as that.
    await readTrace(store, ref);
    const { traceId, entries } = await readTimeline(store, ref);
    return {
      document: { trace_id: traceId, entries: entries.map(entryJson) },
      lines: timelineText({ traceId, entries }).trimEnd().split("\n").map(coloured),
    };
  });
}

const STATUSES: ReadonlyMap<string, Ink> = new Map([
  ["SUCCEEDED", "good"],
  ["UNKNOWN", "wait"],
]);

/** A row of the text with its colours. No text of others begins a row, so that none can have a colour that it has not. */
function coloured(row: string): Line {
  if (!row.startsWith(" ")) return [inked("strong", row)];
  const [, head = "", word = "", rest = ""] = /^( +(?:decided: |ended ))([A-Z_]+)(.*)$/.exec(row) ?? [];
  if (word === "") return [row];
  const ink = head.trimStart() === "ended " ? (STATUSES.get(word) ?? "bad") : inkOf(word as DecisionType);
  return [head, inked(ink, word), rest];
}

function entryJson({ seq, body, summary, note }: TimelineEntry): Json {
  return { seq, summary, note, body };
}
