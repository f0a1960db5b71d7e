import type { TraceHeaders } from "../dispatch/trace.js";
import type { ApprovalState, DecisionType, OutcomeStatus, ReasonCode } from "../outcome.js";

/**
 * Is told of each job on its way through a gate: a view for the tools that people run. The log is the evidence, and a view may
 * miss anything. Nothing private comes here: no payload, label, annotation, note, output, error or job hash, and no text but ids
 * and the host's own names.
 *
 * Its functions MUST return at once, since the job waits for them. What they throw, reject with or answer amiss is ignored.
 */
export interface Telemetry {
  /** A job comes in. What it answers is told the rest; null: this job is not looked at. */
  readonly begin: (operation: TelemetryOperation) => TelemetryCall | null;
}

/** How a job came in. */
export type TelemetryOperation = "evaluate_and_dispatch" | "evaluate" | "resume";

/** One job, once through the gate. */
export interface TelemetryCall {
  /** 32 lower-case hex digits, not all zero: the trace id of a job that names none. Absent: the gate makes one. */
  readonly traceId?: string;
  /** MUST call `work` before it returns. `work` does nothing when it is called again, or later. */
  readonly run: (work: () => void) => void;
  /** The job was admitted and decided, and what came of it is durable. */
  readonly decided: (told: TelemetryDecided) => void;
  /** The dispatch function is about to be called. Null: this attempt is not looked at. */
  readonly attempt: (attempt: number) => TelemetryAttempt | null;
  /** The job has ended as far as this call goes, and that is durable where it could be. Always the last, but for `late`. */
  readonly end: (told: TelemetryEnd) => void;
}

/** One call of the dispatch function. */
export interface TelemetryAttempt {
  /** What `ctx.trace` holds. Headers that are not well-formed are left out. */
  readonly headers?: TraceHeaders;
  /** As in {@link TelemetryCall}: `work` calls the dispatch function. */
  readonly run: (work: () => void) => void;
  /** It ended, or is no longer waited for. */
  readonly end: (told: TelemetryAttemptEnd) => void;
  /** It ended although nobody waited for it any more. */
  readonly late: (told: TelemetryLate) => void;
}

/** What was decided. */
export interface TelemetryDecision {
  readonly type: DecisionType;
  readonly ruleId: string;
  readonly snapshot: string;
}

/** A job that was decided. */
export interface TelemetryDecided {
  readonly jobId: string;
  readonly tenantId: string;
  readonly topic: string;
  readonly actor: { readonly id: string; readonly type: string } | null;
  readonly dispatcher: string;
  /** Null where the gate could not come to one. */
  readonly decision: TelemetryDecision | null;
  /** Its request; `began`: this call asked for it, or joined it. */
  readonly approval: { readonly id: string; readonly began: "requested" | "joined" | null } | null;
  /** Milliseconds from the beginning until the answer was durable. */
  readonly durationMs: number;
}

/** How a job ended. */
export interface TelemetryEnd {
  readonly jobId: string | null;
  /** What the record has: the job's own where it named one. */
  readonly traceId: string | null;
  /** Null where an evaluation found that the job may be dispatched. */
  readonly status: OutcomeStatus | null;
  readonly reason: { readonly code: ReasonCode; readonly ruleId: string | null };
  readonly decision: TelemetryDecision | null;
  readonly approval: { readonly id: string; readonly state: ApprovalState } | null;
  readonly dispatched: boolean;
  readonly replayed: boolean;
  /** Calls of the dispatch function, in this call of the gate. */
  readonly attempts: number;
  readonly findings: TelemetryFindings;
  readonly quarantineId: string | null;
}

/** What inspection found: how much of which kind. Never what, nor where. */
export interface TelemetryFindings {
  readonly count: number;
  /** Each kind once, the first 32. */
  readonly kinds: readonly string[];
}

/** How an attempt ended. */
export interface TelemetryAttemptEnd {
  readonly ended: "returned" | "threw" | "no_effect" | "timed_out";
  /** Milliseconds on the monotonic clock. */
  readonly durationMs: number;
}

/** What came late, as it was recorded. Nothing of it is released. */
export interface TelemetryLate {
  readonly ended: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "QUARANTINED";
  readonly findings: TelemetryFindings;
}
