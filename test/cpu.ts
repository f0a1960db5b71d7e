import { IS_SMALL } from "./scale.js";

/** Milliseconds of processor time that the work takes: what else runs on the machine does not count. */
export function cpu(work: () => unknown): number {
  if (IS_SMALL) {
    work();
    return 0;
  }
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** The least of some tries: noise only adds, and the first ones are not compiled yet. */
export function leastCpu(work: () => unknown, tries: number): number {
  return Math.min(...Array.from({ length: IS_SMALL ? 1 : tries }, () => cpu(work)));
}
