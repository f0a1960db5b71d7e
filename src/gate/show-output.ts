import { displaySafe } from "../evidence/display.js";
import { displayJson, displayRows } from "../evidence/display-json.js";
import { deepFreeze } from "../job/freeze.js";
import type { Finding, Json, OutputRule } from "../outcome.js";
import { decodeOutput } from "../output/decode.js";
import type { HostDetectors } from "../output/detectors.js";
import { inspectOutput } from "../output/inspect.js";
import { fingerprintUnder } from "../output/mark.js";
import type { StoredQuarantine } from "../store/port.js";
import { isWhole, outputViewOf, type Quarantine, quarantineOf } from "../store/quarantine.js";
import type { KeptValue } from "../store/rows.js";

/** An output that was withheld, as a person may look at it. */
export interface QuarantinedOutput {
  readonly quarantineId: string;
  readonly jobId: string;
  readonly tenantId: string;
  readonly traceId: string;
  readonly dispatcher: string;
  /** When the job ended, in milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
  /** Why it was withheld. */
  readonly message: string;
  readonly findings: readonly Finding[];
  /** Whether anything is kept that could be released, or was. */
  readonly kept: boolean;
  /** Its one delivery; null before it. */
  readonly released: { readonly by: string; readonly at: number } | null;
  /** SHA-256 over what is recorded of it: a release names it, and so is for what was shown. */
  readonly view: string;
  /**
   * What is kept, in rows of at most 78 columns in which nothing is hidden, with all secrets, all personal data and all that its
   * output rules look for redacted; at most 16,384 characters. A text begins with a double quote; a sentence in place of
   * the output says why it cannot be shown. Null where nothing is kept.
   */
  readonly preview: string | null;
}

/** A withheld output as data; null for a job of which none was withheld. */
export function showOutput({ row, kept }: StoredQuarantine, detectors: HostDetectors): QuarantinedOutput | null {
  const quarantine = quarantineOf(row);
  if (quarantine === null) return null;
  const { quarantineId, findings, held, released } = quarantine;
  const isKept = held !== null && kept !== null;
  return deepFreeze({
    quarantineId,
    jobId: row.id,
    tenantId: row.tenantId,
    traceId: row.traceId,
    dispatcher: row.dispatcher,
    at: row.updatedAt,
    message: row.reason.message,
    findings,
    kept: isKept,
    released,
    view: outputViewOf(row, quarantine),
    preview: isKept ? preview(quarantine, kept, detectors) : null,
  });
}

/** Looked at in every preview, whatever the policy asks for. */
const ALWAYS: OutputRule = { ruleId: "@preview", detect: ["secrets", "pii"], action: "redact" };

function preview(quarantine: Quarantine, kept: KeptValue, detectors: HostDetectors): string {
  if (!isWhole(quarantine, kept)) return "cannot be shown: what is kept is not the output that was withheld";
  const rules = [ALWAYS, ...quarantine.rules.map((rule): OutputRule => ({ ...rule, action: "redact" }))];
  let value: unknown;
  try {
    value = decodeOutput(kept.value);
  } catch {
    return "cannot be shown: what is kept is damaged";
  }
  // The same in every look at this output, and in no other: nobody who is shown it knows the salt.
  const fingerprint = fingerprintUnder(kept.salt, quarantine.quarantineId);
  const inspection = inspectOutput(value, rules, { detectors, fingerprint });
  if (inspection.verdict === "quarantine") return bounded(displaySafe(`cannot be shown: ${inspection.message}`));
  return bounded(displayJson(JSON.parse(inspection.output.encoded) as Json, ""));
}

/** Characters of a preview, in whole rows. */
const MAX_PREVIEW = 16_384;

/** Room for the last row, which tells of the others. */
const LAST_ROW = 80;

function bounded(text: string): string {
  const rows = text.split("\n").flatMap((line) => displayRows(line));
  let left = MAX_PREVIEW - LAST_ROW;
  const over = rows.findIndex((row) => {
    left -= row.length + 1;
    return left < 0;
  });
  if (over < 0) return rows.join("\n");
  return [...rows.slice(0, over), `... and ${rows.length - over} more rows`].join("\n");
}
