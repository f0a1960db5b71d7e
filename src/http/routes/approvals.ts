import type { ApprovalListOptions } from "../../approvals.js";
import { ApprovalError } from "../../errors.js";
import type { Approval, ShownApproval } from "../../gate/approval.js";
import type { ApproverInput } from "../../gate/approver.js";
import type { ApprovalRef } from "../../gate/desk.js";
import { didYouMean } from "../../nearest.js";
import type { JsonObject } from "../../outcome.js";
import { quoted } from "../../policy/source.js";
import { foldIdentity } from "../../store/approval-state.js";
import { approvalJson } from "../../wire.js";
import { type KnownCall, queryProblem, tenantAsked, tenantOf } from "../call.js";
import type { Identity } from "../identity.js";
import { cursorAsked, cursorTold, limitAsked } from "../paging.js";
import { HttpProblem, jsonAnswer } from "../problem.js";

/** `GET /api/v1/approvals`: the queue, the oldest first. */
export async function listApprovals(call: KnownCall): Promise<Response> {
  const { query } = call;
  const { items, next } = await queueAsked(call, {
    includeResolved: flag("include_resolved", query.get("include_resolved")),
    ...limitAsked(query.get("limit")),
  });
  return jsonAnswer(200, { items: items.map(approvalJson), next });
}

/** A page of the queue, for who asks for it. */
export interface QueueAsked {
  /** Null: every tenant's. */
  readonly tenantId: string | null;
  readonly items: readonly Approval[];
  /** As a query has it. */
  readonly next: string | null;
}

/** Reads the page of the queue that `tenant_id` and `after` name. Throws an {@link HttpProblem} where they may not. */
export async function queueAsked(
  { gate, identity, permit, query }: KnownCall,
  options: Pick<ApprovalListOptions, "includeResolved" | "limit">,
): Promise<QueueAsked> {
  const tenantId = tenantAsked(identity, query.get("tenant_id"));
  await permit({ action: "approvals.read", tenantId });
  const of = tenantId === null ? {} : { tenantId };
  const { items, next } = await gate.approvals.list({ ...options, ...of, ...cursorAsked(query.get("after")) });
  return { tenantId, items, next: cursorTold(next) };
}

function flag(name: string, text: string | undefined): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "true") return true;
  throw queryProblem(`\`${name}\` is true or false`);
}

/** `GET /api/v1/approvals/:job_id`: the request that a job waits on, with all that a reviewer needs. */
export async function getApproval(call: KnownCall): Promise<Response> {
  return jsonAnswer(200, approvalJson(await approvalAsked(call)));
}

/** Reads the request that `job_id` and `tenant_id` name. Throws an {@link HttpProblem} where there is none, or they may not. */
export async function approvalAsked(call: KnownCall): Promise<ShownApproval> {
  const { ref, tenantId, jobId } = named(call);
  await call.permit({ action: "approvals.read", tenantId, jobId });
  const approval = await call.gate.approvals.get(ref);
  if (approval === null) {
    throw new HttpProblem({ status: 404, code: "approval_unknown", detail: "there is no such approval request" });
  }
  return approval;
}

/** `POST /api/v1/approvals/:job_id/approve` and `/reject`: a vote. It runs nothing by itself. */
export function decideApproval(vote: "approve" | "reject"): (call: KnownCall) => Promise<Response> {
  return async (call) => {
    const { gate, identity, request } = call;
    const { ref, tenantId, jobId } = named(call);
    await call.permit({ action: "approvals.decide", tenantId, jobId });
    const by = approverOf(identity);
    const said = voteOf(await call.body());
    try {
      const approval = await gate.approvals[vote](ref, { by, ...said });
      return jsonAnswer(200, approvalJson(approval));
    } catch (error) {
      // The same vote once more, under a key that says so, is the same vote.
      const again = error instanceof ApprovalError && request.headers.has("idempotency-key");
      const shown = again ? await gate.approvals.get(ref) : null;
      if (shown === null || !hasVoted(shown, vote, identity)) throw error;
      const { text: _, ...approval } = shown;
      return jsonAnswer(200, approvalJson(approval));
    }
  };
}

function hasVoted({ votes }: Approval, vote: "approve" | "reject", { id }: Identity): boolean {
  return votes.some((cast) => cast.vote === vote && foldIdentity(cast.approver.id) === foldIdentity(id));
}

interface Named {
  readonly ref: ApprovalRef;
  readonly tenantId: string | null;
  readonly jobId: string;
}

function named(call: KnownCall): Named {
  const tenantId = tenantAsked(call.identity, call.query.get("tenant_id"));
  const jobId = call.param("job_id");
  return { ref: tenantId === null ? { jobId } : { jobId, tenantId }, tenantId, jobId };
}

/** Who votes. An agent never does, whatever the host lets it do besides. */
function approverOf(identity: Identity): ApproverInput {
  const { id, type, roles = [], tenants = [], assurance = "host" } = identity;
  if (type === "agent") {
    throw new HttpProblem({ status: 403, code: "approver_is_agent", detail: "an agent decides no approval" });
  }
  const kind = type === "human" ? "human" : "service";
  const all = tenants === "all" ? {} : { tenants: [tenantOf(identity), ...tenants] };
  return { id, kind, roles, ...all, assurance };
}

const SAID = ["note", "view"] as const;

/** What a vote says: why, and what was shown. */
function voteOf(body: JsonObject): { readonly note?: string; readonly view?: string } {
  const said = new Map<string, string>();
  for (const [name, value] of Object.entries(body)) {
    if (!SAID.some((known) => known === name)) {
      const help = didYouMean(name, SAID, `fields: ${SAID.join(", ")}`);
      throw voteProblem(`a vote has no field ${quoted(name)}`, help);
    }
    if (typeof value !== "string") throw voteProblem(`\`${name}\` must be a string`);
    if (value.length > MOST_TEXT) throw voteProblem(`\`${name}\` must be of at most ${MOST_TEXT} characters`);
    said.set(name, value);
  }
  return Object.fromEntries(said);
}

/** As many characters as a note may have. */
const MOST_TEXT = 4_096;

function voteProblem(detail: string, help?: string): HttpProblem {
  return new HttpProblem({ status: 400, code: "vote_invalid", detail, help });
}
