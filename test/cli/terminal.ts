import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { shellWord } from "../../src/cli/shell-word.js";

/** Why no program can be run on a terminal here; null where one can. */
export const NO_TERMINAL: string | null = spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes(
  "util-linux",
)
  ? null
  : "there is no `script` of util-linux";

/** How a program is run. */
export interface Running {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Once the program has written this, colours aside, it is interrupted as somebody at its terminal, or its parent, would do it. */
  readonly interruptAfter?: RegExp;
}

/** What a program wrote, and the code that it ended with: 128 and its number where a signal ended it. */
export interface Ended {
  readonly code: number;
  readonly text: string;
}

/** Runs a program on a pseudo-terminal, which is its standard input, output and error output. */
export async function onTerminal(command: readonly string[], running: Running): Promise<Ended> {
  const child = spawn("script", ["-qec", `exec ${command.map(shellWord).join(" ")}`, "/dev/null"], {
    cwd: running.cwd,
    env: { ...plainEnv(), TERM: "xterm-256color", SHELL: "/bin/sh", ...running.env },
  });
  const { code, text } = await ended(child, running, () => child.stdin?.write("\u0003"));
  // The terminal shows the key that interrupts, and turns each line break into two characters.
  return { code, text: text.replaceAll("\r\n", "\n").replace(running.interruptAfter === undefined ? "" : "^C", "") };
}

/** Runs a program whose standard output and error output are pipes. */
export function throughPipe(command: readonly string[], running: Running): Promise<Ended> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { cwd: running.cwd, env: { ...plainEnv(), ...running.env } });
  return ended(child, running, () => child.kill("SIGINT"));
}

/** The environment of the tests without what decides about colours. */
function plainEnv(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _forced, NO_COLOR: _none, ...env } = process.env;
  return env;
}

const SIGINT = 2;

function ended(child: ChildProcess, { interruptAfter }: Running, interrupt: () => unknown): Promise<Ended> {
  let text = "";
  let waits = interruptAfter !== undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (!waits || interruptAfter?.test(stripVTControlCharacters(text)) !== true) return;
      waits = false;
      interrupt();
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code: code ?? (signal === "SIGINT" ? 128 + SIGINT : -1), text });
    });
  });
}

/** What somebody at a terminal has read in the end: without colours, and with what a bar stood on as it is after. */
export function seen(text: string): string {
  const overlaid = (line: string): string =>
    line
      .split("\r")
      .reduce((shown, part) => part + shown.slice(part.length), "")
      .trimEnd();
  return stripVTControlCharacters(text).split("\n").map(overlaid).join("\n");
}
