import { canonicalize } from "../canonical.js";
import type { EventType } from "../evidence/event.js";
import type { Json, JsonObject } from "../outcome.js";
import { foldIdentity, union } from "./approval-state.js";

/** A job as the log tells of it. */
export interface ReplayedJob {
  readonly tenantId: string;
  readonly id: string;
  readonly traceId: string | null;
  readonly commitment: string | null;
  readonly status: string;
  /** The reason's code, of a job that ended or holds still; null of one that runs or waits for a person. */
  readonly code: string | null;
  readonly approvalId: string | null;
  /** Whether it was ever claimed. */
  readonly claimed: boolean;
  readonly quarantineId: string | null;
  /** Who took its withheld output, and when; null where nobody did. */
  readonly released: { readonly by: string; readonly at: number } | null;
  /** The commitment of what came back: an output, released or withheld, or an error. */
  readonly output: string | null;
  readonly erasedAt: number | null;
  /** Whether it was claimed while the store was away. */
  readonly degraded: boolean;
}

/** A request as the log tells of it. */
export interface ReplayedApproval {
  readonly id: string;
  readonly tenantId: string | null;
  readonly jobId: string | null;
  readonly traceId: string | null;
  readonly commitment: string | null;
  readonly snapshot: string | null;
  /** The hash over everything that is shown of it and fixed. */
  readonly view: string | null;
  readonly state: string;
  readonly expiresAt: number | null;
  readonly decidedAt: number | null;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
  readonly liftedAt: number | null;
  readonly supersedes: string | null;
  readonly supersededBy: string | null;
  /** Folded ids of who is known to have asked: nobody may be taken out of them. */
  readonly requesters: readonly string[];
  readonly votes: number;
}

/** A vote as the log tells of it. */
export interface ReplayedVote {
  readonly approvalId: string;
  readonly number: number;
  /** Canonical text of who voted. */
  readonly approver: string;
  readonly vote: string;
  readonly view: string | null;
  readonly at: number;
}

/** A policy as the log tells of it. */
export interface ReplayedPolicy {
  readonly epoch: number;
  readonly snapshot: string | null;
  /** The hash of its document. */
  readonly document: string | null;
}

/** A turn of the switch that stops claims, as the log tells of it. */
export interface ReplayedHalt {
  readonly number: number;
  readonly halted: boolean;
  /** Canonical text of who turned it, and of why. */
  readonly said: string;
  readonly abort: string | null;
  readonly at: number | null;
}

/** A private value that the log commits to, beside those that its job's row tells of. */
export interface ReplayedValue {
  readonly commitment: string;
}

/** Rows of one kind by their keys. */
export interface Shelf<Row> {
  readonly get: (key: string) => Row | null;
  readonly put: (key: string, row: Row) => void;
  readonly count: () => number;
  /** In any order that stays the same. */
  readonly page: (after: string | null, limit: number) => readonly (readonly [key: string, row: Row])[];
}

/** Where the replay keeps what it comes to. A log may be longer than memory: so a store may keep it on its disk. */
export interface ReplayState {
  readonly jobs: Shelf<ReplayedJob>;
  /** Some of the jobs that wait for a request: none only when none does. */
  readonly waitingFor: (approvalId: string) => readonly ReplayedJob[];
  readonly approvals: Shelf<ReplayedApproval>;
  readonly votes: Shelf<ReplayedVote>;
  readonly policies: Shelf<ReplayedPolicy>;
  readonly halts: Shelf<ReplayedHalt>;
  readonly values: Shelf<ReplayedValue>;
}

export function jobKey(tenantId: string, id: string): string {
  return `${id} ${tenantId}`;
}

export function voteKey(approvalId: string, number: number): string {
  return `${approvalId} ${number}`;
}

/** Notes have keys of their own; of late results each job has its own. */
export function valueKey(tenantId: string, jobId: string, kind: string): string {
  return kind.startsWith("note:") ? kind : `${kind} ${jobKey(tenantId, jobId)}`;
}

/** The request that a job waits for, by the same rule as the gate's own; null for one that waits for none. */
export function waitsOn({ status, approvalId }: Pick<ReplayedJob, "status" | "approvalId">): string | null {
  return status === "PENDING_APPROVAL" || status === "THROTTLED" ? approvalId : null;
}

/**
 * Folds the next event of a log into the state: what the store's tables hold is what this comes to. Pure but for the state it
 * is given. An event that does not say what it must changes nothing: then the tables differ.
 */
export function replay(state: ReplayState, body: JsonObject): void {
  keepNote(state, body);
  FOLDS.get(String(body.type))?.(state, body);
}

/** What each type of event does to the tables; types that are not named here do nothing. */
const FOLDS: ReadonlyMap<string, (state: ReplayState, body: JsonObject) => void> = new Map<
  EventType,
  (state: ReplayState, body: JsonObject) => void
>([
  ["job.refused", refused],
  ["job.dispatching", dispatching],
  ["job.settled", settled],
  ["job.late", late],
  ["claim.abandoned", abandoned],
  ["job.erased", (state, body) => changeJob(state, body, (job) => ({ ...job, erasedAt: number(body.at) }))],
  ["gate.recovered", recovered],
  ["job.reconciled", recovered],
  ["output.released", released],
  ["approval.requested", requested],
  ["approval.joined", joined],
  ["approval.voted", voted],
  ["approval.resolved", resolved],
  ["approval.detached", detached],
  ["approval.lifted", lifted],
  ["policy.activated", activated],
  ["gate.halted", (state, body) => turned(state, body, true)],
  ["gate.unhalted", (state, body) => turned(state, body, false)],
]);

function keepNote(state: ReplayState, body: JsonObject): void {
  const [note, ref] = [text(body.note), text(body.note_ref)];
  if (note === null || ref === null) return;
  const about = text(body.type === "output.released" ? body.quarantine_id : body.approval_id);
  if (about !== null) state.values.put(`note:${about}:${ref}`, { commitment: note });
}

function refused(state: ReplayState, body: JsonObject): void {
  // Without a status no row was written; a job that goes on waiting stays as it is.
  if (typeof body.status !== "string" || body.waits === true) return;
  const holds = "holds" in body ? { approvalId: text(body.holds) } : {};
  putJob(state, body, { status: body.status, code: codeOf(body), ...holds });
}

function settled(state: ReplayState, body: JsonObject): void {
  changeJob(state, body, (job) => ({
    ...job,
    status: text(body.status) ?? job.status,
    code: codeOf(body),
    quarantineId: text(body.quarantine_id),
    output: text(body.output),
    released: null,
  }));
}

function abandoned(state: ReplayState, body: JsonObject): void {
  const status = text(body.status) ?? "DENIED";
  const code = status === "PENDING_APPROVAL" ? null : codeOf(body);
  changeJob(state, body, (job) => ({ ...job, status, code, claimed: false }));
  if (body.approval_state !== "approved") return;
  changeApproval(state, body, (approval) => ({ ...approval, state: "approved", resolvedAt: approval.decidedAt }));
}

function late(state: ReplayState, body: JsonObject): void {
  const [tenantId, id, output] = [text(body.tenant_id), text(body.job_id), text(body.output)];
  if (tenantId === null || id === null || output === null) return;
  state.values.put(valueKey(tenantId, id, `late:${String(body.attempt)}`), { commitment: output });
}

function recovered(state: ReplayState, body: JsonObject): void {
  changeJob(state, body, (job) => ({ ...job, status: text(body.status) ?? job.status, code: codeOf(body) }));
}

function released(state: ReplayState, body: JsonObject): void {
  const [by, at] = [text(field(body.approver, "id")), number(body.at)];
  if (by !== null && at !== null) changeJob(state, body, (job) => ({ ...job, released: { by, at } }));
}

function detached(state: ReplayState, body: JsonObject): void {
  changeJob(state, body, (job) => ({ ...job, status: "DENIED", code: "approval_cancelled" }));
}

function lifted(state: ReplayState, body: JsonObject): void {
  changeApproval(state, body, (approval) => ({ ...approval, liftedAt: number(body.at) }));
}

function activated(state: ReplayState, body: JsonObject): void {
  const epoch = number(body.epoch);
  if (epoch === null) return;
  state.policies.put(String(epoch), { epoch, snapshot: text(body.snapshot), document: text(body.document) });
}

function turned(state: ReplayState, body: JsonObject, halted: boolean): void {
  const turn = number(body.number);
  if (turn === null) return;
  const said = saidOfHalt(body.by ?? null, body.why ?? null);
  state.halts.put(String(turn), { number: turn, halted, said, abort: text(body.abort), at: number(body.at) });
}

/** Who turned the switch and why, as an event says it: both bounded. */
export function saidOfHalt(by: Json, why: Json): string {
  return canonicalize([by, why]);
}

function dispatching(state: ReplayState, body: JsonObject): void {
  const approvalId = text(body.approval_id);
  const used = approvalId === null ? {} : { approvalId };
  putJob(state, body, { status: "RUNNING", code: null, claimed: true, ...used });
  if (approvalId === null) return;
  changeApproval(state, body, (approval) => ({ ...approval, state: "consumed", resolvedAt: number(body.at) }));
  endWaiting(state, approvalId, "approval_used");
}

function requested(state: ReplayState, body: JsonObject): void {
  const id = text(body.approval_id);
  if (id === null) return;
  const supersedes = text(body.supersedes);
  const before = supersedes === null ? null : state.approvals.get(supersedes);
  if (before !== null) {
    state.approvals.put(before.id, { ...before, supersededBy: id });
    moveWaiting(state, before.id, id);
  }
  state.approvals.put(id, {
    id,
    tenantId: text(body.tenant_id),
    jobId: text(body.job_id),
    traceId: text(body.trace_id),
    commitment: text(body.job),
    snapshot: text(body.snapshot),
    view: text(body.view),
    state: "pending",
    expiresAt: number(body.expires_at),
    decidedAt: null,
    resolvedAt: null,
    resolvedBy: null,
    liftedAt: null,
    supersedes,
    supersededBy: null,
    requesters: union(before?.requesters ?? [], askersOf(body)),
    votes: 0,
  });
  if (typeof body.status === "string") putJob(state, body, { status: body.status, code: null, approvalId: id });
}

function joined(state: ReplayState, body: JsonObject): void {
  changeApproval(state, body, (approval) => ({
    ...approval,
    requesters: union(approval.requesters, askersOf(body)),
  }));
  putJob(state, body, { status: "PENDING_APPROVAL", code: null, approvalId: text(body.approval_id) });
}

function voted(state: ReplayState, body: JsonObject): void {
  const [at, now] = [Number(body.at), text(body.state)];
  changeApproval(state, body, (approval) => {
    const votes = approval.votes + 1;
    state.votes.put(voteKey(approval.id, votes), {
      approvalId: approval.id,
      number: votes,
      approver: canonicalize(body.approver ?? null),
      vote: text(body.vote) ?? "",
      view: text(body.view),
      at,
    });
    if (now === null || now === approval.state) return { ...approval, votes };
    const by = text(field(body.approver, "id"));
    return { ...approval, votes, state: now, decidedAt: approval.decidedAt ?? at, resolvedAt: at, resolvedBy: by };
  });
  const approvalId = text(body.approval_id);
  if (approvalId !== null && (now === "rejected" || now === "revoked")) {
    endWaiting(state, approvalId, "approval_rejected");
  }
}

function resolved(state: ReplayState, body: JsonObject): void {
  changeApproval(state, body, (approval) => ({
    ...approval,
    state: text(body.state) ?? approval.state,
    resolvedAt: number(body.at),
    resolvedBy: text(body.by),
    supersededBy: text(body.superseded_by) ?? approval.supersededBy,
  }));
  const approvalId = text(body.approval_id);
  if (approvalId === null) return;
  // Who waited for one that was superseded goes on waiting, unless the event says why not.
  const code = codeOf(body) ?? (body.state === "superseded" ? null : `approval_${String(body.state)}`);
  if (code !== null) endWaiting(state, approvalId, code);
}

/** The row of the job as a submission puts it: what was known of it stays, but for how it stands. */
function putJob(
  state: ReplayState,
  body: JsonObject,
  change: Pick<ReplayedJob, "status" | "code"> & Partial<Pick<ReplayedJob, "approvalId" | "claimed">>,
): void {
  const [tenantId, id] = [text(body.tenant_id), text(body.job_id)];
  if (tenantId === null || id === null) return;
  const key = jobKey(tenantId, id);
  const before = state.jobs.get(key);
  state.jobs.put(key, {
    tenantId,
    id,
    traceId: before?.traceId ?? text(body.trace_id),
    commitment: before?.commitment ?? text(body.job),
    approvalId: before?.approvalId ?? null,
    claimed: false,
    quarantineId: null,
    released: null,
    output: null,
    erasedAt: null,
    degraded: body.degraded === true,
    ...change,
  });
}

function changeJob(state: ReplayState, body: JsonObject, change: (job: ReplayedJob) => ReplayedJob): void {
  const [tenantId, id] = [text(body.tenant_id), text(body.job_id)];
  if (tenantId === null || id === null) return;
  const key = jobKey(tenantId, id);
  const job = state.jobs.get(key);
  if (job !== null) state.jobs.put(key, change(job));
}

function changeApproval(
  state: ReplayState,
  body: JsonObject,
  change: (approval: ReplayedApproval) => ReplayedApproval,
): void {
  const id = text(body.approval_id);
  const approval = id === null ? null : state.approvals.get(id);
  if (approval !== null) state.approvals.put(approval.id, change(approval));
}

function endWaiting(state: ReplayState, approvalId: string, code: string): void {
  for (let jobs = state.waitingFor(approvalId); jobs.length > 0; jobs = state.waitingFor(approvalId)) {
    for (const job of jobs) state.jobs.put(jobKey(job.tenantId, job.id), { ...job, status: "DENIED", code });
  }
}

function moveWaiting(state: ReplayState, from: string, approvalId: string): void {
  // A request in its own place would leave all who wait for it where they are, for ever.
  if (from === approvalId) return;
  for (let jobs = state.waitingFor(from); jobs.length > 0; jobs = state.waitingFor(from)) {
    for (const job of jobs) state.jobs.put(jobKey(job.tenantId, job.id), { ...job, approvalId });
  }
}

/** Who asks, as far as the event says it: the actor, whom it acts for, and who submitted. */
function askersOf({ actor, submitted_by: submittedBy }: JsonObject): readonly string[] {
  const ids = [text(field(actor, "id")), text(field(actor, "on_behalf_of")), text(submittedBy)];
  return ids.flatMap((id) => (id === null ? [] : foldIdentity(id)));
}

function codeOf({ reason }: JsonObject): string | null {
  return text(field(reason, "code"));
}

function field(value: Json | undefined, key: string): Json | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined;
}

function text(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}
