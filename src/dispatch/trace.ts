/**
 * W3C trace context (https://www.w3.org/TR/trace-context/) as headers: spread them over those of a request to a worker, and
 * its spans are children of this attempt's. Empty where the gate has no telemetry, or nothing is traced.
 */
export type TraceHeaders = {
  /** Version 00: `00-`, 32 hex digits of the trace, 16 of the parent, 2 of flags. */
  readonly traceparent?: string;
  /** At most 512 printable ASCII characters. Never without `traceparent`. */
  readonly tracestate?: string;
};

/** The headers where there is no trace. */
export const NO_TRACE: TraceHeaders = Object.freeze({});

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Members of a list, each a key, `=` and a value: the characters that the specification permits, not all of its grammar. */
const TRACESTATE =
  /^[a-z0-9][a-z0-9_*/@-]*=[\x20-\x2b\x2d-\x3c\x3e-\x7e]+(?:,[a-z0-9][a-z0-9_*/@-]*=[\x20-\x2b\x2d-\x3c\x3e-\x7e]+)*$/;

/** The value where it is a trace id: 32 lower-case hex digits, not all zero. Null for anything else. */
export function traceIdIn(value: unknown): string | null {
  return typeof value === "string" && TRACE_ID.test(value) ? value : null;
}

/** What of it is well-formed, frozen. Reads each header once. */
export function traceHeadersIn(value: unknown): TraceHeaders {
  const { traceparent, tracestate } = (value ?? NO_TRACE) as Readonly<Record<string, unknown>>;
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) return NO_TRACE;
  const isState = typeof tracestate === "string" && tracestate.length <= 512 && TRACESTATE.test(tracestate);
  return Object.freeze(isState ? { traceparent, tracestate } : { traceparent });
}

/** One attempt, as its telemetry is told of it. Nothing here throws. */
export interface WatchedAttempt {
  readonly headers: TraceHeaders;
  /** Calls `work` exactly once, in the context of the attempt where there is one, and answers what it answered. */
  readonly run: <T>(work: () => T) => T;
  readonly end: (ended: "returned" | "threw" | "no_effect" | "timed_out", durationMs: number) => void;
}
