import { describeEvent } from "../evidence/describe.js";
import { refuseUnknown } from "../refuse-unknown.js";
import type { LoggedEvent } from "../store/port.js";
import type { Core } from "./core.js";
import { pageLimit } from "./options.js";

/** One event of the log, as read back. */
export type AuditEvent = LoggedEvent;

/** One event of a timeline, with what stands beside the log. */
export interface TimelineEntry extends AuditEvent {
  /** One line for people, display-safe: no control, bidi or zero-width character stands in it. */
  readonly summary: string;
  /** What was said with a vote, a withdrawal, a lifting or a release, where something was and was not erased. */
  readonly note: string | null;
}

/** All events of one trace, and of every approval its jobs joined, in order. */
export interface Timeline {
  readonly traceId: string;
  readonly entries: readonly TimelineEntry[];
}

/** Reads the evidence. */
export interface Audit {
  /** Everything about one trace id. Empty when the trace is unknown. */
  readonly timeline: (traceId: string) => Promise<Timeline>;
  /** The log in order, in pages. `limit`: 1 to 1,000, default 100. */
  readonly events: (options?: {
    readonly after?: string;
    readonly limit?: number;
  }) => Promise<{ readonly items: readonly AuditEvent[]; readonly next: string | null }>;
}

/** The evidence of one gate. */
export function createAudit(core: Core): Audit {
  const timelineEvents = async (traceId: string): Promise<readonly LoggedEvent[]> => {
    const all: LoggedEvent[] = [];
    let after: string | null = null;
    do {
      const page = await core.store.page({ kind: "timeline", traceId, after, limit: 1_000 });
      all.push(...(page.events ?? []));
      after = page.next;
    } while (after !== null);
    return all;
  };

  /** What people said, by the kinds of the values that it is kept as. */
  const notesOf = async (noted: readonly LoggedEvent[]): Promise<ReadonlyMap<string, string>> => {
    const approvals = new Set(noted.flatMap((event) => (isOfOutput(event) ? [] : (event.approvalId ?? []))));
    const jobs = new Map(noted.filter(isOfOutput).map(({ body }) => [String(body.quarantine_id), body]));
    const vaults: ReadonlyMap<string, string>[] = [];
    for (const id of approvals) {
      const stored = await core.store.read({ kind: "approval", id });
      vaults.push(...(stored.approvals ?? []).map(({ vault }) => vault));
    }
    for (const { job_id: id, tenant_id: tenantId } of jobs.values()) {
      const stored = await core.store.read({ kind: "job", id: String(id), tenantId: String(tenantId) });
      vaults.push(...(stored.jobs ?? []).map(({ vault }) => vault));
    }
    return new Map(vaults.flatMap((vault) => [...vault].filter(([kind]) => kind.startsWith("note:"))));
  };

  return {
    timeline: async (traceId) => {
      if (typeof traceId !== "string" || traceId === "") throw new TypeError("a timeline needs a trace id");
      const events = await timelineEvents(traceId);
      const noted = events.filter(({ body }) => typeof body.note_ref === "string");
      const notes = await notesOf(noted);
      const entries = events.map((event) => {
        const note = notes.get(noteKindOf(event)) ?? null;
        return Object.freeze({ ...event, note, summary: describeEvent(event.type, event.body) });
      });
      return Object.freeze({ traceId, entries });
    },
    events: async (options = {}) => {
      refuseUnknown(options, ["after", "limit"], "audit.events");
      const limit = pageLimit(options.limit);
      const page = await core.store.page({ kind: "events", after: options.after ?? null, limit });
      return { items: page.events ?? [], next: page.next };
    },
  };
}

/** As what a note to this event is kept, should there be one. */
function noteKindOf(event: LoggedEvent): string {
  const { approvalId, body } = event;
  const about = isOfOutput(event) ? String(body.quarantine_id) : String(approvalId);
  return `note:${about}:${String(body.note_ref)}`;
}

/** An output has notes of its own, whether or not its job stands by a request. */
function isOfOutput({ type }: LoggedEvent): boolean {
  return type === "output.released";
}
