/** A clock that stands still until it is told to go on. Give its `now` to `createGate`. */
export interface FakeClock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: () => number;
  /** Moves time by `ms`; a gate holds time to never go back, whatever this says. */
  readonly advance: (ms: number) => void;
}

/** Makes a clock that starts at `startMs`, by default 2026-01-01T00:00:00Z. */
export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let at = startMs;
  return {
    now: () => at,
    advance: (ms) => {
      at += ms;
    },
  };
}
