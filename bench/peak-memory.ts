import { readFileSync } from "node:fs";

/**
 * The most memory that this process ever had resident, in bytes.
 *
 * On Linux this is `VmHWM` and not `ru_maxrss`: the latter also counts what the parent had resident when it started this process,
 * so that a small child of a large parent seems as large as that.
 */
export function peakMemory(): number {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1_024;
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  if (kib === undefined) throw new Error("/proc/self/status tells no VmHWM");
  return Number(kib) * 1_024;
}
