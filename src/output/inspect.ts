import type { Finding, OutputRule } from "../outcome.js";
import { clean } from "./clean.js";
import { encodeOutput } from "./encode.js";
import { describeFailure } from "./failure.js";
import { copyPlain, type PlainCopy } from "./plain.js";
import { safePointer } from "./safe-pointer.js";
import { type Looking, openScan, type Scan, sightingsIn } from "./scan.js";
import { layOut, layOutChunks } from "./sheet.js";

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
  | {
      readonly verdict: "clear";
      readonly output: ClearedOutput;
      readonly findings: readonly Finding[];
      /** The output as it came, in its recorded form: for who withholds it for another reason. */
      readonly held: string;
    }
  | {
      readonly verdict: "quarantine";
      readonly findings: readonly Finding[];
      /** Why, in words that hold nothing of the output but redacted keys. */
      readonly message: string;
      /** The output as it came, in its recorded form, secrets and all; null when it is not plain data or over a cap. */
      readonly held: string | null;
    };

/** How an output is looked at. */
export interface OutputLooking extends Looking {
  /** The most UTF-8 bytes of its recorded form. Default: no limit. */
  readonly maxBytes?: number | undefined;
}

/**
 * Looks at what a dispatch function returned, under these rules, and never throws. More than `maxBytes` is withheld.
 * Total: what cannot be copied, looked at or redacted whole is quarantined whole, and no code of the value runs.
 */
export function inspectOutput(value: unknown, rules: readonly OutputRule[], looking: OutputLooking = {}): Inspection {
  return inspectAs(layOut, value, rules, looking);
}

/** The same for a list of chunks of which the texts, one after the other, are one text. */
export function inspectChunks(
  chunks: readonly unknown[],
  rules: readonly OutputRule[],
  looking: OutputLooking = {},
): Inspection {
  return inspectAs((list) => layOutChunks(list as readonly unknown[]), chunks, rules, looking);
}

/**
 * How much is found in plain data, for who only needs to know whether anything is. Throws where it cannot be looked at whole.
 */
export function findingsIn(value: unknown, rules: readonly OutputRule[], looking: Looking): number {
  return sightingsIn(openScan(rules, looking), layOut(value)).length;
}

function inspectAs(
  lay: typeof layOut,
  value: unknown,
  rules: readonly OutputRule[],
  looking: OutputLooking,
): Inspection {
  const copied = copyPlain(value);
  if (!copied.ok) {
    return { verdict: "quarantine", findings: [], message: describeRefusal(copied, rules, looking), held: null };
  }
  const held = encodeOutput(copied.value);
  const { maxBytes } = looking;
  if (maxBytes !== undefined && sizeOf(copied.value, held) > maxBytes) {
    return { verdict: "quarantine", findings: [], message: `the output is larger than ${maxBytes} bytes`, held };
  }
  let scan: Scan | undefined;
  try {
    scan = openScan(rules, looking);
    const cleaned = clean(scan, copied.value, lay);
    const { findings } = scan;
    const reason = findings.find((finding) => finding.action === "quarantine");
    if (reason !== undefined) {
      const shown = findings.map(withSafePath);
      const first = shown[findings.indexOf(reason)] ?? reason;
      return { verdict: "quarantine", findings: shown, message: describeFinding(first), held };
    }
    const encoded = findings.length === 0 ? held : encodeOutput(cleaned);
    return { verdict: "clear", output: { value: cleaned, encoded } as ClearedOutput, findings, held };
  } catch (error) {
    const message = describeFailure("output", error, scan);
    return { verdict: "quarantine", findings: (scan?.findings ?? []).map(withSafePath), message, held };
  }
}

/** UTF-8 bytes of the recorded form; nothing is nothing. */
function sizeOf(value: unknown, encoded: string): number {
  return value === undefined ? 0 : Buffer.byteLength(encoded);
}

function describeRefusal(
  refused: PlainCopy & { readonly ok: false },
  rules: readonly OutputRule[],
  looking: Looking,
): string {
  const what = refused.reason === "over_cap" ? "the output is over a limit" : "the output is not plain data";
  const place = safePlace(refused, rules, looking);
  return `${what}: ${refused.message}${place === "" ? "" : ` at \`${place}\``}`;
}

/** Where, unless the way there cannot be shown safely. */
function safePlace(
  refused: PlainCopy & { readonly ok: false },
  rules: readonly OutputRule[],
  looking: Looking,
): string {
  try {
    return safePointer(openScan(rules, looking), refused.steps);
  } catch {
    return "a place that cannot be shown";
  }
}

/** What keys are looked at for where an output is withheld, whatever its rules look for. */
const IN_KEYS: readonly OutputRule[] = Object.freeze([
  { ruleId: "@keys", detect: ["secrets", "pii"], action: "redact" },
]);

/** A finding of an output that is withheld: its keys are shown without anything that the gate's own sets find. */
function withSafePath(finding: Finding): Finding {
  try {
    const path = clean(openScan(IN_KEYS), finding.path, layOut);
    return path === finding.path ? finding : { ...finding, path: String(path) };
  } catch {
    return { ...finding, path: "/..." };
  }
}

function describeFinding(finding: Finding): string {
  return `output rule \`${finding.ruleId}\` withheld the output: ${finding.kind} at \`${finding.path}\``;
}
