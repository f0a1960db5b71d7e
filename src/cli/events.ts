import { describeEvent } from "../evidence/describe.js";
import { displayLiteral } from "../evidence/display.js";
import { EVENT_TYPES, type EventType } from "../evidence/event.js";
import type { Json } from "../outcome.js";
import { quoted } from "../policy/source.js";
import type { EventFilter, LoggedEvent } from "../store/port.js";
import { type Arguments, readArguments } from "./arguments.js";
import { CannotRun, type Io } from "./io.js";
import { inked, type Line } from "./print.js";
import { tellStore } from "./read-store.js";

export const EVENTS_HELP = `usage: dispatch-gate events [options]

Prints the log of a gate in pages, or those of its events that meet all that is given. Reads the store beside gates that are
running, and leaves it as it is.

  --store FILE     the gate's SQLite file, ./dispatch-gate.db where none is given
  --type TYPE      those of this type, such as \`job.settled\`
  --trace ID       those of this trace
  --job ID         those of this job
  --tenant ID      those of this tenant
  --approval ID    those of this request
  --after SEQ      those after this one
  --limit COUNT    so many at most, 1 to 1,000; 100 where nothing is said
  --json           one JSON document

  dispatch-gate events --type policy.activated
  dispatch-gate events --after 100 --limit 50 --json

Exit: 0 printed, 2 could not run.`;

/** What it takes. */
export const EVENTS_SHAPE = {
  options: {
    store: "text",
    type: EVENT_TYPES,
    trace: "text",
    job: "text",
    tenant: "text",
    approval: "text",
    after: "text",
    limit: "text",
  },
  operands: { least: 0, most: 0, name: "" },
} as const;

/** Prints one page of the log. */
export async function events(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, EVENTS_SHAPE);
  const [filter, after, most] = [filterOf(given), numberOf(given, "after"), numberOf(given, "limit") ?? 100];
  if (most < 1 || most > 1_000) throw new CannotRun("value_invalid", "`--limit` must be from 1 to 1,000");
  return tellStore("events", given, io, async (store) => {
    const items: LoggedEvent[] = [];
    let next = after === null ? null : String(after);
    do {
      const page = await store.page({ kind: "events", filter, after: next, limit: most - items.length });
      items.push(...(page.events ?? []));
      next = page.next;
    } while (next !== null && items.length < most);
    return {
      document: { events: items.map(eventJson), next: next === null ? null : Number(next) },
      lines: [...items.map(eventLine), ...(next === null ? [] : [[inked("wait", "more"), `: --after ${next}`]])],
    };
  });
}

function filterOf(given: Arguments): EventFilter {
  const fields = {
    traceId: given.text("trace"),
    jobId: given.text("job"),
    tenantId: given.text("tenant"),
    approvalId: given.text("approval"),
  };
  const type = given.text("type");
  const asked = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { ...asked, ...(type === undefined ? {} : { types: [type as EventType] }) };
}

function numberOf(given: Arguments, name: string): number | null {
  const text = given.text(name);
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CannotRun("value_invalid", `\`--${name}\` is no number: ${quoted(text)}`);
}

function eventLine({ seq, at, type, body }: LoggedEvent): Line {
  const moment = inked("faint", new Date(at).toISOString());
  return [`${seq} `, moment, " ", inked("note", type), ` ${displayLiteral(describeEvent(type, body))}`];
}

function eventJson({ seq, body }: LoggedEvent): Json {
  return { seq, body };
}
