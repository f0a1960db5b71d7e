import { canonicalize } from "../canonical.js";
import type { TimelineEvent, TimelineEvents } from "./timeline-jobs.js";

/**
 * A timeline as JSON, in lines without their newlines: an opening one with the trace, one for each event, and a closing one. Read
 * as a whole it is one JSON document.
 */
export function* timelineJson({ traceId, entries }: TimelineEvents): Generator<string> {
  yield `{"v":1,"trace_id":${canonicalize(traceId)},"entries":[`;
  for (const [index, entry] of entries.entries()) {
    yield `${entryJson(entry)}${index === entries.length - 1 ? "" : ","}`;
  }
  yield "]}";
}

function entryJson({ seq, type, at, traceId, approvalId, body, note }: TimelineEvent): string {
  return canonicalize({ seq, type, at, trace_id: traceId, approval_id: approvalId, note, body });
}

/** The trace that an opening line names; null for a line that is none. */
export function traceOfJson(line: string): string | null {
  const [, literal = ""] = /^\{"v":1,"trace_id":(".*"),"entries":\[$/s.exec(line) ?? [];
  try {
    const traceId: unknown = JSON.parse(literal);
    return typeof traceId === "string" ? traceId : null;
  } catch {
    return null;
  }
}
