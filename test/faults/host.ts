import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A process that tells lines on its standard output and is told lines on its input. */
export interface Host<Told extends readonly [string, ...unknown[]]> {
  /** Writes one line to it. What a dead one would have read is dropped. */
  readonly say: (line: string) => void;
  /** Resolves once it has told that word so many times, by default once. Rejects, with what it wrote to its error output, where it ends before. */
  readonly heard: (word: Told[0], times?: number) => Promise<void>;
  /** Resolves once it is dead and every line that it told was read: with the code that it had ended with by itself, or null. */
  readonly kill: () => Promise<number | null>;
  /** What it wrote to its error output. */
  readonly errors: () => string;
}

/** Milliseconds after which a process that does not tell what is waited for counts as hanging. */
const PATIENCE = 120_000;

/** Starts a script in a process of its own. `tell` is called for each line, in order. */
export function startHost<Told extends readonly [string, ...unknown[]]>(
  file: string,
  args: readonly string[],
  tell: (told: Told) => void,
): Host<Told> {
  const child: ChildProcess = spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new TypeError("the process has no pipes");
  const said = new Map<string, number>();
  const waiting = new Set<() => void>();
  let errors = "";
  let closed = false;
  stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  // Whoever is dead reads nothing.
  stdin.on("error", () => undefined);
  const wake = (): void => {
    for (const each of waiting) each();
  };
  createInterface({ input: stdout }).on("line", (line) => {
    // A line that was cut off by the end of the process was not told.
    const told = parse<Told>(line);
    if (told === null) return;
    said.set(told[0], (said.get(told[0]) ?? 0) + 1);
    tell(told);
    wake();
  });
  const end = once(child, "close").then(([code]) => {
    closed = true;
    wake();
    return code as number | null;
  });
  return {
    say: (line) => void stdin.write(`${line}\n`),
    heard: (word, times = 1) =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          if ((said.get(word) ?? 0) >= times) resolve();
          else if (closed) reject(new Error(`the process ended before it told \`${word}\`: ${errors}`));
          else return;
          waiting.delete(settle);
          clearTimeout(timer);
        };
        const timer = setTimeout(() => {
          waiting.delete(settle);
          reject(new Error(`the process did not tell \`${word}\` in ${PATIENCE / 1_000} s: ${errors}`));
        }, PATIENCE);
        waiting.add(settle);
        settle();
      }),
    kill: () => {
      child.kill("SIGKILL");
      return end;
    },
    errors: () => errors,
  };
}

function parse<Told>(line: string): Told | null {
  try {
    return JSON.parse(line) as Told;
  } catch {
    return null;
  }
}
