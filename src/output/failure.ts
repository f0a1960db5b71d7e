import { UNSETTLED } from "./clean.js";
import { MAX_FINDINGS, OVERTIME, type Scan } from "./scan.js";

/** Why something could not be inspected, in words that hold nothing of it. */
export function describeFailure(what: "output" | "error" | "stream", error: unknown, scan: Scan | undefined): string {
  if (error === OVERTIME) return `the ${what} is over a limit: the time to inspect it`;
  if (error === UNSETTLED) return `the ${what} could not be redacted: more was found after each redaction`;
  if (scan !== undefined && scan.seen > MAX_FINDINGS)
    return `the ${what} is over a limit: more than ${MAX_FINDINGS} findings`;
  return `a detector failed, so the ${what} was not inspected`;
}
