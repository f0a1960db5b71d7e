import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

/** A child of the battery in one file, which starts several times faster than its source does. */
export interface Bundle {
  readonly file: string;
  readonly remove: () => void;
}

let made = 0;

/** Makes one of `test/faults/children` by its name. It stands under the checkout, where the driver of SQLite is found. */
export async function bundleChild(name: string): Promise<Bundle> {
  const path = (from: string): string => fileURLToPath(new URL(from, import.meta.url));
  made += 1;
  const folder = path(`../../.faults/children/${name}-${process.pid}-${made}`);
  mkdirSync(folder, { recursive: true });
  await build({
    config: false,
    silent: true,
    entry: { [name]: path(`./children/${name}.ts`) },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: "esm",
    platform: "node",
    target: "node20",
    splitting: false,
    treeshake: false,
    noExternal: [/^(?!better-sqlite3)/],
    // What is no ES module itself and was put in asks for what Node has by `require`.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  return {
    file: join(folder, `${name}.mjs`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
