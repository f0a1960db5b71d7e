import type { Approval } from "../../gate/approval.js";
import { span } from "../../gate/approval-text.js";
import type { ApprovalRequirement } from "../../outcome.js";
import { counts } from "../../store/approval-state.js";
import { type Markup, markup } from "./markup.js";

/** A moment as a page has it. */
export function moment(at: number): Markup {
  const [day = "", time = ""] = new Date(at).toISOString().split("T");
  return markup`<time datetime="${day}T${time}">${day} ${time.slice(0, 8)} UTC</time>`;
}

/** How long it is from now to a moment that lies ahead. */
export function ahead(at: number, now: number): string {
  return at <= now ? "now" : `in ${span(at - now)}`;
}

/** When a page was made of a request, by the clock that counts its age. */
export function nowOf({ queuedSince, ageMs }: Approval): number {
  return queuedSince + ageMs;
}

/** How far one requirement is met. */
export interface Progress {
  readonly requirement: ApprovalRequirement;
  /** Approvals that count for it. */
  readonly given: number;
}

/** How far each requirement of a request is met, as the votes that it has are counted. */
export function progressOf({ requirements, votes }: Approval): readonly Progress[] {
  const approving = votes.filter(({ vote }) => vote === "approve");
  return requirements.map((requirement) => ({
    requirement,
    given: approving.filter(({ approver, confirmed }) => {
      const { kind, roles, assurance } = approver;
      return counts(requirement, { kind, roles, assurance, view: confirmed ? "" : null });
    }).length,
  }));
}

/** Progress in a word or two, of all requirements together. */
export function votesOf(approval: Approval): string {
  return progressOf(approval)
    .map(({ requirement, given }) => `${given} of ${requirement.quorum}`)
    .join(", ");
}

/** How a request stands, marked by more than its colour. */
export function stateOf({ state }: Approval): Markup {
  return markup`<span class="state ${state}">${state}</span>`;
}

/** What changes whenever something of a request does that a page tells, but for its age. */
export function markOf({ id, state, votes, expiresAt }: Approval): string {
  return `${id} ${state} ${votes.length} ${expiresAt}`;
}

/** Who asked, as the job names them. */
export function actorOf({ job }: Approval): string {
  if (job === null) return "unknown";
  return job.actor === null ? "nobody who is known" : `${job.actor.id} (${job.actor.type})`;
}
