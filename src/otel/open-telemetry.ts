import { NO_TRACE, type TraceHeaders } from "../dispatch/trace.js";
import type {
  Telemetry,
  TelemetryAttempt,
  TelemetryCall,
  TelemetryDecided,
  TelemetryEnd,
  TelemetryOperation,
} from "../gate/telemetry.js";
import type { ReasonCode } from "../outcome.js";
import { type Api, type Attributes, type Context, loadApi, type Span, type Tracer } from "./api.js";
import { decisionAttributes, defined, findingAttributes } from "./attributes.js";
import { createInstruments, type Instruments } from "./instruments.js";

/** The instrumentation scope of all that is made here. */
const SCOPE = "dispatch-gate";

/** `SpanStatusCode.ERROR` of the API, which a module's default export does not hold. */
const ERROR = Object.freeze({ code: 2 });

/**
 * Telemetry for OpenTelemetry: spans and metrics through `@opentelemetry/api`, wherever the host's SDK sends them. Without a
 * registered SDK all of it does nothing. Give it to `createGate` as `telemetry`. Rejects with a {@link TelemetryError} when
 * `@opentelemetry/api` (1.9 or newer) is not installed.
 */
export async function openTelemetry(): Promise<Telemetry> {
  const api = await loadApi();
  const tracer = api.trace.getTracer(SCOPE);
  let instruments: Instruments | undefined;
  return Object.freeze({
    begin: (operation: TelemetryOperation) => {
      // A tracer finds an SDK that is registered later; a meter does not, so it is asked for with the first job.
      instruments ??= createInstruments(api.metrics.getMeter(SCOPE));
      return beginCall({ api, tracer, instruments }, operation);
    },
  });
}

interface Parts {
  readonly api: Api;
  readonly tracer: Tracer;
  readonly instruments: Instruments;
}

function beginCall(parts: Parts, operation: TelemetryOperation): TelemetryCall {
  const { api, tracer, instruments } = parts;
  const host = api.context.active();
  const attributes = { "dispatch_gate.operation": operation };
  const span = tracer.startSpan(`dispatch_gate.${operation}`, { attributes }, host);
  const own = api.trace.setSpan(host, span);
  const context = span.spanContext();
  let decided: TelemetryDecided | undefined;
  return {
    ...(api.trace.isSpanContextValid(context) ? { traceId: context.traceId } : {}),
    run: (work) => void api.context.with(own, work),
    decided: (told) => {
      decided = told;
      span.setAttributes(jobAttributes(told));
      span.addEvent("dispatch_gate.decided", decisionAttributes(told.decision));
      const { approval } = told;
      if (approval !== null && approval.began !== null) {
        span.addEvent(`dispatch_gate.approval.${approval.began}`, { "dispatch_gate.approval.id": approval.id });
      }
      instruments.decided(told);
    },
    attempt: (attempt) => beginAttempt(parts, own, attempt, decided),
    end: (told) => {
      span.setAttributes(endAttributes(told));
      if (told.findings.count > 0) span.addEvent("dispatch_gate.findings", findingAttributes(told.findings));
      if (isError(told)) fail(span, told.reason.code);
      span.end();
      instruments.ended(told);
    },
  };
}

function beginAttempt(
  { api, tracer, instruments }: Parts,
  parent: Context,
  attempt: number,
  decided: TelemetryDecided | undefined,
): TelemetryAttempt {
  const attributes = defined({
    "dispatch_gate.attempt.number": attempt,
    "dispatch_gate.dispatcher": decided?.dispatcher,
    "dispatch_gate.job.id": decided?.jobId,
  });
  const span = tracer.startSpan("dispatch_gate.dispatch", { attributes }, parent);
  const own = api.trace.setSpan(parent, span);
  let endedAt: number | undefined;
  return {
    headers: headersOf(api, span),
    run: (work) => void api.context.with(own, work),
    end: (told) => {
      endedAt = Date.now();
      span.setAttributes({ "dispatch_gate.attempt.ended": told.ended });
      if (told.ended !== "returned") fail(span, told.ended);
      span.end();
      instruments.attempted(told, decided?.dispatcher);
    },
    late: ({ ended, findings }) => {
      // An ended span takes nothing more. This one lasts from there until the function had really ended.
      const late = { ...attributes, "dispatch_gate.late.ended": ended, ...findingAttributes(findings) };
      const startTime = endedAt ?? Date.now();
      tracer.startSpan("dispatch_gate.late", { attributes: late, startTime }, own).end();
    },
  };
}

/** Made here, since a propagator of the host's may write other headers, and baggage. */
function headersOf(api: Api, span: Span): TraceHeaders {
  const context = span.spanContext();
  if (!api.trace.isSpanContextValid(context)) return NO_TRACE;
  const { traceId, spanId, traceFlags, traceState } = context;
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  const tracestate = traceState?.serialize();
  return tracestate === undefined || tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

/** What the gate could not do for faults of its own or of what it stands on. */
const FAULTS: ReadonlySet<ReasonCode> = new Set([
  "store_unavailable",
  "deadline_exceeded",
  "derive_tags_failed",
  "internal_error",
]);

/** A refusal is what a gate is for, and no error; one for want of a store or of time is. */
function isError({ status, reason }: TelemetryEnd): boolean {
  return status === "FAILED" || status === "TIMED_OUT" || status === "UNKNOWN" || FAULTS.has(reason.code);
}

function fail(span: Span, type: string): void {
  span.setAttributes({ "error.type": type });
  span.setStatus(ERROR);
}

function jobAttributes({
  jobId,
  tenantId,
  topic,
  actor,
  dispatcher,
  decision,
  approval,
}: TelemetryDecided): Attributes {
  return defined({
    "dispatch_gate.job.id": jobId,
    "dispatch_gate.tenant.id": tenantId,
    "dispatch_gate.topic": topic,
    "dispatch_gate.actor.id": actor?.id,
    "dispatch_gate.actor.type": actor?.type,
    "dispatch_gate.dispatcher": dispatcher,
    "dispatch_gate.approval.id": approval?.id,
    ...decisionAttributes(decision),
  });
}

function endAttributes(told: TelemetryEnd): Attributes {
  return defined({
    "dispatch_gate.job.id": told.jobId ?? undefined,
    "dispatch_gate.trace.id": told.traceId ?? undefined,
    "dispatch_gate.status": told.status ?? undefined,
    "dispatch_gate.reason.code": told.reason.code,
    "dispatch_gate.reason.rule.id": told.reason.ruleId ?? undefined,
    "dispatch_gate.approval.id": told.approval?.id,
    "dispatch_gate.approval.state": told.approval?.state,
    "dispatch_gate.dispatched": told.dispatched,
    "dispatch_gate.replayed": told.replayed,
    "dispatch_gate.attempts": told.attempts,
    "dispatch_gate.quarantine.id": told.quarantineId ?? undefined,
    ...decisionAttributes(told.decision),
    ...findingAttributes(told.findings),
  });
}
