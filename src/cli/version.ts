import { readFile } from "node:fs/promises";
import { CannotRun } from "./io.js";

/** The version of this package, from its own manifest: that stands above this file in the sources, and above the built one. */
export async function readVersion(): Promise<string> {
  for (const above of ["../package.json", "../../package.json"]) {
    const manifest = await readManifest(new URL(above, import.meta.url));
    if (manifest?.name === "dispatch-gate" && typeof manifest.version === "string") return manifest.version;
  }
  throw new CannotRun("version_unknown", "the package's own manifest cannot be read", "install the package again");
}

async function readManifest(url: URL): Promise<{ readonly name?: unknown; readonly version?: unknown } | null> {
  try {
    return JSON.parse(await readFile(url, "utf8"));
  } catch {
    return null;
  }
}
