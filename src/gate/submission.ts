import type { Chosen } from "../dispatch/dispatcher.js";
import type { Admission } from "../job/admit.js";
import type { Outcome } from "../outcome.js";
import type { Asked } from "./claim.js";
import type { Watch } from "./watch.js";

/** One submission on its way into the line. */
export interface Submission {
  /** Lets the job in, from the caller's object or from the store. `traceId`: of a job that has none; null: a fresh one. */
  readonly enter: (traceId: string | null) => Promise<Entry>;
  /** Who shall act on it. */
  readonly choose: () => Chosen;
  readonly intent: "dispatch" | "evaluate";
  /** Whether a request for approval may be opened for a job that has none. */
  readonly opens: boolean;
  /** Who submits, where that is not the actor. */
  readonly submitter: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Whether a stream is passed on as it comes. */
  readonly stream: boolean;
  /** A job of the gate's own, to see that it is refused: nobody is told of it, and its refusal leaves no record. */
  readonly canary?: true;
}

/** What came of letting a job in. */
export type Entry =
  | { readonly ok: true; readonly admission: Admission }
  | { readonly ok: false; readonly outcome: Outcome };

/** What was asked for one job, and what came back. */
export interface Judged {
  readonly admission: Admission;
  readonly chosen: Chosen;
  readonly asked: Asked;
  readonly signal: AbortSignal | undefined;
  readonly onStream: ((chunks: AsyncIterable<unknown>) => void) | null;
  readonly watch: Watch | null;
}
