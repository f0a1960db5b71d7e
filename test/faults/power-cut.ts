import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleChild } from "./bundle.js";
import type { Setup } from "./children/disk.js";
import { controlFound, found } from "./found.js";
import { inFreshFolder } from "./fresh-folder.js";
import { mustHold } from "./holds.js";
import { emptyImage, type LoopDisk, makeDisk, missingForLoopDisks } from "./loop-disk.js";
import { type Draws, drawsOf } from "./random.js";
import type { Batch, FaultRow, Tally } from "./row.js";
import { addTally } from "./state.js";
import { createWitness, type Heard, mustHaveTold, type Witness, witnessedOf } from "./witness.js";

/**
 * A process works on a disk of its own and says what was acknowledged; then the disk loses power in the middle of it. What was
 * not written through is gone; what was acknowledged must be there.
 */
export const powerCutRow: FaultRow = {
  name: "power-cut",
  title: "what was acknowledged is there after the power was cut at any moment",
  unit: "power cuts",
  full: 1_000,
  short: 3,
  missing: () => inFreshFolder(missingForLoopDisks),
  run: (batch) => cutAll(batch, "right"),
  control: "the same gate on a connection with `synchronous=NORMAL`",
  runControl: (batch) => controlFound(cutAll(batch, "relaxed")),
};

async function cutAll(batch: Batch, how: Setup["how"]): Promise<Tally> {
  const { scratch, seed, from, to } = batch;
  const [image, child] = [await emptyImage(scratch), await bundleChild("disk")];
  let tally: Tally = {};
  try {
    for (let number = from; number < to; number += 1) {
      const disk = await makeDisk(image, join(scratch, "disk"));
      tally = addTally(tally, await oneCase({ number, disk, child: child.file, how, draws: drawsOf(seed, number) }));
    }
  } finally {
    child.remove();
  }
  return tally;
}

interface Case {
  readonly number: number;
  readonly disk: LoopDisk;
  readonly child: string;
  readonly how: Setup["how"];
  readonly draws: Draws;
}

/** On one disk, power is cut up to three times: also while a gate takes up what the cut before has left. */
async function oneCase(each: Case): Promise<Tally> {
  const { disk, draws, how } = each;
  const store = join(disk.folder, "gate.db");
  const said: Heard[] = [];
  const cuts = how === "right" ? 1 + draws.below(3) : 1;
  let tally: Tally = {};
  await disk.mount();
  try {
    for (let cut = 0; cut < cuts; cut += 1) {
      const [witness, power] = [createWitness(), await disk.armPower()];
      const worker = start(each, { store, run: String(cut) });
      witness.listen(worker);
      let at = 0;
      try {
        await moment(witness, draws);
        at = await power.cut();
      } finally {
        worker.kill("SIGKILL");
        await witness.ended();
      }
      said.push(...witness.said.filter((each) => each.at < at));
      await disk.unmount();
      await disk.mount();
      tally = addTally(tally, { cuts: 1 });
    }
    const held = await found(each.number, async () => {
      mustHaveTold(said);
      const figures = await mustHold(store, witnessedOf(said));
      return figures;
    });
    tally = addTally(tally, { ...held });
  } finally {
    await disk.unmount();
  }
  return tally;
}

/** After so many lines of what the child says, and some milliseconds: while it opens the store, or in the middle of its work. */
async function moment(witness: Witness, draws: Draws): Promise<void> {
  const lines = draws.pick([0, 1, 2, 5, 10, 20, 40, 80]);
  await witness.heard(() => true, witness.said.length + lines + draws.below(4));
  await sleep(draws.fraction() * 12);
}

function start({ child, how, draws }: Case, place: { readonly store: string; readonly run: string }): ChildProcess {
  const setup: Setup = {
    ...place,
    how,
    rounds: null,
    lanes: draws.pick([1, 1, 4, 16]),
    size: draws.pick([10, 1_000, 20_000]),
    opens: null,
  };
  return spawn(process.execPath, [child, JSON.stringify(setup)], { stdio: ["ignore", "pipe", "inherit"] });
}
