import type { Decision, Evaluation, JsonObject, Outcome, ReasonCode } from "../outcome.js";
import { encodeOutput } from "../output/encode.js";
import { toWire } from "../wire.js";
import { jsonAnswer, type ProblemStatus, problemAnswer } from "./problem.js";

/** Refusals that say something else than that the policy forbids the job. */
const STATUSES: Partial<Readonly<Record<ReasonCode, ProblemStatus>>> = {
  job_invalid: 400,
  job_id_reused: 409,
  approval_queue_full: 429,
  store_unavailable: 503,
  deadline_exceeded: 503,
  policy_changed: 503,
  gate_halted: 503,
  gate_closed: 503,
  internal_error: 503,
  dispatcher_missing: 503,
  derive_tags_failed: 503,
};

/** Said with every answer where nothing is dispatched. */
const RECORDED_ONLY = "this service records what it decides, and dispatches nothing";

/**
 * The answer to a job: 200 once it has run, however it ended, since asking again runs nothing; 202 while it waits or runs; a
 * problem for what was refused.
 */
export function outcomeAnswer(outcome: Outcome, location: string | null): Response {
  const document = outcomeDocument(outcome);
  const headers = location === null ? {} : { location };
  switch (outcome.status) {
    case "DENIED":
      return refusalAnswer(outcome, document, STATUSES[outcome.reason.code] ?? 403);
    case "THROTTLED":
      return refusalAnswer(outcome, document, 429, outcome.retryAfterMs);
    case "PENDING_APPROVAL":
    case "RUNNING":
      return jsonAnswer(202, document, headers);
    default:
      return jsonAnswer(200, document);
  }
}

/** The answer to a job that is only recorded. */
export function evaluationAnswer(evaluation: Evaluation, location: string | null): Response {
  const { next, reason } = evaluation;
  const document: JsonObject = { ...evaluationDocument(evaluation), recorded_only: true, note: RECORDED_ONLY };
  if (next === "refused") return refusalAnswer(evaluation, document, STATUSES[reason.code] ?? 403);
  if (next === "retry") return refusalAnswer(evaluation, document, 429);
  const headers = location === null ? {} : { location };
  return jsonAnswer(next === "wait" ? 202 : 200, document, next === "wait" ? headers : {});
}

function refusalAnswer(
  { reason }: Pick<Outcome, "reason">,
  document: JsonObject,
  status: ProblemStatus,
  retryAfterMs: number | null = null,
): Response {
  const { code, message, help } = reason;
  // Rounded up: who comes at the second is not a fraction too early.
  const wait = retryAfterMs === null ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) };
  // The outcome's own `status` is a word, and stands inside.
  return problemAnswer({ status, code, detail: message, help, more: { outcome: document }, headers: wait });
}

/** An outcome as its caller may see it: of the decision no more than what it came to, which teaches nobody a way round. */
export function outcomeDocument(outcome: Outcome): JsonObject {
  const { decision, constraints, approval, reason } = outcome;
  const document = {
    jobId: outcome.jobId,
    traceId: outcome.traceId,
    jobHash: outcome.jobHash,
    status: outcome.status,
    decision: decisionDocument(decision),
    approval,
    constraints,
    reason,
    dispatched: outcome.dispatched,
    degraded: outcome.degraded,
    replayed: outcome.replayed,
    ...("findings" in outcome ? { findings: outcome.findings } : {}),
    ...("quarantineId" in outcome ? { quarantineId: outcome.quarantineId } : {}),
    ...("retryAfterMs" in outcome ? { retryAfterMs: outcome.retryAfterMs } : {}),
    ...("error" in outcome ? { error: errorDocument(outcome.error) } : {}),
  };
  const wire = toWire(document) as JsonObject;
  return "output" in outcome ? { ...wire, output: JSON.parse(encodeOutput(outcome.output)) } : wire;
}

const RECORDED_AS: Readonly<Record<Evaluation["next"], string>> = {
  dispatch: "RECORDED",
  finished: "RECORDED",
  wait: "PENDING_APPROVAL",
  retry: "THROTTLED",
  refused: "DENIED",
};

function evaluationDocument({ decision, ...evaluation }: Evaluation): JsonObject {
  return toWire({
    ...evaluation,
    status: RECORDED_AS[evaluation.next],
    decision: decisionDocument(decision),
    dispatched: false,
  }) as JsonObject;
}

function decisionDocument(decision: Decision | null): object | null {
  if (decision === null) return null;
  const { type, ruleId, reason, snapshot, remediations } = decision;
  return { type, ruleId, reason, snapshot, remediations };
}

/** Stacks and properties are the host's own affair. */
function errorDocument({ name, message, code }: Extract<Outcome, { readonly error: unknown }>["error"]): object {
  return { name, message, ...(code === undefined ? {} : { code }) };
}
