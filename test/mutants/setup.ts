import fc from "fast-check";
import { beforeEach } from "vitest";

// The first counterexample kills a mutant; a smaller one would only cost time.
fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true });

/**
 * Tests of what something costs, each with a large input, and the controls that show what the naive way costs: a mutant
 * that only takes longer is none that decides wrongly. The last one compares with a library, on cases enough to meet often.
 */
const COSTS: readonly RegExp[] = [
  /the control$/,
  /^a text of 256 characters /,
  /10,000 rules/,
  /2 MiB? /,
  /processor time$/,
  /grows no faster/,
  /linear time/,
  /under a millisecond/,
  /stay cheap/,
  /less than a microsecond/,
  /fill the memory/,
  /for minutes/,
  /vocabulary only as far/,
  /of 256 files at most/,
  /is forgotten/,
  /planted flip is caught/,
  /what the library answers/,
];

/** Reads the modules a second time, where the mutant is not: it passes whatever runs only then, and is left to the second run. */
const READS_ANEW = /another copy of the package/;

const run = globalThis as { hasFailed?: boolean };

// The run ends with the first failure; without this, the files behind it would still be read, and that takes longer than all else.
if (run.hasFailed === true) throw new Error("the mutant is killed");

beforeEach((context) => {
  context.onTestFailed(() => {
    run.hasFailed = true;
  });
  let title = context.task.name;
  for (let suite = context.task.suite; suite !== undefined; suite = suite.suite) title = `${suite.name} ${title}`;
  if (process.env.STATIC_MUTANTS === undefined && READS_ANEW.test(title)) context.skip("reads the modules anew");
  if (COSTS.some((cost) => cost.test(title))) context.skip("says what something costs");
});
