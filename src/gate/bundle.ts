import { canonicalize } from "../canonical.js";
import { EvidenceError } from "../errors.js";
import { writeBase64 } from "../evidence/base64.js";
import { createCommitments, noteKindOf, valueLine } from "../evidence/private-values.js";
import { snapshotsIn } from "../evidence/snapshots.js";
import type { TimelineEvents } from "../evidence/timeline-jobs.js";
import { timelineJson } from "../evidence/timeline-json.js";
import { timelineText } from "../evidence/timeline-text.js";
import type { Json } from "../outcome.js";
import type { LoggedEvent } from "../store/port.js";
import { type EvidenceSource, type ExportOptions, eventLine, openHead, writeSigned } from "./export.js";
import { type FreshFolder, writeFolder } from "./fresh-folder.js";
import { proofOf } from "./receipt.js";
import { eventsOf, type TimelineRef, type TimelineStore, traceOf } from "./timeline.js";

/** How the evidence of one trace is written out. */
export interface BundleOptions extends ExportOptions {
  /**
   * Whether private values go along: what jobs carried, what came back and what people said. Default false: then the log's
   * commitments stand for them, and nobody can open these.
   */
  readonly values?: boolean;
}

/** What was written. */
export interface Bundled {
  readonly traceId: string;
  readonly events: number;
  /** Events of the trace that the checkpoint does not cover: always 0 from a gate, which signs them. */
  readonly left: number;
  readonly policies: number;
  /** Private values; 0 unless they were asked for. */
  readonly values: number;
  /** How many events the log had that was signed. */
  readonly size: number;
  /** The root of its tree, in standard base64. */
  readonly root: string;
}

/** The events of one trace as they stood. */
export interface Trace {
  readonly traceId: string;
  readonly events: readonly LoggedEvent[];
}

/** Reads the events of a trace. Rejects with an `EvidenceError` (`trace_unknown`, `job_id_ambiguous`). */
export async function readTrace(store: TimelineStore, of: Exclude<TimelineRef, string>): Promise<Trace> {
  const traceId = await traceOf(store, of);
  const events = traceId === null ? [] : await eventsOf(store, traceId);
  if (traceId !== null && events.length > 0) return { traceId, events };
  throw new EvidenceError("trace_unknown", "the log has no such trace", {
    help: "name a trace, or a job or a request in it, as outcomes and events have them",
  });
}

/** Writes all that proves one trace into a folder. The events of the trace are in memory; proofs and values come one by one. */
export async function writeBundle(
  source: EvidenceSource,
  { traceId, events: all }: Trace,
  folder: string,
  { values: open = false, signal }: BundleOptions = {},
): Promise<Bundled> {
  const head = openHead(source);
  const events = all.filter(({ seq }) => seq <= head.size);
  return writeFolder(folder, async (fresh) => {
    await writeProved(source, events, fresh, signal);
    const policies = await writePolicies(source, events, fresh);
    const values = open ? await writeValues(source, events, fresh, signal) : null;
    const notes = values?.notes ?? new Map();
    const entries = events.map((event) => ({ ...event, note: notes.get(noteKindOf(event.type, event.body)) ?? null }));
    await writeTimeline({ traceId, entries }, fresh);
    await writeSigned(source, fresh);
    const left = all.length - events.length;
    const counts = { events: events.length, left, policies, values: values?.count ?? 0 };
    return Object.freeze({ traceId, ...counts, size: head.size, root: writeBase64(head.root) });
  });
}

async function writeProved(
  { store, checkpoint }: EvidenceSource,
  events: readonly LoggedEvent[],
  fresh: FreshFolder,
  signal: AbortSignal | undefined,
): Promise<void> {
  await fresh.folder("proofs");
  const file = await fresh.begin("events.jsonl");
  for (const event of events) {
    signal?.throwIfAborted();
    const proved = await proofOf(store, event.seq, checkpoint);
    await file.write(eventLine({ ...event, text: proved.event }));
    await fresh.file(`proofs/${event.seq - 1}.tlog-proof`, proved.proof);
  }
  await file.end();
}

/** Every policy that an event names: the one in force, or the one that was decided under. */
async function writePolicies(
  { store }: EvidenceSource,
  events: readonly LoggedEvent[],
  fresh: FreshFolder,
): Promise<number> {
  await fresh.folder("policies");
  const snapshots = new Set(events.flatMap(({ body }) => snapshotsIn(body)));
  for (const snapshot of snapshots) {
    const { policy } = await store.read({ kind: "policy_of", snapshot });
    if (policy === undefined || policy === null) {
      throw new EvidenceError("log_changed", `the store has not the policy \`${snapshot}\`, which its log names`, {
        help: "verify the log, and keep the file as it is",
      });
    }
    await fresh.file(`policies/${snapshot}.json`, canonicalize(JSON.parse(policy.document) as Json));
  }
  return snapshots.size;
}

interface Opened {
  readonly count: number;
  /** What people said, by the kind it is kept as. */
  readonly notes: ReadonlyMap<string, string>;
}

/** The private values that these events commit to, those of one job at a time. */
async function writeValues(
  { store }: EvidenceSource,
  events: readonly LoggedEvent[],
  fresh: FreshFolder,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const commitments = createCommitments();
  const jobs = new Map<string, { readonly tenantId: string; readonly jobId: string }>();
  for (const { type, body } of events) {
    commitments.add(type, body);
    const { tenant_id: tenantId, job_id: jobId } = body;
    if (typeof tenantId !== "string" || typeof jobId !== "string") continue;
    jobs.set(JSON.stringify([tenantId, jobId]), { tenantId, jobId });
  }
  const file = await fresh.begin("values.jsonl");
  const notes = new Map<string, string>();
  let count = 0;
  for (const job of jobs.values()) {
    signal?.throwIfAborted();
    const { values = [] } = await store.read({ kind: "values", ...job });
    for (const value of values) {
      if (commitments.opens(value) !== true) continue;
      await file.write(`${valueLine(value)}\n`);
      if (value.kind.startsWith("note:")) notes.set(value.kind, value.value);
      count += 1;
    }
  }
  await file.end();
  return { count, notes };
}

async function writeTimeline(timeline: TimelineEvents, fresh: FreshFolder): Promise<void> {
  const file = await fresh.begin("timeline.json");
  for (const line of timelineJson(timeline)) await file.write(`${line}\n`);
  await file.end();
  await fresh.file("timeline.txt", timelineText(timeline));
}
