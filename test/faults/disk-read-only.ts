import { join } from "node:path";
import { bundleChild } from "./bundle.js";
import type { Setup } from "./children/disk.js";
import { type DiskWorker, startDiskWorker } from "./disk-worker.js";
import { controlFound, found } from "./found.js";
import { inFreshFolder } from "./fresh-folder.js";
import { mustHold } from "./holds.js";
import { emptyImage, type LoopDisk, makeDisk, missingForLoopDisks } from "./loop-disk.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { addTally } from "./state.js";
import { codesOf, type Heard, mustHaveTold, type Said, witnessedOf } from "./witness.js";

/** The disk of a gate becomes read-only: by an error while it works, and by an administrator while it does not. */
export const diskReadOnlyRow: FaultRow = {
  name: "disk-read-only",
  title:
    "on a disk that became read-only jobs are refused and nothing is lost, and where it can be written again they go on",
  unit: "disks",
  full: 50,
  short: 1,
  missing: () => inFreshFolder(missingForLoopDisks),
  run: (batch) => turnAll(batch, "right"),
  control: "the same gate on a store that ignores the errors of its disk",
  runControl: (batch) => controlFound(turnAll({ ...batch, from: 0, to: 1 }, "ignoring")),
};

async function turnAll({ scratch, seed, from, to }: Batch, how: Setup["how"]): Promise<Tally> {
  const [image, child] = [await emptyImage(scratch), await bundleChild("disk")];
  let tally: Tally = {};
  try {
    for (let number = from; number < to; number += 1) {
      const disk = await makeDisk(image, join(scratch, "disk"));
      const draws = drawsOf(seed, number);
      await disk.mount();
      try {
        const store = join(disk.folder, "gate.db");
        const lanes = draws.pick([1, 4, 16]);
        const start = (run: string): DiskWorker =>
          startDiskWorker(child.file, { store, how, run, rounds: null, lanes, size: 10, opens: null });
        tally = addTally(tally, await turn({ number, disk, store, start, rounds: lanes * draws.below(4) }));
      } finally {
        await disk.unmount();
      }
    }
  } finally {
    child.remove();
  }
  return tally;
}

interface Case {
  readonly number: number;
  readonly disk: LoopDisk;
  readonly store: string;
  readonly start: (run: string) => DiskWorker;
  /** That are done before anything happens. */
  readonly rounds: number;
}

const isDone = (said: Said): boolean => said.kind === "answer" && said.status === "SUCCEEDED";

/** How long a gate may take to open once it can, in milliseconds. */
const OPENS_WITHIN = 20_000;

async function turn({ number, disk, store, start, rounds }: Case): Promise<Tally> {
  const first = start("first");
  try {
    await first.opened(1_000);
    await first.work(rounds);
    await disk.turnReadOnly();
    // None of these can be recorded, so none of them may run.
    await first.work(rounds + 1);
  } finally {
    await first.kill();
  }
  await disk.unmount();
  await disk.mount();
  const figures = await check({ number, store }, first.said);

  await disk.remount("ro");
  const second = start("second");
  try {
    if (await second.opened(3)) throw new FaultFound(number, "a gate opened on a disk that is read-only");
    await disk.remount("rw");
    await second.opened(1_000);
    if (!(await second.until(isDone, OPENS_WITHIN)))
      throw new FaultFound(number, "it can be written again, and is not");
  } finally {
    await second.kill();
  }
  const said = [...first.said, ...second.said];
  return {
    disks: 1,
    ...addTally(figures, { ...(await check({ number, store }, said)), ...codesOf(said, "read-only") }),
  };
}

/** What was said is looked at process by process; the store at all that any of them said. */
function check({ number, store }: Pick<Case, "number" | "store">, said: readonly Heard[]): Promise<Tally> {
  return found(number, async () => {
    mustHaveTold(said);
    return { ...(await mustHold(store, witnessedOf(said))) };
  });
}
