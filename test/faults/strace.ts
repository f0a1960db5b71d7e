import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Ran, runProcess } from "./run-process.js";

/** The calls that change what is on the disk, or say what is. */
const CALLS = ["write", "pwrite64", "fsync", "fdatasync", "ftruncate", "unlink", "link", "rename"] as const;

type Call = (typeof CALLS)[number];

/** One call of a process, counted among those of its name. */
export interface Point {
  readonly call: Call;
  /** From 1. */
  readonly nth: number;
}

/** A call that was made, as strace writes it. */
interface Traced extends Point {
  readonly text: string;
}

/** What strace lacks here; null where it can be used. */
export function missingStrace(): string | null {
  if (process.platform !== "linux") return "needs strace, which is of Linux";
  const { error, status, stderr } = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"], { encoding: "utf8" });
  if (error !== undefined) return "needs strace";
  return status === 0 ? null : `needs ptrace, which is not permitted here: ${stderr.trim().split("\n")[0] ?? ""}`;
}

/** Runs a script and lists its calls in their order. */
export async function traceCalls(script: readonly string[], log: string): Promise<readonly Traced[]> {
  const { code, stderr } = await runTraced(script, ["-o", log]);
  if (code !== 0) throw new Error(`the process that was only to be counted ended with ${code}: ${stderr}`);
  const counts = new Map<string, number>();
  return readFileSync(log, "utf8")
    .split("\n")
    .flatMap((text) => {
      const call = CALLS.find((name) => text.startsWith(`${name}(`));
      if (call === undefined) return [];
      const nth = (counts.get(call) ?? 0) + 1;
      counts.set(call, nth);
      return [{ call, nth, text }];
    });
}

/** Runs a script that is killed when it is about to make a call, which is then not made. */
export function killAt(script: readonly string[], { call, nth }: Point): Promise<Ran> {
  return runTraced(script, ["-o", "/dev/null", "-e", `inject=${call}:signal=KILL:when=${nth}`]);
}

/**
 * Only the main thread is traced: SQLite runs in it, and what the others write are wake-ups, in no order. Each thread has a
 * count of its own.
 */
function runTraced(script: readonly string[], options: readonly string[]): Promise<Ran> {
  const traced = ["-qq", "-e", "signal=none", "-e", `trace=${CALLS.join(",")}`, ...options];
  return runProcess("strace", [...traced, process.execPath, ...script]);
}
