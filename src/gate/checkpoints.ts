import { type Checkpoint, formatCheckpoint, readCheckpoint } from "../evidence/checkpoint.js";
import { boundText, type SealedEvent } from "../evidence/event.js";
import { isConsistent } from "../evidence/proof.js";
import { type Signer, signNote } from "../signer.js";
import type { Store } from "../store/port.js";
import { readHash } from "../store/prove.js";
import type { CheckpointRow } from "../store/rows.js";
import { headChanged } from "./head-changed.js";

/** When the log is signed without being asked to. */
export interface CheckpointRhythm {
  /** At the latest after so many events of this process, 1 to 1,000,000. Default 1,000. */
  readonly everyEvents: number;
  /** At the latest so many seconds after an event of this process, over 0, at most 86,400. Default 1. */
  readonly everySec: number;
}

/** Signs the log: never in the way of a job, at most one signature at a time, and one for all events since the last. */
export interface Checkpoints {
  /** Told of events that this process has just made durable. */
  readonly tell: (events: readonly SealedEvent[]) => void;
  /** Signs the log as it stands, unless that is signed already. Null for a log without events. */
  readonly now: () => Promise<CheckpointRow | null>;
  /** Signs what is left to sign; nothing is signed later. */
  readonly close: () => Promise<void>;
}

/** What signing needs. */
export interface CheckpointParts {
  /** As it is, not as it tells: what is kept of a signature is no event. */
  readonly store: Pick<Store, "read" | "change">;
  readonly signer: Signer;
  readonly rhythm: CheckpointRhythm;
  readonly now: () => number;
}

/** How long keeping a checkpoint may wait for the store, in milliseconds. */
const WAIT_MS = 10_000;

/** Requests and votes are signed at once: whoever decides can hold on to what he saw. */
const AT_ONCE: ReadonlySet<string> = new Set(["approval.requested", "approval.voted"]);

/** Makes what signs. Nothing is signed before the first event, or before it is asked to. */
export function createCheckpoints({ store, signer, rhythm, now }: CheckpointParts): Checkpoints {
  let unsigned = 0;
  let timer: NodeJS.Timeout | undefined;
  let due: NodeJS.Immediate | undefined;
  let running: Promise<CheckpointRow | null> | null = null;
  let failing = false;
  let closed = false;

  const sign = async (): Promise<CheckpointRow | null> => {
    clearTimeout(timer);
    clearImmediate(due);
    [timer, due, unsigned] = [undefined, undefined, 0];
    const [{ tree }, { checkpoint }] = [await store.read({ kind: "tree" }), await store.read(LATEST)];
    if (tree === undefined || tree.size === 0) return null;
    if (checkpoint !== undefined && checkpoint !== null) {
      await mustGoOnFrom(checkpoint, tree.size);
      if (checkpoint.size === tree.size) return checkpoint;
    }
    const text = formatCheckpoint({ origin: signer.name, size: tree.size, root: readHash(tree.root) });
    const note = await signNote(signer, text);
    const at = now();
    const answer = await store.change({ kind: "checkpoint", now: at, waitMs: WAIT_MS, ...tree, note });
    if (answer.status === "head_changed") throw headChanged(tree.size);
    return { size: tree.size, at, note };
  };

  /** No checkpoint is signed that contradicts one that was signed before (C2SP tlog-checkpoint). */
  const mustGoOnFrom = async (before: CheckpointRow, to: number): Promise<void> => {
    const signed: Checkpoint | null = readCheckpoint(before.note);
    const { proof } = await store.read({ kind: "consistency", from: before.size, to });
    const holds =
      signed !== null &&
      signed.size === before.size &&
      proof !== null &&
      proof !== undefined &&
      isConsistent({
        from: signed.size,
        fromRoot: signed.root,
        to,
        toRoot: readHash(proof.root),
        proof: proof.hashes.map(readHash),
      });
    if (!holds) throw headChanged(before.size);
  };

  /** One at a time: whoever asks while one is made waits for it, and then for one that is newer. */
  const signNext = (): Promise<CheckpointRow | null> => {
    const next: Promise<CheckpointRow | null> = (running ?? Promise.resolve(null))
      .catch(() => null)
      .then(sign)
      .finally(() => {
        if (running === next) running = null;
      });
    running = next;
    return next;
  };

  /** What fails is tried again with the next event; that it began to fail is itself recorded. */
  const signQuietly = async (): Promise<void> => {
    try {
      await signNext();
      failing = false;
    } catch (error) {
      if (failing || closed) return;
      failing = true;
      const message = boundText(error instanceof Error ? error.message : "the signer failed");
      const note = {
        kind: "note",
        now: now(),
        waitMs: WAIT_MS,
        type: "checkpoint.failed",
        facts: { message },
      } as const;
      await store.change(note).catch(() => undefined);
    }
  };

  return {
    tell: (events) => {
      if (closed || events.length === 0) return;
      unsigned += events.length;
      if (unsigned >= rhythm.everyEvents || events.some(({ type }) => AT_ONCE.has(type))) {
        due ??= setImmediate(signQuietly);
      } else if (timer === undefined) {
        timer = setTimeout(signQuietly, rhythm.everySec * 1_000);
        timer.unref();
      }
    },
    now: signNext,
    close: async () => {
      await signQuietly();
      closed = true;
      clearTimeout(timer);
      clearImmediate(due);
    },
  };
}

const LATEST = { kind: "checkpoint", size: null } as const;
