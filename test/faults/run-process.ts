import { spawn } from "node:child_process";
import { once } from "node:events";

/** How a process ended, and what it wrote. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** Null where it was killed. */
  readonly code: number | null;
}

/** Milliseconds after which a process counts as hanging. */
const PATIENCE = 120_000;

/** Runs a process to its end, whichever that is. One that hangs is killed, with all that it started. */
export async function runProcess(command: string, args: readonly string[]): Promise<Ran> {
  // A group of its own, so that it is killed with its own children.
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let hung = false;
  const hangs = setTimeout(() => {
    hung = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, PATIENCE);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(hangs);
  if (hung) throw new Error(`the process hung for ${PATIENCE / 1_000} s: ${stderr}`);
  return { code, stdout, stderr };
}
