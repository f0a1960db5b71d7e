import type { Health } from "../../gate/health.js";
import { toWire } from "../../wire.js";
import type { Call, KnownCall } from "../call.js";
import { metricsText } from "../metrics-text.js";
import { answer, jsonAnswer } from "../problem.js";

/**
 * `GET /healthz`: whether the gate takes jobs, for who balances load. It needs no identity, and tells nothing that would need one. A
 * gate that is halted, or that runs degraded, is as it is meant to be: to start it anew would help nothing.
 */
export async function getHealth(call: Call): Promise<Response> {
  const { status, failMode } = await call.gate.health();
  return jsonAnswer(HEALTHY[status] ? 200 : 503, toWire({ status, failMode }));
}

const HEALTHY: Readonly<Record<Health["status"], boolean>> = {
  ok: true,
  halted: true,
  degraded: true,
  unavailable: false,
  closed: false,
};

/** `GET /metrics`: in the text format of OpenMetrics 1.0. */
export async function getMetrics(call: KnownCall): Promise<Response> {
  const { gate } = call;
  await call.permit({ action: "metrics.read", tenantId: null });
  const health = await gate.health();
  // Where the store is away its queue cannot be counted, and the rest is told all the same.
  const queue = health.outage === null ? await gate.approvals.stats().catch(() => null) : null;
  const text = metricsText({ health, queue, metrics: gate.metrics() });
  return answer(200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text);
}
