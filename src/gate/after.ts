import { commit, freshSalt } from "../digest.js";
import type { Dispatch } from "../dispatch/dispatcher.js";
import { issuePermit, type Permit } from "../dispatch/permit.js";
import { type Attempt, type Ending, type RunEnd, runAttempts } from "../dispatch/run.js";
import {
  boundList,
  constraintFacts,
  type EventFacts,
  findingFacts,
  reasonFacts,
  sealEvent,
} from "../evidence/event.js";
import { type Admission, readmit } from "../job/admit.js";
import type { Constraints, Decision, Finding, Json, Outcome, OutcomeError, OutputRule, Reason } from "../outcome.js";
import { inspectError, inspectOutput } from "../output/inspect.js";
import { decideAdmitted } from "../policy/policy.js";
import type { ClaimAnswer, SettleRequest } from "../store/port.js";
import type { ApprovalRow, JobRow, VaultKind, VaultRow } from "../store/rows.js";
import { type Core, type InForce, SETTLE_WAIT_MS } from "./core.js";
import { uuidv7 } from "./ids.js";
import { type SettledResult, summarize } from "./recorded.js";
import type { Judged } from "./submission.js";

/** A job whose claim is on disk. From the call of its function on, the effect may have happened. */
export interface Claimed {
  readonly row: JobRow;
  readonly approval: ApprovalRow | null;
  readonly admission: Admission;
  readonly derivedTags: readonly string[];
  readonly decision: Decision | null;
  readonly constraints: Constraints;
  readonly inForce: InForce;
  readonly dispatch: Dispatch;
  readonly signal: AbortSignal | undefined;
  readonly permitFor: (attempt: number) => Permit;
  readonly firstPermit: Permit;
}

/** Takes the claimed job over. The last step before the dividing line. */
export function takeOver(judged: Judged, answer: Extract<ClaimAnswer, { readonly status: "claimed" }>): Claimed {
  const { admission, asked, chosen, derivedTags, signal } = judged;
  const { job: row, approval } = answer;
  if (chosen.dispatch === null) throw new TypeError("a claim needs a dispatch function");
  const { inForce } = asked;
  const permitFor = (attempt: number): Permit =>
    issuePermit({
      jobId: row.id,
      tenantId: row.tenantId,
      jobHash: row.hash,
      snapshot: inForce.policy.snapshot,
      dispatcher: chosen.name,
      attempt,
    });
  return {
    row,
    approval,
    // An equal submission without an id is the job that was asked for first, under that job's ids.
    admission: row.id === admission.job.id ? admission : adopted(admission, row),
    derivedTags,
    decision: asked.decision,
    constraints: asked.constraints,
    inForce,
    dispatch: chosen.dispatch,
    signal,
    permitFor,
    firstPermit: permitFor(1),
  };
}

function adopted(admission: Admission, row: JobRow): Admission {
  return readmit(admission.canonical, {
    id: row.id,
    traceId: row.traceId,
    annotations: admission.job.annotations,
  });
}

/** Gives up a claim whose function was never called. Its approval stays used: whoever wants it to run asks again. */
export async function abandon(core: Core, row: JobRow): Promise<void> {
  const reason: Reason = {
    code: "internal_error",
    message: "the gate failed between the claim and the dispatch, so nothing was dispatched",
  };
  const facts = { ...rowFacts(row), status: "DENIED", dispatched: false, reason: reasonFacts(reason) };
  try {
    const now = core.clock.wall();
    await core.store.settle({
      ...whose(core, row, now),
      status: "DENIED",
      reason,
      result: null,
      vault: [],
      event: sealEvent("job.settled", now, facts),
    });
  } catch {
    // The claim stays as it is, and ends as `UNKNOWN` when this gate is gone: never as free to run.
  }
}

/** Dispatch, inspect, settle. Rejects only when one of them fails; the caller turns that into `UNKNOWN`. */
export async function finish(core: Core, claimed: Claimed): Promise<Outcome> {
  const startedAt = core.clock.monotonic();
  const end = await dispatch(core, claimed);
  const seen = inspect(claimed, end, outputRules(core, claimed));
  return settle(core, claimed, { end, seen, durationMs: core.clock.monotonic() - startedAt });
}

function dispatch(core: Core, claimed: Claimed): Promise<RunEnd> {
  const { row, admission } = claimed;
  return runAttempts({
    job: admission.job,
    dispatch: claimed.dispatch,
    constraints: claimed.constraints,
    idempotencyKey: `${row.tenantId}/${row.id}`,
    permitFor: (attempt) => (attempt === 1 ? claimed.firstPermit : claimed.permitFor(attempt)),
    signal: claimed.signal,
    monotonic: core.clock.monotonic,
    mayRetry: (attempt) => mayRetry(core, claimed, attempt),
    onLate: (ending, attempt) => {
      const work: Promise<void> = recordLate(core, claimed, ending, attempt)
        .catch(() => undefined)
        .finally(() => core.background.delete(work));
      core.background.add(work);
    },
  });
}

/** Before each further attempt the policy in force is asked again; what it would now refuse or tighten is not run again. */
async function mayRetry(core: Core, claimed: Claimed, attempt: number): Promise<boolean> {
  const { row, admission, derivedTags } = claimed;
  for (let round = 0; round < 3; round += 1) {
    const { policy, epoch } = core.inForce();
    const same = policy.snapshot === claimed.inForce.policy.snapshot;
    const now = core.clock.wall();
    if (!same) {
      const decision = decideAdmitted(policy, admission.job, derivedTags, core.settings.declaredTags);
      // An approval was given under the policy that asked for it, and limits were taken under it: neither carries over.
      if (decision.type !== "ALLOW" && decision.type !== "ALLOW_WITH_CONSTRAINTS") return false;
      if (JSON.stringify(decision.constraints) !== JSON.stringify(claimed.decision?.constraints)) return false;
    }
    const facts = { ...rowFacts(row), attempt, epoch, snapshot: policy.snapshot };
    const event = sealEvent("job.retried", now, facts);
    const answer = await core.store.change({ kind: "retry", now, waitMs: SETTLE_WAIT_MS, epoch, event });
    if (answer.status === "done") return true;
    await core.adopt();
  }
  return false;
}

/** The output rules of the claim, joined with those in force now: a rule that came in between still holds back. */
function outputRules(core: Core, claimed: Claimed): readonly OutputRule[] {
  const claimedRules = claimed.decision?.obligations.outputs ?? [];
  const { policy } = core.inForce();
  if (policy.snapshot === claimed.inForce.policy.snapshot) return claimedRules;
  const live = decideAdmitted(policy, claimed.admission.job, claimed.derivedTags, core.settings.declaredTags);
  return [...claimedRules, ...live.obligations.outputs];
}

/** What a run ended in, after inspection: nothing here has not been looked at. */
type Seen =
  | {
      readonly status: "SUCCEEDED";
      readonly value: unknown;
      readonly encoded: string;
      readonly findings: readonly Finding[];
    }
  | { readonly status: "FAILED" | "TIMED_OUT"; readonly error: OutcomeError; readonly findings: readonly Finding[] }
  | {
      readonly status: "QUARANTINED";
      readonly held: string | null;
      readonly message: string;
      readonly findings: readonly Finding[];
    };

function inspect(claimed: Claimed, end: Ending | { readonly kind: "timed_out" }, rules: readonly OutputRule[]): Seen {
  switch (end.kind) {
    case "returned": {
      const inspection = inspectOutput(end.value, rules);
      const { findings } = inspection;
      if (inspection.verdict === "clear") {
        return { status: "SUCCEEDED", value: inspection.output.value, encoded: inspection.output.encoded, findings };
      }
      return { status: "QUARANTINED", held: inspection.held, message: inspection.message, findings };
    }
    case "threw": {
      const { error, findings } = inspectError(end.error, rules);
      return { status: "FAILED", error, findings };
    }
    case "timed_out": {
      const message = `the run time of ${claimed.constraints.maxRuntimeSec} s is over`;
      return { status: "TIMED_OUT", error: { name: "TimeoutError", message }, findings: [] };
    }
  }
}

interface Ended {
  readonly end: RunEnd;
  readonly seen: Seen;
  readonly durationMs: number;
}

/** Characters of a recorded output, beyond which only its commitment is kept and a replay answers without it. */
const MAX_KEPT = 262_144;

async function settle(core: Core, claimed: Claimed, { end, seen, durationMs }: Ended): Promise<Outcome> {
  const { row } = claimed;
  const now = core.clock.wall();
  const reason = reasonOf(seen);
  const quarantineId = seen.status === "QUARANTINED" ? uuidv7(now) : undefined;
  const recorded = recordedValue(row, seen);
  const result: SettledResult = {
    findings: seen.findings.slice(0, 1_000),
    ...(quarantineId === undefined ? {} : { quarantineId }),
  };
  const facts: EventFacts = {
    ...rowFacts(row),
    status: seen.status,
    dispatched: true,
    reason: reasonFacts(reason),
    constraints: constraintFacts(claimed.constraints),
    attempts: boundList(end.attempts.map(attemptFacts)),
    duration_ms: Math.round(durationMs),
    findings: findingFacts(seen.findings),
    output: recorded?.commitment ?? null,
    quarantine_id: quarantineId ?? null,
  };
  const request: SettleRequest = {
    ...whose(core, row, now),
    status: seen.status,
    reason,
    result: JSON.stringify(result),
    vault: recorded === null || recorded.row.value.length > MAX_KEPT ? [] : [recorded.row],
    event: sealEvent("job.settled", now, facts),
  };
  try {
    const answer = await core.store.settle(request);
    if (answer.status !== "settled") throw new TypeError("the claim is not this gate's any more");
  } catch (error) {
    // What was observed is kept and recorded when the store answers again; until then nobody may rely on it.
    core.unsettled.push(request);
    throw error;
  }
  return outcomeOf(claimed, seen, reason, quarantineId, now);
}

function outcomeOf(
  claimed: Claimed,
  seen: Seen,
  reason: Reason,
  quarantineId: string | undefined,
  now: number,
): Outcome {
  const base = { ...claimedBase(claimed, now), reason };
  switch (seen.status) {
    case "SUCCEEDED":
      return { ...base, status: "SUCCEEDED", output: seen.value, findings: seen.findings };
    case "FAILED":
    case "TIMED_OUT":
      return { ...base, status: seen.status, error: seen.error, findings: seen.findings };
    case "QUARANTINED":
      return { ...base, status: "QUARANTINED", quarantineId: quarantineId ?? "", findings: seen.findings };
  }
}

/** The answer when something failed after the dispatch began: the effect may have happened, and nothing is shown. */
export function unknownOutcome(claimed: Claimed): Outcome {
  const reason: Reason = {
    code: "settle_failed",
    message: "how the job ended could not be recorded; its effect may have happened",
    help: "look at what the job acts on before it is submitted again",
  };
  return { ...claimedBase(claimed, claimed.row.updatedAt), status: "UNKNOWN", reason };
}

function claimedBase(claimed: Claimed, now: number): Omit<Outcome & { status: "UNKNOWN" }, "status" | "reason"> {
  const { row, approval, decision } = claimed;
  return {
    jobId: row.id,
    traceId: row.traceId,
    jobHash: row.hash,
    decision,
    ...(approval === null ? {} : { approval: summarize(approval, now) }),
    dispatched: true,
    degraded: false,
    replayed: false,
  };
}

function reasonOf(seen: Seen): Reason {
  switch (seen.status) {
    case "SUCCEEDED":
      return { code: "completed", message: "the job ran" };
    case "FAILED":
      return { code: "dispatch_failed", message: "the dispatch function threw" };
    case "TIMED_OUT":
      return { code: "runtime_exceeded", message: seen.error.message };
    case "QUARANTINED":
      return { code: "output_quarantined", message: seen.message };
  }
}

/** A result that came after its time: inspected and recorded like any other, and released to nobody. */
async function recordLate(core: Core, claimed: Claimed, ending: Ending, attempt: number): Promise<void> {
  const { row } = claimed;
  const seen = inspect(claimed, ending, outputRules(core, claimed));
  const recorded = recordedValue(row, seen, `late:${attempt}`);
  const now = core.clock.wall();
  const facts: EventFacts = {
    ...rowFacts(row),
    attempt,
    ended: seen.status,
    findings: findingFacts(seen.findings),
    output: recorded?.commitment ?? null,
  };
  await core.store.settle({
    ...whose(core, row, now),
    status: null,
    reason: reasonOf(seen),
    result: null,
    vault: recorded === null || recorded.row.value.length > MAX_KEPT ? [] : [recorded.row],
    event: sealEvent("job.late", now, facts),
  });
}

interface Recorded {
  readonly commitment: string;
  readonly row: VaultRow;
}

/** The value that is kept beside the log, under a commitment of its own. */
function recordedValue(row: JobRow, seen: Seen, as?: VaultKind): Recorded | null {
  const [kind, value] = privateValue(seen);
  if (value === null) return null;
  const salt = freshSalt();
  const { tenantId, id: jobId } = row;
  return { commitment: commit(salt, value), row: { tenantId, jobId, kind: as ?? kind, salt, value } };
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

function rowFacts(row: JobRow): EventFacts {
  return {
    trace_id: row.traceId,
    job_id: row.id,
    tenant_id: row.tenantId,
    approval_id: row.approvalId,
  };
}

function whose(
  core: Core,
  row: JobRow,
  now: number,
): Pick<SettleRequest, "now" | "waitMs" | "owner" | "tenantId" | "jobId"> {
  return { now, waitMs: SETTLE_WAIT_MS, owner: core.ownerId, tenantId: row.tenantId, jobId: row.id };
}
