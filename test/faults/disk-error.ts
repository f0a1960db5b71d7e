import { execFile, spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { bundleChild } from "./bundle.js";
import type { Setup } from "./children/disk.js";
import { controlFound, found } from "./found.js";
import { inFreshFolder } from "./fresh-folder.js";
import { mustHold } from "./holds.js";
import type { Batch, FaultRow, Tally } from "./row.js";
import { addTally } from "./state.js";
import { codesOf, createWitness, type Heard, mustHaveTold, witnessedOf } from "./witness.js";

const call = promisify(execFile);

/** A call of the system's that fails: the k-th of its kind in the life of a process, and those after it where it does not end. */
interface Point {
  readonly name: string;
  readonly error: string;
  readonly k: number;
  readonly onwards: boolean;
}

/** What a disk answers, by what it is asked. */
const ERRORS: readonly (readonly [name: string, errors: readonly string[]])[] = [
  ["openat", ["EIO", "ENOSPC", "EROFS"]],
  ["ftruncate", ["EIO", "ENOSPC"]],
  ["fsync", ["EIO", "ENOSPC"]],
  ["fdatasync", ["EIO", "ENOSPC"]],
  ["link", ["EIO", "ENOSPC"]],
  ["unlink", ["EIO"]],
  ["pread64", ["EIO"]],
  // The most by far, and so the last: how many there are depends on where pages are split.
  ["pwrite64", ["EIO", "ENOSPC", "EROFS"]],
];

/** Calls that a process also makes for its own code: of these only the store's are counted. */
const ALSO_OF_OTHERS: ReadonlySet<string> = new Set(["openat", "pread64"]);

/** Looked at in `npm test`, and first in every run: one of each kind, while the store opens and while jobs run. */
const HANDFUL: readonly Point[] = [
  { name: "fsync", error: "EIO", k: 8, onwards: false },
  { name: "fsync", error: "EIO", k: 13, onwards: false },
  { name: "pwrite64", error: "ENOSPC", k: 150, onwards: true },
  { name: "pwrite64", error: "EIO", k: 30, onwards: false },
  { name: "pread64", error: "EIO", k: 30, onwards: false },
];

/** Rounds of work in the life that is looked at, and those that follow, so that it is seen how it goes on. */
const [LIFE, AFTER] = [1, 2];

/** A call fails at every point of one job's life, from the opening of the store to its closing. */
export const diskErrorRow: FaultRow = {
  name: "disk-error",
  title: "what was acknowledged is there whichever call of the system's fails, and nothing is done without its record",
  unit: "errors",
  full: () => inFreshFolder(async (scratch) => (await pointsOf(scratch)).length),
  short: HANDFUL.length,
  missing: async () => {
    const tried = await call("strace", ["-f", "-e", "inject=fsync:error=EIO", "true"]).catch((error: unknown) => error);
    return tried instanceof Error ? `needs \`strace\` that may trace (Debian's strace): ${firstLine(tried)}` : null;
  },
  run: async (batch) => {
    const points = batch.to <= HANDFUL.length ? HANDFUL : await pointsOf(batch.scratch);
    return failAll(batch, points.slice(batch.from, batch.to), "right");
  },
  control: "the same gate on a store that ignores the errors of its disk",
  runControl: (batch) => {
    const points = [200, 150, 250].map((k): Point => ({ name: "pwrite64", error: "EIO", k, onwards: true }));
    return controlFound(failAll(batch, points, "ignoring"));
  },
};

/** Every point there is, in an order that a run on another day finds again. */
async function pointsOf(scratch: string): Promise<readonly Point[]> {
  const log = join(scratch, "calls.txt");
  const names = ERRORS.map(([name]) => name).join(",");
  const child = await bundleChild("disk");
  try {
    const { ended } = await live({ child: child.file, scratch, how: "right", rounds: LIFE }, [
      "-o",
      log,
      "-e",
      `trace=${names}`,
    ]);
    if (ended !== "0") throw new Error(`a life without errors ended with ${ended}`);
  } finally {
    child.remove();
  }
  const calls = (await readFile(log, "utf8")).split("\n");
  const own = calls[0]?.split(" ")[0] ?? "";
  const counts = ERRORS.flatMap(([name, errors]) => {
    const ofName = calls.filter((line) => line.startsWith(`${own} `) && line.includes(` ${name}(`));
    const isOwn = (line: string): boolean => line.includes(`${scratch}/life`) && !line.includes("gate.db.key.");
    const count = ALSO_OF_OTHERS.has(name) ? ofName.filter(isOwn).length : ofName.length;
    return Array.from({ length: count }, (_, index) => index + 1).flatMap((k) =>
      errors.flatMap((error) => [false, true].map((onwards): Point => ({ name, error, k, onwards }))),
    );
  });
  return [...HANDFUL, ...counts];
}

async function failAll(batch: Batch, points: readonly Point[], how: Setup["how"]): Promise<Tally> {
  const child = await bundleChild("disk");
  let tally: Tally = {};
  try {
    for (const [index, point] of points.entries()) {
      const life: Life = { child: child.file, scratch: batch.scratch, how, rounds: LIFE + AFTER };
      const { ended, said, store } = await live(life, faultAt(point, batch.scratch));
      const figures = await found(batch.from + index, async () => {
        try {
          if (ended !== "0") throw new Error(`the process ended with ${ended}`);
          mustHaveTold(said);
          // A system that does not remove a file leaves it.
          if (point.name !== "unlink") await mustLeaveNoKey(dirname(store));
          const figures = await mustHold(store, witnessedOf(said));
          return figures;
        } catch (error) {
          throw new Error(`${tell(point)}: ${(error as Error).message}`);
        }
      });
      tally = addTally(tally, { errors: 1, ...figures, ...codesOf(said, `${point.name} ${point.error}`) });
    }
  } finally {
    child.remove();
  }
  return tally;
}

/** A private key that was not made whole is not left beside its place. */
async function mustLeaveNoKey(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => name.startsWith("gate.db.key."));
  if (left.length > 0) throw new Error(`${left.join(", ")} is left behind`);
}

interface Life {
  readonly child: string;
  readonly scratch: string;
  readonly how: Setup["how"];
  readonly rounds: number;
}

/** One process, from its first call to its last, on a store of its own. */
async function live(
  { child, scratch, how, rounds }: Life,
  trace: readonly string[],
): Promise<{ readonly ended: string; readonly said: readonly Heard[]; readonly store: string }> {
  const folder = join(scratch, "life");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const store = join(folder, "gate.db");
  const setup: Setup = { store, how, run: "0", rounds, lanes: 1, size: 10, opens: 3 };
  const witness = createWitness();
  const traced = spawn("strace", ["-f", ...trace, process.execPath, child, JSON.stringify(setup)], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  witness.listen(traced);
  return { ended: await witness.ended(), said: witness.said, store };
}

/** Only the calls of one kind are stopped at, so that the others cost nothing. */
function faultAt({ name, error, k, onwards }: Point, scratch: string): readonly string[] {
  const store = join(scratch, "life", "gate.db");
  const paths = ["", "-journal", "-wal", "-shm", ".key"].map((end) => `${store}${end}`);
  const ofStore = ALSO_OF_OTHERS.has(name) ? [...paths, join(scratch, "life")].flatMap((path) => ["-P", path]) : [];
  const inject = `inject=${name}:error=${error}:when=${k}${onwards ? "+" : ""}`;
  return ["-o", "/dev/null", ...ofStore, "-e", `trace=${name}`, "-e", inject];
}

function tell({ name, error, k, onwards }: Point): string {
  return `${error} from ${name} number ${k}${onwards ? " and all after it" : ""}`;
}

function firstLine({ message }: Error): string {
  return message.split("\n")[0] ?? "";
}
