import { writeBase64 } from "../evidence/base64.js";
import { readCheckpoint } from "../evidence/checkpoint.js";
import { displayLiteral, displaySafe } from "../evidence/display.js";
import { displayJson, displayRows } from "../evidence/display-json.js";
import type { AdmittedJob } from "../job/job.js";
import type { ApprovalRequirement, Json, JsonObject } from "../outcome.js";
import type { Approval, Vote } from "./approval.js";

/**
 * All of a request in lines for a person. Every text that came from outside stands in it as a literal of one line, so
 * that none can pass for a line of ours; nothing is left out, and nothing is shortened without saying so.
 */
export function renderApproval(approval: Approval): string {
  const { job, decision } = approval;
  const lines = [
    `Approval ${approval.id}: ${approval.state}`,
    ...rows([
      ["in the queue", `since ${moment(approval.queuedSince)}, for ${span(approval.ageMs)}`],
      ["asked", moment(approval.requestedAt)],
      ["by job", `${displayLiteral(approval.jobId)}, trace ${displayLiteral(approval.traceId)}`],
      [approval.state === "approved" ? "to be used before" : "expires", moment(approval.expiresAt)],
      ["decided", approval.decidedAt === null ? null : moment(approval.decidedAt)],
      ["ended", approval.resolvedAt === null ? null : `${moment(approval.resolvedAt)}${by(approval.resolvedBy)}`],
      ["rejection stands", approval.standsUntil === null ? null : `until ${moment(approval.standsUntil)}`],
      ["takes the place of", approval.supersedes],
      ["its place was taken by", approval.supersededBy],
      ["asked for by", approval.requesters.length === 0 ? "nobody who is known" : list(approval.requesters)],
    ]),
    ...jobLines(approval, job),
    "Why approval is needed",
    ...rows([
      ["rule", displayLiteral(decision.ruleId)],
      ["reason", displayLiteral(decision.reason)],
      ["all rules that match", list(decision.matched)],
      ["of these in doubt", decision.erred.length === 0 ? null : list(decision.erred)],
      ["policy", approval.snapshot],
      ["holds for", approval.binding === "snapshot" ? "this policy alone" : "as long as the decision is the same"],
    ]),
    "Who must approve: each of these on its own",
    ...approval.requirements.map((requirement) => `  ${inWords(requirement)}`),
    ...rows([
      ["an approval may be used for", span(approval.useWithinMs)],
      ["a rejection stands for", span(approval.rejectionStandsMs)],
    ]),
    "What holds if it runs",
    ...rows([
      ["dispatcher", displayLiteral(approval.dispatcher)],
      ["limits on the run", displayJson(approval.constraints as JsonObject, "  ")],
      ["rates", displayJson(decision.obligations.limits as unknown as Json, "  ")],
      ["pools", displayJson(decision.obligations.pools as unknown as Json, "  ")],
      ["outputs", displayJson(decision.obligations.outputs as unknown as Json, "  ")],
    ]),
    ...part("What could be done instead", decision.remediations as unknown as readonly Json[]),
    ...part("What is asked otherwise than before", approval.changes as unknown as readonly Json[]),
    approval.votes.length === 0 ? "No votes yet" : "Votes",
    ...approval.votes.map((vote) => `  ${voteLine(vote)}`),
    "What is approved",
    ...rows([
      ["job hash", approval.jobHash],
      ["view", approval.view],
      ["signed with it", signedLog(approval.checkpoint)],
    ]),
  ];
  return lines.flatMap((line) => displayRows(displaySafe(line))).join("\n");
}

/** The log that holds the request, as it was signed: a reviewer who notes this down can tell later that it was changed. */
function signedLog(note: string | null): string | null {
  const signed = note === null ? null : readCheckpoint(note);
  if (signed === null) return null;
  return `the log ${displayLiteral(signed.origin)} of ${signed.size} events, root ${writeBase64(signed.root)}`;
}

function jobLines({ tenantId, derivedTags, derivedSince }: Approval, job: AdmittedJob | null): readonly string[] {
  if (job === null) return ["The job", "  its content was erased, or is not what was hashed: it cannot be approved"];
  const { actor } = job;
  return [
    "The job",
    ...rows([
      ["tenant", displayLiteral(tenantId)],
      ["topic", displayLiteral(job.topic)],
      ["actor", actor === null ? "none" : `${displayLiteral(actor.id)}, ${actor.type}`],
      ["on behalf of", actor?.onBehalfOf === undefined ? null : displayLiteral(actor.onBehalfOf)],
      ["tags it declares", list(job.riskTags)],
      ["tags derived by the host", list(derivedTags)],
      ["tags derived since, for equal jobs", derivedSince.length === 0 ? null : list(derivedSince)],
      ["capability", job.capability === null ? null : displayLiteral(job.capability)],
      ["requires", job.requires.length === 0 ? null : list(job.requires)],
      ["resources", displayJson(job.resources as unknown as Json, "  ")],
      ["limits of its own", displayJson(job.constraints as unknown as Json, "  ")],
      ["labels", displayJson(job.labels, "  ")],
      ["payload", displayJson(job.payload, "  ")],
      ["annotations (not part of what is approved)", displayJson(job.annotations, "  ")],
    ]),
  ];
}

/** Lines of a name and a value; without those that have none. */
function rows(pairs: readonly (readonly [name: string, value: string | null])[]): readonly string[] {
  return pairs.flatMap(([name, value]) => (value === null ? [] : `  ${name}: ${value}`.split("\n")));
}

function part(title: string, values: readonly Json[]): readonly string[] {
  return values.length === 0 ? [] : [title, ...values.flatMap((value) => `  ${displayJson(value, "  ")}`.split("\n"))];
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : texts.map(displayLiteral).join(", ");
}

function inWords(requirement: ApprovalRequirement): string {
  const { ruleId, quorum, roles, kinds, allowSelf, confirmView, assurance } = requirement;
  const people = `${quorum} ${kinds.map((kind) => (quorum === 1 ? kind : `${kind}s`)).join(" or ")}`;
  const role = roles === undefined ? "" : ` with one of the roles ${list(roles)}`;
  const extras = [
    ...(confirmView ? ["whose vote names this view"] : []),
    ...(assurance === undefined ? [] : [`identified by ${assurance === "token" ? "a signed token" : "the host"}`]),
    ...(allowSelf ? ["who asked may be among them"] : []),
  ];
  return `${[`${people}${role}`, ...extras].join(", ")} (rule ${displayLiteral(ruleId)})`;
}

function voteLine({ approver, vote, at, note, confirmed }: Vote): string {
  const roles = approver.roles.length === 0 ? "" : `, ${list(approver.roles)}`;
  const said = note === null ? "" : `: ${displayLiteral(note)}`;
  const seen = confirmed ? ", of this view" : "";
  const who = `${displayLiteral(approver.id)} (${approver.kind}${roles}, assurance ${approver.assurance})`;
  return `${vote} by ${who} at ${moment(at)}${seen}${said}`;
}

function by(id: string | null): string {
  return id === null ? "" : ` by ${displayLiteral(id)}`;
}

function moment(at: number): string {
  return new Date(at).toISOString();
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
] as const;

/** A span in its two largest units. */
export function span(ms: number): string {
  let left = ms;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.length === 0 ? `${Math.floor(left / 1_000)} s` : parts.slice(0, 2).join(" ");
}
