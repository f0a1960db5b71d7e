import type { Timeline } from "../../gate/timeline.js";
import { toWire } from "../../wire.js";
import { hasPartIn, type KnownCall } from "../call.js";
import { HttpProblem, jsonAnswer } from "../problem.js";

/** `GET /api/v1/traces/:trace_id`: everything that happened under one trace id, in order. */
export async function getTrace(call: KnownCall): Promise<Response> {
  const { traceId, entries } = await traceAsked(call);
  const told = entries.map(({ seq, type, at, approvalId, summary, note, body }) => ({
    ...(toWire({ seq, type, at, approvalId, summary, note }) as object),
    body,
  }));
  return jsonAnswer(200, { trace_id: traceId, entries: told });
}

/** Reads what is theirs of the trace that `trace_id` names. Throws an {@link HttpProblem} where that is nothing, or they may not. */
export async function traceAsked(call: KnownCall): Promise<Timeline> {
  const { gate, identity } = call;
  const traceId = call.param("trace_id");
  await call.permit({ action: "traces.read", tenantId: null, traceId });
  const { entries } = await gate.audit.timeline(traceId);
  // Anybody can name their jobs' trace like another tenant's: of a trace, each sees what is theirs.
  const seen = entries.filter(({ body }) => typeof body.tenant_id !== "string" || hasPartIn(identity, body.tenant_id));
  if (seen.length === 0) {
    throw new HttpProblem({ status: 404, code: "trace_unknown", detail: "there is nothing under that trace id" });
  }
  return { traceId, entries: seen };
}

/** `GET /api/v1/audit/checkpoint`: what was signed of the log last, with the key that checks it. */
export async function getCheckpoint(call: KnownCall): Promise<Response> {
  await call.permit({ action: "audit.read", tenantId: null });
  const latest = await call.gate.audit.latest();
  if (latest === null) {
    throw new HttpProblem({ status: 404, code: "checkpoint_unknown", detail: "nothing of the log is signed yet" });
  }
  return jsonAnswer(200, { ...(toWire(latest) as object), key: call.gate.audit.key });
}
