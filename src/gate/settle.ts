import { commit } from "../digest.js";
import type { WatchedGuard } from "../dispatch/guard.js";
import type { Attempt, RunEnd } from "../dispatch/run.js";
import {
  boundBytes,
  boundList,
  constraintFacts,
  type EventFacts,
  findingFacts,
  reasonFacts,
  sealEvent,
} from "../evidence/event.js";
import type { Json, Outcome, Reason } from "../outcome.js";
import type { SettleRequest } from "../store/port.js";
import type { JobRow, VaultKind, VaultRow } from "../store/rows.js";
import { type Claimed, claimedBase, rowFacts, UNSETTLED, whose } from "./claimed.js";
import type { Core } from "./core.js";
import { freshSalt, uuidv7 } from "./ids.js";
import { MAX_KEPT } from "./kept.js";
import { outputRules } from "./output-rules.js";
import type { SettledResult } from "./recorded.js";
import { reasonOf, type Seen } from "./seen.js";

/** How a claimed job ended. */
export interface Ended {
  readonly end: RunEnd;
  readonly seen: Seen;
  readonly durationMs: number;
  readonly guards: readonly WatchedGuard[];
}

/** What is to be recorded of a claimed job, and what its caller is told once it is. */
export interface Settlement {
  readonly request: SettleRequest;
  readonly outcome: Outcome;
}

/** Makes the record and the answer of a job that ended. Nothing is told before the record is durable. */
export function prepareSettlement(core: Core, claimed: Claimed, { end, seen, durationMs, guards }: Ended): Settlement {
  const { row } = claimed;
  const now = core.clock.wall();
  const reason = reasonOf(seen);
  const quarantineId = seen.status === "QUARANTINED" ? uuidv7(now) : undefined;
  const recorded = recordedValue(row, seen);
  const vault = kept(core, seen, recorded);
  const held = vault.length === 0 ? null : (recorded?.commitment ?? null);
  const findings = seen.findings.slice(0, 1_000);
  const { requesters } = claimed;
  const result: SettledResult =
    quarantineId === undefined
      ? { findings }
      : { findings, quarantineId, held, requesters, rules: outputRules(core, claimed) };
  // Spreads stand last: each key that is written after one costs as much as a small object.
  const facts: EventFacts = {
    attempts: boundList(end.attempts.map(attemptFacts)),
    constraints: constraintFacts(claimed.constraints),
    dispatched: true,
    duration_ms: Math.round(durationMs),
    findings: findingFacts(seen.findings),
    output: recorded?.commitment ?? null,
    quarantine_id: quarantineId ?? null,
    reason: reasonFacts(reason),
    status: seen.status,
    ...rowFacts(row),
    ...guardFacts(claimed, guards),
    ...(quarantineId === undefined ? {} : { kept: held !== null }),
    ...streamFacts(seen),
  };
  const request: SettleRequest = {
    status: seen.status,
    reason,
    result: JSON.stringify(result),
    // A function that was no longer waited for goes on, and so do its places in pools.
    ended: end.kind !== "timed_out",
    vault,
    event: sealEvent("job.settled", now, facts),
    ...whose(core, row, now),
  };
  return { request, outcome: outcomeOf(claimed, seen, reason, quarantineId, now) };
}

/** Makes a settlement durable. Rejects when it cannot be. */
export async function record(core: Core, request: SettleRequest): Promise<void> {
  try {
    const answer = await core.settle(request);
    if (answer.status !== "settled") throw new TypeError("the claim is not this gate's any more");
  } catch (error) {
    // What was observed is kept and recorded when the store answers again; until then nobody may rely on it.
    core.unrecorded.push(() => core.settle(request));
    throw error;
  }
}

function outcomeOf(
  claimed: Claimed,
  seen: Seen,
  reason: Reason,
  quarantineId: string | undefined,
  now: number,
): Outcome {
  const base = { reason, ...claimedBase(claimed, now) };
  switch (seen.status) {
    case "SUCCEEDED":
      return { status: "SUCCEEDED", output: seen.value, findings: seen.findings, ...base };
    case "FAILED":
    case "TIMED_OUT":
      return { ...base, status: seen.status, error: seen.error, findings: seen.findings };
    case "QUARANTINED":
      return { ...base, status: "QUARANTINED", quarantineId: quarantineId ?? "", findings: seen.findings };
  }
}

/** What left of a stream that was passed on: how many chunks, and the commitment to their list. */
function streamFacts({ streamed }: Seen): EventFacts {
  if (streamed === undefined) return {};
  return { stream: { chunks: streamed.chunks, ended: streamed.how, output: streamed.commitment } };
}

/** What a run asked of its guards, where it was given any constraint that they are for. */
function guardFacts({ enforcedBy }: Claimed, guards: readonly WatchedGuard[]): EventFacts {
  const by = Object.entries(enforcedBy);
  if (by.length === 0) return {};
  const asked = guards.reduce((sum, guard) => sum + guard.asked(), 0);
  const refused = guards.reduce((sum, guard) => sum + guard.refused(), 0);
  const named = by.map(([key, names]) => [key, boundBytes(names, 2_048)]);
  return { enforced_by: Object.fromEntries(named), guard: { asked, refused } };
}

/**
 * Records that nobody knows how the job ended. What fails here is tried again later, as for any settle. `ended` says whether
 * the function has.
 */
export async function settleUnknown(core: Core, claimed: Claimed, ended: boolean): Promise<void> {
  const { row } = claimed;
  const now = core.clock.wall();
  const facts: EventFacts = { ...rowFacts(row), dispatched: true, reason: reasonFacts(UNSETTLED), status: "UNKNOWN" };
  const request: SettleRequest = {
    ...whose(core, row, now),
    status: "UNKNOWN",
    reason: UNSETTLED,
    result: null,
    ended,
    vault: [],
    event: sealEvent("job.settled", now, facts),
  };
  await record(core, request).catch(() => undefined);
}

/** A result that came after its time: recorded like any other, and released to nobody. */
export async function recordLate(core: Core, claimed: Claimed, seen: Seen, attempt: number): Promise<void> {
  const { row } = claimed;
  const recorded = recordedValue(row, seen, `late:${attempt}`);
  const now = core.clock.wall();
  const facts: EventFacts = {
    ...rowFacts(row),
    attempt,
    ended: seen.status,
    findings: findingFacts(seen.findings),
    output: recorded?.commitment ?? null,
    ...streamFacts(seen),
  };
  const request: SettleRequest = {
    ...whose(core, row, now),
    status: null,
    reason: reasonOf(seen),
    result: null,
    ended: true,
    vault: kept(core, seen, recorded),
    event: sealEvent("job.late", now, facts),
  };
  await record(core, request);
}

interface Recorded {
  readonly commitment: string;
  /** Null where the value itself is not there any more. */
  readonly row: VaultRow | null;
}

/** The value that is kept beside the log, under a commitment of its own. */
function recordedValue(row: JobRow, seen: Seen, as?: VaultKind): Recorded | null {
  const [kind, value] = privateValue(seen);
  const { tenantId, id: jobId } = row;
  if (seen.status === "SUCCEEDED" && seen.streamed !== undefined) {
    // Committed to chunk by chunk, as it left.
    const { salt, commitment } = seen.streamed;
    return { commitment, row: value === null ? null : { tenantId, jobId, kind: as ?? kind, salt, value } };
  }
  if (value === null) return null;
  const salt = freshSalt();
  return { commitment: commit(salt, value), row: { tenantId, jobId, kind: as ?? kind, salt, value } };
}

/** What of it is stored: a value over the size limit, or one that the host wants discarded, leaves its commitment alone. */
function kept({ settings }: Core, { status }: Seen, recorded: Recorded | null): readonly VaultRow[] {
  const row = recorded?.row ?? null;
  if (row === null || row.value.length > MAX_KEPT) return [];
  return status === "QUARANTINED" && settings.quarantined === "discard" ? [] : [row];
}

function privateValue(seen: Seen): readonly [VaultKind, string | null] {
  switch (seen.status) {
    case "SUCCEEDED":
      return ["output", seen.encoded];
    case "QUARANTINED":
      return ["held", seen.held];
    default:
      return ["error", JSON.stringify(seen.error)];
  }
}

function attemptFacts({ attempt, ended, durationMs }: Attempt): Json {
  return { attempt, ended, duration_ms: Math.round(durationMs) };
}
