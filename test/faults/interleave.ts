import { createMemoryStore } from "dispatch-gate/testing";
import { logSigner } from "../store/verify-worlds.js";
import { type Ended, type OpenStore, runSchedule } from "./interleave/schedule.js";
import { createSplitClaimStore } from "./interleave/split-claim.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";

/** Signs the log of every schedule. */
const log = logSigner();

/** The control's schedules: a claim in two steps breaks in far fewer. */
const CONTROL_SCHEDULES = 500;

/** Two gates on one store and one clock, and every order in which their steps can come. */
export const interleaveRow: FaultRow = {
  name: "interleave",
  title:
    "in whatever order the steps of two gates come, nothing runs twice, unapproved, beyond a limit or under an older policy",
  unit: "schedules",
  full: 100_000,
  short: 300,
  missing: () => null,
  exact: true,
  run: (batch) => schedules(batch, createMemoryStore),
  control: "a claim that reads in one step and writes in a later one",
  runControl: async ({ seed, from, scratch }) => {
    try {
      await schedules({ seed, from, to: from + CONTROL_SCHEDULES, scratch }, createSplitClaimStore);
    } catch (error) {
      if (error instanceof FaultFound) return `${error.number - from + 1} schedules: ${error.message.split("\n")[0]}`;
      throw error;
    }
    throw new Error(`nothing broke in ${CONTROL_SCHEDULES} schedules`);
  },
};

async function schedules({ seed, from, to }: Batch, open: OpenStore): Promise<Tally> {
  const sums = { turns: 0, claims: 0, crashes: 0 };
  for (let number = from; number < to; number += 1) {
    const ended = await runSchedule(open, log, drawsOf(seed, number));
    if (ended.wrong.length > 0) throw new FaultFound(number, story(ended));
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += ended[name];
  }
  return sums;
}

function story({ wrong, told }: Ended): string {
  return [wrong.join("; "), ...told].join("\n");
}
