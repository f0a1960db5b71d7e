import { sortKeys } from "../canonical.js";
import { displayLiteral, displaySafe } from "../evidence/display.js";
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
    ]),
    "Who must approve: each of these on its own",
    ...approval.requirements.map((requirement) => `  ${inWords(requirement)}`),
    "What holds if it runs",
    ...rows([
      ["dispatcher", displayLiteral(approval.dispatcher)],
      ["limits on the run", json(approval.constraints as JsonObject, "  ")],
      ["rates", json(decision.obligations.limits as unknown as Json, "  ")],
      ["outputs", json(decision.obligations.outputs as unknown as Json, "  ")],
    ]),
    ...part("What could be done instead", decision.remediations as unknown as readonly Json[]),
    ...part("What is asked otherwise than before", approval.changes as unknown as readonly Json[]),
    approval.votes.length === 0 ? "No votes yet" : "Votes",
    ...approval.votes.map((vote) => `  ${voteLine(vote)}`),
    "What is approved",
    ...rows([
      ["job hash", approval.jobHash],
      ["view", approval.view],
    ]),
  ];
  return lines.map(displaySafe).join("\n");
}

function jobLines({ tenantId, derivedTags }: Approval, job: AdmittedJob | null): readonly string[] {
  if (job === null) return ["The job", "  its content was erased"];
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
      ["capability", job.capability === null ? null : displayLiteral(job.capability)],
      ["requires", job.requires.length === 0 ? null : list(job.requires)],
      ["resources", json(job.resources as unknown as Json, "  ")],
      ["limits of its own", json(job.constraints as unknown as Json, "  ")],
      ["labels", json(job.labels, "  ")],
      ["payload", json(job.payload, "  ")],
      ["annotations (not part of what is approved)", json(job.annotations, "  ")],
    ]),
  ];
}

/** Lines of a name and a value; without those that have none. */
function rows(pairs: readonly (readonly [name: string, value: string | null])[]): readonly string[] {
  return pairs.flatMap(([name, value]) => (value === null ? [] : `  ${name}: ${value}`.split("\n")));
}

function part(title: string, values: readonly Json[]): readonly string[] {
  return values.length === 0 ? [] : [title, ...values.flatMap((value) => `  ${json(value, "  ")}`.split("\n"))];
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : texts.map(displayLiteral).join(", ");
}

/** JSON in lines, its texts and keys as literals. Only what is between values is ours. */
function json(value: Json | undefined, indent: string): string {
  if (value === undefined) return "none";
  if (typeof value === "string") return displayLiteral(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => `${deeper}${json(item, deeper)}`);
    return items.length === 0 ? "[]" : `[\n${items.join(",\n")}\n${indent}]`;
  }
  const object = value as JsonObject;
  const members = sortKeys(Object.keys(object).filter((key) => object[key] !== undefined)).map(
    (key) => `${deeper}${displayLiteral(key)}: ${json(object[key], deeper)}`,
  );
  return members.length === 0 ? "{}" : `{\n${members.join(",\n")}\n${indent}}`;
}

function inWords(requirement: ApprovalRequirement): string {
  const { ruleId, quorum, roles, kinds, allowSelf, confirmView, assurance } = requirement;
  const people = `${quorum} ${kinds.join(" or ")}${quorum === 1 ? "" : "s"}`;
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
function span(ms: number): string {
  let left = ms;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.length === 0 ? `${Math.floor(left / 1_000)} s` : parts.slice(0, 2).join(" ");
}
