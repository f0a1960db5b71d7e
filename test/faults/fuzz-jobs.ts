import { differsWithoutAdmission, remembersNothing, tryJob } from "./fuzz/jobs.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";

/** The control's values: one in some hundred is not what its hash says. */
const CONTROL_JOBS = 20_000;

/** Values that are nearly jobs: what is plain is let in as it is, and nothing else is. */
export const fuzzJobsRow: FaultRow = {
  name: "fuzz-jobs",
  title:
    "whatever is offered as a job is let in byte for byte as it is hashed, or refused, and none of its own code runs",
  unit: "jobs",
  full: 10_000_000,
  short: 15_000,
  missing: () => null,
  exact: true,
  run: async ({ seed, from, to }): Promise<Tally> => {
    let admitted = 0;
    const lately = remembersNothing();
    for (let number = from; number < to; number += 1) {
      const end = tryJob(drawsOf(seed, number), lately);
      if (end.wrong !== null) throw new FaultFound(number, end.wrong);
      admitted += Number(end.admitted);
    }
    return { admitted };
  },
  control: "a gate that hashes what `JSON.stringify` says of a job, and passes on the job",
  runControl: async ({ seed, from }: Batch): Promise<string> => {
    for (let number = from; number < from + CONTROL_JOBS; number += 1) {
      const differs = differsWithoutAdmission(drawsOf(seed, number));
      if (differs !== null) return `job ${number}: ${differs}`;
    }
    throw new Error(`nothing differed in ${CONTROL_JOBS} jobs`);
  },
};
