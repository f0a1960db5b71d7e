import { nextUntil, sizeOf } from "../dispatch/gather.js";
import type { ChunkSource, Step } from "../dispatch/source.js";
import type { Streamed } from "../dispatch/streamed.js";
import { StreamError } from "../errors.js";
import type { Finding, OutcomeError } from "../outcome.js";
import { OUTPUT_CAPS } from "../output/plain.js";
import { inspectStream, type StreamLooking } from "../output/stream.js";
import { type Channel, createChannel } from "./channel.js";
import { openStreamRecord } from "./stream-record.js";

/** How a stream is passed on. */
export interface PassingOn {
  readonly looking: StreamLooking;
  /** Aborted when the run time is over, or the caller gives up. */
  readonly signal: AbortSignal;
  /** Aborts it, and so tells the function that nobody reads on. */
  readonly stop: (reason: unknown) => void;
  /** Why it was aborted, in the words of an error. */
  readonly whyAborted: () => StreamError;
  /** Milliseconds that may pass without a chunk that came or was read. */
  readonly idleMs: number;
  /** False while nothing may leave yet, whatever it is; what came is held back until then. */
  readonly mayLeave: () => boolean;
  /** Why nothing left, where it never could. */
  readonly whyNot: string;
  /** Looks at what the stream failed with; a message where nothing of that may leave. */
  readonly failure: (error: unknown) => {
    readonly error: OutcomeError | string;
    readonly findings: readonly Finding[];
  };
  /** Told the chunks to be read, before the first is there. */
  readonly onStart: (chunks: AsyncIterable<unknown>) => void;
}

/** What ends a stream other than its end. */
type Ending = "idle" | "cancelled";

/**
 * Reads a stream, inspects it and passes it on, until it ends: with its last chunk, an error, something that must not leave, a
 * reader that stops, a signal, or nobody doing anything for too long. Never rejects.
 */
export async function passOn(source: ChunkSource, passing: PassingOn): Promise<Streamed> {
  const { looking, signal, idleMs, mayLeave } = passing;
  const channel = createChannel();
  const inspector = inspectStream(looking);
  const record = openStreamRecord();
  const held: unknown[] = [];
  let heldContent = 0;
  passing.onStart(channel.chunks);

  const stopped = (how: Ending): Streamed => {
    const error = how === "idle" ? new StreamError("stream_idle", "nothing came or was read for too long") : undefined;
    source.cancel(new Error("nobody reads on"));
    passing.stop(error ?? new DOMException("nobody reads on", "AbortError"));
    channel.end(error);
    return { how, findings: inspector.findings, ...record.close() };
  };

  const withheld = (message: string, findings: readonly Finding[] = inspector.findings): Streamed => {
    const error = new StreamError("output_quarantined", message);
    source.cancel(error);
    passing.stop(error);
    channel.end(error);
    return { how: "withheld", message, findings, ...record.close() };
  };

  const failed = (thrown: unknown): Streamed => {
    const seen = passing.failure(thrown);
    const findings = [...inspector.findings, ...seen.findings];
    const { error } = seen;
    if (typeof error === "string") return withheld(error, findings);
    channel.end(new StreamError("dispatch_failed", error.message));
    return { how: "failed", error, findings, ...record.close() };
  };

  const aborted = (): Streamed => {
    source.cancel(signal.reason);
    channel.end(passing.whyAborted(), true);
    return { how: "aborted", findings: inspector.findings, ...record.close() };
  };

  for (;;) {
    let step: Step | Ending;
    try {
      step = await orEnding(nextUntil(source, signal), channel, idleMs);
    } catch (error) {
      return signal.aborted ? aborted() : failed(error);
    }
    if (typeof step === "string") return stopped(step);
    const passed = step.done ? inspector.end() : inspector.push(step.value);
    if (!passed.ok) return withheld(passed.message);
    held.push(...passed.chunks);
    for (const chunk of passed.chunks) heldContent += sizeOf(chunk);
    if (mayLeave()) {
      heldContent = 0;
      for (const chunk of held.splice(0)) {
        record.add(chunk);
        channel.write(chunk);
      }
    } else if (held.length > (step.done ? 0 : MOST_HELD) || heldContent > OUTPUT_CAPS.content) {
      return withheld(passing.whyNot);
    }
    if (step.done) {
      channel.end();
      return { how: "ended", findings: inspector.findings, ...record.close() };
    }
    const room = await orEnding(unlessAborted(channel.room(), signal), channel, idleMs);
    if (room === "aborted") return aborted();
    if (room !== "free") return stopped(room);
  }
}

/** Waits for something that does not fail, or for the signal. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<"free" | "aborted"> {
  return new Promise((resolve) => {
    const over = (): void => resolve("aborted");
    signal.addEventListener("abort", over, { once: true });
    if (signal.aborted) over();
    void work.then(() => resolve("free")).finally(() => signal.removeEventListener("abort", over));
  });
}

/** Chunks that wait for leave. */
const MOST_HELD = 10_000;

/** Waits for something; nothing of the wait is left behind once it is over. */
function orEnding<T>(work: Promise<T>, channel: Channel, idleMs: number): Promise<T | Ending> {
  return new Promise((resolve, reject) => {
    let forget = (): void => undefined;
    const done = (tell: () => void): void => {
      clearTimeout(timer);
      forget();
      tell();
    };
    const timer = setTimeout(() => done(() => resolve("idle")), idleMs);
    work.then(
      (value) => done(() => resolve(value)),
      (error: unknown) => done(() => reject(error as Error)),
    );
    // Last: where the reader has stopped already this calls back at once.
    forget = channel.onCancel(() => done(() => resolve("cancelled")));
  });
}
