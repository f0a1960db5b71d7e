import { types } from "node:util";
import { StoreError } from "../errors.js";
import { type EventFacts, type EventType, reasonFacts } from "../evidence/event.js";
import { type Admission, admit, type JobIssue } from "../job/admit.js";
import { IDENTIFIER } from "../job/fields.js";
import type { Decision, Outcome, Reason } from "../outcome.js";
import type { Core } from "./core.js";
import { freshTraceId, uuidv7 } from "./ids.js";
import { reasonKey } from "./refusals.js";
import type { Entry } from "./submission.js";

export const CLOSED: Reason = { code: "gate_closed", message: "the gate is closed", help: "open a new gate" };

export const POLICY_CHANGED: Reason = {
  code: "policy_changed",
  message: "the policy changed three times while the job was decided",
  help: "submit the job again",
};

/** Lets the caller's object in, or records that it was not let in. `traceId`: the trace that the host is in; null: none. */
export async function enterJob(core: Core, input: unknown, traceId: string | null): Promise<Entry> {
  const context = {
    jobId: uuidv7(core.clock.wall()),
    traceId: traceId ?? freshTraceId(),
    maxJobBytes: core.settings.maxJobBytes,
  };
  const admitted = admit(input, context);
  return admitted.ok
    ? admitted
    : { ok: false, outcome: await refuseInvalid(core, input, admitted.issue, context.traceId) };
}

/** Records the refusal of something that is not a job. Its ids are the caller's where that much could be read. */
export async function refuseInvalid(
  core: Core,
  input: unknown,
  issue: JobIssue,
  fallbackTraceId: string = freshTraceId(),
): Promise<Outcome> {
  const reason: Reason = {
    code: "job_invalid",
    message: issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`,
    ...(issue.help === undefined ? {} : { help: issue.help }),
  };
  const jobId = ownIdentifier(input, "id") ?? null;
  const traceId = ownIdentifier(input, "traceId") ?? fallbackTraceId;
  const counted = core.refusals.counted(NOBODY);
  const isCounted = counted === "all" || counted.includes(reasonKey(reason));
  core.refusals.refused(NOBODY, reason, isCounted);
  if (!isCounted) await note(core, "job.refused", { trace_id: traceId, job_id: jobId, reason: reasonFacts(reason) });
  return { ...BLANK, jobId, traceId, status: "DENIED", reason };
}

/** What is no job says nothing of who made it that could be believed. */
const NOBODY = { tenantId: null, actorId: null } as const;

/** An id that the object owns as plain data and that would be let in; nothing of the object is run. */
function ownIdentifier(input: unknown, key: "id" | "traceId"): string | undefined {
  if (typeof input !== "object" || input === null || types.isProxy(input)) return undefined;
  const value: unknown = Object.getOwnPropertyDescriptor(input, key)?.value;
  return typeof value === "string" && IDENTIFIER.test(value) ? value : undefined;
}

/** Appends an event that changes no other state. That it cannot be written never turns a refusal into anything else. */
export async function note(core: Core, type: EventType, facts: EventFacts): Promise<void> {
  // Nobody waits for a store that is away.
  if (core.outage.now() !== null) return;
  try {
    await core.store.change({ kind: "note", now: core.clock.wall(), waitMs: core.settings.deadlineMs, type, facts });
  } catch {
    // Refused all the same. A store that fails shows in every answer that needs it.
  }
}

const BLANK = {
  jobId: null,
  traceId: null,
  jobHash: null,
  decision: null,
  dispatched: false,
  degraded: false,
  replayed: false,
} as const;

/** A refusal that no row stands for. */
export function faultOutcome(admission: Admission | null, reason: Reason, decision: Decision | null = null): Outcome {
  if (admission === null) return { ...BLANK, status: "DENIED", reason };
  const { job, hash } = admission;
  return { ...BLANK, jobId: job.id, traceId: job.traceId, jobHash: hash, decision, status: "DENIED", reason };
}

/** The gate's own time was over before the dispatch. */
export function exceeded({ settings }: Core, waitedFor: "the store" | "deriveTags"): Reason {
  if (waitedFor === "deriveTags") return TAGS_LATE;
  return {
    code: "deadline_exceeded",
    message: `the store did not answer within ${settings.deadlineMs} ms`,
    help: "look for a process that holds the database, or give the gate a longer `deadlineMs`",
  };
}

export const TAGS_LATE: Reason = Object.freeze({
  code: "deadline_exceeded",
  message: "deriveTags did not answer before the deadline",
});

export const FAILED_BEFORE: Reason = Object.freeze({
  code: "internal_error",
  message: "the gate failed before the dispatch, so nothing was dispatched",
});

/** Why the gate refuses after something failed. What the failure itself says stays inside: it may hold anything. */
export function reasonOfFault(core: Core, error: unknown, deadline: number): Reason {
  if (!(error instanceof StoreError)) {
    return FAILED_BEFORE;
  }
  if (error.code === "store_busy" && core.clock.monotonic() >= deadline) return exceeded(core, "the store");
  return {
    code: "store_unavailable",
    message: `the store failed: ${error.message}`,
    ...(error.help === undefined ? {} : { help: error.help }),
  };
}
