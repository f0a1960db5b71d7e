import { EvidenceError } from "../errors.js";
import { formatKey } from "../evidence/note.js";
import { refuseUnknown } from "../refuse-unknown.js";
import { keyOf } from "../signer.js";
import type { EventFilter, LoggedEvent } from "../store/port.js";
import type { VerifyAnswer } from "../store/verify/problem.js";
import { type Bundled, type BundleOptions, readTrace, writeBundle } from "./bundle.js";
import type { Core } from "./core.js";
import { type EvidenceSource, type Exported, type ExportOptions, exportLog } from "./export.js";
import { pageLimit } from "./options.js";
import { consistencySince, type Receipt, receiptOf } from "./receipt.js";
import { readTimeline, readTimelineRef, type Timeline, type TimelineRef } from "./timeline.js";

/** One event of the log, as read back. */
export type AuditEvent = LoggedEvent;

/** Which events are asked for, and which page of them. */
export interface EventsOptions extends EventFilter {
  /** `next` of the page before. */
  readonly after?: string;
  /** 1 to 1,000, default 100. */
  readonly limit?: number;
}

/** A page of the log. */
export interface EventsPage {
  readonly items: readonly AuditEvent[];
  /** Give it as `after` for the next page; null at the end. */
  readonly next: string | null;
}

/** What was signed of the log at one size. */
export interface SignedCheckpoint {
  /** How many events. */
  readonly size: number;
  /** When, in milliseconds since 1970-01-01T00:00:00Z, by the clock of who signed. */
  readonly at: number;
  /** The signed note (C2SP tlog-checkpoint). */
  readonly note: string;
}

/** Reads the evidence, and hands it out. */
export interface Audit {
  /** Everything about one trace, named by its id or by a job or a request in it. Empty when it is unknown. */
  readonly timeline: (of: TimelineRef) => Promise<Timeline>;
  /**
   * The log in order, in pages: all of it, or the events that meet every field given. Who asks for little of a long log waits
   * for all of it to be looked at, in slices between which other work goes on.
   */
  readonly events: (options?: EventsOptions) => Promise<EventsPage>;
  /**
   * Proves one event to somebody who has nothing but the log's public key. `eventId` is its place in the log (`seq`). Signs
   * the log first where the event is not under a checkpoint yet. Rejects with an `EvidenceError` (`event_unknown`).
   */
  readonly receipt: (eventId: number) => Promise<Receipt>;
  /** Signs the log as it stands, unless that is done. Null for a log without events. Rejects where it cannot be signed. */
  readonly checkpoint: () => Promise<SignedCheckpoint | null>;
  /** What was signed last; signs nothing. Null where nothing is signed yet. */
  readonly latest: () => Promise<SignedCheckpoint | null>;
  /**
   * Proves to somebody who holds an older checkpoint of that size that the log still begins with what it was then: the body of
   * C2SP tlog-witness `add-checkpoint`, under the latest checkpoint. Rejects with an `EvidenceError` (`checkpoint_unknown`).
   */
  readonly consistency: (fromSize: number) => Promise<string>;
  /**
   * Writes the log as it stands into a folder, for who checks it with `dispatch-gate verify` or tools of their own: every event as
   * JSON Lines, the checkpoint over them, the public key, and the checkpoints before. In pages, at whatever length in little
   * memory. Rejects with an `EvidenceError` (`folder_not_empty`, `log_changed`), and leaves no part of it then.
   */
  readonly export: (folder: string, options?: ExportOptions) => Promise<Exported>;
  /**
   * Writes the evidence of one trace into a folder: its events, the proof of each, the policies that it was decided under, what
   * happened in words and as JSON, the checkpoint and the public key; with `values: true` private values as well. Rejects with an
   * `EvidenceError` (`trace_unknown`, `folder_not_empty`, `log_changed`).
   */
  readonly bundle: (of: TimelineRef, folder: string, options?: BundleOptions) => Promise<Bundled>;
  /** What was signed so far, oldest first, in pages. `limit`: 1 to 1,000, default 100. */
  readonly checkpoints: (options?: {
    readonly after?: string;
    readonly limit?: number;
  }) => Promise<{ readonly items: readonly SignedCheckpoint[]; readonly next: string | null }>;
  /**
   * Recomputes everything: every event's bytes and the tree over them, every checkpoint with its signature, every table against the
   * log replayed, every private value against its commitment, and the database's own check of its structure. What is wrong is in
   * `problems`, each with a code; an empty list, `more` 0 and `integrity` `"ok"` (null in memory) say that all of it holds.
   * `state: false` leaves the tables out. Takes some 15 s for a million events, and 45 s with the tables; the event loop goes on.
   */
  readonly verify: (options?: { readonly state?: boolean }) => Promise<VerifyAnswer>;
  /** The public key that signs the log, as a verifier key (C2SP signed-note, Go's `note.NewVerifier`). Give it to who checks. */
  readonly key: string;
}

const FILTERS: readonly (keyof EventFilter)[] = [
  "types",
  "from",
  "to",
  "traceId",
  "jobId",
  "approvalId",
  "tenantId",
  "actorId",
  "topic",
  "ruleId",
  "status",
];

/** The evidence of one gate. */
export function createAudit(core: Core): Audit {
  const { store, checkpoints } = core;
  return Object.freeze({
    key: formatKey(keyOf(core.signer)),

    timeline: async (of: TimelineRef) => readTimeline(store, readTimelineRef(of)),

    events: async (options: EventsOptions = {}) => {
      refuseUnknown(options, [...FILTERS, "after", "limit"], "audit.events");
      const { after = null, limit, ...filter } = options;
      checkFilter(filter);
      const asked = Object.keys(filter).length === 0 ? {} : { filter };
      const items: LoggedEvent[] = [];
      const most = pageLimit(limit);
      let next = after;
      do {
        const page = await store.page({ kind: "events", ...asked, after: next, limit: most - items.length });
        items.push(...(page.events ?? []));
        next = page.next;
      } while (next !== null && items.length < most);
      return { items, next };
    },

    receipt: async (eventId: number) => receiptOf(core, eventId),

    checkpoint: async () => checkpoints.now(),

    latest: async () => (await store.read({ kind: "checkpoint", size: null })).checkpoint ?? null,

    consistency: async (fromSize: number) => consistencySince(core, fromSize),

    verify: async (options: { readonly state?: boolean } = {}) => {
      refuseUnknown(options, ["state"], "audit.verify");
      const { state = true } = options;
      if (typeof state !== "boolean") throw new TypeError("`state` must be true or false");
      return store.verify({ keys: [keyOf(core.signer), ...core.settings.formerKeys].map(formatKey), state });
    },

    export: async (folder: string, options: ExportOptions = {}) => {
      refuseUnknown(options, ["signal"], "audit.export");
      return exportLog(await signedSource(core), folderPath(folder), options);
    },

    bundle: async (of: TimelineRef, folder: string, options: BundleOptions = {}) => {
      refuseUnknown(options, ["signal", "values"], "audit.bundle");
      const { values } = options;
      if (values !== undefined && typeof values !== "boolean") throw new TypeError("`values` must be a boolean");
      const [ref, path] = [readTimelineRef(of), folderPath(folder)];
      // What is signed after the trace was read covers all of it.
      const trace = await readTrace(store, ref);
      return writeBundle(await signedSource(core), trace, path, options);
    },

    checkpoints: async (options: { readonly after?: string; readonly limit?: number } = {}) => {
      refuseUnknown(options, ["after", "limit"], "audit.checkpoints");
      const limit = pageLimit(options.limit);
      const page = await store.page({ kind: "checkpoints", after: options.after ?? null, limit });
      return { items: page.checkpoints ?? [], next: page.next };
    },
  });
}

/** The log as it stands, signed. */
async function signedSource({ store, checkpoints, signer }: Core): Promise<EvidenceSource> {
  const checkpoint = await checkpoints.now();
  if (checkpoint !== null) return { store, checkpoint, key: keyOf(signer) };
  throw new EvidenceError("checkpoint_unknown", "the log has no events", { help: "there is nothing to write yet" });
}

function folderPath(folder: unknown): string {
  if (typeof folder === "string" && folder !== "") return folder;
  throw new TypeError("evidence is written to the path of a folder");
}

/** Throws a `TypeError` for what could only ever find nothing. */
function checkFilter({ types, from, to, ...texts }: EventFilter): void {
  if (types !== undefined && !Array.isArray(types)) throw new TypeError("`types` must be a list of event types");
  for (const [name, time] of Object.entries({ from, to })) {
    if (time !== undefined && !Number.isFinite(time)) throw new TypeError(`\`${name}\` must be a time in milliseconds`);
  }
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined && typeof text !== "string") throw new TypeError(`\`${name}\` must be a string`);
  }
}
