import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A process of the battery, asked over the channel that its start opened. */
export interface Child {
  readonly process: ChildProcess;
  /** Resolves with its answer. Rejects with what it threw, or where it has ended. */
  readonly ask: <Answer>(request: object) => Promise<Answer>;
  /** Lets it end by itself, and kills it where it does not. */
  readonly end: () => Promise<void>;
}

/** How a child is started, besides what it is told. */
export interface StartOptions {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the one behind it: `unshare` and its options. */
  readonly under?: readonly string[];
}

/** How long a child may take to end before it is killed, in milliseconds. */
const END_WAIT_MS = 15_000;

/** Starts a bundled child, and resolves when it says that it is ready. `setup` is JSON in its first argument. */
export async function startChild(
  file: string,
  setup: object,
  { env = {}, under = [] }: StartOptions = {},
): Promise<Child> {
  const [command = process.execPath, ...rest] = [...under, process.execPath, file, JSON.stringify(setup)];
  const child = spawn(command, rest, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ...env },
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let asked = 0;
  let over: Error | null = null;
  child.once("exit", (code, signal) => {
    over = new Error(`a process of the battery ended with ${signal ?? code}`);
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
  });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(over));
    child.on("message", (message) => {
      if (message === "ready") return resolve();
      const { number, value, error } = message as { number: number; value?: never; error?: string };
      const call = waiting.get(number);
      waiting.delete(number);
      if (error === undefined) call?.resolve(value as never);
      else call?.reject(new Error(error));
    });
  });
  return {
    process: child,
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (over !== null) return reject(over);
        asked += 1;
        waiting.set(asked, { resolve, reject });
        child.send({ number: asked, request });
      }),
    end: async () => {
      if (over !== null) return;
      const ended = once(child, "exit");
      const timer = setTimeout(() => child.kill("SIGKILL"), END_WAIT_MS);
      if (child.connected) child.disconnect();
      await ended;
      clearTimeout(timer);
    },
  };
}
