import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What became of an example that was run as a user runs it. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an example as a process of its own, without a terminal. */
export function runExample(file: string, args: readonly string[] = []): Promise<Run> {
  return endOf(spawn(process.execPath, ["--import", "tsx", file, ...args], { cwd: ROOT, env: plainEnv() }));
}

// Starts the command after the first argument in a terminal, types the first argument at the first prompt, and passes
// on all that it prints.
const IN_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, typed = b"", False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if not typed and b"approve or reject" in seen:
        os.write(terminal, sys.argv[1].encode() + b"\\n")
        typed = True
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

/** True when this machine can lend a pseudo-terminal. */
export const HAS_TERMINAL =
  process.platform !== "win32" &&
  spawnSync("python3", ["-c", "import os, pty; os.waitstatus_to_exitcode"]).status === 0;

/** Runs an example in a pseudo-terminal, where somebody types one line when asked. */
export function runInTerminal(typed: string, file: string, args: readonly string[]): Promise<Run> {
  const command = [process.execPath, "--import", "tsx", file, ...args];
  const { NO_COLOR: _, ...env } = plainEnv();
  return endOf(spawn("python3", ["-c", IN_TERMINAL, typed, ...command], { cwd: ROOT, env: { ...env, TERM: "xterm" } }));
}

function plainEnv(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  return { ...env, NO_COLOR: "1" };
}

function endOf(child: ChildProcess): Promise<Run> {
  const read = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      read[name] += text;
    });
  }
  child.stdin?.end();
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...read }));
  });
}
