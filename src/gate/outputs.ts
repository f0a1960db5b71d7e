import { OutputError, StoreError } from "../errors.js";
import type { EventFacts } from "../evidence/event.js";
import { decodeOutput } from "../output/decode.js";
import type { Note, StoredQuarantine } from "../store/port.js";
import { quarantineOf } from "../store/quarantine.js";
import type { DecideOptions } from "./approval-calls.js";
import { copyBy, type GivenBy, readNote } from "./approver.js";
import { rowFacts } from "./claimed.js";
import { type Core, track } from "./core.js";
import { readRef } from "./desk.js";
import { ambiguousJob, outputRefusal, readReleaser } from "./output-refusal.js";
import { note } from "./refusal.js";
import { notFound, refusedCall } from "./refused-call.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { type QuarantinedOutput, showOutput } from "./show-output.js";

/** Names an output that was withheld: by its `quarantineId`, or as that of a job. */
export type OutputRef = string | { readonly jobId: string; readonly tenantId?: string };

/** What a release carries. */
export interface ReleaseOptions extends DecideOptions {
  /** The `view` of the output that was shown. */
  readonly view: string;
}

/** An output that was withheld, delivered. */
export interface ReleasedOutput {
  /** As the dispatch function gave it back, unredacted. */
  readonly output: unknown;
  readonly quarantineId: string;
  readonly jobId: string;
  readonly tenantId: string;
  readonly traceId: string;
  readonly by: string;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
}

/** The outputs that were withheld. */
export interface Outputs {
  /** One, redacted, with the `view` that a release names; null where none was withheld under that name. */
  readonly get: (ref: OutputRef) => Promise<QuarantinedOutput | null>;
  /**
   * Delivers one, whole, to a person who did not ask for its job: once. The job stays `QUARANTINED`. Rejects with an
   * `OutputError`, one event for each, and delivers nothing then. A process that ends before it has the answer has lost the
   * delivery.
   */
  readonly release: (ref: OutputRef, options: ReleaseOptions) => Promise<ReleasedOutput>;
}

const WHAT = "an output that was withheld";

/** The withheld outputs of one gate. */
export function createOutputs(core: Core): Outputs {
  return Object.freeze({
    get: async (ref: OutputRef) => {
      checkOpen(core);
      const stored = await findOutput(core, readRef(ref, WHAT));
      return stored === null ? null : showOutput(stored, core.settings.detectors);
    },

    release: async (ref: OutputRef, options: ReleaseOptions) => {
      checkOpen(core);
      // Everything is copied before anything is waited for.
      const by = copyBy(options, ["by", "view", "note"], "outputs", "release");
      const made = { ref: readRef(ref, WHAT), by, view: readShown(options.view), note: readNote(options.note) };
      return track(core, release(core, made));
    },
  });
}

/** Who asks for which output, copied when the call was made. */
interface Attempt {
  readonly ref: OutputRef;
  readonly by: GivenBy;
  readonly view: string;
  readonly note: Note | null;
}

async function release(core: Core, attempt: Attempt): Promise<ReleasedOutput> {
  let stored: StoredQuarantine | null = null;
  try {
    stored = await findOutput(core, attempt.ref);
    if (stored === null) throw outputRefusal("unknown");
    return await deliver(core, stored, attempt);
  } catch (error) {
    if (error instanceof OutputError) await record(core, attempt, stored, error);
    throw error;
  }
}

async function deliver(core: Core, { row }: StoredQuarantine, attempt: Attempt): Promise<ReleasedOutput> {
  const { tenantId, id: jobId, traceId } = row;
  const approver = readReleaser(attempt.by);
  const { view, note } = attempt;
  const step = { kind: "release", tenantId, jobId, approver, view, note } as const;
  const answer = await core.store.change({ now: core.clock.wall(), waitMs: SETTLE_WAIT_MS, ...step });
  if (!("job" in answer)) throw new TypeError("the store does not say whether the output was released");
  if (answer.status !== "delivered") throw outputRefusal(answer.status);
  const { quarantineId = "", released } = quarantineOf(answer.job) ?? {};
  return Object.freeze({
    output: decoded(answer.output),
    quarantineId,
    jobId,
    tenantId,
    traceId,
    by: approver.id,
    at: released?.at ?? 0,
  });
}

function decoded(text: string): unknown {
  try {
    return decodeOutput(text);
  } catch {
    throw outputRefusal("damaged");
  }
}

/** The output that is meant, or null where there is no such job. Rejects with `job_id_ambiguous`. */
async function findOutput({ store }: Core, ref: OutputRef): Promise<StoredQuarantine | null> {
  const { quarantines = [] } = await store.read(
    typeof ref === "string"
      ? { kind: "quarantine", id: ref }
      : { kind: "quarantine_of", jobId: ref.jobId, tenantId: ref.tenantId ?? null },
  );
  if (quarantines.length > 1) throw ambiguousJob();
  return quarantines[0] ?? null;
}

/** Records a call that was refused. That it cannot be written makes the refusal no less one. */
async function record(
  core: Core,
  { ref, by }: Attempt,
  stored: StoredQuarantine | null,
  { code }: OutputError,
): Promise<void> {
  const about: EventFacts =
    stored === null
      ? notFound(ref)
      : { ...rowFacts(stored.row), quarantine_id: quarantineOf(stored.row)?.quarantineId ?? null };
  await note(core, "output.refused", { ...about, ...refusedCall("release", by, code) });
}

function readShown(view: unknown): string {
  if (typeof view === "string") return view;
  throw new TypeError("`release` needs `view`: that of the output that was shown");
}

function checkOpen({ isClosed }: Core): void {
  if (isClosed()) throw new StoreError("store_closed", "the gate was closed");
}
