import { ApprovalError } from "./errors.js";
import { type ApproverInput, readApprover, readNote } from "./gate/approver.js";
import { fingerprint } from "./gate/claim.js";
import { type Core, SETTLE_WAIT_MS } from "./gate/core.js";
import { pageLimit, refuseUnknown } from "./gate/options.js";
import { summarize } from "./gate/recorded.js";
import { readBack } from "./gate/stored-job.js";
import { deriveTags } from "./gate/tags.js";
import type { AdmittedJob } from "./job/job.js";
import type { ApprovalRequirement, ApprovalState, Decision } from "./outcome.js";
import { decideAdmitted } from "./policy/policy.js";
import { foldIdentity } from "./store/approval-state.js";
import type { StoredApproval, VoteAnswer } from "./store/port.js";

/** One vote on a request. */
export interface Vote {
  readonly approver: { readonly id: string; readonly kind: "human" | "service"; readonly roles: readonly string[] };
  readonly vote: "approve" | "reject";
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
  readonly note: string | null;
}

/** A request for approval, as a reviewer sees it. */
export interface Approval {
  readonly id: string;
  readonly state: ApprovalState;
  readonly tenantId: string;
  readonly jobId: string;
  readonly traceId: string;
  /** SHA-256 of the job's canonical bytes: what an approval is bound to, and nothing else. */
  readonly jobHash: string;
  /** SHA-256 of the policy that asked. */
  readonly snapshot: string;
  /** The one dispatcher that may run it. */
  readonly dispatcher: string;
  /** The job, read back from the bytes that were hashed; null once it was erased. */
  readonly job: AdmittedJob | null;
  readonly decision: Decision;
  readonly requirements: readonly ApprovalRequirement[];
  /** Milliseconds since 1970-01-01T00:00:00Z, as are all times here. */
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
  readonly votes: readonly Vote[];
}

/** What a vote carries. */
export interface VoteOptions {
  readonly by: ApproverInput;
  /** Why: at most 4,096 characters, kept beside the log. */
  readonly note?: string;
}

/** Names a request: by its own id, or as the one that a job waits on. */
export type ApprovalRef = string | { readonly jobId: string; readonly tenantId?: string };

/** What a listing asks for. */
export interface ApprovalListOptions {
  /** Default `false`: only requests that are pending or approved. */
  readonly includeResolved?: boolean;
  readonly tenantId?: string;
  /** `next` of the page before. */
  readonly after?: string;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number;
}

/** The approvals of a gate. Approving never runs anything. */
export interface Approvals {
  readonly list: (
    options?: ApprovalListOptions,
  ) => Promise<{ readonly items: readonly Approval[]; readonly next: string | null }>;
  readonly get: (ref: ApprovalRef) => Promise<Approval | null>;
  /** Votes for. Rejects with an {@link ApprovalError} when the vote does not count; the request is then as it was. */
  readonly approve: (ref: ApprovalRef, options: VoteOptions) => Promise<Approval>;
  /** Votes against: one eligible rejection ends the request. */
  readonly reject: (ref: ApprovalRef, options: VoteOptions) => Promise<Approval>;
}

const OPEN: readonly ApprovalState[] = ["pending", "approved"];
const ALL: readonly ApprovalState[] = [...OPEN, "rejected", "expired", "superseded", "consumed"];

/** The approvals of one gate. */
export function createApprovals(core: Core): Approvals {
  const find = async (ref: ApprovalRef): Promise<StoredApproval | null> => {
    const query =
      typeof ref === "string"
        ? ({ kind: "approval", id: ref } as const)
        : ({ kind: "approval_of", jobId: ref.jobId, tenantId: ref.tenantId ?? null } as const);
    const { approvals = [] } = await core.store.read(query);
    if (approvals.length > 1) {
      throw new ApprovalError("job_id_ambiguous", "several tenants have a job of that id", "name the `tenantId`");
    }
    return approvals[0] ?? null;
  };

  const vote = async (ref: ApprovalRef, kind: "approve" | "reject", options: VoteOptions): Promise<Approval> => {
    const approver = readApprover(options);
    const note = readNote(options.note);
    const stored = await find(ref);
    if (stored === null) throw unknown();
    if (kind === "approve") await decideAnew(core, stored);
    const answer = await core.store.vote({
      now: core.clock.wall(),
      waitMs: SETTLE_WAIT_MS,
      approvalId: stored.row.id,
      vote: kind,
      approver,
      approverKey: foldIdentity(approver.id),
      note,
    });
    if (answer.status !== "voted") throw refusalOf(answer);
    return show(core, (await find(stored.row.id)) ?? stored);
  };

  return {
    list: async (options = {}) => {
      refuseUnknown(options, ["includeResolved", "tenantId", "after", "limit"], "approvals.list");
      const { items, next } = await pageOf(core, options);
      const shown = items.map((stored) => show(core, stored));
      const open = shown.filter(({ state }) => options.includeResolved === true || OPEN.includes(state));
      return { items: open, next };
    },
    get: async (ref) => {
      const stored = await find(ref);
      return stored === null ? null : show(core, stored);
    },
    approve: (ref, options) => vote(ref, "approve", options),
    reject: (ref, options) => vote(ref, "reject", options),
  };
}

async function pageOf(
  core: Core,
  options: ApprovalListOptions,
): Promise<{ readonly items: readonly StoredApproval[]; readonly next: string | null }> {
  const page = await core.store.page({
    kind: "approvals",
    states: options.includeResolved === true ? ALL : OPEN,
    tenantId: options.tenantId ?? null,
    after: options.after ?? null,
    limit: pageLimit(options.limit),
  });
  return { items: page.approvals ?? [], next: page.next };
}

/**
 * What was asked for may no longer be what the policy asks: the job is decided again before a vote for it counts.
 * The store checks the snapshot once more, inside the transaction of the vote.
 */
async function decideAnew(core: Core, stored: StoredApproval): Promise<void> {
  const { row } = stored;
  if (row.state !== "pending") return;
  const { head } = await core.store.read({ kind: "policy_head" });
  // Asked under another policy: the store says so, and ends the request in the same step.
  if (head?.snapshot !== row.snapshot) return;
  if (head.epoch !== core.inForce().epoch) await core.adopt();
  const job = jobOf(stored);
  if (job === null) throw new ApprovalError("approval_unknown", "the content of the job was erased");
  const derived = await deriveTags(core, job, core.clock.monotonic() + core.settings.deadlineMs);
  if (!derived.ok)
    throw new ApprovalError("approval_policy_changed", `the job cannot be decided: ${derived.reason.message}`);
  const decision = decideAdmitted(core.inForce().policy, job, derived.tags, core.settings.declaredTags);
  if (decision.type !== "REQUIRE_APPROVAL" || fingerprint(decision, row.dispatcher) !== row.fingerprint) {
    throw policyChanged();
  }
}

function show(core: Core, stored: StoredApproval): Approval {
  const { row, votes, vault } = stored;
  const { state, expiresAt } = summarize(row, core.clock.wall());
  return Object.freeze({
    id: row.id,
    state,
    tenantId: row.tenantId,
    jobId: row.jobId,
    traceId: row.traceId,
    jobHash: row.jobHash,
    snapshot: row.snapshot,
    dispatcher: row.dispatcher,
    job: jobOf(stored),
    decision: JSON.parse(row.decision) as Decision,
    requirements: row.requirements,
    requestedAt: row.requestedAt,
    expiresAt,
    resolvedAt: row.resolvedAt,
    resolvedBy: row.resolvedBy,
    votes: votes.map((vote) => ({
      approver: { id: vote.approverId, kind: vote.kind, roles: vote.roles },
      vote: vote.vote,
      at: vote.at,
      note: vault.get(`note:${row.id}:${vote.approverKey}`) ?? null,
    })),
  });
}

/** The job as it was hashed; null once it was erased. */
function jobOf({ row, vault }: StoredApproval): AdmittedJob | null {
  if (!vault.has("job")) return null;
  const read = readBack(vault, { id: row.jobId, traceId: row.traceId, hash: row.jobHash });
  if (!read.ok) throw new ApprovalError("approval_unknown", read.message);
  return read.admission.job;
}

function unknown(): ApprovalError {
  return new ApprovalError("approval_unknown", "there is no such approval request");
}

function policyChanged(): ApprovalError {
  return new ApprovalError(
    "approval_policy_changed",
    "the policy has changed since approval was asked for",
    "submit the job again: if it still needs approval, a fresh request opens",
  );
}

function refusalOf(answer: Exclude<VoteAnswer, { readonly status: "voted" }>): ApprovalError {
  switch (answer.status) {
    case "unknown":
      return unknown();
    case "resolved":
      return new ApprovalError("approval_resolved", `the request is ${answer.approval?.state ?? "resolved"} already`);
    case "expired":
      return new ApprovalError("approval_expired", "the request has expired", "submit the job again");
    case "policy_changed":
      return policyChanged();
    case "is_requester":
      return new ApprovalError("approver_is_requester", "who asked for an approval may not vote on it");
    case "tenant_mismatch":
      return new ApprovalError("approver_tenant_mismatch", "the approver may not decide for this tenant");
    case "not_eligible":
      return new ApprovalError(
        "approver_not_eligible",
        "the approver counts for none of the request's requirements",
        "see the `kinds` and `roles` of its requirements",
      );
    case "already_voted":
      return new ApprovalError("approver_already_voted", "the approver has voted on this request already");
  }
}
