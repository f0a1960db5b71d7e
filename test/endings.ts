const endings: (() => unknown)[] = [];

/** Runs when the test has ended, the last one first. */
export function afterwards(end: () => unknown): void {
  endings.push(end);
}

/** Runs what tests left to be ended; every one, also after one that failed. */
export async function endAll(): Promise<void> {
  const failures: unknown[] = [];
  for (const end of endings.splice(0).reverse()) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
