import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (file: string): string => fileURLToPath(new URL(`./src/${file}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^dispatch-gate$/, replacement: source("index.ts") },
      { find: /^dispatch-gate\/sqlite$/, replacement: source("sqlite.ts") },
      { find: /^dispatch-gate\/analysis$/, replacement: source("analysis.ts") },
      { find: /^dispatch-gate\/process$/, replacement: source("process.ts") },
      { find: /^dispatch-gate\/otel$/, replacement: source("otel.ts") },
      { find: /^dispatch-gate\/testing$/, replacement: source("testing.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/seed.ts"],
    setupFiles: ["test/properties.ts"],
    pool: "forks",
    // Two, also where there are no more cores: files are many, and some wait for processes of their own.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
