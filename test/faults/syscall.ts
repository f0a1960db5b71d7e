import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleChild } from "./bundle.js";
import type { JobSetup, JobTold } from "./children/syscall-host.js";
import { mustHold } from "./holds.js";
import { startHost } from "./host.js";
import { POLICY } from "./killed-file.js";
import { type Draws, drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { runProcess } from "./run-process.js";
import { addTally } from "./state.js";
import { killAt, missingStrace, type Point, traceCalls } from "./strace.js";

/** What the process finds: no file, or one that a process left which was killed inside a dispatch function. */
const FOUND = ["nothing", "a dead one's file"] as const;

interface Case extends Point {
  readonly found: (typeof FOUND)[number];
}

/** Processes at once. */
const LANES = 2;

export const syscallRow: FaultRow = {
  name: "syscall",
  title:
    "SIGKILL at every write, fsync, ftruncate, link and unlink of a gate's life loses nothing and runs nothing twice",
  unit: "points",
  full: () => withHost(async (host, scratch) => (await casesOf(await makeWorlds(host, scratch), 0)).length, null),
  short: 8,
  missing: missingStrace,
  run: (batch) => withHost((host) => run(batch, host), batch.scratch),
  control: "the effect before the commit of its claim",
  runControl: (batch) => withHost((host) => runControl(batch, host), batch.scratch),
};

async function withHost<T>(step: (host: string, scratch: string) => Promise<T>, scratch: string | null): Promise<T> {
  const folder = scratch ?? mkdtempSync(join(tmpdir(), "dispatch-gate-faults-"));
  const { file, remove } = await bundleChild("syscall-host");
  try {
    return await step(file, folder);
  } finally {
    remove();
    if (scratch === null) rmSync(folder, { recursive: true, force: true });
  }
}

/** What processes are started in: a folder that each gets a copy of. */
interface Worlds {
  readonly host: string;
  readonly scratch: string;
  readonly left: string;
}

/** Makes what a process leaves that is killed inside a dispatch function, with its write-ahead log and its open claim. */
async function makeWorlds(host: string, scratch: string): Promise<Worlds> {
  const left = join(scratch, "left");
  mkdirSync(left);
  const killed = startHost<JobTold>(host, [argument(left, { name: "left", stays: true })], () => undefined);
  try {
    await killed.heard("inside");
  } finally {
    await killed.kill();
  }
  return { host, scratch, left };
}

function argument(folder: string, { name = "job", naive = false, stays = false }: Partial<JobSetup>): string {
  const setup: JobSetup = { ...placesIn(folder), policy: POLICY, name, naive, stays };
  return JSON.stringify(setup);
}

const placesIn = (folder: string) => ({ store: join(folder, "gate.db"), witness: join(folder, "witness.txt") });

function begin({ scratch, left }: Worlds, name: string, found: Case["found"]): string {
  const folder = join(scratch, name);
  if (found === "nothing") mkdirSync(folder);
  else cpSync(left, folder, { recursive: true });
  return folder;
}

/** Every call of either life, in an order of the seed's: one of each kind first, so that few cases are not all writes. */
async function casesOf(worlds: Worlds, seed: number): Promise<readonly Case[]> {
  const draws = drawsOf(seed, 0);
  const kinds = new Map<string, Case[]>();
  for (const found of FOUND) {
    const folder = begin(worlds, `counted-${FOUND.indexOf(found)}`, found);
    const calls = await traceCalls([worlds.host, argument(folder, {})], join(worlds.scratch, "calls.txt"));
    for (const { call, nth } of calls) {
      const kind = `${found} ${call}`;
      kinds.set(kind, [...(kinds.get(kind) ?? []), { found, call, nth }]);
    }
    rmSync(folder, { recursive: true });
  }
  const piles = shuffled(
    [...kinds.values()].map((kind) => shuffled(kind, draws)),
    draws,
  );
  const most = Math.max(...piles.map(({ length }) => length));
  return Array.from({ length: most }, (_, at) => piles.flatMap((pile) => pile[at] ?? [])).flat();
}

function shuffled<Item>(items: readonly Item[], { below }: Draws): readonly Item[] {
  const left = [...items];
  return items.flatMap(() => left.splice(below(left.length), 1));
}

async function run({ seed, from, to, scratch }: Batch, host: string): Promise<Tally> {
  const worlds = await makeWorlds(host, scratch);
  const cases = await casesOf(worlds, seed);
  let tally: Tally = {};
  let next = from;
  const work = async (): Promise<void> => {
    for (let number = next++; number < to; number = next++) {
      const more = await runCase(worlds, number, cases[number]);
      tally = addTally(tally, more);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: LANES }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return tally;
}

/** Kills a process at one call, looks, lets another do the same jobs, and looks again. */
async function runCase(worlds: Worlds, number: number, at: Case | undefined): Promise<Tally> {
  const gone = { "not reached": 1 };
  // How often a process writes is not the same in every life: the last of its calls may not come.
  if (at === undefined) return gone;
  const folder = begin(worlds, `case-${number}`, at.found);
  try {
    const { code, stdout, stderr } = await killAt([worlds.host, argument(folder, {})], at);
    if (code !== null && code !== 0) throw new Error(`the process ended with ${code}: ${stderr}`);
    await look(folder, stdout);
    const after = await runProcess(process.execPath, [worlds.host, argument(folder, {})]);
    if (after.code !== 0) throw new Error(`the process that came after ended with ${after.code}: ${after.stderr}`);
    const held = await look(folder, `${stdout}${after.stdout}`);
    rmSync(folder, { recursive: true });
    if (code === 0) return gone;
    return { [at.call]: 1, claims: held.claims, effects: held.effects, "acknowledged events": held.acknowledged };
  } catch (error) {
    const where = `at ${at.call} ${at.nth} of a process that found ${at.found}`;
    throw new FaultFound(number, `${where}: ${(error as Error).message}`);
  }
}

function look(folder: string, stdout: string): ReturnType<typeof mustHold> {
  const { store, witness } = placesIn(folder);
  return mustHold(store, { acknowledged: acknowledgedIn(stdout), effects: effectsIn(witness) });
}

function acknowledgedIn(stdout: string): readonly string[] {
  return stdout.split("\n").flatMap((line) => {
    // A line that the end of the process cut off was not told.
    if (!line.endsWith("]")) return [];
    const told = JSON.parse(line) as JobTold;
    return told[0] === "event" ? [told[1]] : [];
  });
}

function effectsIn(witness: string): readonly { readonly jobId: string }[] {
  try {
    const lines = readFileSync(witness, "utf8").trimEnd().split("\n");
    return lines.filter((line) => line !== "").map((jobId) => ({ jobId }));
  } catch {
    // Killed before it was made.
    return [];
  }
}

/** Kills the naive process at the first call after its effect is on the disk. */
async function runControl({ scratch }: Batch, host: string): Promise<string> {
  const folder = join(scratch, "naive");
  mkdirSync(folder);
  const calls = await traceCalls([host, argument(folder, { naive: true })], join(scratch, "calls.txt"));
  const effect = calls.findIndex(({ call, text }) => call === "write" && text.includes('"job-read\\n"'));
  const at = calls[effect + 2];
  if (effect < 0 || at === undefined) throw new Error("the naive process had no effect");
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  const { stdout } = await killAt([host, argument(folder, { naive: true })], at);
  try {
    await look(folder, stdout);
  } catch (error) {
    const [found] = /job job-read had an effect.*/.exec((error as Error).message) ?? [];
    if (found !== undefined) return found;
    throw error;
  }
  throw new Error(`killed at ${at.call} ${at.nth}, a process that dispatches before it commits broke nothing`);
}
