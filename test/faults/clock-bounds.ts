/** Between what the gate's time must be: it goes on by the monotonic clock, and is never behind what it read or logged. */
interface Bounds {
  /** Before a step, which reads the clock. Answers what its time is at least. */
  readonly begin: () => number;
  /** After a step, and before the clock is set. Answers what its time is at most. */
  readonly end: () => number;
  /** A gate was opened, which knows of the time before only what was logged. */
  readonly reopen: (logged: number) => void;
}

/** Nothing is known of a time before the first step. */
export function createBounds(): Bounds {
  let [least, most] = [0, 0];
  // When each of them held, by the monotonic clock. The process may stand still between two readings, so that the one is taken
  // after the system's clock was read, and the other before.
  let [leastAt, mostAt] = [performance.now(), performance.now()];
  const pass = (): number => {
    const before = performance.now();
    const system = Date.now();
    const after = performance.now();
    [least, leastAt] = [least + after - leastAt, after];
    [most, mostAt] = [Math.max(most + before - mostAt, system), before];
    return system;
  };
  return {
    begin: () => {
      least = Math.max(pass(), least);
      return least;
    },
    end: () => {
      pass();
      return most;
    },
    reopen: (logged) => {
      least = Math.max(pass(), logged);
      most = Math.max(most, least);
    },
  };
}
