import { describeEvent } from "../evidence/describe.js";
import { noteKindOf } from "../evidence/private-values.js";
import { refuseUnknown } from "../refuse-unknown.js";
import type { LoggedEvent, Store } from "../store/port.js";
import { theJob } from "./the-job.js";

/** One event of a timeline, with what stands beside the log. */
export interface TimelineEntry extends LoggedEvent {
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

/** Names a trace: by its id, or by a job or a request in it. */
export type TimelineRef =
  | string
  | { readonly traceId: string }
  | { readonly jobId: string; readonly tenantId?: string }
  | { readonly approvalId: string };

/** Copies what names a trace, at once. Throws a `TypeError` for what names none. */
export function readTimelineRef(of: unknown): Exclude<TimelineRef, string> {
  if (isText(of)) return { traceId: of };
  if (typeof of === "object" && of !== null) {
    refuseUnknown(of, ["traceId", "jobId", "tenantId", "approvalId"], "a timeline");
    const { traceId, jobId, tenantId, approvalId } = of as Readonly<Record<string, unknown>>;
    const named = [traceId, jobId, approvalId].filter((each) => each !== undefined);
    if (named.length === 1) {
      if (isText(traceId) && tenantId === undefined) return { traceId };
      if (isText(approvalId) && tenantId === undefined) return { approvalId };
      if (isText(jobId) && tenantId === undefined) return { jobId };
      if (isText(jobId) && isText(tenantId)) return { jobId, tenantId };
    }
  }
  throw new TypeError("a timeline needs a trace id, `{ jobId, tenantId }` or `{ approvalId }`");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** What a timeline is read from. */
export type TimelineStore = Pick<Store, "read" | "page">;

/** Reads a timeline. Rejects with an `EvidenceError` (`job_id_ambiguous`) where several tenants have a job of that id. */
export async function readTimeline(store: TimelineStore, of: Exclude<TimelineRef, string>): Promise<Timeline> {
  const traceId = await traceOf(store, of);
  const events = traceId === null ? [] : await eventsOf(store, traceId);
  const notes = await notesOf(
    store,
    events.filter(({ body }) => typeof body.note_ref === "string"),
  );
  const entries = events.map((event): TimelineEntry => {
    const note = notes.get(noteKindOf(event.type, event.body)) ?? null;
    return Object.freeze({ ...event, note, summary: describeEvent(event.type, event.body) });
  });
  return Object.freeze({ traceId: traceId ?? "", entries: Object.freeze(entries) });
}

/** The id of a trace; null where nothing of that name is known. */
export async function traceOf(store: TimelineStore, of: Exclude<TimelineRef, string>): Promise<string | null> {
  if ("traceId" in of) return of.traceId;
  if ("approvalId" in of) {
    const { approvals = [] } = await store.read({ kind: "approval", id: of.approvalId });
    return approvals[0]?.row.traceId ?? null;
  }
  return (await theJob(store, of.jobId, of.tenantId ?? null))?.traceId ?? null;
}

/** The events of a trace, and of every approval its jobs joined, in order. */
export async function eventsOf(store: TimelineStore, traceId: string): Promise<readonly LoggedEvent[]> {
  const all: LoggedEvent[] = [];
  let after: string | null = null;
  do {
    const page = await store.page({ kind: "timeline", traceId, after, limit: 1_000 });
    all.push(...(page.events ?? []));
    after = page.next;
  } while (after !== null);
  return all;
}

/** What people said, by the kinds of the values that it is kept as. */
async function notesOf(store: TimelineStore, noted: readonly LoggedEvent[]): Promise<ReadonlyMap<string, string>> {
  const approvals = new Set(noted.flatMap((event) => (isOfOutput(event) ? [] : (event.approvalId ?? []))));
  const jobs = new Map(noted.filter(isOfOutput).map(({ body }) => [String(body.quarantine_id), body]));
  const vaults: ReadonlyMap<string, string>[] = [];
  for (const id of approvals) {
    const stored = await store.read({ kind: "approval", id });
    vaults.push(...(stored.approvals ?? []).map(({ vault }) => vault));
  }
  for (const { job_id: id, tenant_id: tenantId } of jobs.values()) {
    const stored = await store.read({ kind: "job", id: String(id), tenantId: String(tenantId) });
    vaults.push(...(stored.jobs ?? []).map(({ vault }) => vault));
  }
  return new Map(vaults.flatMap((vault) => [...vault].filter(([kind]) => kind.startsWith("note:"))));
}

/** An output has notes of its own, whether or not its job stands by a request. */
function isOfOutput({ type }: LoggedEvent): boolean {
  return type === "output.released";
}
