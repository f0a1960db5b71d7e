import { permitsWithoutSchema, tryText } from "./fuzz/policies.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";

/** The control's texts: one in some hundred is a permission past a misspelt key. */
const CONTROL_TEXTS = 20_000;

/** Texts that are nearly policies: each is refused, or means what it says to a reader who shares no code with the engine. */
export const fuzzPoliciesRow: FaultRow = {
  name: "fuzz-policies",
  title: "no text of up to 8 KiB hangs the reader of policies, and none that is not a policy permits anything",
  unit: "texts",
  full: 1_000_000,
  short: 1_000,
  missing: () => null,
  exact: true,
  run: async ({ seed, from, to }): Promise<Tally> => {
    const sums = { compiled: 0, compared: 0 };
    for (let number = from; number < to; number += 1) {
      const { compiled, compared, wrong } = tryText(drawsOf(seed, number));
      if (wrong !== null) throw new FaultFound(number, wrong);
      sums.compiled += Number(compiled);
      sums.compared += compared;
    }
    return sums;
  },
  control: "a reader without the closed schema, which leaves out what it does not know",
  runControl: async ({ seed, from }: Batch): Promise<string> => {
    for (let number = from; number < from + CONTROL_TEXTS; number += 1) {
      const permitted = permitsWithoutSchema(drawsOf(seed, number));
      if (permitted !== null) return `text ${number}: ${permitted}`;
    }
    throw new Error(`nothing was permitted in ${CONTROL_TEXTS} texts`);
  },
};
