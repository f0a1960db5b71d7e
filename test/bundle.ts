import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const CHILDREN = fileURLToPath(new URL("children/", import.meta.url));
const MODULES = fileURLToPath(new URL("../node_modules/", import.meta.url));

/**
 * Bundles the programs of `test/children` for the run, which says where they stand: tests start dozens of them, and from
 * their sources each would take a second to load.
 */
export default async function bundleChildren(): Promise<() => void> {
  // Below `node_modules`, where they find the packages that they use.
  const outdir = mkdtempSync(`${MODULES}.dispatch-gate-children-`);
  process.env.CHILDREN = outdir;
  await build({
    entryPoints: readdirSync(CHILDREN).map((file) => `${CHILDREN}${file}`),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    logLevel: "error",
  });
  return () => rmSync(outdir, { recursive: true, force: true });
}
