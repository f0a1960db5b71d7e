/** The gate's time: read once a step and passed on. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. Never goes back, and never stands behind what is logged already. */
  readonly wall: () => number;
  /** Milliseconds that only ever grow, for spans. */
  readonly monotonic: () => number;
}

/**
 * Wall time that cannot be turned back: the highest of the system's clock, and of the latest logged time plus what has
 * passed since by the monotonic clock. An injected clock is taken at its word, but held to never go back.
 */
export function createClock(now: (() => number) | undefined, latestLogged: number): Clock {
  let highest = latestLogged;
  if (now !== undefined) {
    const wall = (): number => {
      highest = Math.max(highest, Math.floor(now()));
      return highest;
    };
    return { wall, monotonic: () => performance.now() };
  }
  const openedAt = performance.now();
  return {
    wall: () => {
      const passed = latestLogged + (performance.now() - openedAt);
      highest = Math.max(highest, Date.now(), Math.floor(passed));
      return highest;
    },
    monotonic: () => performance.now(),
  };
}
