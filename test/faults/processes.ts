import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { bundleChild } from "./bundle.js";
import { type Child, startChild } from "./child.js";
import type { ContenderAnswer, ContenderRequest, ContenderSetup } from "./children/contender.js";
import { eventsOf, mustHold } from "./holds.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { POOL_SIZE, WINDOW_LIMIT, WINDOW_MS } from "./tasks.js";

/** Processes at the full size, and in the short form, since each start costs. */
const PROCESSES = 16;
const FEW_PROCESSES = 4;

/** Jobs of the short form. */
const FEW_JOBS = 160;

/** Jobs that all are at, at once. */
const AT_A_TIME = 80;

/** Many processes on one file, all at the same jobs. */
export const processesRow: FaultRow = {
  name: "processes",
  title:
    "processes that claim, vote and throttle on one file run each job once, and never more than a limit or a pool allows",
  unit: "jobs",
  full: 10_000,
  short: FEW_JOBS,
  missing: () => null,
  run: (batch) => runContended(batch),
  control: "reading that a job has not run, and only then writing that it has",
  runControl: (batch) => runNaive(batch),
};

async function runContended(batch: Batch): Promise<Tally> {
  const store = join(batch.scratch, "contended.db");
  const processes = batch.to - batch.from === FEW_JOBS ? FEW_PROCESSES : PROCESSES;
  const { effects, answers } = await contend(batch, store, { processes, naive: false });
  const starts = effects.filter(({ what }) => what === "start");
  mustRunOnce(batch, starts);
  mustFitPool(effects);
  const held = await mustHold(store, { effects: starts.map(({ jobId }) => ({ jobId })) });
  const limited = await mustFitWindows(store);
  return {
    jobs: batch.to - batch.from,
    effects: held.effects,
    claims: held.claims,
    events: held.events,
    limited,
    votes: (answers.pending ?? 0) + (answers.approved ?? 0),
    used: answers.approval_used ?? 0,
  };
}

/** One line of the witness file. */
interface Effect {
  readonly what: string;
  readonly number: number;
  readonly pool: string;
  readonly jobId: string;
}

/** Lets all processes at all tasks, some of which are submitted while earlier ones are voted on and others resumed. */
async function contend(
  { seed, from, to, scratch }: Batch,
  store: string,
  how: { readonly processes: number; readonly naive: boolean },
): Promise<{ readonly effects: readonly Effect[]; readonly answers: ContenderAnswer }> {
  const { file, remove } = await bundleChild("contender");
  const witness = join(scratch, "witness.txt");
  const children: Child[] = [];
  const answers: Record<string, number> = {};
  try {
    const setups = Array.from(
      { length: how.processes },
      (_, index): ContenderSetup => ({ store, witness, seed, index, ...how }),
    );
    children.push(...(await Promise.all(setups.map((setup) => startChild(file, setup)))));
    const ask = async (phase: ContenderRequest["phase"], first: number): Promise<void> => {
      const request: ContenderRequest = { phase, from: first, to: Math.min(first + AT_A_TIME, to) };
      if (first < from || first >= to) return;
      const said = await Promise.all(children.map((child) => child.ask<ContenderAnswer>(request)));
      for (const [code, count] of said.flatMap(Object.entries)) answers[code] = (answers[code] ?? 0) + Number(count);
    };
    for (let first = from; first < to + 2 * AT_A_TIME; first += AT_A_TIME) {
      const phases = [ask("submit", first), ask("vote", first - AT_A_TIME), ask("resume", first - 2 * AT_A_TIME)];
      await Promise.all(phases);
    }
  } finally {
    await Promise.all(children.map((child) => child.end()));
    remove();
  }
  const lines = readFileSync(witness, "utf8").trimEnd().split("\n");
  const effects = lines.map((line): Effect => {
    const [what = "", number = "", pool = "", jobId = ""] = line.split(" ");
    return { what, number: Number(number), pool, jobId };
  });
  return { effects, answers };
}

/** Each task had one effect: not two, whoever asked, and not none, since all came again until there was room. */
function mustRunOnce({ from, to }: Batch, starts: readonly Effect[]): void {
  const counts = new Map<number, number>();
  for (const { number } of starts) counts.set(number, (counts.get(number) ?? 0) + 1);
  for (let number = from; number < to; number += 1) {
    const count = counts.get(number) ?? 0;
    if (count !== 1) throw new FaultFound(number, `the job ran ${count} times`);
  }
}

/** A line is written after the claim and one before the place is given back: what is counted here is never too much. */
function mustFitPool(effects: readonly Effect[]): void {
  let running = 0;
  for (const { what, number } of effects.filter(({ pool }) => pool === "pooled")) {
    running += what === "start" ? 1 : -1;
    if (running > POOL_SIZE) throw new FaultFound(number, `${running} jobs of a pool of ${POOL_SIZE} ran at a time`);
  }
}

/** By the times that the log gives the places: no interval of the window's length holds more than the limit. */
async function mustFitWindows(store: string): Promise<number> {
  const gate = await createGate({ activate: "never", store });
  try {
    const times = new Map<string, number[]>();
    for (const { type, body } of await eventsOf(gate)) {
      if (type !== "job.dispatching" || body.window_at === undefined) continue;
      const { id: actor } = body.actor as { readonly id: string };
      times.set(actor, [...(times.get(actor) ?? []), Number(body.window_at)]);
    }
    for (const [actor, taken] of times) {
      taken.sort((a, b) => a - b);
      const full = taken.findIndex((at, n) => (taken[n + WINDOW_LIMIT] ?? Number.POSITIVE_INFINITY) - at < WINDOW_MS);
      if (full >= 0)
        throw new Error(`more than ${WINDOW_LIMIT} claims of ${actor} within ${WINDOW_MS} ms of ${taken[full]}`);
    }
    return [...times.values()].flat().length;
  } finally {
    await gate.close();
  }
}

async function runNaive(batch: Batch): Promise<string> {
  const store = join(batch.scratch, "naive.db");
  const Database = await loadDriver();
  const connection: Connection = new Database(store, { timeout: 5_000, fileMustExist: false });
  connection.exec("PRAGMA journal_mode = WAL; CREATE TABLE jobs (number INTEGER PRIMARY KEY, used INTEGER NOT NULL)");
  connection.close();
  const { effects } = await contend({ ...batch, from: 0, to: 400 }, store, { processes: 2, naive: true });
  const starts = effects.filter(({ what }) => what === "start");
  try {
    mustRunOnce({ ...batch, from: 0, to: 400 }, starts);
  } catch (error) {
    return `${starts.length} effects of 400 jobs: ${(error as Error).message}`;
  }
  throw new Error("each job ran once: the race is none");
}
