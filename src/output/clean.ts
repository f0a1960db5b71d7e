import { look, lookAgain } from "./look.js";
import { redactValue } from "./redact.js";
import { type Scan, sightingsIn } from "./scan.js";
import type { Sheet } from "./sheet.js";

/** What was redacted may show something new, once or twice; what goes on longer is a game. */
const MAX_ROUNDS = 4;

/** Thrown when every redaction leaves something that is found. */
export const UNSETTLED: unique symbol = Symbol("redaction does not settle");

/**
 * Plain data in which nothing more is found: redacted, looked at again, and so on until it is clean. Ends early with what
 * must not leave, once a finding withholds it. Throws what {@link sightingsIn} throws, and {@link UNSETTLED}.
 */
export function clean(scan: Scan, value: unknown, lay: (value: unknown) => Sheet): unknown {
  let current = value;
  for (let round = 0; round <= MAX_ROUNDS; round += 1) {
    const sheet = lay(current);
    const sightings = sightingsIn(scan, sheet, round === 0 ? look : lookAgain);
    if (sightings.length === 0) return current;
    current = redactValue(scan, current, { sheet, sightings });
    if (scan.findings.some(({ action }) => action === "quarantine")) return current;
  }
  throw UNSETTLED;
}
