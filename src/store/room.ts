/**
 * Milliseconds until a limit has room for one more, 0 when it has now: the arithmetic of a sliding log.
 * At most `limit` claims stand in any interval of `windowMs`, so the one that decides is the `limit`-th latest:
 * while it is younger than the window, there is no room, and there is room the moment it is as old.
 */
export function roomIn(windowMs: number, nthLatest: number | null, now: number): number {
  if (nthLatest === null) return 0;
  return Math.max(0, nthLatest + windowMs - now);
}
