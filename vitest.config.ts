import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { APART } from "./test/apart.js";

const source = (file: string): string => fileURLToPath(new URL(`./src/${file}`, import.meta.url));

/** What takes longest: begun last it would go on alone, with one of two workers idle. */
const LONG = ["faults/short", "cli/serve", "cli/terminal", "http/browser", "package/package", "examples/drill"];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      LONG.some((name) => moduleId.endsWith(`/test/${name}.test.ts`));
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => Number(isLong(other)) - Number(isLong(one)));
  }
}

type Settings = NonNullable<TestProjectInlineConfiguration["test"]>;

/** Settings of a kind of tests, with what all have in common. */
export const project = (settings: Settings): TestProjectInlineConfiguration => ({
  resolve: {
    alias: [
      { find: /^dispatch-gate$/, replacement: source("index.ts") },
      { find: /^dispatch-gate\/sqlite$/, replacement: source("sqlite.ts") },
      { find: /^dispatch-gate\/analysis$/, replacement: source("analysis.ts") },
      { find: /^dispatch-gate\/process$/, replacement: source("process.ts") },
      { find: /^dispatch-gate\/otel$/, replacement: source("otel.ts") },
      { find: /^dispatch-gate\/http$/, replacement: source("http.ts") },
      { find: /^dispatch-gate\/testing$/, replacement: source("testing.ts") },
    ],
  },
  test: {
    setupFiles: ["test/each-file.ts"],
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    ...settings,
  },
});

export default defineConfig({
  test: {
    globalSetup: ["test/seed.ts", "test/bundle.ts"],
    // Two, also where there are no more cores: files are many, and some wait for processes of their own.
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    projects: [
      project({ name: "apart", include: [...APART], sequence: { groupOrder: 0 } }),
      project({
        name: "together",
        include: ["test/**/*.test.ts"],
        exclude: [...configDefaults.exclude, ...APART],
        // To load the package anew for each file would take a fifth of the processor time that all tests take.
        isolate: false,
        sequence: { groupOrder: 1 },
      }),
    ],
  },
});
