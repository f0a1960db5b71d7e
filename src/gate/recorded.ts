import type {
  ApprovalSummary,
  Constraints,
  Decision,
  Evaluation,
  Outcome,
  OutcomeBase,
  OutcomeError,
} from "../outcome.js";
import { decodeOutput } from "../output/decode.js";
import { expiryOf, isOpen } from "../store/approval-state.js";
import type { Quarantine } from "../store/quarantine.js";
import type { ApprovalRow, JobRow, VaultKind } from "../store/rows.js";

/** What settling writes beside the status, as JSON. */
export interface SettledResult extends Partial<Quarantine> {
  readonly retryAfterMs?: number;
}

/** The approval as an outcome shows it; a lapse that nobody has recorded yet shows as one. */
export function summarize(approval: ApprovalRow, now: number): ApprovalSummary {
  const expiresAt = expiryOf(approval);
  const lapsed = isOpen(approval) && now >= expiresAt;
  return Object.freeze({
    id: approval.id,
    state: lapsed ? "expired" : approval.state,
    requestedAt: approval.requestedAt,
    expiresAt,
  });
}

/** The outcome that the store's row of a job stands for. */
export function outcomeOfRow(
  row: JobRow,
  approval: ApprovalRow | null,
  values: ReadonlyMap<VaultKind, string>,
  now: number,
  replayed: boolean,
): Outcome {
  const base: OutcomeBase = {
    jobId: row.id,
    traceId: row.traceId,
    jobHash: row.hash === "" ? null : row.hash,
    decision: row.decision === null ? null : (JSON.parse(row.decision) as Decision),
    ...(approval === null ? {} : { approval: summarize(approval, now) }),
    ...(row.constraints === null ? {} : { constraints: JSON.parse(row.constraints) as Constraints }),
    reason: row.reason,
    // Only a claim dispatches, and only a claim gives a job an owner; one that was given up before the call is DENIED.
    dispatched: row.owner !== null && row.status !== "DENIED" && row.reason.code !== "effect_ruled_out",
    degraded: row.degraded,
    replayed,
  };
  const result = (row.result === null ? {} : JSON.parse(row.result)) as SettledResult;
  const findings = result.findings ?? [];
  switch (row.status) {
    case "SUCCEEDED": {
      const encoded = values.get("output");
      return {
        ...base,
        status: "SUCCEEDED",
        output: encoded === undefined ? undefined : decodeOutput(encoded),
        findings,
      };
    }
    case "FAILED":
    case "TIMED_OUT":
      return { ...base, status: row.status, error: errorOf(values, row), findings };
    case "QUARANTINED":
      return { ...base, status: "QUARANTINED", quarantineId: result.quarantineId ?? "", findings };
    case "THROTTLED":
      return { ...base, status: "THROTTLED", retryAfterMs: result.retryAfterMs ?? null };
    default:
      return { ...base, status: row.status };
  }
}

function errorOf(values: ReadonlyMap<VaultKind, string>, row: JobRow): OutcomeError {
  const kept = values.get("error");
  if (kept !== undefined) return JSON.parse(kept) as OutcomeError;
  return { name: "Error", message: row.reason.message };
}

const NEXT: Readonly<Record<Outcome["status"], Evaluation["next"]>> = {
  SUCCEEDED: "finished",
  FAILED: "finished",
  TIMED_OUT: "finished",
  QUARANTINED: "finished",
  UNKNOWN: "finished",
  DENIED: "refused",
  THROTTLED: "retry",
  PENDING_APPROVAL: "wait",
  RUNNING: "wait",
};

/** An outcome, told as what would come next. */
export function evaluationOf(outcome: Outcome): Evaluation {
  const { jobId, traceId, jobHash, decision, approval, reason, status } = outcome;
  return {
    jobId,
    traceId,
    jobHash,
    decision,
    ...(approval === undefined ? {} : { approval }),
    reason,
    next: NEXT[status],
  };
}
