import { spawnSync } from "node:child_process";
import { bubblewrapArguments, findBubblewrap, systemMounts } from "../../src/dispatch/process/bubblewrap.js";
import { DEFAULT_SYSTEM } from "../../src/dispatch/process/options.js";
import { runCommand } from "../../src/dispatch/process/run-command.js";
import { NoEffectError } from "../../src/errors.js";
import { createProcessDispatcher } from "../../src/process.js";
import { asSandboxed, contextOf, JOB } from "../dispatch/process-run.js";

// Runs a command in one of these ways, and says what it said.
const [how = "", ...argv] = process.argv.slice(2);

async function dispatched(sandbox: "required" | "none"): Promise<string> {
  const { dispatch } = await createProcessDispatcher({ command: () => argv, sandbox });
  return (await dispatch(JOB, contextOf({}))).stdout;
}

/** As if the command were bubblewrap: also where there is none. It tells no exit code, hence the shell. */
async function asBubblewrap(): Promise<string> {
  const tell = `"$@" && echo '{"exit-code": 0}' >&3`;
  try {
    return (await runCommand(asSandboxed(["sh", "-c", tell, "sh", ...argv]))).stdout;
  } catch (error) {
    if (error instanceof NoEffectError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** Without our own way of starting. */
async function naive(): Promise<string> {
  const system = systemMounts(DEFAULT_SYSTEM);
  const sandbox = { mounts: system, network: false, cwd: "/" };
  const bubblewrap = await findBubblewrap(undefined, system);
  if (bubblewrap === null) throw new Error("there is no bubblewrap");
  return spawned([bubblewrap.path, ...bubblewrapArguments(bubblewrap, sandbox, argv)]);
}

function spawned([file = "", ...rest]: readonly string[]): string {
  return spawnSync(file, rest, { stdio: ["ignore", "pipe", "pipe", "pipe"], encoding: "utf8" }).stdout;
}

async function said(): Promise<string> {
  if (how === "required" || how === "none") return dispatched(how);
  if (how === "bubblewrap") return asBubblewrap();
  return how === "naive" ? naive() : spawned(argv);
}

process.stdout.write(await said());
