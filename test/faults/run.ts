// Runs the battery: `npm run test:faults -- [ROW...] [--short] [--seed N] [--batch N] [--fresh] [--list]`, or one case of one row
// again with `ROW --seed N --case K`. A row that was interrupted goes on where it stopped. Ends with 1 when anything was found,
// and with 2 for arguments that are none.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { reportOf } from "./report.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { rows } from "./rows.js";
import { addTally, type RowState, readState, writeState } from "./state.js";

/** Batches that a row is run in where nobody says otherwise: so much of it at most is run again after an interruption. */
const BATCHES = 50;

interface Asked {
  readonly rows: readonly FaultRow[];
  readonly short: boolean;
  readonly seed: number | null;
  readonly batch: number | null;
  readonly number: number | null;
  readonly fresh: boolean;
  readonly list: boolean;
}

/** Throws a `TypeError` for arguments that are none. */
function readArguments(args: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      short: { type: "boolean", default: false },
      fresh: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      seed: { type: "string" },
      batch: { type: "string" },
      case: { type: "string" },
    },
  });
  const named = positionals.map((name) => {
    const row = rows.find((each) => each.name === name);
    if (row === undefined)
      throw new TypeError(`there is no row \`${name}\`: ${rows.map((each) => each.name).join(", ")}`);
    return row;
  });
  const seed = wholeNumber("--seed", values.seed, 0);
  const number = wholeNumber("--case", values.case, 0);
  if (number !== null && (named.length !== 1 || seed === null)) throw new TypeError("--case needs one row and --seed");
  return {
    rows: named.length === 0 ? rows : named,
    short: values.short,
    seed,
    batch: wholeNumber("--batch", values.batch, 1),
    number,
    fresh: values.fresh,
    list: values.list,
  };
}

function wholeNumber(name: string, text: string | undefined, least: number): number | null {
  if (text === undefined) return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value >= least && value < 2 ** 32) return value;
  throw new TypeError(`${name} must be a whole number of at least ${least}`);
}

const machine = (): string =>
  `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores, ${process.platform} ${release()}, Node ${process.versions.node}`;

/** The commit that is checked out, with a `+` where files differ from it. */
function commit(): string {
  const git = (...args: readonly string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
  try {
    return `${git("rev-parse", "--short=12", "HEAD")}${git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}

const again = ({ name }: FaultRow, seed: number, number: number): string =>
  `npm run test:faults -- ${name} --seed ${seed} --case ${number}`;

/** Gives a step an empty folder. One in which something was found is left for who looks into it. */
async function inScratch<T>(step: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), "dispatch-gate-faults-"));
  let keep = false;
  try {
    return await step(scratch);
  } catch (error) {
    keep = error instanceof FaultFound;
    if (keep) console.error(`what it was found in is left in ${scratch}`);
    throw error;
  } finally {
    if (!keep) rmSync(scratch, { recursive: true, force: true });
  }
}

async function runCase(row: FaultRow, seed: number, number: number): Promise<boolean> {
  const missing = await row.missing();
  if (missing !== null) {
    console.log(`${row.name}: skipped: ${missing}`);
    return true;
  }
  try {
    const tally = await inScratch((scratch) => row.run({ seed, from: number, to: number + 1, scratch }));
    console.log(`${row.name}: case ${number} of seed ${seed} holds: ${JSON.stringify(tally)}`);
    return true;
  } catch (error) {
    console.error(`${row.name}: case ${number} of seed ${seed}: ${(error as Error).message}`);
    return false;
  }
}

/** The state that a row goes on from. Throws a `TypeError` where the arguments ask for another. */
async function beginRow(row: FaultRow, asked: Asked): Promise<RowState> {
  const found = asked.fresh ? null : readState(row, asked.short);
  if (found !== null && found.skipped === null) {
    if (asked.seed === null || asked.seed === found.seed) return found;
    throw new TypeError(`\`${row.name}\` was begun with seed ${found.seed}: give --fresh to begin anew`);
  }
  const skipped = await row.missing();
  const seed = asked.seed ?? Math.floor(Math.random() * 2 ** 31);
  const of = skipped !== null ? 0 : asked.short ? row.short : await fullOf(row);
  const nothing = { done: 0, tally: {}, seconds: 0, control: null, found: null, machines: [], commits: [] };
  return { row: row.name, short: asked.short, seed, of, skipped, date: today(), ...nothing };
}

const fullOf = async ({ full }: FaultRow): Promise<number> => (typeof full === "number" ? full : full());
const today = (): string => new Date().toISOString().slice(0, 10);

let stopping = false;

/** Runs what is left of a row, batch by batch, and keeps its state after each. */
async function runRow(row: FaultRow, asked: Asked): Promise<RowState> {
  let state = await beginRow(row, asked);
  if (state.skipped !== null) {
    console.log(`${row.name}: skipped: ${state.skipped}`);
    writeState(state);
    return state;
  }
  if (row.exact === true && state.found?.number != null && (await runCase(row, state.seed, state.found.number))) {
    state = { ...state, found: null };
  }
  if (state.found !== null) {
    console.error(
      `${row.name}: something was found earlier; mend it and begin anew with --fresh: ${state.found.message}`,
    );
    return state;
  }
  console.log(`${row.name}: ${row.title}; ${state.of} ${row.unit}, ${state.done} done, seed ${state.seed}`);
  const keep = (more: Partial<RowState>): void => {
    state = {
      ...state,
      machines: joined(state.machines, machine()),
      commits: joined(state.commits, commit()),
      ...more,
    };
    state = { ...state, date: today() };
    writeState(state);
  };
  const latest = (): RowState => state;
  if (state.control === null) await step(keep, state, () => controlOf(row, state.seed));
  const size = asked.batch ?? (asked.short ? row.short : (row.batch ?? Math.max(1, Math.ceil(state.of / BATCHES))));
  while (state.done < state.of && state.found === null && !stopping) {
    const batch = { seed: state.seed, from: state.done, to: Math.min(state.of, state.done + size) };
    await step(keep, state, async () => {
      const tally = await inScratch((scratch) => row.run({ ...batch, scratch }));
      return { done: batch.to, tally: addTally(state.tally, tally) };
    });
    console.log(`${row.name}: ${state.done} of ${state.of}, ${Math.round(state.seconds)} s ${textOf(state.tally)}`);
  }
  const { found } = latest();
  if (found !== null) {
    console.error(`${row.name}: FOUND: ${found.message}`);
    if (found.number !== null) console.error(`run exactly that case again:\n  ${again(row, state.seed, found.number)}`);
  }
  return state;
}

const textOf = (tally: Tally): string =>
  Object.entries(tally)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");

function joined(list: readonly string[], one: string): readonly string[] {
  return list.includes(one) ? list : [...list, one];
}

async function controlOf(row: FaultRow, seed: number): Promise<Partial<RowState>> {
  const batch: Omit<Batch, "scratch"> = { seed, from: 0, to: row.short };
  const control = await inScratch((scratch) => row.runControl({ ...batch, scratch })).catch((cause: Error) => {
    throw new Error(`the control broke nothing, or could not be run: ${cause.message}`, { cause });
  });
  console.log(`${row.name}: control: ${row.control}: ${control}`);
  return { control };
}

/** One step of a row: what it comes to is kept, and so is that it found something. */
async function step(
  keep: (more: Partial<RowState>) => void,
  { seconds }: RowState,
  work: () => Promise<Partial<RowState>>,
): Promise<void> {
  const began = performance.now();
  const took = (): number => seconds + (performance.now() - began) / 1_000;
  try {
    keep({ ...(await work()), seconds: took() });
  } catch (error) {
    const number = error instanceof FaultFound ? error.number : null;
    keep({ found: { number, message: (error as Error).stack ?? String(error) }, seconds: took() });
  }
}

async function main(): Promise<number> {
  const asked = readArguments(process.argv.slice(2));
  if (asked.list) {
    for (const { name, title } of rows) console.log(`${name.padEnd(16)} ${title}`);
    return 0;
  }
  const [first] = asked.rows;
  if (asked.number !== null && asked.seed !== null && first !== undefined) {
    return (await runCase(first, asked.seed, asked.number)) ? 0 : 1;
  }
  process.once("SIGINT", () => {
    stopping = true;
    console.error("stops after this batch; once more stops at once");
  });
  let found = false;
  for (const row of asked.rows) {
    if (stopping) break;
    found = (await runRow(row, asked)).found !== null || found;
  }
  const known = rows.flatMap((row) => {
    const state = readState(row, asked.short);
    return state === null ? [] : [{ row, state }];
  });
  console.log(`\n${reportOf(known)}`);
  return found ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
