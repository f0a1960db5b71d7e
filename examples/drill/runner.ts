import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { NoEffectError } from "dispatch-gate";

/** One child process that was started. */
export interface Run {
  readonly pid: number;
  /** Null while it runs, and when a signal ended it. */
  readonly exitCode: () => number | null;
}

/** Starts child processes, and knows which. */
export interface Runner {
  /** Resolves with the exit code 0 only. The child, with all that it started, is ended when the signal fires. */
  readonly run: (script: URL, folder: string, signal: AbortSignal) => Promise<number>;
  readonly runs: readonly Run[];
  /** Called once, as soon as the next child has ended. */
  readonly afterNextExit: (then: () => void) => void;
  /** Ends what still runs. */
  readonly endAll: () => void;
}

/** A child that ends with this code states that it has done nothing (EX_TEMPFAIL of sysexits.h). */
const TRY_AGAIN = 75;

/** Makes a runner of Node scripts. */
export function createRunner(): Runner {
  const runs: (Run & { readonly child: ChildProcess })[] = [];
  const waiting: (() => void)[] = [];

  const run = async (script: URL, folder: string, signal: AbortSignal): Promise<number> => {
    // `detached` makes the child the leader of a process group, so that nothing it starts outlives it.
    const child = spawn(process.execPath, [fileURLToPath(script)], { cwd: folder, detached: true, stdio: "ignore" });
    const ended = exitOf(child);
    if (child.pid !== undefined) runs.push({ pid: child.pid, child, exitCode: () => child.exitCode });
    const stop = (): void => endGroup(child);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      const code = await ended;
      waiting.shift()?.();
      return judge(code, signal);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };

  return {
    run,
    runs,
    afterNextExit: (then) => void waiting.push(then),
    endAll: () => {
      for (const { child } of runs) endGroup(child);
    },
  };
}

function judge(code: number | null, signal: AbortSignal): number {
  if (code === 0) return code;
  if (code === TRY_AGAIN) throw new NoEffectError("the command is busy and has done nothing");
  throw new Error(signal.aborted ? "the command was stopped" : `the command failed with code ${code ?? "none"}`);
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("exit", resolve);
    child.once("error", (cause) => reject(new NoEffectError("the command could not be started", { cause })));
  });
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  // The number of a process that has ended may be another's by now.
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}

/** True when the process ends within `ms`; asks the operating system, not Node. */
export async function isGoneWithin(pid: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (isAlive(pid)) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
