import { clean } from "./clean.js";
import type { Step } from "./plain.js";
import { pointerOf } from "./pointer.js";
import type { Scan } from "./scan.js";
import { layOut } from "./sheet.js";

/** The pointer to a place in a value that was not inspected, with every hit in its steps redacted. */
export function safePointer(scan: Scan, steps: readonly Step[]): string {
  const shown = clean(scan, steps.map(String), layOut) as readonly string[];
  return pointerOf(shown);
}
