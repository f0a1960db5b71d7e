import type { EventType } from "../../evidence/event.js";
import type { ApprovalState, JsonObject, OutcomeStatus, Reason } from "../../outcome.js";
import type { ApprovalMark, LoggedEvent } from "../port.js";
import type {
  ActivePolicy,
  ApprovalRow,
  CheckpointRow,
  HaltRow,
  JobHold,
  JobRow,
  KeptValue,
  OwnerRow,
  PolicyHead,
  VaultKind,
  VaultRow,
  VoteRow,
} from "../rows.js";
import type { Row } from "./driver.js";

// One row of each table as the port has it. Nothing but these readers knows the names of columns on the way out.

export function one<T>(row: Row | undefined, read: (row: Row) => T): T | null {
  return row === undefined ? null : read(row);
}

export function headOf(row: Row): PolicyHead {
  return { epoch: row.epoch as number, snapshot: row.snapshot as string };
}

export function policyOf(row: Row): ActivePolicy {
  return { epoch: row.epoch as number, snapshot: row.snapshot as string, document: row.document as string };
}

export function haltOf(row: Row): HaltRow {
  return {
    number: row.number as number,
    halted: row.halted === 1,
    by: row.by_id as string,
    reason: row.reason as string,
    abort: row.abort as HaltRow["abort"],
    at: row.at as number,
  };
}

export function ownerOf(row: Row): OwnerRow {
  return {
    id: row.id as string,
    pid: row.pid as number,
    realm: row.realm as string,
    started: row.started as string,
    leaseUntil: row.lease_until as number,
    failMode: row.fail_mode === "open" ? "open" : "closed",
  };
}

export function jobOf(row: Row): JobRow {
  return {
    tenantId: row.tenant_id as string,
    id: row.id as string,
    traceId: row.trace_id as string,
    hash: row.hash as string,
    status: row.status as OutcomeStatus,
    owner: row.owner as string | null,
    dispatcher: row.dispatcher as string,
    approvalId: row.approval_id as string | null,
    decision: row.decision as string | null,
    reason: JSON.parse(row.reason as string) as Reason,
    constraints: row.constraints as string | null,
    result: row.result as string | null,
    commitment: row.commitment as string,
    requesters: row.requesters === null ? null : (JSON.parse(row.requesters as string) as string[]),
    createdAt: row.created_at as number,
    updatedAt: row.updated_at as number,
    erasedAt: row.erased_at as number | null,
    degraded: row.degraded === 1,
  };
}

export function checkpointOf(row: Row): CheckpointRow {
  return { size: row.size as number, at: row.at as number, note: row.note as string };
}

export function keptOf(row: Row): KeptValue {
  return { salt: row.salt as string, value: row.value as string };
}

export function privateOf(row: Row): VaultRow {
  return {
    tenantId: row.tenant_id as string,
    jobId: row.job_id as string,
    kind: row.kind as VaultKind,
    salt: row.salt as string,
    value: row.value as string,
  };
}

export function holdOf(row: Row): JobHold {
  return {
    owner: row.owner as string | null,
    status: row.status as OutcomeStatus,
    erasedAt: row.erased_at as number | null,
    pooled: row.pooled === 1,
  };
}

export function approvalOf(row: Row): ApprovalRow {
  return {
    id: row.id as string,
    key: row.key as string,
    tenantId: row.tenant_id as string,
    jobId: row.job_id as string,
    traceId: row.trace_id as string,
    jobHash: row.job_hash as string,
    commitment: row.commitment as string,
    actorKey: row.actor_key as string,
    snapshot: row.snapshot as string,
    epoch: row.epoch as number,
    binding: row.binding as ApprovalRow["binding"],
    fingerprint: row.fingerprint as string,
    dispatcher: row.dispatcher as string,
    state: row.state as ApprovalState,
    requirements: JSON.parse(row.requirements as string) as ApprovalRow["requirements"],
    requesters: JSON.parse(row.requesters as string) as string[],
    derivedTags: JSON.parse(row.derived_tags as string) as string[],
    decision: row.decision as string,
    shown: row.shown as string,
    queuedSince: row.queued_since as number,
    requestedAt: row.requested_at as number,
    expiresAt: row.expires_at as number,
    useWithinMs: row.use_within_ms as number,
    rejectionStandsMs: row.rejection_stands_ms as number,
    decidedAt: row.decided_at as number | null,
    resolvedAt: row.resolved_at as number | null,
    resolvedBy: row.resolved_by as string | null,
    liftedAt: row.lifted_at as number | null,
    supersedes: row.supersedes as string | null,
    supersededBy: row.superseded_by as string | null,
  };
}

export function markOf(row: Row): ApprovalMark {
  return {
    id: row.id as string,
    tenantId: row.tenant_id as string,
    state: row.state as ApprovalState,
    decidedAt: row.decided_at as number | null,
    useWithinMs: row.use_within_ms as number,
    expiresAt: row.expires_at as number,
  };
}

export function voteOf(row: Row): VoteRow {
  return {
    approvalId: row.approval_id as string,
    number: row.number as number,
    approverId: row.approver_id as string,
    approverKey: row.approver_key as string,
    kind: row.kind as VoteRow["kind"],
    roles: JSON.parse(row.roles as string) as string[],
    assurance: row.assurance as VoteRow["assurance"],
    vote: row.vote as VoteRow["vote"],
    view: row.view as string | null,
    at: row.at as number,
  };
}

export function eventOf(row: Row): LoggedEvent {
  const text = Buffer.from(row.bytes as Uint8Array).toString("utf8");
  const body = JSON.parse(text) as JsonObject;
  return {
    seq: row.seq as number,
    type: row.type as EventType,
    // The column holds the highest time so far, for which it is looked at.
    at: body.at as number,
    traceId: row.trace_id as string | null,
    approvalId: row.approval_id as string | null,
    text,
    body,
  };
}
