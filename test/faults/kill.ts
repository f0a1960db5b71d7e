import { join } from "node:path";
import { type Bundle, bundleChild } from "./bundle.js";
import { type Life, liveThrough } from "./killed-file.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { addTally } from "./state.js";

/** Kills that one file lives through. A case that is run again begins with the first of its file. */
const KILLS_A_FILE = 20;

/** Files that are worked on at once. */
const FILES = 2;

export const killRow: FaultRow = {
  name: "kill",
  title: "SIGKILL at random while deciding, approving, dispatching and settling loses nothing and runs nothing twice",
  unit: "kills",
  full: 10_000,
  short: 16,
  missing: () => (process.platform === "win32" ? "needs SIGKILL" : null),
  run: (batch) => withHost((host) => run(batch, host.file)),
  control: "the effect before the commit of its claim",
  runControl: (batch) => withHost((host) => runControl(batch, host.file)),
};

async function withHost<T>(step: (host: Bundle) => Promise<T>): Promise<T> {
  const host = await bundleChild("kill-host");
  try {
    return await step(host);
  } finally {
    host.remove();
  }
}

async function run({ seed, from, to, scratch }: Batch, host: string): Promise<Tally> {
  const lives: Life[] = [];
  for (let file = Math.floor(from / KILLS_A_FILE); file * KILLS_A_FILE < to; file += 1) {
    const [first, end] = [file * KILLS_A_FILE, (file + 1) * KILLS_A_FILE];
    const folder = join(scratch, String(file));
    // On every other file another process lives and works the while.
    const life = { host, folder, seed, survivor: file % 2 === 1, naive: false };
    lives.push({ ...life, from: first, to: Math.min(end, to), counted: Math.max(first, from) });
  }
  let tally: Tally = {};
  const work = async (): Promise<void> => {
    for (let life = lives.shift(); life !== undefined; life = lives.shift()) {
      const more = await liveThrough(life);
      tally = addTally(tally, more);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: FILES }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return tally;
}

async function runControl({ seed, scratch }: Batch, host: string): Promise<string> {
  const life = { host, folder: scratch, seed, from: 0, to: KILLS_A_FILE, counted: 0, survivor: false, naive: true };
  try {
    await liveThrough(life);
  } catch (error) {
    const [first = ""] =
      error instanceof FaultFound ? (/job \S+ had (more than one|an) effect.*/.exec(error.message) ?? []) : [];
    if (first !== "") return first;
    throw error;
  }
  throw new Error(`${KILLS_A_FILE} kills of a host that dispatches before it commits broke nothing`);
}
