import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleChild } from "./bundle.js";
import { type Child, startChild } from "./child.js";
import type { JumperAnswer, JumperRequest, JumperSetup } from "./children/jumper.js";
import { isPatient } from "./clock-script.js";
import { mustHold } from "./holds.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";

/** Processes at a time: a clock is set for all of one. */
const PROCESSES = 3;

/** Scripts of which one's file is looked at as a whole. */
const ONE_OF = 8;

/** The clock is set forward and back while a gate runs. */
export const clockRow: FaultRow = {
  name: "clock",
  title:
    "however the clock is set, what lapsed stays so, windows keep their length, the log's time goes on, and jumps are told",
  unit: "scripts",
  full: 1_000,
  short: 8,
  missing: () => (findLibrary() === null ? "needs libfaketime (Debian package `faketime`) on Linux" : null),
  run: (batch) => runScripts(batch),
  control: "expiry by `Date.now()`",
  runControl: (batch) => runNaive(batch),
};

/** Where Debian keeps it; null where it is not there. */
function findLibrary(): string | null {
  if (process.platform !== "linux") return null;
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
  const places = ["/usr/lib", "/usr/local/lib", ...folders].map((folder) =>
    join(folder, "faketime", "libfaketime.so.1"),
  );
  return places.find((place) => existsSync(place)) ?? null;
}

async function startJumper(file: string, { seed, scratch }: Batch, index: number): Promise<Child> {
  const offsetFile = join(scratch, `offset-${index}`);
  writeFileSync(offsetFile, "+0");
  const env = {
    LD_PRELOAD: findLibrary() ?? "",
    FAKETIME_TIMESTAMP_FILE: offsetFile,
    FAKETIME_NO_CACHE: "1",
    // The monotonic clock and the times of files are what setting a clock leaves alone.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
  };
  return startChild(file, { scratch, offsetFile, seed } satisfies JumperSetup, { env });
}

const FIGURES = ["steps", "jumps", "lapsed", "ran", "passed", "throttled"] as const;

async function runScripts(batch: Batch): Promise<Tally> {
  const numbers = Array.from({ length: batch.to - batch.from }, (_, n) => batch.from + n);
  // Those that wait for the gate's beat come first, so that the others go on meanwhile.
  numbers.sort((a, b) => Number(isPatient(a)) - Number(isPatient(b)) || b - a);
  const tally: Record<string, number> = { scripts: 0, beats: 0, verified: 0 };
  const kept: { readonly number: number; readonly store: string }[] = [];
  const { file, remove } = await bundleChild("jumper");
  const children: Child[] = [];
  const work = async (child: Child): Promise<void> => {
    for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) {
      const keep = number % ONE_OF === 0;
      const answer = await child.ask<JumperAnswer>({ number, naive: false, keep } satisfies JumperRequest);
      if (!answer.ok) throw new FaultFound(number, answer.fault);
      for (const name of FIGURES) tally[name] = (tally[name] ?? 0) + answer.figures[name];
      tally.scripts = (tally.scripts ?? 0) + 1;
      if (isPatient(number)) tally.beats = (tally.beats ?? 0) + 1;
      if (keep) kept.push({ number, store: answer.store });
    }
  };
  try {
    const count = Math.min(PROCESSES, numbers.length);
    children.push(...(await Promise.all(Array.from({ length: count }, (_, index) => startJumper(file, batch, index)))));
    await Promise.all(children.map(work));
  } finally {
    await Promise.all(children.map((child) => child.end()));
    remove();
  }
  for (const { number, store } of kept) {
    await mustHold(store, {}).catch((error: Error) => {
      throw new FaultFound(number, error.message);
    });
    tally.verified = (tally.verified ?? 0) + 1;
  }
  return tally;
}

/** Scripts of which one is certain to break what goes by the system's clock. */
const NAIVE_SCRIPTS = 20;

async function runNaive(batch: Batch): Promise<string> {
  const { file, remove } = await bundleChild("jumper");
  const child = await startJumper(file, batch, 0);
  try {
    for (let number = 1; number < NAIVE_SCRIPTS; number += 1) {
      const answer = await child.ask<JumperAnswer>({ number, naive: true, keep: false } satisfies JumperRequest);
      if (!answer.ok) return answer.fault;
    }
  } finally {
    await child.end();
    remove();
  }
  throw new Error(`${NAIVE_SCRIPTS} scripts held by the system's clock alone`);
}
