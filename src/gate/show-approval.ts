import type { AdmittedJob } from "../job/job.js";
import type { Decision } from "../outcome.js";
import { standsUntil, viewOf } from "../store/approval-state.js";
import type { StoredApproval } from "../store/port.js";
import type { ApprovalRow, ShownFacts } from "../store/rows.js";
import type { Approval, ShownApproval } from "./approval.js";
import { type Asked, changesBetween } from "./approval-changes.js";
import { renderApproval } from "./approval-text.js";
import { summarize } from "./recorded.js";
import { readBack } from "./stored-job.js";

/** A request as data, at a moment. */
export function showApproval({ row, votes, vault, before, checkpoint }: StoredApproval, now: number): Approval {
  const { state, expiresAt } = summarize(row, now);
  const shown = JSON.parse(row.shown) as ShownFacts;
  return Object.freeze({
    id: row.id,
    state,
    view: viewOf(row),
    tenantId: row.tenantId,
    jobId: row.jobId,
    traceId: row.traceId,
    jobHash: row.jobHash,
    snapshot: row.snapshot,
    fingerprint: row.fingerprint,
    binding: row.binding,
    dispatcher: row.dispatcher,
    job: jobOf(row, vault),
    derivedTags: shown.derivedTags,
    derivedSince: row.derivedTags.filter((tag) => !shown.derivedTags.includes(tag)),
    decision: JSON.parse(row.decision) as Decision,
    constraints: shown.constraints,
    requirements: row.requirements,
    requesters: row.requesters,
    queuedSince: row.queuedSince,
    requestedAt: row.requestedAt,
    ageMs: Math.max(0, now - row.queuedSince),
    expiresAt,
    useWithinMs: row.useWithinMs,
    rejectionStandsMs: row.rejectionStandsMs,
    decidedAt: row.decidedAt,
    resolvedAt: row.resolvedAt,
    resolvedBy: row.resolvedBy,
    supersedes: row.supersedes,
    supersededBy: row.supersededBy,
    changes: before === null ? [] : changesBetween(askedBy(before), askedBy(row)),
    standsUntil: standsUntil(row),
    checkpoint: checkpoint?.note ?? null,
    votes: votes.map((vote) => ({
      approver: { id: vote.approverId, kind: vote.kind, roles: vote.roles, assurance: vote.assurance },
      vote: vote.vote,
      at: vote.at,
      note: vault.get(`note:${row.id}:${vote.number}`) ?? null,
      confirmed: vote.view !== null,
    })),
  });
}

/** A request with all that a reviewer needs, as text that is safe to show. */
export function showInFull(stored: StoredApproval, now: number): ShownApproval {
  const approval = showApproval(stored, now);
  return Object.freeze({ ...approval, text: renderApproval(approval) });
}

function askedBy(row: ApprovalRow): Asked {
  const { derivedTags, constraints } = JSON.parse(row.shown) as ShownFacts;
  const { requirements, snapshot, dispatcher, binding, useWithinMs, rejectionStandsMs } = row;
  return {
    binding,
    expiresInMs: row.expiresAt - row.requestedAt,
    useWithinMs,
    rejectionStandsMs,
    decision: JSON.parse(row.decision) as Decision,
    requirements,
    constraints,
    derivedTags,
    snapshot,
    dispatcher,
  };
}

/** The job as it was hashed; null where it was erased, or is not what was hashed. */
function jobOf(row: ApprovalRow, vault: StoredApproval["vault"]): AdmittedJob | null {
  const read = readBack(vault, { id: row.jobId, traceId: row.traceId, hash: row.jobHash });
  return read.ok ? read.admission.job : null;
}

/** Whether there is anything to approve. */
export function isReadable({ row, vault }: StoredApproval): boolean {
  return jobOf(row, vault) !== null;
}
