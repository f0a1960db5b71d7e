import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FaultRow, Tally } from "./row.js";

/** What is known of a row that was begun. Its file is written after each batch. */
export interface RowState {
  readonly row: string;
  readonly short: boolean;
  readonly seed: number;
  /** Cases done, of how many. */
  readonly done: number;
  readonly of: number;
  readonly tally: Tally;
  readonly seconds: number;
  /** What the control broke; null while it was not run. */
  readonly control: string | null;
  /** Why nothing was run here; null where it was. */
  readonly skipped: string | null;
  /** The first case that did not hold. A row of exact cases goes on once that one holds; any other is begun anew once it is mended. */
  readonly found: { readonly number: number | null; readonly message: string } | null;
  /** Every machine and version of the code that cases ran on. */
  readonly machines: readonly string[];
  readonly commits: readonly string[];
  /** The day of the last batch. */
  readonly date: string;
}

const FOLDER = ".faults";

const fileOf = (name: string, short: boolean): string => join(FOLDER, `${name}${short ? ".short" : ""}.json`);

/** What is known of a row; null where it was never begun. */
export function readState({ name }: FaultRow, short: boolean): RowState | null {
  try {
    return JSON.parse(readFileSync(fileOf(name, short), "utf8")) as RowState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Keeps it, whole or as it was: whoever stops the run in the middle loses one batch. */
export function writeState(state: RowState): void {
  mkdirSync(FOLDER, { recursive: true });
  const file = fileOf(state.row, state.short);
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** Adds the figures of a batch to those of the batches before it. */
export function addTally(sum: Tally, more: Tally): Tally {
  const names = new Set([...Object.keys(sum), ...Object.keys(more)]);
  return Object.fromEntries([...names].map((name) => [name, (sum[name] ?? 0) + (more[name] ?? 0)]));
}
