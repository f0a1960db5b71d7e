/**
 * Mutation testing of the pure middle: `npm run test:mutants`, then `npm run test:mutants:static` for what runs only as a module is
 * read. A part of it with `-- --mutate 'src/job/**'`. What is held by which tests, the figures and the survivors: docs/mutants.md.
 */
export default {
  mutate: ["src/{job,policy}/**/*.ts", "!**/*.d.ts"],
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: "vitest.mutants.config.ts", related: false },
  coverageAnalysis: "perTest",
  // Their second run tries them with every test file reading the modules anew, and keeps the results of the first.
  ignoreStatic: process.env.STATIC_MUTANTS === undefined,
  // Types are checked by `npm run types`: a mutant that no longer compiles is killed by a test, or it counts.
  disableTypeChecks: false,
  concurrency: 2,
  // A mutant that loops is stopped by its hit count; a machine that is busy with something else must not kill one.
  timeoutMS: 20_000,
  timeoutFactor: 4,
  // A run that was broken off goes on where it stopped, and one after a change tries only what the change can reach.
  incremental: true,
  incrementalFile: ".mutants/incremental.json",
  tempDirName: ".mutants/sandbox",
  ignorePatterns: ["/.mutants", "/dist", "/coverage", "/bench", "/.drill"],
  reporters: ["clear-text", "json", "html", "progress-append-only"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportScoreTable: true },
  jsonReporter: { fileName: ".mutants/report.json" },
  htmlReporter: { fileName: ".mutants/report.html" },
  thresholds: { high: 95, low: 90, break: 85 },
  allowConsoleColors: false,
};
