import { copyFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundleChild } from "./bundle.js";
import { type Child, startChild } from "./child.js";
import type { LockedOutAnswer, LockedOutRequest, LockedOutSetup } from "./children/locked-out.js";
import { mustHold } from "./holds.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { mustTellAtRest } from "./swap-at-rest.js";
import { checkpoint, connect, copyDatabase, SWAPS, type Swap } from "./swaps.js";

/** Each way once in a round; the rounds differ in how many jobs there are before and after the copy. */
const ROUNDS = 20;
const WAYS: readonly (Swap | "at rest")[] = [...SWAPS.slice(0, 5), "at rest", ...SWAPS.slice(5)];

/** The database is swapped under a gate that runs, and while none does. */
export const swapRow: FaultRow = {
  name: "swap",
  title:
    "a gate whose database is swapped refuses, one whose files others only read goes on, and at rest a kept checkpoint tells",
  unit: "swaps",
  full: WAYS.length * ROUNDS,
  short: 6,
  missing: () => (process.platform === "win32" ? "needs files that can be renamed while they are open" : null),
  run: (batch) => runSwaps(batch),
  control: "a store that does not look at its head",
  runControl: (batch) => runNaive(batch),
};

async function runSwaps({ seed, from, to, scratch }: Batch): Promise<Tally> {
  const tally = { swaps: 0, refused: 0, wentOn: 0, toldAtRest: 0 };
  const [gate, reader] = await Promise.all([bundleChild("locked-out"), bundleChild("hold-lock")]);
  try {
    for (let number = from; number < to; number += 1) {
      const way = WAYS[number % WAYS.length] as Swap | "at rest";
      const store = join(scratch, `swap-${number}.db`);
      try {
        if (way === "at rest") await mustTellAtRest(store, drawsOf(seed, number));
        else await whileRunning({ gate: gate.file, reader: reader.file }, way, { store, seed, number });
      } catch (error) {
        const what = way === "at rest" ? way : way.what;
        throw new FaultFound(number, `${what}: ${(error as Error).stack}`);
      }
      tally.swaps += 1;
      if (way === "at rest") tally.toldAtRest += 1;
      else if (way.gate === "refuses") tally.refused += 1;
      else tally.wentOn += 1;
    }
  } finally {
    gate.remove();
    reader.remove();
  }
  return tally;
}

interface Files {
  readonly gate: string;
  readonly reader: string;
}

interface Case {
  readonly store: string;
  readonly seed: number;
  readonly number: number;
}

async function whileRunning({ gate: file, reader }: Files, swap: Swap, { store, seed, number }: Case): Promise<void> {
  const draws = drawsOf(seed, number);
  let effects: readonly string[] = [];
  const children: Child[] = [];
  const start = async (path: string): Promise<Child> => {
    const setup: LockedOutSetup = { store: path, deadlineMs: 10_000, naive: false };
    const child = await startChild(file, setup);
    children.push(child);
    return child;
  };
  const [older, forked, foreign] = [`${store}.older`, `${store}.forked`, `${store}.foreign`];
  try {
    const gate = await start(store);
    await run(gate, 5 + draws.below(60));
    await checkpoint(store);
    // What comes now stands in the log of the copy.
    await run(gate, 1 + draws.below(10));
    copyDatabase(store, older);
    if (swap.needs === "forked") await goOn(start, older, forked, draws.below(200));
    if (swap.needs === "foreign") await goOn(start, null, foreign, 20 + draws.below(200));
    await run(gate, 20 + draws.below(100));
    // Nothing that the copy lacks stands in the log any more, but for what a few more jobs write.
    await checkpoint(store);
    if (draws.below(2) === 0) await run(gate, 1 + draws.below(5));
    const before = await run(gate, 0);

    await swap.meddle({
      store,
      older,
      forked,
      foreign,
      holdReader: async () => {
        const holder = await startChild(reader, { store });
        children.push(holder);
        await holder.ask({ do: "read" });
      },
    });
    const after = await run(gate, 4);
    judge(swap, before, after);
    effects = after.effects;
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
  if (swap.gate === "goes on") await mustHold(store, { effects: effects.map((jobId) => ({ jobId })) });
}

/** Of the jobs that came after: all run, or none, and then no function was called. */
function judge({ gate }: Swap, before: LockedOutAnswer, { jobs, effects }: LockedOutAnswer): void {
  const called = effects.length - before.effects.length;
  for (const { status, code, dispatched } of jobs) {
    if (gate === "refuses" && (status !== "DENIED" || dispatched))
      throw new Error(`a job is ${status} (${code}) after it`);
    if (gate === "goes on" && status !== "SUCCEEDED") throw new Error(`a job is ${status} (${code}) after it`);
  }
  if (called !== (gate === "refuses" ? 0 : jobs.length)) throw new Error(`${called} functions were called after it`);
}

/** Another gate makes a database, or goes on with a copy, for this many jobs. */
async function goOn(
  start: (path: string) => Promise<Child>,
  from: string | null,
  path: string,
  jobs: number,
): Promise<void> {
  if (from !== null) copyDatabase(from, path);
  const other = await start(path);
  await run(other, jobs);
  await other.end();
}

const run = (child: Child, count: number): Promise<LockedOutAnswer> =>
  child.ask({ do: "run", count } satisfies LockedOutRequest);

async function runNaive({ scratch }: Batch): Promise<string> {
  const store = join(scratch, "naive.db");
  const { file, remove } = await bundleChild("locked-out");
  const children: Child[] = [];
  const start = async (naive: boolean): Promise<Child> => {
    const child = await startChild(file, { store, deadlineMs: 2_000, naive } satisfies LockedOutSetup);
    children.push(child);
    return child;
  };
  try {
    await (await start(false)).end();
    const naive = await start(true);
    await run(naive, 10);
    await checkpoint(store);
    copyFileSync(store, `${store}.older`);
    await run(naive, 10);
    await checkpoint(store);
    for (const end of ["-wal", "-shm"]) rmSync(`${store}${end}`);
    renameSync(`${store}.older`, store);
    const { jobs } = await run(naive, 3);
    await naive.end();
    const connection = await connect(store);
    const kept = Number(connection.prepare("SELECT count(*) AS n FROM naive").get()?.n);
    connection.close();
    const refused = jobs.filter(({ status }) => status !== "SUCCEEDED").length;
    if (refused > 0 || kept === 23) throw new Error(`the naive store noticed: ${refused} refused, ${kept} of 23 kept`);
    return `23 jobs were acknowledged, and ${kept} of them are in the file`;
  } finally {
    await Promise.all(children.map((child) => child.end()));
    remove();
  }
}
