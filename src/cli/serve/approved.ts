import type { Gate } from "../../gate.js";
import type { Outcome } from "../../outcome.js";

/** What runs the jobs that were approved. */
export interface Approved {
  /** Looks for what is to be run: as soon as something was approved here. */
  readonly look: () => void;
  /** Looks no more. What runs goes on. */
  readonly stop: () => void;
}

/** Milliseconds from look to look: votes are cast in other processes too. */
const EVERY_MS = 1_000;

/** Looks that run at the same time, each of one job after the other: so many approved jobs run at once at most. */
const MOST_LOOKS = 32;

/** The longest that a job is left alone which did not run, in milliseconds. */
const MOST_PAUSE_MS = 60_000;

/** Jobs that are left alone. Beyond that all are tried anew. */
const MOST_PAUSES = 10_000;

/** Runs approved jobs of a gate as they are approved, by whatever process, until the gate is closed. */
export function runApproved(gate: Gate): Approved {
  // Every time that a job is tried and may not run is an event in the log.
  const pauses = new Map<string, { readonly until: number; readonly ms: number }>();
  const isPaused = (jobId: string): boolean => (pauses.get(jobId)?.until ?? 0) > performance.now();
  const pause = (outcome: Outcome): void => {
    const { jobId, dispatched } = outcome;
    if (jobId === null) return;
    if (dispatched) {
      pauses.delete(jobId);
      return;
    }
    const next = (pauses.get(jobId)?.ms ?? EVERY_MS / 2) * 2;
    const asked = "retryAfterMs" in outcome ? outcome.retryAfterMs : null;
    const ms = Math.min(Math.max(asked ?? next, EVERY_MS), MOST_PAUSE_MS);
    if (pauses.size >= MOST_PAUSES) pauses.clear();
    pauses.set(jobId, { until: performance.now() + ms, ms });
  };
  let looks = 0;
  const look = (): void => {
    if (looks === MOST_LOOKS) return;
    looks += 1;
    // A store that does not answer is asked again at the next look; what became of a job is in the log.
    void gate
      .drain({ leave: ({ jobId }) => isPaused(jobId) })
      .then((outcomes) => outcomes.forEach(pause))
      .catch(() => undefined)
      .finally(() => {
        looks -= 1;
      });
  };
  const timer = setInterval(look, EVERY_MS);
  look();
  return { look, stop: () => clearInterval(timer) };
}
