import { ApprovalError } from "../errors.js";
import type { EventFacts } from "../evidence/event.js";
import type { ChangeAnswer, StoredApproval, VoteRequest } from "../store/port.js";
import type { Approval } from "./approval.js";
import { approvalRefusal, policyChanged, supersededBy, unknownApproval, unreadable } from "./approval-refusal.js";
import {
  type ApproverInput,
  copyBy,
  type GivenBy,
  readApprover,
  readIdentity,
  readNote,
  readView,
} from "./approver.js";
import { ROUNDS } from "./claim.js";
import { type ApprovalRef, checkOpen, type Desk, findApproval, readRef } from "./desk.js";
import { notFound, refusedCall } from "./refused-call.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { isReadable, showApproval } from "./show-approval.js";

/** What a decision about a request carries. */
export interface DecideOptions {
  readonly by: ApproverInput;
  /** Why: at most 4,096 characters, kept beside the log. */
  readonly note?: string;
}

/** What a vote carries. */
export interface VoteOptions extends DecideOptions {
  /** The `view` of the approval that was shown: the vote is refused where the request is another by now. */
  readonly view?: string;
}

/** The calls that change how a request stands. */
export interface Calls {
  readonly approve: (ref: ApprovalRef, options: VoteOptions) => Promise<Approval>;
  readonly reject: (ref: ApprovalRef, options: VoteOptions) => Promise<Approval>;
  readonly revoke: (ref: ApprovalRef, options: DecideOptions) => Promise<Approval>;
  readonly cancel: (ref: ApprovalRef, options: DecideOptions) => Promise<Approval>;
  readonly lift: (ref: ApprovalRef, options: DecideOptions) => Promise<Approval>;
}

const DECIDE = ["by", "note"];
const VOTE = [...DECIDE, "view"];

/** Who makes which call about what, copied when it was made. */
interface Attempt {
  readonly call: keyof Calls;
  readonly ref: ApprovalRef;
  readonly by: GivenBy;
}

/** The calls of one desk. Each that is refused is recorded as one event, and changes nothing else. */
export function createCalls(desk: Desk): Calls {
  /** Takes a call as it is made: everything is copied before anything is waited for. */
  const take = (call: keyof Calls, ref: ApprovalRef, options: DecideOptions, known: readonly string[]): Attempt => {
    checkOpen(desk);
    return { call, ref: readRef(ref), by: copyBy(options, known, "approvals", call) };
  };

  /** Finds the request, makes the call, and answers the request as it stands then. */
  const attempt = async (made: Attempt, step: (stored: StoredApproval) => Promise<unknown>): Promise<Approval> => {
    let stored: StoredApproval | null = null;
    try {
      stored = await findApproval(desk, made.ref);
      if (stored === null) throw unknownApproval();
      await step(stored);
    } catch (error) {
      if (error instanceof ApprovalError) await record(desk, made, stored, error);
      throw error;
    }
    return showApproval((await findApproval(desk, stored.row.id)) ?? stored, desk.now());
  };

  const vote = (call: "approve" | "reject" | "revoke", ref: ApprovalRef, options: VoteOptions): Promise<Approval> => {
    const made = take(call, ref, options, call === "revoke" ? DECIDE : VOTE);
    const note = readNote(options.note);
    const view = readView(options.view);
    return attempt(made, (stored) => {
      const approver = readApprover(made.by, desk.assurance);
      const kind = call === "approve" ? "approve" : "reject";
      const on = call === "revoke" ? "approved" : "open";
      return castVote(desk, stored, { vote: kind, on, approver, view, note });
    });
  };

  const change = (stored: StoredApproval, answer: ChangeAnswer): void => {
    if (answer.status === "done") return;
    if (!("approval" in answer)) throw policyChanged();
    throw approvalRefusal(answer.status, answer.approval ?? stored.row);
  };

  return {
    approve: async (ref, options) => vote("approve", ref, options),
    reject: async (ref, options) => vote("reject", ref, options),
    revoke: async (ref, options) => vote("revoke", ref, options),

    cancel: async (ref, options) => {
      const made = take("cancel", ref, options, DECIDE);
      const note = readNote(options.note);
      return attempt(made, async (stored) => {
        const { id: approvalId, tenantId } = stored.row;
        const jobId = typeof made.ref === "string" ? stored.row.jobId : made.ref.jobId;
        const step = { approvalId, tenantId, jobId, by: readIdentity(made.by.id), note };
        change(stored, await desk.store.change({ kind: "cancel", now: desk.now(), waitMs: SETTLE_WAIT_MS, ...step }));
      });
    },

    lift: async (ref, options) => {
      const made = take("lift", ref, options, DECIDE);
      const note = readNote(options.note);
      return attempt(made, async (stored) => {
        const step = { approvalId: stored.row.id, approver: readApprover(made.by, desk.assurance), note };
        change(stored, await desk.store.change({ kind: "lift", now: desk.now(), waitMs: SETTLE_WAIT_MS, ...step }));
      });
    },
  };
}

type Ballot = Pick<VoteRequest, "vote" | "on" | "approver" | "view" | "note">;

/**
 * One vote on a request. A vote for is counted only for what the policy in force asks: the job is decided again, and the
 * store checks in the step of the vote itself that nothing has come between.
 */
async function castVote(desk: Desk, stored: StoredApproval, ballot: Ballot): Promise<void> {
  const { reconsider, store } = desk;
  const approvalId = stored.row.id;
  let current = stored;
  // One who has not the host's configuration can still tell whether there is anything to approve.
  if (ballot.vote === "approve" && !isReadable(current)) throw unreadable();
  for (let round = 0; round < ROUNDS; round += 1) {
    const open = current.row.state === "pending";
    const decided = ballot.vote === "approve" && open && reconsider !== null ? await reconsider.decide(current) : null;
    const answer = await store.vote({ now: desk.now(), waitMs: SETTLE_WAIT_MS, approvalId, decided, ...ballot });
    if (answer.status === "voted") return;
    if (answer.status === "stale" && reconsider !== null) throw await renewed(desk, approvalId, reconsider);
    if (answer.status !== "policy_changed") throw approvalRefusal(answer.status, answer.approval);
    await reconsider?.adopt();
    current = (await findApproval(desk, approvalId)) ?? current;
  }
  throw policyChanged();
}

/** Puts the request that the policy asks for now in the place of the one voted on, and says so. */
async function renewed(
  desk: Desk,
  approvalId: string,
  reconsider: NonNullable<Desk["reconsider"]>,
): Promise<ApprovalError> {
  await reconsider.renew(approvalId);
  const after = await findApproval(desk, approvalId);
  if (after?.row.state !== "superseded") return policyChanged();
  return supersededBy(after.row.supersededBy);
}

/** Records a call that was refused. That it cannot be written makes the refusal no less one. */
async function record(
  { store, now }: Desk,
  { call, ref, by }: Attempt,
  stored: StoredApproval | null,
  { code }: ApprovalError,
): Promise<void> {
  const about: EventFacts =
    stored === null
      ? notFound(ref)
      : {
          approval_id: stored.row.id,
          trace_id: stored.row.traceId,
          job_id: stored.row.jobId,
          tenant_id: stored.row.tenantId,
          state: stored.row.state,
        };
  const facts: EventFacts = { ...about, ...refusedCall(call, by, code) };
  try {
    await store.change({ kind: "note", now: now(), waitMs: SETTLE_WAIT_MS, type: "approval.refused", facts });
  } catch {
    // A store that fails shows in every call that needs it.
  }
}
