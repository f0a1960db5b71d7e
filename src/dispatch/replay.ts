/** Remembers which permits were used. Shared by all workers that must not both act on one permit. */
export interface ReplayStore {
  /**
   * True the first time an id is seen; false ever after, until `expiresAt` (milliseconds since 1970-01-01T00:00:00Z) has
   * passed. MUST be atomic: of calls at the same moment, in whatever process, one is answered true. MUST NOT answer true
   * once `expiresAt` has passed, since the id may have been seen and forgotten. What cannot be known is thrown.
   */
  readonly spend: (id: string, expiresAt: number) => Promise<boolean>;
}

/** How a replay memory is set up. */
export interface ReplayMemoryOptions {
  /** Milliseconds since 1970-01-01T00:00:00Z. Default: the system's clock. */
  readonly now?: () => number;
  /** Ids held at the same time, an integer from 1 to 10,000,000. Default 100,000. */
  readonly max?: number;
}

/**
 * A replay store for one process, as long as it lives: after a restart it knows nothing. Full of ids that may still be used
 * it throws rather than forget one.
 */
export function createReplayMemory(options: ReplayMemoryOptions = {}): ReplayStore {
  const { now = Date.now, max = 100_000 } = options;
  if (typeof now !== "function") throw new TypeError("`now` must be a function");
  if (!Number.isInteger(max) || max < 1 || max > 10_000_000) {
    throw new TypeError("`max` must be an integer from 1 to 10000000");
  }
  const seen = new Map<string, number>();
  let latest = Number.NEGATIVE_INFINITY;
  let earliestEnd = Number.POSITIVE_INFINITY;

  const forgetEnded = (): void => {
    earliestEnd = Number.POSITIVE_INFINITY;
    for (const [id, end] of seen) {
      if (end <= latest) seen.delete(id);
      else earliestEnd = Math.min(earliestEnd, end);
    }
  };

  // One step without a pause: nothing comes between the look and the note.
  const spend = (id: string, expiresAt: number): boolean => {
    const told = now();
    if (!Number.isFinite(told)) throw new Error("the clock of the replay memory does not answer a time");
    // A clock that is set back must not bring back what was forgotten.
    latest = Math.max(latest, told);
    if (typeof id !== "string" || !Number.isFinite(expiresAt))
      throw new TypeError("a spent permit needs an id and an end");
    if ((seen.get(id) ?? Number.NEGATIVE_INFINITY) > latest) return false;
    if (expiresAt <= latest) throw new Error("the permit ended before it could be spent");
    if (seen.size >= max && earliestEnd <= latest) forgetEnded();
    if (seen.size >= max) throw new Error("the replay memory is full of permits that have not ended");
    seen.set(id, expiresAt);
    earliestEnd = Math.min(earliestEnd, expiresAt);
    return true;
  };
  return Object.freeze({ spend: async (id: string, expiresAt: number): Promise<boolean> => spend(id, expiresAt) });
}
