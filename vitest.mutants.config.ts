import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { project } from "./vitest.config.js";

/** What kills few mutants that nothing before it kills, or takes long: last, as the first failure ends a run. */
const LAST = ["imports", "hazards", "condition-cost", "decide-reference", "load-cost"];

class CheapFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => LAST.findIndex((name) => moduleId.includes(`/${name}.`));
    return files.toSorted((a, b) => place(a) - place(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** Whether this is the second run, in which every test file reads the modules anew. */
const ANEW = process.env.STATIC_MUTANTS !== undefined;

/** The tests that hold `src/job/` and `src/policy/`, small enough to be run once for every mutant. */
export default defineConfig(
  project({
    include: ["test/{job,mutants,policy}/**/*.test.ts"],
    // Properties of pairs of policies, which find little in few cases and take seconds.
    exclude: [
      "test/policy/{cedar,decide-cost,halves,metamorphic}.test.ts",
      // In the first run it would read what was read before, and pass as a test of what runs only as a module is read.
      ...(ANEW ? [] : ["test/mutants/load.test.ts"]),
    ],
    // One seed for all mutants, or a property would kill one today and not tomorrow.
    env: { SEED: "1", TEST_SIZE: "small" },
    setupFiles: ["test/each-file.ts", "test/mutants/setup.ts"],
    // Modules are read once for all mutants, which a mutant in what runs only as they are read would not be seen in.
    isolate: ANEW,
    sequence: { sequencer: CheapFirst },
  }),
);
