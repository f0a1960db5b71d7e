import { canonicalize } from "../../canonical.js";
import { commit, digest } from "../../digest.js";
import { boundText } from "../../evidence/event.js";
import type { PolicyDocument } from "../../policy/document.js";
import { isSnapshotOf } from "../../policy/snapshot.js";
import { foldIdentity, hasAll, viewOf } from "../approval-state.js";
import { approverFacts } from "../judge-vote.js";
import type { Quarantine } from "../quarantine.js";
import {
  jobKey,
  type ReplayedApproval,
  type ReplayedJob,
  type ReplayState,
  saidOfHalt,
  valueKey,
  voteKey,
} from "../replay.js";
import type { ApprovalRow, HaltRow, VaultKind, VoteRow } from "../rows.js";
import { type ProblemCode, type Problems, shownId } from "./problem.js";
import type { RawJob, RawPolicy, RawValue } from "./source.js";

/** Rows of the tables held against what the log comes to. Each answers whether the log knows the row. */
export interface StateCheck {
  readonly job: (row: RawJob) => boolean;
  readonly approval: (row: ApprovalRow) => boolean;
  readonly vote: (row: VoteRow) => boolean;
  readonly policy: (row: RawPolicy) => boolean;
  readonly halt: (row: HaltRow) => boolean;
  /** True for what was asked for, by which each job is one. */
  readonly value: (row: RawValue) => boolean;
  /** How many jobs were looked at that were not erased: of each there must be what was asked for. */
  readonly unerased: () => number;
}

export function checkState(state: ReplayState, problems: Problems): StateCheck {
  let unerased = 0;
  /** Values stand in the order of their jobs: one look serves all of a job. */
  let latest: { readonly key: string; readonly job: ReplayedJob | null } | null = null;
  const jobOf = (tenantId: string, id: string): ReplayedJob | null => {
    const key = jobKey(tenantId, id);
    if (latest?.key !== key) latest = { key, job: state.jobs.get(key) };
    return latest.job;
  };

  /** Tells in which parts a row differs. What it is about is only written where it does. */
  const say = (code: ProblemCode, about: () => string, same: Same): void => {
    const differing = Object.keys(same).filter((name) => same[name] !== true);
    if (differing.length > 0) problems.add(code, `${about()} is not what the log says: ${differing.join(", ")}`);
  };

  return {
    job: (row) => {
      const job = state.jobs.get(jobKey(String(row.tenant_id), String(row.id)));
      if (job === null) {
        problems.add("state_job", `job ${shownId(row.id)} is not known to the log`);
        return false;
      }
      if (job.erasedAt === null) unerased += 1;
      say("state_job", () => `job ${shownId(row.id)}`, differencesOfJob(row, job));
      return true;
    },

    approval: (row) => {
      const approval = state.approvals.get(row.id);
      if (approval === null) {
        problems.add("state_approval", `request ${shownId(row.id)} is not known to the log`);
        return false;
      }
      const opener = state.jobs.get(jobKey(row.tenantId, row.jobId));
      const differing = differencesOfApproval(row, approval, opener?.erasedAt === null);
      say("state_approval", () => `request ${shownId(row.id)}`, differing);
      return true;
    },

    vote: (row) => {
      const about = (): string => `vote ${shownId(row.number)} on request ${shownId(row.approvalId)}`;
      const vote = state.votes.get(voteKey(row.approvalId, row.number));
      if (vote === null) {
        problems.add("state_vote", `${about()} is not known to the log`);
        return false;
      }
      say("state_vote", about, {
        approver:
          canonicalize(approverFacts({ ...row, id: row.approverId })) === vote.approver &&
          foldIdentity(row.approverId) === row.approverKey,
        vote: row.vote === vote.vote,
        view: row.view === vote.view,
        time: row.at === vote.at,
      });
      return true;
    },

    policy: ({ epoch, snapshot, document }) => {
      const about = (): string => `the policy of epoch ${shownId(epoch)}`;
      const policy = state.policies.get(String(epoch));
      if (policy === null) {
        problems.add("state_policy", `${about()} is not known to the log`);
        return false;
      }
      const text = typeof document === "string" ? document : "";
      const isWhole = policy.document === null || digest("value", text) === policy.document;
      say("state_policy", about, {
        snapshot: snapshot === policy.snapshot,
        document: isWhole && isSnapshotOf(String(snapshot), JSON.parse(text) as PolicyDocument),
      });
      return true;
    },

    halt: ({ number, halted, by, reason, abort, at }) => {
      const halt = state.halts.get(String(number));
      if (halt === null) {
        problems.add("state_halt", `halt ${shownId(number)} is not known to the log`);
        return false;
      }
      say("state_halt", () => `halt ${shownId(number)}`, {
        state: halted === halt.halted,
        said: saidOfHalt(boundText(by), boundText(reason)) === halt.said,
        abort: abort === halt.abort,
        time: at === halt.at,
      });
      return true;
    },

    value: ({ job_id: id, tenant_id: tenantId, kind, salt, value, hash }) => {
      const name = String(kind);
      const job = jobOf(String(tenantId), String(id));
      const wrong = job === null ? "is of no job that the log knows" : faultOf(state, job, { name, salt, value, hash });
      if (wrong !== null) problems.add("value", `the value ${shownId(kind)} of job ${shownId(id)} ${wrong}`);
      return name === "job";
    },

    unerased: () => unerased,
  };
}

interface Found {
  readonly name: string;
  readonly salt: unknown;
  readonly value: unknown;
  readonly hash: unknown;
}

/** What is wrong with a private value, or null. */
function faultOf(state: ReplayState, job: ReplayedJob, { name, salt, value, hash }: Found): string | null {
  const isNote = name.startsWith("note:");
  // What is said of a request after the job that opened it was erased is kept all the same.
  if (job.erasedAt !== null && !isNote) return "was erased, and stands there";
  const committed = commitmentOf(state, job, name);
  if (committed === undefined) return null;
  if (committed === null) return "is not known to the log";
  const text = String(value);
  if (commit(String(salt), isNote ? canonicalize(text) : text) !== committed) {
    return "is not the one that the log commits to";
  }
  return name === "job" && hash !== digest("job", text) ? "has another hash than its job" : null;
}

/** The kinds of what came back of a job, by how it ended. */
const OUTPUT_KIND: Readonly<Record<string, VaultKind>> = {
  SUCCEEDED: "output",
  QUARANTINED: "held",
  FAILED: "error",
  TIMED_OUT: "error",
};

/** What the log commits to; null where it knows of no such value, undefined where it has no word for it. */
function commitmentOf(state: ReplayState, job: ReplayedJob, kind: string): string | null | undefined {
  if (kind === "job") return job.commitment;
  // What is only shown beside a job stands in no event: a request binds it by its view.
  if (kind === "annotations") return undefined;
  if (kind === "output" || kind === "held" || kind === "error") {
    return OUTPUT_KIND[job.status] === kind ? job.output : null;
  }
  return state.values.get(valueKey(job.tenantId, job.id, kind))?.commitment ?? null;
}

/** By name: whether a part of a row is what the log says. */
type Same = Readonly<Record<string, boolean>>;

function differencesOfJob(row: RawJob, job: ReplayedJob): Same {
  const { quarantineId = null, released = null } =
    row.result === null ? {} : (JSON.parse(String(row.result)) as Partial<Quarantine>);
  // While it runs, or waits for a person, the reason is of no weight, and stands in no event.
  const isOpen = job.status === "RUNNING" || job.status === "PENDING_APPROVAL";
  const code = isOpen ? null : (JSON.parse(String(row.reason)) as { readonly code?: unknown }).code;
  return {
    trace: row.trace_id === job.traceId,
    status: row.status === job.status,
    claim: (row.owner !== null) === job.claimed,
    reason: code === job.code,
    request: row.approval_id === job.approvalId,
    commitment: row.commitment === job.commitment,
    quarantine: quarantineId === job.quarantineId,
    release: released?.by === job.released?.by && released?.at === job.released?.at,
    erasure: row.erased_at === job.erasedAt,
    degraded: row.degraded === Number(job.degraded),
  };
}

/** `kept`: whether nothing of what is shown was erased. */
function differencesOfApproval(row: ApprovalRow, approval: ReplayedApproval, kept: boolean): Same {
  const key = kept ? `${row.jobHash} ${row.tenantId} ${row.dispatcher}` : `erased ${row.id}`;
  return {
    job: row.jobId === approval.jobId && row.tenantId === approval.tenantId,
    trace: row.traceId === approval.traceId,
    commitment: row.commitment === approval.commitment,
    snapshot: row.snapshot === approval.snapshot,
    state: row.state === approval.state,
    expiry: row.expiresAt === approval.expiresAt,
    decision: row.decidedAt === approval.decidedAt,
    resolution: row.resolvedAt === approval.resolvedAt && row.resolvedBy === approval.resolvedBy,
    lifting: row.liftedAt === approval.liftedAt,
    supersedes: row.supersedes === approval.supersedes,
    "superseded by": row.supersededBy === approval.supersededBy,
    content: row.key === key,
    requesters: hasAll(row.requesters, approval.requesters),
    view: viewOf(row) === approval.view,
  };
}
