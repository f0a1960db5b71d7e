import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** What a compiled policy of one size costs besides its decisions. */
export interface Footprint {
  readonly rules: number;
  readonly yamlBytes: number;
  /** Medians of one compilation, in milliseconds. */
  readonly documentMs: number;
  readonly yamlMs: number;
  /** Heap that the policy keeps, its document included; and once it has decided 20,000 jobs of different topics. */
  readonly heapBytes: number;
  readonly heapAfterBytes: number;
  readonly allowed: number;
}

/** Measured in a process of its own, where nothing else comes and goes on the heap. */
export async function footprintOf(rules: number): Promise<Footprint> {
  const child = fileURLToPath(new URL("./footprint-child.ts", import.meta.url));
  const flags = ["--expose-gc", "--import", import.meta.resolve("tsx")];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, child, String(rules)]);
  return JSON.parse(stdout) as Footprint;
}
