import type { Decision, Evaluation, Finding, Outcome } from "../outcome.js";
import type { Seen } from "./seen.js";
import type { Judged } from "./submission.js";
import type {
  TelemetryDecided,
  TelemetryDecision,
  TelemetryEnd,
  TelemetryFindings,
  TelemetryLate,
} from "./telemetry.js";

/** A job that was decided. */
export function decidedFacts({ admission, asked, chosen }: Judged, durationMs: number): TelemetryDecided {
  const { actor, id, tenantId, topic } = admission.job;
  const { answer, decision } = asked;
  const approval = "approval" in answer ? answer.approval : null;
  const events = answer.events.map(({ type }) => type);
  const joined = events.includes("approval.joined") ? "joined" : null;
  const began = events.includes("approval.requested") ? "requested" : joined;
  return {
    jobId: "job" in answer ? answer.job.id : id,
    tenantId,
    topic,
    actor: actor === null ? null : { id: actor.id, type: actor.type },
    dispatcher: chosen.name,
    decision: decisionFacts(decision),
    approval: approval === null ? null : { id: approval.id, began },
    durationMs,
  };
}

/** How a job ended, or what an evaluation said of it. */
export function endFacts(ended: Outcome | Evaluation, attempts: number): TelemetryEnd {
  const { jobId, traceId, decision, approval, reason } = ended;
  const base = {
    jobId,
    traceId,
    reason: { code: reason.code, ruleId: reason.ruleId ?? null },
    decision: decisionFacts(decision),
    approval: approval === undefined ? null : { id: approval.id, state: approval.state },
    attempts,
  };
  if (!("status" in ended)) {
    return { ...base, status: null, dispatched: false, replayed: false, findings: NOTHING, quarantineId: null };
  }
  return {
    ...base,
    status: ended.status,
    dispatched: ended.dispatched,
    replayed: ended.replayed,
    findings: "findings" in ended ? findingFacts(ended.findings) : NOTHING,
    quarantineId: ended.status === "QUARANTINED" ? ended.quarantineId : null,
  };
}

function decisionFacts(decision: Decision | null): TelemetryDecision | null {
  if (decision === null) return null;
  const { type, ruleId, snapshot } = decision;
  return { type, ruleId, snapshot };
}

const NOTHING: TelemetryFindings = { count: 0, kinds: [] };

/** Kinds that are told of one output. */
const MOST_KINDS = 32;

function findingFacts(findings: readonly Finding[]): TelemetryFindings {
  if (findings.length === 0) return NOTHING;
  const kinds = [...new Set(findings.map(({ kind }) => kind))].slice(0, MOST_KINDS);
  return { count: findings.length, kinds };
}

/** What came late. */
export function lateFacts({ status, findings }: Seen): TelemetryLate {
  return { ended: status, findings: findingFacts(findings) };
}
