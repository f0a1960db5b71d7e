import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { bundleChild } from "./bundle.js";
import type { Setup } from "./children/disk.js";
import { startDiskWorker } from "./disk-worker.js";
import { controlFound, found } from "./found.js";
import { eventsOf, logFaults, mustHold, tellFaults } from "./holds.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";
import { addTally } from "./state.js";
import { missingForSmallDisks, mountSmallDisk, type SmallDisk } from "./tmpfs.js";
import { codesOf, type Heard, mustHaveTold, type Said, witnessedOf } from "./witness.js";

/** How many sizes there are. */
const SIZES = 200;

/** The disk of a gate runs full, and has room again. */
export const diskFullRow: FaultRow = {
  name: "disk-full",
  title: "on a full disk jobs are refused and nothing is lost, and where there is room again they go on by themselves",
  unit: "sizes of a disk",
  full: SIZES,
  short: 3,
  missing: missingForSmallDisks,
  run: (batch) => fillAll(batch, "right"),
  control: "the same gate on a store that ignores the errors of its disk",
  runControl: (batch) => controlFound(fillAll({ ...batch, from: 1, to: 2 }, "ignoring")),
};

/** Bytes that are full when SQLite makes its index of the write-ahead log longer, which has errors of its own. */
const LONGER_INDEX = 16_380 * 1_024;

/** Bytes of room: in small steps where the store is made and the first jobs run, in wider ones after. Neighbours lie apart. */
function roomOf(number: number): number {
  const step = (number * 77) % SIZES;
  if (step < 150) return 1_024 * 8 * (step + 1);
  return step < 180 ? 1_024 * (1_200 + 64 * (step - 149)) : LONGER_INDEX + 4_096 * (step - 180);
}

async function fillAll({ scratch, seed, from, to }: Batch, how: Setup["how"]): Promise<Tally> {
  const child = await bundleChild("disk");
  let tally: Tally = {};
  try {
    for (let number = from; number < to; number += 1) {
      const room = roomOf(number);
      const disk = await mountSmallDisk(join(scratch, "small"), room);
      const lanes = drawsOf(seed, number).pick([1, 1, 4]);
      const setup: Setup = {
        store: join(disk.folder, "gate.db"),
        how,
        run: "0",
        rounds: null,
        lanes,
        size: room < LONGER_INDEX ? 10 : 200_000,
        opens: null,
      };
      try {
        tally = addTally(tally, await fill({ number, disk, child: child.file, setup, copy: join(scratch, "copy") }));
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
  readonly disk: SmallDisk;
  readonly child: string;
  readonly setup: Setup;
  /** A folder on a disk with room. */
  readonly copy: string;
}

const isRefused = (said: Said): boolean => said.kind === "answer" && said.code === "store_unavailable";
const isDone = (said: Said): boolean => said.kind === "answer" && said.status === "SUCCEEDED";

/** More than the largest disk takes; and than that of the control, which is never told that it is full. */
const MOST_ROUNDS = { right: 400, relaxed: 400, ignoring: 8 };

/** How long a gate may take to notice that there is room again, in milliseconds. */
const NOTICES_WITHIN = 20_000;

async function fill({ number, disk, child, setup, copy }: Case): Promise<Tally> {
  const worker = startDiskWorker(child, setup);
  let [filled, opened] = [false, false];
  try {
    opened = await worker.opened(3);
    for (let round = 0; opened && !filled && round < MOST_ROUNDS[setup.how]; round += setup.lanes) {
      filled = (await worker.work(setup.lanes)).some(isRefused);
    }
    if (opened) {
      await worker.work(setup.lanes);
      await found(number, () => mustHoldSoFar(setup.store, copy, worker.said));
    }
    await disk.free();
    // Who was refused at the opening tries again and again, as a host does that is started anew.
    await worker.opened(1_000);
    if (!(await worker.until(isDone, NOTICES_WITHIN))) {
      const last = worker.said.findLast(isRefused);
      throw new FaultFound(
        number,
        `with ${roomOf(number)} bytes: there is room again, and jobs are refused: ${JSON.stringify(last)}`,
      );
    }
  } finally {
    await worker.kill();
  }
  const held = await found(number, async () => {
    mustHaveTold(worker.said);
    const counts = await mustHold(setup.store, witnessedOf(worker.said));
    return counts;
  });
  const figures = { sizes: 1, "not opened before there was room": opened ? 0 : 1, "ran full at work": filled ? 1 : 0 };
  return { ...figures, ...held, ...codesOf(worker.said, "full") };
}

/**
 * The same while the disk is full and the gate has the file open: of a copy, since opening it writes. What was claimed and could
 * not be settled may still be running there.
 */
async function mustHoldSoFar(store: string, copy: string, said: readonly Heard[]): Promise<void> {
  // A gate tries its store again by itself: what it says from here on may not be in the copy.
  const before = [...said];
  await rm(copy, { recursive: true, force: true });
  await mkdir(copy);
  // The log first: what moves into the file meanwhile is then in both.
  for (const end of ["-wal", "", ".key"])
    await copyFile(`${store}${end}`, join(copy, `gate.db${end}`)).catch(ignoreMissing);
  const gate = await createGate({ store: join(copy, "gate.db"), activate: "never" });
  try {
    const wrong = [...logFaults(await eventsOf(gate), witnessedOf(before))];
    const { problems, integrity } = await gate.audit.verify({ state: true });
    wrong.push(...problems.map(({ code, message }) => `verify: ${code}: ${message}`));
    if (integrity !== "ok") wrong.push(`the database says of itself: ${integrity}`);
    if (wrong.length > 0) throw new Error(tellFaults(wrong));
  } finally {
    await gate.close();
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as { readonly code?: unknown }).code !== "ENOENT") throw error;
}
