/** Milliseconds of processor time over which a case hangs. */
const HANG_MS = 50;

/**
 * Does the work, and answers milliseconds of processor time where it takes too much of it each of three times more; else null.
 * What else runs on the machine makes one case slow, or two, but takes no processor time of ours.
 */
export function hangs(work: () => unknown): number | null {
  const began = performance.now();
  work();
  if (performance.now() - began <= HANG_MS) return null;
  let least = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 3 && least > HANG_MS; repeat += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least > HANG_MS ? least : null;
}
