import type { Finding, OutputRule } from "../outcome.js";
import { encodeOutput } from "./encode.js";
import { copyPlain, type PlainCopy } from "./plain.js";
import { redactValue } from "./redact.js";
import { MAX_FINDINGS, mayHold, openScan, type Scan, safePointer } from "./scan.js";

export { type ErrorInspection, inspectError } from "./inspect-error.js";

declare const CLEARED: unique symbol;

/** An output that may leave. Only `inspectOutput` makes one. */
export interface ClearedOutput {
  readonly [CLEARED]: true;
  /** The inspector's own copy, redacted. Nobody else holds a reference to it. */
  readonly value: unknown;
  /** Its recorded form: `decodeOutput` makes an equal value of it. */
  readonly encoded: string;
}

/** What came of looking at an output. With `quarantine`, nothing of it may leave but the findings and the message. */
export type Inspection =
  | { readonly verdict: "clear"; readonly output: ClearedOutput; readonly findings: readonly Finding[] }
  | {
      readonly verdict: "quarantine";
      readonly findings: readonly Finding[];
      /** Why, in words that hold nothing of the output but redacted keys. */
      readonly message: string;
      /** The output as it came, in its recorded form, secrets and all; null when it is not plain data or over a cap. */
      readonly held: string | null;
    };

/**
 * Looks at what a dispatch function returned, under these rules, and never throws. More than `maxBytes` is withheld.
 * Total: what cannot be copied, looked at or redacted whole is quarantined whole, and no code of the value runs.
 */
export function inspectOutput(value: unknown, rules: readonly OutputRule[], maxBytes?: number): Inspection {
  const copied = copyPlain(value);
  if (!copied.ok) return { verdict: "quarantine", findings: [], message: describeRefusal(copied, rules), held: null };
  const held = encodeOutput(copied.value);
  if (maxBytes !== undefined && sizeOf(copied.value, held) > maxBytes) {
    return { verdict: "quarantine", findings: [], message: `the output is larger than ${maxBytes} bytes`, held };
  }
  let scan: Scan | undefined;
  try {
    scan = openScan(rules);
    // Bytes are recorded as base64, in which no clue can be seen.
    if (!copied.holdsBytes && !mayHold(scan, held)) return clear(copied.value, held, []);
    const redacted = redactValue(scan, copied.value);
    const { findings } = scan;
    const reason = findings.find((finding) => finding.action === "quarantine");
    if (reason !== undefined) return { verdict: "quarantine", findings, message: describeFinding(reason), held };
    return findings.length === 0
      ? clear(copied.value, held, findings)
      : clear(redacted, encodeOutput(redacted), findings);
  } catch {
    return { verdict: "quarantine", findings: scan?.findings ?? [], message: describeFailure(scan), held };
  }
}

/** UTF-8 bytes of the recorded form; nothing is nothing. */
function sizeOf(value: unknown, encoded: string): number {
  return value === undefined ? 0 : Buffer.byteLength(encoded);
}

function clear(value: unknown, encoded: string, findings: readonly Finding[]): Inspection {
  return { verdict: "clear", output: { value, encoded } as ClearedOutput, findings };
}

function describeRefusal(refused: PlainCopy & { readonly ok: false }, rules: readonly OutputRule[]): string {
  const what = refused.reason === "over_cap" ? "the output is over a limit" : "the output is not plain data";
  const place = safePlace(refused, rules);
  return `${what}: ${refused.message}${place === "" ? "" : ` at \`${place}\``}`;
}

/** Where, unless the way there cannot be shown safely. */
function safePlace(refused: PlainCopy & { readonly ok: false }, rules: readonly OutputRule[]): string {
  try {
    return safePointer(openScan(rules), refused.steps);
  } catch {
    return "a place that cannot be shown";
  }
}

function describeFinding(finding: Finding): string {
  return `output rule \`${finding.ruleId}\` withheld the output: ${finding.kind} at \`${finding.path}\``;
}

function describeFailure(scan: Scan | undefined): string {
  return scan !== undefined && scan.seen > MAX_FINDINGS
    ? `the output is over a limit: more than ${MAX_FINDINGS} findings`
    : "a detector failed, so the output was not inspected";
}
