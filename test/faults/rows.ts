import { clockRow } from "./clock.js";
import { diskErrorRow } from "./disk-error.js";
import { diskFullRow } from "./disk-full.js";
import { diskReadOnlyRow } from "./disk-read-only.js";
import { fuzzJobsRow } from "./fuzz-jobs.js";
import { fuzzPoliciesRow } from "./fuzz-policies.js";
import { interleaveRow } from "./interleave.js";
import { killRow } from "./kill.js";
import { lockRow } from "./lock.js";
import { powerCutRow } from "./power-cut.js";
import { processesRow } from "./processes.js";
import type { FaultRow } from "./row.js";
import { soakRow } from "./soak.js";
import { swapRow } from "./swap.js";
import { syscallRow } from "./syscall.js";

/** Every row of the battery, in the order that they are told in. */
export const rows: readonly FaultRow[] = [
  killRow,
  syscallRow,
  powerCutRow,
  diskErrorRow,
  diskFullRow,
  diskReadOnlyRow,
  processesRow,
  clockRow,
  swapRow,
  lockRow,
  interleaveRow,
  fuzzPoliciesRow,
  fuzzJobsRow,
  soakRow,
];
