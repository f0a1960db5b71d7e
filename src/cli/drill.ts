import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { JsonObject } from "../outcome.js";
import { readArguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";

export const DRILL_HELP = `usage: dispatch-gate drill [options]

Holds a controlled drill in a folder of its own: an agent's workflow is allowed, held, approved, constrained, denied, throttled and
redacted, by a gate on real files, and every step is checked on disk. Takes a few seconds; nothing is left behind.

  --interactive   ask in this terminal to approve or to reject
  --keep          leave the folder with all files, and say where it is
  --policy FILE   run under another policy; the drill reports what is then different
  --json          one JSON document

  dispatch-gate drill --interactive

Exit: 0 all went as expected, 1 something differs, 2 the drill could not be held.`;

/** What it takes. */
export const DRILL_SHAPE = {
  options: { interactive: "switch", keep: "switch", policy: "text" },
  operands: { least: 0, most: 0, name: "" },
} as const;

/** Holds the drill: the program of `examples/drill`, which uses the package as any host does, in a process of its own. */
export async function drill(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, DRILL_SHAPE);
  const json = given.has("json");
  if (json && given.has("interactive")) {
    throw new CannotRun("option_unexpected", "`--interactive` and `--json` are not for the same reader", "give one");
  }
  const policy = given.text("policy");
  const options = [
    ...["interactive", "keep", "json"].filter(given.has).map((option) => `--${option}`),
    ...(policy === undefined ? [] : [`--policy=${policy}`]),
  ];
  const child = spawn(process.execPath, [programPath(), ...options], {
    cwd: io.cwd,
    env: io.env,
    stdio: ["inherit", json ? "pipe" : "inherit", json ? "pipe" : "inherit"],
  });
  const { code, out, err } = await endOf(child);
  if (!json) return code;
  if (code !== EXIT.fine && code !== EXIT.findings) {
    const [message = "", help] = err.split("\n").map((line) => line.trim());
    throw new CannotRun("drill_impossible", message || "the drill was interrupted", help || undefined);
  }
  printJson(io, { command: "drill", ok: code === EXIT.fine, ...(JSON.parse(out) as JsonObject) });
  return code;
}

/** The built program, which stands beside the built command line; for the sources, where it is built to. */
function programPath(): string {
  const places = ["./drill/main.js", "../../dist/drill/main.js"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new CannotRun("drill_missing", "the drill is not in this package", "install the package again");
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Waits for the drill to clean up, whoever interrupts it: it is told so, and ends by itself. */
function endOf(child: ChildProcess): Promise<Ended> {
  const written = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    written.out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    written.err += text;
  });
  const tell = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, tell);
  return new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? EXIT.cannot, ...written }));
  }).finally(() => {
    for (const signal of SIGNALS) process.off(signal, tell);
  });
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
