import { canonicalize } from "../canonical.js";
import { commit, digest } from "../digest.js";
import type { Finding, OutputRule } from "../outcome.js";
import { union } from "./approval-state.js";
import type { ApprovalRow, JobRow, KeptValue } from "./rows.js";

/** What settling records of an output that was withheld, as part of its job's result. */
export interface Quarantine {
  readonly quarantineId: string;
  readonly findings: readonly Finding[];
  /** The output rules that looked at it: what is shown of it to a person is looked at under them again. */
  readonly rules: readonly OutputRule[];
  /** The salted commitment of what is kept of it; null where nothing is, and so nothing can be released. */
  readonly held: string | null;
  /** Folded ids of the actor, whom it acts for, and who submitted. */
  readonly requesters: readonly string[];
  /** Its one delivery. */
  readonly released: { readonly by: string; readonly at: number } | null;
}

/** What was recorded of the job's output, or null where none was withheld. */
export function quarantineOf({ status, result }: JobRow): Quarantine | null {
  if (status !== "QUARANTINED" || result === null) return null;
  const { quarantineId, findings, rules, held, requesters, released } = JSON.parse(result) as Partial<Quarantine>;
  if (quarantineId === undefined) return null;
  return {
    quarantineId,
    findings: findings ?? [],
    rules: rules ?? [],
    // Where nobody recorded who asked, nobody can be told from who did: then nothing counts as kept.
    held: requesters === undefined ? null : (held ?? null),
    requesters: requesters ?? [],
    released: released ?? null,
  };
}

/** The same result once the output was delivered. */
export function releasedResult({ result }: JobRow, released: NonNullable<Quarantine["released"]>): string {
  return JSON.stringify({ ...(JSON.parse(result ?? "{}") as object), released });
}

/**
 * SHA-256 over what a person is shown of a withheld output, as recorded. Job and output stand in it by their salted
 * commitments, so that the view may stand in the log without confirming guesses at either.
 */
export function outputViewOf({ commitment, reason }: JobRow, { quarantineId, findings, held }: Quarantine): string {
  const shown = {
    // As JSON text: a place may hold half a character, which canonical JSON cannot.
    findings: JSON.stringify(findings),
    held,
    job: commitment,
    message: JSON.stringify(reason.message),
    quarantine_id: quarantineId,
  };
  return digest("output-view", canonicalize(shown));
}

/** Everybody who asked for the job, in whichever way: none of them may release what it gave back. */
export function askersFor(
  { requesters }: JobRow,
  quarantine: Quarantine,
  approval: ApprovalRow | null,
): readonly string[] {
  return union(union(quarantine.requesters, requesters ?? []), approval?.requesters ?? []);
}

/** Whether what is kept is the very output that was withheld. */
export function isWhole({ held }: Quarantine, { salt, value }: KeptValue): boolean {
  return commit(salt, value) === held;
}
