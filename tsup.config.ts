import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "src/index.ts", sqlite: "src/sqlite.ts", testing: "src/testing.ts" },
  format: ["esm", "cjs"],
  target: "node20",
  platform: "node",
  dts: true,
  clean: true,
  sourcemap: true,
  // Shared chunks: an error class of one subpath is the same class in another.
  splitting: true,
  // Rollup's pass also turns the split CommonJS chunks, without the older syntax that tsup's own way writes.
  treeshake: true,
  removeNodeProtocol: false,
  plugins: [
    {
      name: "lazy-require",
      // Jest runs CommonJS in a realm of its own that refuses a native import(): the lazy driver is required there.
      renderChunk(code) {
        if (this.format !== "cjs") return undefined;
        const lazy = 'Promise.resolve().then(() => ({ default: require("better-sqlite3") }))';
        return { code: code.replaceAll('import("better-sqlite3")', lazy) };
      },
    },
  ],
});
