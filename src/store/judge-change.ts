import { digest } from "../digest.js";
import { boundText, sealEvent } from "../evidence/event.js";
import {
  approvalFacts,
  CANCELLED,
  endWaiting,
  expiryOf,
  isOpen,
  isReleased,
  lapse,
  resolve,
  standsUntil,
  waitsFor,
} from "./approval-state.js";
import { type AbandonView, judgeAbandon } from "./judge-abandon.js";
import { type EraseView, judgeErase } from "./judge-erase.js";
import { judgeReconcile, type ReconcileView } from "./judge-reconcile.js";
import { judgeRelease, type ReleaseView } from "./judge-release.js";
import { judgeSpooled, type SpooledView } from "./judge-spooled.js";
import { approverFacts, mayDecide, noteRow } from "./judge-vote.js";
import type { Change, ChangeAnswer } from "./port.js";
import type {
  ActivePolicy,
  ApprovalRow,
  HaltRow,
  JobRow,
  Judgement,
  KeptValue,
  PolicyHead,
  VaultKind,
  Write,
} from "./rows.js";

/** What a store loads, inside the transaction, for a change. A kind of change looks at no more than it names. */
export interface ChangeView
  extends ReleaseView,
    EraseView,
    Pick<AbandonView, "isAskedAnew">,
    Pick<ReconcileView, "owners">,
    Pick<SpooledView, "jobs"> {
  readonly active: PolicyHead | null;
  /** `activate`: the text of the policy in force. */
  readonly document: string | null;
  /** `halt`, `retry`: the last turn of the switch. */
  readonly halt: HaltRow | null;
  /** `cancel`, `lift`, `expire`, `release`, `erase`: the highest time that any event carries. */
  readonly loggedAt: number;
  /** `cancel`, `lift`: the request. `release`, `abandon`: that of the job. */
  readonly approval: ApprovalRow | null;
  /** `cancel`, `retry`, `release`, `erase`, `abandon`, `reconcile`: the job. */
  readonly job: JobRow | null;
  /** `release`: what is kept of the output. */
  readonly kept: KeptValue | null;
  /** `erase`: the requests that the job opened. */
  readonly requests: readonly ApprovalRow[];
  /** `erase`: what private values there are. */
  readonly kinds: readonly VaultKind[];
  /** `cancel`: up to two jobs that wait for the request. */
  readonly waiting: readonly JobRow[];
  /** `expire`: open requests that have lapsed. */
  readonly lapsed: readonly ApprovalRow[];
  /** `open`: what was said for this boot before. */
  readonly tickOffset: number | null;
  /** `open`, on a boot that nothing was said for: the latest place in any limit. */
  readonly latestPlace: number | null;
  /** `spend`: whether the permit was spent before. */
  readonly isSpent: boolean;
  /** `checkpoint`: the root of the tree at that size, in standard base64; null where it is not that large. */
  readonly rootAtSize: string | null;
  /** `checkpoint`: whether one of that size is kept already. */
  readonly isKept: boolean;
}

type Of<Kind extends Change["kind"]> = Extract<Change, { readonly kind: Kind }>;

/** Decides one change of state that is neither claim, settle nor vote. */
export function judgeChange(change: Change, view: ChangeView): Judgement<ChangeAnswer> {
  const { now } = change;
  const { active } = view;
  switch (change.kind) {
    case "open":
      return open(change, view);
    case "renew":
      return done(active, [{ to: "owners", row: change.owner }]);
    case "leave":
      return done(active, [
        change.lingers === null ? { to: "owners_gone", id: change.owner } : { to: "owners", row: change.lingers },
        { to: "events", event: sealEvent("gate.closed", now, change.facts) },
      ]);
    case "activate":
      return activate(change, view);
    case "halt":
      return turnSwitch(change, view);
    case "note":
      return done(active, [{ to: "events", event: sealEvent(change.type, now, change.facts) }]);
    case "retry":
      if (view.job?.owner !== change.owner || view.job.status !== "RUNNING") {
        return { answer: { status: "not_claimed" }, writes: [] };
      }
      if (active?.epoch !== change.epoch) return { answer: { status: "policy_changed" }, writes: [] };
      if (view.halt?.halted === true) return { answer: { status: "halted" }, writes: [] };
      return done(active, [{ to: "events", event: change.event }]);
    case "abandon":
      return judgeAbandon(change, view);
    case "reconcile":
      return judgeReconcile(change, view);
    case "spooled":
      return judgeSpooled(change, view);
    case "expire":
      return expire(change, view);
    case "cancel":
      return cancel(change, view);
    case "lift":
      return lift(change, view);
    case "spend":
      return spend(change, view);
    case "release":
      return judgeRelease(change, view);
    case "erase":
      return judgeErase(change, view);
    case "checkpoint":
      return keepCheckpoint(change, view);
  }
}

/**
 * Processes on one machine tell windows by one clock, however the system's time was set between their starts: whoever is
 * first on a boot says what it adds, and begins no earlier than any place that is taken.
 */
function open(change: Of<"open">, view: ChangeView): Judgement<ChangeAnswer> {
  const { now, owner, ticks, facts } = change;
  const writes: Write[] = [
    { to: "owners", row: owner },
    { to: "events", event: sealEvent("gate.opened", now, facts) },
  ];
  if (ticks === null) return done(view.active, writes);
  const { boot: id, reading, offset } = ticks;
  const tickOffset = view.tickOffset ?? Math.max(offset, (view.latestPlace ?? 0) - reading);
  if (view.tickOffset === null) writes.push({ to: "boots", id, tickOffset });
  return { answer: { status: "done", active: view.active, tickOffset }, writes };
}

/** Each turn is kept, also one that changes nothing: who stopped the gate a second time has said so. */
function turnSwitch(change: Of<"halt">, { active, halt }: ChangeView): Judgement<ChangeAnswer> {
  const { halted, by, reason, abort, now: at, facts } = change;
  const row: HaltRow = { number: (halt?.number ?? 0) + 1, halted, by, reason, abort, at };
  const said = { ...facts, abort, by: boundText(by), number: row.number, why: boundText(reason) };
  return done(active, [
    { to: "halts", row },
    { to: "events", event: sealEvent(halted ? "gate.halted" : "gate.unhalted", at, said) },
  ]);
}

function spend(change: Of<"spend">, { active, isSpent }: ChangeView): Judgement<ChangeAnswer> {
  const { permitId: id, expiresAt, now } = change;
  // Past its end an id may have been forgotten, so it is not known to be unused.
  if (isSpent || expiresAt <= now) {
    const reason = { code: "permit_replayed", message: "the permit was used before" };
    const event = sealEvent("permit.refused", now, { ...change.facts, reason });
    return { answer: { status: "spent" }, writes: [{ to: "events", event }] };
  }
  const event = sealEvent("permit.spent", now, { ...change.facts, expires_at: expiresAt });
  return done(active, [
    { to: "permits", id, expiresAt, now },
    { to: "events", event },
  ]);
}

/** The first that is signed of a size stands: another of the same size says the same. */
function keepCheckpoint(change: Of<"checkpoint">, view: ChangeView): Judgement<ChangeAnswer> {
  const { size, root, note, now: at } = change;
  if (view.rootAtSize !== root) return { answer: { status: "head_changed" }, writes: [] };
  return done(view.active, view.isKept ? [] : [{ to: "checkpoints", row: { size, at, note } }]);
}

function activate(change: Of<"activate">, { active, document: before }: ChangeView): Judgement<ChangeAnswer> {
  const { snapshot, document, now } = change;
  // Opening a second gate on the same policy changes nothing for anybody. Bounds of the queue are not part of what a
  // policy means: they change with the document, and with them the epoch, but the snapshot and all requests stay.
  if (active !== null && active.snapshot === snapshot && document === before) return done(active, []);
  const row: ActivePolicy = { epoch: (active?.epoch ?? 0) + 1, snapshot, document };
  // Queue bounds are no part of the snapshot, and the document holds nothing private: the event binds it whole.
  const bound = { document: digest("value", document), epoch: row.epoch, snapshot };
  const facts = { ...change.facts, ...bound, before: active?.snapshot ?? null };
  return done(row, [
    { to: "policies", row, at: now },
    { to: "events", event: sealEvent("policy.activated", now, facts) },
  ]);
}

function expire(change: Of<"expire">, { active, lapsed, loggedAt }: ChangeView): Judgement<ChangeAnswer> {
  const now = Math.max(change.now, loggedAt);
  const writes: Write[] = [];
  for (const approval of lapsed) {
    if (isOpen(approval) && now >= expiryOf(approval)) lapse(approval, now, writes);
  }
  return done(active, writes);
}

function cancel(change: Of<"cancel">, view: ChangeView): Judgement<ChangeAnswer> {
  const { approval, job, waiting, active } = view;
  if (approval === null) return refused("unknown", null);
  const now = Math.max(change.now, view.loggedAt);
  const writes: Write[] = [];
  const { state } = approval;
  // A job that was let go, and neither ran nor asked anew, is withdrawn from nothing but its own waiting.
  const left = isReleased(approval) && waitsFor(job, approval.id);
  if (isOpen(approval) && now >= expiryOf(approval)) {
    return { answer: { status: "expired", approval: lapse(approval, now, writes) }, writes };
  }
  if (!isOpen(approval) && !left) return refused(state === "expired" ? "expired" : "resolved", approval);
  if (!waitsFor(job, approval.id)) return refused("resolved", approval);
  if (job.requesters === null || !job.requesters.includes(change.by.key)) return refused("not_requester", approval);
  const { note, by } = change;
  // A job may be withdrawn, asked for again and withdrawn again: each time with a note of its own.
  const noteRef = note === null ? "" : `cancel:${note.commitment.slice(0, 32)}`;
  if (note !== null) writes.push({ to: "vault", row: noteRow(approval, noteRef, note) });
  const said = note === null ? {} : { note: note.commitment, note_ref: noteRef };
  if (left || waiting.some(({ id }) => id !== job.id)) {
    writes.push({ to: "jobs", row: { ...job, status: "DENIED", reason: CANCELLED, updatedAt: now } });
    const facts = { ...approvalFacts(approval), job_id: job.id, trace_id: job.traceId, by: by.id, state, ...said };
    writes.push({ to: "events", event: sealEvent("approval.detached", now, facts) });
    return done(active, writes, approval);
  }
  writes.push(endWaiting(approval, CANCELLED, now));
  const row = resolve(approval, { state: "cancelled", by: by.id, said }, now, writes);
  return done(active, writes, row);
}

function lift(change: Of<"lift">, { approval, active, loggedAt }: ChangeView): Judgement<ChangeAnswer> {
  if (approval === null) return refused("unknown", null);
  const now = Math.max(change.now, loggedAt);
  const until = standsUntil(approval);
  if (until === null || now >= until) return refused("not_rejected", approval);
  const refusal = mayDecide(change.approver, approval);
  if (refusal !== undefined) return refused(refusal, approval);
  const row: ApprovalRow = { ...approval, liftedAt: now };
  const { note, approver } = change;
  const said = note === null ? {} : { note: note.commitment, note_ref: "lift" };
  const facts = { ...approvalFacts(approval), approver: approverFacts(approver), state: approval.state, ...said };
  const writes: Write[] = [
    { to: "approvals", row },
    { to: "events", event: sealEvent("approval.lifted", now, facts) },
  ];
  if (note !== null) writes.push({ to: "vault", row: noteRow(approval, "lift", note) });
  return done(active, writes, row);
}

function refused(
  status: Extract<ChangeAnswer, { readonly approval: ApprovalRow | null }>["status"],
  approval: ApprovalRow | null,
): Judgement<ChangeAnswer> {
  return { answer: { status, approval }, writes: [] };
}

function done(active: PolicyHead | null, writes: readonly Write[], approval?: ApprovalRow): Judgement<ChangeAnswer> {
  const answer: ChangeAnswer =
    approval === undefined ? { status: "done", active } : { status: "done", active, approval };
  return { answer, writes };
}
