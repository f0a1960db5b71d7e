import type { Dispatch } from "../dispatch/dispatcher.js";
import { issuePermit, type Permit } from "../dispatch/permit.js";
import { createStopping, type Stopping } from "../dispatch/stopping.js";
import type { EventFacts } from "../evidence/event.js";
import { type Admission, readmit } from "../job/admit.js";
import type { Constraints, Decision, Outcome, OutcomeBase, Reason } from "../outcome.js";
import { type Fingerprint, fingerprintUnder } from "../output/mark.js";
import type { ClaimAnswer, SettleRequest } from "../store/port.js";
import type { ApprovalRow, JobRow } from "../store/rows.js";
import type { EnforcedBy } from "./claim.js";
import type { Core, InForce } from "./core.js";
import { freshSalt } from "./ids.js";
import { summarize } from "./recorded.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import type { Judged } from "./submission.js";
import type { Watch } from "./watch.js";

/** A job whose claim is on disk. From the call of its function on, the effect may have happened. */
export interface Claimed {
  readonly row: JobRow;
  readonly approval: ApprovalRow | null;
  readonly admission: Admission;
  readonly derivedTags: readonly string[];
  /** Folded ids of the actor, whom it acts for, and who submitted. */
  readonly requesters: readonly string[];
  readonly decision: Decision | null;
  readonly constraints: Constraints;
  /** Names of those that hold the run to what the gate itself cannot, by constraint. */
  readonly enforcedBy: EnforcedBy;
  readonly inForce: InForce;
  /** Tells equal findings in what the job gives back. */
  readonly fingerprint: Fingerprint;
  readonly dispatch: Dispatch;
  readonly stopping: Stopping;
  /** Told the chunks of an output that is passed on as it comes; null where it is gathered first. */
  readonly onStream: ((chunks: AsyncIterable<unknown>) => void) | null;
  readonly watch: Watch | null;
  readonly permitFor: (attempt: number, leftMs: () => number) => Permit;
  readonly firstPermit: Permit;
  /** How long the first attempt still has: told once it begins. */
  readonly first: { leftMs: () => number };
}

/** Takes the claimed job over. The last step before the dividing line. */
export function takeOver(
  core: Core,
  judged: Judged,
  answer: Extract<ClaimAnswer, { readonly status: "claimed" }>,
): Claimed {
  const { admission, asked, chosen, signal, onStream, watch } = judged;
  const { job: row, approval } = answer;
  if (chosen.dispatch === null) throw new TypeError("a claim needs a dispatch function");
  const { inForce } = asked;
  // An approved job runs under no more than what was shown to who approved it.
  const constraints = approval === null ? asked.constraints : (JSON.parse(row.constraints ?? "{}") as Constraints);
  const permitFor = (attempt: number, leftMs: () => number): Permit =>
    issuePermit({
      keys: core.permitKeys,
      now: core.clock.wall,
      leftMs,
      traceId: row.traceId,
      constraints,
      jobId: row.id,
      tenantId: row.tenantId,
      jobHash: row.hash,
      snapshot: inForce.policy.snapshot,
      dispatcher: chosen.name,
      attempt,
    });
  const first = { leftMs: () => 0 };
  return {
    row,
    approval,
    // An equal submission without an id is the job that was asked for first, under that job's ids.
    admission: row.id === admission.job.id ? admission : adopted(admission, row),
    derivedTags: asked.derivedTags,
    requesters: asked.requesters,
    decision: asked.decision,
    constraints,
    enforcedBy: asked.enforcedBy,
    inForce,
    fingerprint: fingerprintOf(core, row.tenantId),
    dispatch: chosen.dispatch,
    stopping: createStopping(signal),
    onStream,
    watch,
    permitFor,
    firstPermit: permitFor(1, () => first.leftMs()),
    first,
  };
}

/** Equal within one tenant under the host's key; without one, within this job alone. */
function fingerprintOf({ settings: { fingerprintKey } }: Core, tenantId: string): Fingerprint {
  if (fingerprintKey !== undefined) return fingerprintUnder(fingerprintKey, tenantId);
  let fresh: Fingerprint | undefined;
  return (kind, found) => {
    // Drawn when the first is asked for, and never written anywhere.
    fresh ??= fingerprintUnder(freshSalt(), "");
    return fresh(kind, found);
  };
}

function adopted(admission: Admission, row: JobRow): Admission {
  return readmit(admission.canonical, {
    id: row.id,
    traceId: row.traceId,
    annotations: admission.job.annotations,
  });
}

/** Why an outcome is `UNKNOWN` to the process that ran the job. */
export const UNSETTLED: Reason = Object.freeze({
  code: "settle_failed",
  message: "how the job ended could not be recorded; its effect may have happened",
  help: "look at what the job acts on before it is submitted again",
});

/** The answer when something failed after the dispatch began: the effect may have happened, and nothing is shown. */
export function unknownOutcome(claimed: Claimed): Outcome {
  return { ...claimedBase(claimed, claimed.row.updatedAt), status: "UNKNOWN", reason: UNSETTLED };
}

/** What every outcome of a claimed job says. */
export function claimedBase(claimed: Claimed, now: number): Omit<OutcomeBase, "reason"> {
  const { row, approval, decision } = claimed;
  return {
    jobId: row.id,
    traceId: row.traceId,
    jobHash: row.hash,
    decision,
    ...(approval === null ? {} : { approval: summarize(approval, now) }),
    constraints: claimed.constraints,
    dispatched: true,
    degraded: row.degraded,
    replayed: false,
  };
}

/** What every event of a claimed job says. */
export function rowFacts(row: JobRow): EventFacts {
  return {
    approval_id: row.approvalId,
    job_id: row.id,
    tenant_id: row.tenantId,
    trace_id: row.traceId,
    ...(row.degraded ? { degraded: true } : {}),
  };
}

/** Whose claim it is, in a settle. */
export function whose(
  core: Core,
  row: JobRow,
  now: number,
): Pick<SettleRequest, "now" | "waitMs" | "owner" | "tenantId" | "jobId"> {
  return { now, waitMs: SETTLE_WAIT_MS, owner: core.ownerId, tenantId: row.tenantId, jobId: row.id };
}
