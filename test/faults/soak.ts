import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bundle, bundleChild } from "./bundle.js";
import { mustHold } from "./holds.js";
import { FaultFound, type FaultRow, type Tally } from "./row.js";

/** Processes that write. */
const WRITERS = 4;

/** The largest that the write-ahead log may get, in bytes: each process moves it after a thousand steps of its own. */
const WAL_BOUND = 96 * 1_048_576;

/** How often memory and log are looked at, in milliseconds. */
const LOOK_MS = 250;

/** By how much the memory of a process may grow from one third of the time to the next: a tenth, and what a heap breathes. */
const GROWTH = 1.1;
const BREATH = 48 * 1_048_576;

/** The control may take so long, in milliseconds; it takes a few seconds. */
const CONTROL_MS = 60_000;

/** How the processes write: jobs at a time, the pause after them in milliseconds, and characters of a payload. */
const STEADY = ["8", "40", "300"] as const;
const HARD = ["64", "0", "4000"] as const;

/** Half an hour of work: what grows without bound shows. */
export const soakRow: FaultRow = {
  name: "soak",
  title: "while four processes write and one reads slowly the write-ahead log stays bounded and memory flat",
  unit: "seconds",
  full: 1_800,
  short: 4,
  batch: 1_800,
  missing: () => (process.platform === "linux" ? null : "needs /proc to look at the memory of a process"),
  run: async ({ from, to, scratch }) => soak({ scratch, ms: (to - from) * 1_000, number: from }),
  control: "a reader that never ends its transaction",
  runControl: async ({ scratch }) => {
    const crew = await hire(scratch, "naive", HARD);
    try {
      const began = performance.now();
      while (walSize(crew.store) <= WAL_BOUND) {
        if (performance.now() - began > CONTROL_MS) throw new Error(`the log stayed at ${walSize(crew.store)} bytes`);
        crew.check();
        await sleep(LOOK_MS);
      }
      return `the write-ahead log grew past ${WAL_BOUND / 1_048_576} MiB in ${Math.round((performance.now() - began) / 100) / 10} s`;
    } finally {
      await crew.kill();
    }
  },
};

interface Soak {
  readonly scratch: string;
  readonly ms: number;
  readonly number: number;
}

async function soak({ scratch, ms, number }: Soak): Promise<Tally> {
  const crew = await hire(scratch, "pages", STEADY);
  const memory = crew.pids.map((): number[] => []);
  let wal = 0;
  try {
    const until = performance.now() + ms;
    while (performance.now() < until) {
      await sleep(LOOK_MS);
      crew.check();
      wal = Math.max(wal, walSize(crew.store));
      if (wal > WAL_BOUND) throw new FaultFound(number, `the write-ahead log grew to ${wal} bytes`);
      crew.pids.forEach((pid, index) => void memory[index]?.push(residentBytes(pid)));
    }
    const done = await crew.stop();
    const { events } = await mustHold(crew.store, {});
    memory.forEach((bytes, index) => {
      const [, middle, last] = thirds(bytes);
      if ((last ?? 0) > (middle ?? 0) * GROWTH + BREATH) {
        throw new FaultFound(number, `the memory of process ${index} grew from ${middle} to ${last} bytes`);
      }
    });
    const highest = Math.max(...memory.map((bytes) => Math.max(...bytes)));
    return {
      events,
      ...done,
      "KiB of log at most": Math.ceil(wal / 1_024),
      "KiB of memory at most": Math.ceil(highest / 1_024),
    };
  } finally {
    await crew.kill();
  }
}

/** The median of each third: what a process takes on its way there does not count. */
function thirds(bytes: readonly number[]): readonly number[] {
  const size = Math.max(1, Math.floor(bytes.length / 3));
  return [0, 1, 2].map((third) => {
    const part = bytes.slice(third * size, (third + 1) * size).sort((a, b) => a - b);
    return part[Math.floor(part.length / 2)] ?? 0;
  });
}

/** The processes of one soak. */
interface Crew {
  readonly store: string;
  readonly pids: readonly number[];
  /** Throws when one of them ended. */
  readonly check: () => void;
  /** Lets all of them finish, and says what they did. */
  readonly stop: () => Promise<{ readonly jobs: number; readonly read: number }>;
  readonly kill: () => Promise<void>;
}

async function hire(scratch: string, how: "pages" | "naive", pace: readonly string[]): Promise<Crew> {
  const store = join(scratch, "gate.db");
  const bundles: Bundle[] = [await bundleChild("soak-writer"), await bundleChild("soak-reader")];
  const [writer, reader] = bundles.map(({ file }) => file) as [string, string];
  const children: ChildProcess[] = [];
  const dead: string[] = [];
  const start = async (file: string, args: readonly string[]): Promise<ChildProcess> => {
    const child = fork(file, [store, ...args]);
    children.push(child);
    child.once("exit", (code, signal) => {
      if (code !== 0) dead.push(`a process ended with ${code ?? signal}`);
    });
    await Promise.race([once(child, "message"), once(child, "exit")]);
    return child;
  };
  const ended = async (child: ChildProcess): Promise<number> => {
    const told = new Promise<number>((resolve) => {
      child.on("message", (message) => {
        const { ended: count } = message as { readonly ended?: number };
        if (count !== undefined) resolve(count);
      });
    });
    child.send("stop");
    const over = once(child, "exit");
    return Promise.race([told, over.then(() => Number.NaN)]);
  };
  const kill = async (): Promise<void> => {
    const alive = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(alive.map((child) => [child.kill("SIGKILL"), once(child, "exit")][1]));
    for (const bundle of bundles) bundle.remove();
  };
  try {
    // The first makes the file; the naive reader needs it.
    const writers = [await start(writer, pace)];
    const reads = await start(reader, [how]);
    while (writers.length < WRITERS) writers.push(await start(writer, pace));
    return {
      store,
      pids: children.map(({ pid }) => pid ?? 0),
      check: () => {
        if (dead.length > 0) throw new Error(dead[0]);
      },
      stop: async () => {
        const jobs = await Promise.all(writers.map(ended));
        const read = await ended(reads);
        return { jobs: jobs.reduce((sum, count) => sum + count, 0), read };
      },
      kill,
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Asks for the size alone: a file of the database that was opened here would lose the locks of whoever has it open. */
function walSize(store: string): number {
  return statSync(`${store}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** Bytes of a process that are in memory (proc(5) `statm`, second field, in pages of 4 KiB); 0 for one that is gone. */
function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096;
  } catch {
    return 0;
  }
}
