import { sealEvent } from "../../src/evidence/event.js";
import { filesOf, logOf } from "./log-folder.js";
import { signerOf } from "./signers.js";

export const SIGNER = signerOf("example.com/gate");
/** Of the signer's name, with a key of its own. */
export const IMPOSTOR = signerOf("example.com/gate");
export const WITNESS = signerOf("witness.example");

export const SIZE = 10_000;

export function event(n: number): string {
  return sealEvent("job.settled", n, { trace_id: `t${n}`, note: "\u00e9".repeat(n % 50), at_most: n / 3 }).text;
}

export const lines: readonly string[] = Array.from({ length: SIZE }, (_, n) => event(n));
export const log = logOf(lines, SIGNER);
export const good = filesOf(log, [0, 1, 2, 1_023, 1_024, 1_025, 9_999, SIZE]);
