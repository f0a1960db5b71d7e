import { type Checkpoint, readCheckpoint } from "./checkpoint.js";
import type { FaultCode, Faults } from "./faults.js";
import { leafHashOf } from "./merkle.js";
import { createCommitments, noteKindOf, readValueLine } from "./private-values.js";
import { isIncluded } from "./proof.js";
import { type ReadEvent, readCanonical } from "./read-event.js";
import { snapshotsIn } from "./snapshots.js";
import { foreignIn, type TimelineEvent, type TimelineEvents } from "./timeline-jobs.js";
import { parseTlogProof } from "./tlog-proof.js";

/** Where a line of a bundle is said to stand in the log. */
export interface Claimed {
  /** From 0. */
  readonly index: number;
  /** The text of its proof. */
  readonly proof: string;
  /** The one that all proofs MUST be under. */
  readonly checkpoint: string;
}

/** Why a proof does not prove that this line stands where it says; null where it does. Who signed is not looked at here. */
export function whyNotProved(
  line: Uint8Array,
  { index, proof, checkpoint }: Claimed,
): { readonly code: FaultCode; readonly message: string } | null {
  const read = parseTlogProof(proof);
  if (read === null) return { code: "proof_malformed", message: "the file is no proof (C2SP tlog-proof)" };
  if (read.index !== index) return { code: "proof_misplaced", message: `the proof is of index ${read.index}` };
  if (read.checkpoint !== checkpoint) {
    return { code: "proof_checkpoint_differs", message: "the proof is under another checkpoint" };
  }
  if (read.extra !== null && Buffer.compare(read.extra, line) !== 0) {
    return { code: "proof_event_differs", message: "the proof is of another event" };
  }
  const head: Checkpoint | null = readCheckpoint(checkpoint);
  if (head !== null && isIncluded({ ...head, index, proof: read.proof, leaf: leafHashOf(line) })) return null;
  return { code: "proof_not_valid", message: "the proof does not lead from the event to the root that was signed" };
}

/** Events of one trace that are held in memory. */
const MAX_EVENTS = 20_000;
const MAX_BYTES = 16_777_216;

/** What the events of a bundle say together. */
export interface TraceCheck {
  /** An event of so many bytes, by its index in the log and its line in the file. */
  readonly take: (
    event: ReadEvent,
    place: { readonly index: number; readonly line: number; readonly bytes: number },
  ) => void;
  /** Whether there were more than are held: then nothing is known of what they say together. */
  readonly isCut: () => boolean;
  /** Policies that the events name. */
  readonly snapshots: () => ReadonlySet<string>;
  /** One line of the private values; null for one that is too long. */
  readonly takeValue: (line: Uint8Array | null, place: string) => void;
  /** The timeline that the events make, with the notes that were opened. */
  readonly timeline: (traceId: string) => TimelineEvents;
  /** Adds a fault for each event that is of no such trace. */
  readonly checkTrace: (traceId: string) => void;
}

/** An empty check. */
export function createTraceCheck(faults: Faults): TraceCheck {
  const events: (Omit<TimelineEvent, "note"> & { readonly line: number })[] = [];
  const commitments = createCommitments();
  const snapshots = new Set<string>();
  const notes = new Map<string, string>();
  let bytes = 0;
  let isCut = false;

  const timeline = (traceId: string): TimelineEvents => ({
    traceId,
    entries: events.map((event) => ({ ...event, note: notes.get(noteKindOf(event.type, event.body)) ?? null })),
  });

  return {
    take: (event, { index, line, bytes: more }) => {
      bytes += more;
      isCut ||= events.length === MAX_EVENTS || bytes > MAX_BYTES;
      if (isCut) return;
      events.push({ ...event, seq: index + 1, line });
      commitments.add(event.type, event.body);
      for (const snapshot of snapshotsIn(event.body)) snapshots.add(snapshot);
    },
    isCut: () => isCut,
    snapshots: () => snapshots,
    takeValue: (line, place) => {
      const value = line === null ? null : readValueLine(readCanonical(line));
      if (value === null) {
        faults.add("value_malformed", place, "the line is no private value in canonical JSON");
        return;
      }
      const opens = commitments.opens(value);
      if (opens === null) faults.add("value_unknown", place, "no event commits to such a value");
      else if (!opens) faults.add("value_differs", place, "the value is not the one that the event commits to");
      else if (value.kind.startsWith("note:")) notes.set(value.kind, value.value);
    },
    timeline,
    checkTrace: (traceId) => {
      const lines = new Map(events.map(({ seq, line }) => [seq, line]));
      for (const { seq } of foreignIn(timeline(traceId))) {
        faults.add("event_foreign", `events.jsonl:${lines.get(seq)}`, "the event is of another trace");
      }
    },
  };
}
