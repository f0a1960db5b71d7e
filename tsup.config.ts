import { copyFile, cp } from "node:fs/promises";
import { defineConfig, type Options } from "tsup";

/** The subpaths of the package, by name. A test holds them against `exports`. */
export const library: Readonly<Record<string, string>> = {
  index: "src/index.ts",
  sqlite: "src/sqlite.ts",
  analysis: "src/analysis.ts",
  process: "src/process.ts",
  otel: "src/otel.ts",
  http: "src/http.ts",
  testing: "src/testing.ts",
};

const shared: Options = {
  target: "node20",
  platform: "node",
  sourcemap: true,
  // Shared chunks: an error class of one subpath is the same class in another.
  splitting: true,
  // Rollup's pass also turns the split CommonJS chunks, without the older syntax that tsup's own way writes.
  treeshake: true,
  removeNodeProtocol: false,
};

export default defineConfig([
  {
    ...shared,
    format: "esm",
    // Those for CommonJS are made of these, by scripts/declare-commonjs.mjs.
    dts: { entry: { ...library } },
    entry: { ...library, cli: "src/cli.ts" },
    // For editors: completion and checks while a policy is written.
    onSuccess: () => copyFile("src/policy/schema.json", "dist/policy.schema.json"),
  },
  {
    // The program of `dispatch-gate drill`: an example like any other, which finds the package by its name.
    ...shared,
    format: "esm",
    entry: { "drill/main": "examples/drill/main.ts" },
    external: ["dispatch-gate"],
    sourcemap: false,
    onSuccess: async () => {
      await copyFile("examples/drill/policy.yaml", "dist/drill/policy.yaml");
      await cp("examples/drill/children", "dist/drill/children", { recursive: true });
    },
  },
  {
    ...shared,
    format: "cjs",
    entry: { ...library },
    // These are ES modules alone, which Jest's CommonJS cannot require.
    noExternal: ["@marcbachmann/cel-js", "jose"],
    plugins: [
      {
        name: "lazy-require",
        // Jest runs CommonJS in a realm of its own that refuses a native import(): what is lazy is required there.
        renderChunk(code) {
          // Packages are taken by their default, as in a module; a chunk of our own has its names.
          const required = (_call: string, name: string): string =>
            `Promise.resolve().then(() => ${name.startsWith(".") ? `require("${name}")` : `({ default: require("${name}") })`})`;
          return { code: code.replace(/\bimport\("([^"]+)"\)/g, required) };
        },
      },
    ],
  },
]);
