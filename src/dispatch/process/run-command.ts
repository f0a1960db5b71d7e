import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { NoEffectError } from "../../errors.js";
import { quoted } from "../../policy/source.js";
import { inheritable, MAX_COVERED, withCovered } from "./descriptors.js";
import { type Group, plainGroup, sandboxGroup } from "./group.js";
import { ProcessError, type ProcessResult } from "./result.js";

/** The file descriptor on which bubblewrap tells what became of the command inside, which does not have it. */
export const STATUS_FD = 3;

/** One command, ready to be started. */
export interface Command {
  readonly argv: readonly string[];
  /** Whether it is bubblewrap, which tells on {@link STATUS_FD} what became of the command inside. */
  readonly sandboxed: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | Uint8Array | null;
  readonly maxOutputBytes: number;
  readonly killAfterMs: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a command in a group of its own and resolves when it exits with code 0. Settles only when nothing of it runs any
 * more, as far as the group reaches. Rejects with a `NoEffectError` when nothing was started, with a {@link ProcessError}
 * when the command did not end well, and with an `Error` when a sandbox was made but no command ran in it.
 */
export async function runCommand(command: Command): Promise<ProcessResult> {
  if (command.signal.aborted) throw new NoEffectError("the command was stopped before it was started");
  const child = start(command);
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw await failureOf(child);

  const ended = endOf(child);
  const { group, status } = reach(command, child, pid);
  let killed = false;
  const kill = (): void => {
    killed = true;
    group.kill();
  };
  let tooMuch: string | null = null;
  const over = (name: string) => (): void => {
    tooMuch ??= name;
    kill();
  };
  const out = collect(stdout, command.maxOutputBytes, over("stdout"));
  const err = collect(stderr, command.maxOutputBytes, over("stderr"));
  const release = stopOnAbort(command, group, kill);
  feed(child, command.stdin);

  const exit = await ended;
  const stopped = command.signal.aborted;
  release();
  // What it left running in its group would hold the pipes open.
  group.kill();
  await drain(child);
  await group.gone();

  const told = { code: command.sandboxed ? status() : exit.code, signal: exit.signal };
  // Whether bubblewrap lived to tell is chance: the command inside is killed with it.
  const end = killed ? KILLED : told;
  const result = Object.freeze({ ...end, stdout: out(), stderr: err() });
  if (tooMuch !== null) {
    throw new ProcessError(`the command wrote more than ${command.maxOutputBytes} bytes to ${tooMuch}`, result);
  }
  if (stopped) throw new ProcessError("the command was stopped", result, { cause: command.signal.reason });
  if (result.code === 0) return result;
  if (result.code !== null) throw new ProcessError(`the command failed with code ${result.code}`, result);
  if (result.signal !== null) throw new ProcessError(`the command was ended by ${result.signal}`, result);
  throw new Error(`the sandbox could not start the command: ${quoted(lastLine(result.stderr))}`);
}

function start({ argv, sandboxed, cwd, env, stdin }: Command): ChildProcess {
  const [file = "", ...rest] = argv;
  const standard = [stdin === null ? "ignore" : "pipe", "pipe", "pipe"] as const;
  const own = sandboxed ? ([...standard, "pipe"] as const) : standard;
  const inherited = inheritable(own.length);
  if (sandboxed) assertCoverable(inherited);
  const covered = inherited?.filter((descriptor) => descriptor <= MAX_COVERED) ?? [];
  try {
    // `detached` makes it the leader of a session and a process group. Bubblewrap changes the folder inside.
    return withCovered(own, covered, (stdio) =>
      spawn(file, rest, { cwd: sandboxed ? "/" : cwd, env: { ...env }, detached: true, shell: false, stdio }),
    );
  } catch (cause) {
    throw new NoEffectError("the command could not be started", { cause });
  }
}

/** A sandbox with a way out that cannot be closed MUST NOT be started. A plain process has all of the rights anyway. */
function assertCoverable(inherited: readonly number[] | null): void {
  if (inherited === null) {
    throw new NoEffectError("what the command would inherit cannot be read from `/proc`: it was not started");
  }
  const beyond = inherited.find((descriptor) => descriptor > MAX_COVERED);
  if (beyond === undefined) return;
  throw new NoEffectError(`the command would inherit descriptor ${beyond}, over ${MAX_COVERED}: it was not started`);
}

function failureOf(child: ChildProcess): Promise<NoEffectError> {
  return new Promise((resolve) => {
    child.once("error", (cause) => resolve(new NoEffectError("the command could not be started", { cause })));
  });
}

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** How whatever was killed from here ended. */
const KILLED: Exit = { code: null, signal: "SIGKILL" };

function endOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
}

/** How to end the command, and, in a sandbox, the exit code that it is said to have: null when none ran to its end. */
function reach(command: Command, child: ChildProcess, pid: number): { group: Group; status: () => number | null } {
  const told = child.stdio[STATUS_FD];
  if (!command.sandboxed || told === null || told === undefined) return { group: plainGroup(pid), status: () => null };
  const group = sandboxGroup(pid);
  let code: number | null = null;
  let text = "";
  told.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const first = numberIn(line, "child-pid");
      if (first !== null) group.found(first);
      code ??= numberIn(line, "exit-code");
    }
  });
  return { group, status: () => code };
}

/** A whole number that bubblewrap tells under a key, one JSON document a line. */
function numberIn(line: string, key: "child-pid" | "exit-code"): number | null {
  const [, digits] = new RegExp(`"${key}": ?([0-9]{1,10})`).exec(line) ?? [];
  return digits === undefined ? null : Number(digits);
}

/** Asks the group to end when the signal fires, and kills it later. Answers how to let go of both. */
function stopOnAbort({ signal, killAfterMs }: Command, group: Group, kill: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    group.terminate();
    timer = setTimeout(kill, killAfterMs);
  };
  signal.addEventListener("abort", stop, { once: true });
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  };
}

/** Keeps up to so many bytes of a stream; calls back, once, for the first one more. Answers what it kept as text. */
function collect(stream: Readable, max: number, over: () => void): () => string {
  const chunks: Buffer[] = [];
  let left = max;
  stream.on("data", (chunk: Buffer) => {
    if (left < 0) return;
    if (left > 0) chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left < 0) over();
  });
  // A pipe that breaks is a pipe that ends.
  stream.on("error", () => undefined);
  return () => Buffer.concat(chunks).toString("utf8");
}

function feed({ stdin }: ChildProcess, content: string | Uint8Array | null): void {
  if (stdin === null || content === null) return;
  // A command need not read what it is given.
  stdin.on("error", () => undefined);
  stdin.end(content);
}

/** How long pipes are read after the end: a process that left the group may hold them open for ever. */
const DRAIN_MS = 1_000;

/** Resolves when all that was written has been read. */
function drain(child: ChildProcess): Promise<void> {
  const streams = child.stdio.filter((stream) => stream !== null && stream !== undefined);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const stream of streams) stream.destroy();
    }, DRAIN_MS);
    const check = (): void => {
      if (!streams.every((stream) => stream.closed)) return;
      clearTimeout(timer);
      resolve();
    };
    for (const stream of streams) stream.once("close", check);
    check();
  });
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
