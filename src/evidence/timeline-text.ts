import type { Json, JsonObject } from "../outcome.js";
import { describeEvent } from "./describe.js";
import { displayLiteral, displaySafe } from "./display.js";
import { displayJson, displayRows } from "./display-json.js";
import { type JobStory, jobsIn, type RequestStory, type TimelineEvent, type TimelineEvents } from "./timeline-jobs.js";

/** Raised whenever the same events could give another text: who compares texts MUST know both to be of one form. */
export const TIMELINE_FORM = 1;

/** How the first line of every text begins, with its form after that. */
export const TIMELINE_HEAD = "Timeline, form ";

/**
 * A timeline in lines for people: of every job what was asked, decided, approved and done, then the events, one a line. Every
 * text that came from outside stands in it as a literal of one line, so that none can pass for a line of ours.
 */
export function timelineText(timeline: TimelineEvents): string {
  const { traceId, entries } = timeline;
  const jobs = jobsIn(timeline);
  const lines = [
    `${TIMELINE_HEAD}${TIMELINE_FORM}, of trace ${displayLiteral(traceId)}`,
    `${counted(jobs.length, "job")}, ${counted(entries.length, "event")}${between(entries)}`,
    ...jobs.flatMap(jobLines),
    "Events",
    ...entries.map(eventLine),
  ];
  return `${lines.flatMap((line) => displayRows(displaySafe(line))).join("\n")}\n`;
}

function eventLine({ seq, at, type, body }: TimelineEvent): string {
  return `  ${seq} ${moment(at)} ${word(type)} ${displayLiteral(describeEvent(type, body))}`;
}

function between(entries: readonly TimelineEvent[]): string {
  const [first, last] = [entries[0], entries.at(-1)];
  return first === undefined || last === undefined ? "" : `, ${moment(first.at)} to ${moment(last.at)}`;
}

function jobLines(story: JobStory): readonly string[] {
  const { jobId, tenantId, events, requests } = story;
  const asked = events.findLast(({ body }) => body.topic !== undefined)?.body ?? {};
  const decided = events.findLast(({ body }) => isObject(body.decision));
  const held = events.findLast(({ type, body }) => HOLDING.has(type) && isObject(body.constraints))?.body ?? {};
  const submitters = new Set(
    events.flatMap(({ body }) => (body.submitted_by === undefined ? [] : said(body.submitted_by))),
  );
  return [
    `Job ${displayLiteral(jobId)} of ${tenantId === null ? "no tenant" : `tenant ${displayLiteral(tenantId)}`}`,
    ...rows([
      ["topic", asked.topic === undefined ? null : said(asked.topic)],
      ["actor", isObject(asked.actor) ? `${said(asked.actor.id)}, ${word(asked.actor.type)}` : "none"],
      ["on behalf of", isObject(asked.actor) && "on_behalf_of" in asked.actor ? said(asked.actor.on_behalf_of) : null],
      ["submitted by", submitters.size === 0 ? null : [...submitters].join(", ")],
      ["decided", decided === undefined ? "nothing" : decisionOf(decided)],
      ["policy", isObject(decided?.body.decision) ? word(decided.body.decision.snapshot) : null],
    ]),
    ...requests.flatMap(requestLines),
    ...rows([
      ["held to", held.constraints === undefined ? null : displayJson(held.constraints, "  ")],
      ["asked for by", held.constraints_by === undefined ? null : displayJson(held.constraints_by, "  ")],
    ]),
    ...events.flatMap(doneLines).map((line) => `  ${line}`),
    `  took: ${durations(story)}`,
  ];
}

/** Events that say what a run is held to. */
const HOLDING: ReadonlySet<string> = new Set(["job.dispatching", "approval.requested", "approval.joined"]);

function decisionOf({ at, body: { decision } }: TimelineEvent): string {
  if (!isObject(decision)) return "nothing";
  const { type, rule_id: ruleId, reason } = decision;
  return `${word(type)} by rule ${said(ruleId)} at ${moment(at)}, reason ${said(reason)}`;
}

function requestLines({ approvalId, state, events }: RequestStory): readonly string[] {
  const head = `  approval ${displayLiteral(approvalId)}: ${word(state)}`;
  if (events.length === 0) return [`${head}, told above`];
  const needs = events.map(({ body }) => (isObject(body.decision) ? body.decision.approvals : undefined));
  return [
    head,
    ...rows([["needs", needs[0] === undefined ? null : displayJson(needs[0], "    ")]]).map((line) => `  ${line}`),
    ...events.map((event) => `    ${stepLine(event)}`),
  ];
}

/** One step of a request, by whom. */
function stepLine({ type, at, body, note }: TimelineEvent): string {
  const when = `at ${moment(at)}`;
  const noted =
    note === null
      ? body.note === undefined
        ? ""
        : ", with a note that is not here"
      : `, note ${displayLiteral(note)}`;
  switch (type) {
    case "approval.requested":
      return `asked ${when} by job ${said(body.job_id)}, expires ${moment(body.expires_at)}`;
    case "approval.voted":
      return `${word(body.vote)} by ${person(body.approver)} ${when}, ${typeof body.view === "string" ? "of the view that was shown" : "of no view in particular"}${noted}`;
    case "approval.lifted":
      return `lifted by ${person(body.approver)} ${when}${noted}`;
    case "approval.detached":
      return `job ${said(body.job_id)} withdrawn by ${said(body.by)} ${when}${noted}`;
    default: {
      const place = body.superseded_by === undefined ? "" : `, in its place ${said(body.superseded_by)}`;
      return `${word(body.state)} ${when}${body.by === null || body.by === undefined ? "" : ` by ${said(body.by)}`}${place}${noted}`;
    }
  }
}

function person(approver: Json | undefined): string {
  if (!isObject(approver)) return "nobody who is named";
  const roles = listed(approver.roles);
  const named = roles.length === 0 ? "" : `, ${roles.map(said).join(", ")}`;
  return `${said(approver.id)} (${word(approver.kind)}${named}, assurance ${word(approver.assurance)})`;
}

/** What one event says of what was done. */
function doneLines({ type, at, body, note }: TimelineEvent): readonly string[] {
  const when = `at ${moment(at)}`;
  switch (type) {
    case "job.dispatching":
      return [`dispatched to ${said(body.dispatcher)} ${when}`];
    case "job.refused":
      return [`refused ${when}: ${reasonOf(body.reason)}`];
    case "job.settled":
      return [
        ...listed(body.attempts).map(attemptLine),
        ...foundLine(body.findings),
        ...(typeof body.quarantine_id === "string"
          ? [`withheld as ${said(body.quarantine_id)}, ${body.kept === true ? "kept" : "not kept"}`]
          : []),
        `ended ${word(body.status)} ${when}: ${reasonOf(body.reason)}`,
      ];
    case "job.late":
      return [`attempt ${number(body.attempt)} ended late ${when}: ${word(body.ended)}`, ...foundLine(body.findings)];
    case "output.released": {
      const noted = note === null ? "" : `, note ${displayLiteral(note)}`;
      return [`released ${when} by ${person(body.approver)}${noted}`];
    }
    case "gate.recovered":
      return [`ended ${word(body.status)} ${when}: ${reasonOf(body.reason)}`];
    case "job.erased":
      return [`private values erased ${when}${body.by === undefined ? "" : `, asked by ${said(body.by)}`}`];
    default:
      return [];
  }
}

function attemptLine(attempt: Json): string {
  if (!isObject(attempt)) return "an attempt";
  return `attempt ${number(attempt.attempt)}: ${word(attempt.ended)} after ${number(attempt.duration_ms)} ms`;
}

function foundLine(findings: Json | undefined): readonly string[] {
  const kinds = new Map<string, number>();
  for (const finding of listed(findings)) {
    const kind = isObject(finding) ? said(finding.kind) : "-";
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  if (kinds.size === 0) return [];
  const more = isObject(findings) ? `, of ${number(findings.count)} in all` : "";
  return [`found in its output: ${[...kinds].map(([kind, count]) => `${count} of ${kind}`).join(", ")}${more}`];
}

function reasonOf(reason: Json | undefined): string {
  return isObject(reason) ? `${word(reason.code)}, ${said(reason.message)}` : "no reason is given";
}

/** How long each part took, of what there was. */
function durations({ events, requests }: JobStory): string {
  const first = (type: string): number | undefined => events.find((event) => event.type === type)?.at;
  const asked = first("approval.requested") ?? first("approval.joined");
  const closing = requests.findLast(({ decidedAt }) => decidedAt !== null)?.decidedAt ?? undefined;
  const dispatched = events.findLast(({ type }) => type === "job.dispatching")?.at;
  const settled = events.findLast(({ type }) => type === "job.settled");
  const parts: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ["asked to decided", asked, closing],
    ["decided to dispatched", closing, dispatched],
  ];
  const run = settled?.body.duration_ms;
  return [
    ...parts.flatMap(([name, from, to]) => (from === undefined || to === undefined ? [] : [`${name} ${to - from} ms`])),
    ...(typeof run === "number" ? [`run ${run} ms`] : []),
    `whole ${(events.at(-1)?.at ?? 0) - (events[0]?.at ?? 0)} ms`,
  ].join(", ");
}

/** Lines of a name and a value; without those that have none. */
function rows(pairs: readonly (readonly [name: string, value: string | null])[]): readonly string[] {
  return pairs.flatMap(([name, value]) => (value === null ? [] : `  ${name}: ${value}`.split("\n")));
}

/** The items of a list, or those at the head of one that the record cut short. */
function listed(list: Json | undefined): readonly Json[] {
  const items = isObject(list) ? list.head : list;
  return Array.isArray(items) ? (items as readonly Json[]) : [];
}

/** A text from outside as a literal; of one that the record cut short what it holds of it. */
function said(value: Json | undefined): string {
  if (typeof value === "string") return displayLiteral(value);
  if (isObject(value) && typeof value.head === "string") return `${displayLiteral(value.head)} and more`;
  return value === undefined || value === null ? "-" : displayLiteral(JSON.stringify(value));
}

/** One of the record's own words as it stands, and whatever else is in its place as a literal. */
function word(value: Json | undefined): string {
  return typeof value === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(value) ? value : said(value);
}

function number(value: Json | undefined): string {
  return typeof value === "number" ? String(value) : said(value);
}

/** Milliseconds from 1970 beyond which there is no date. */
const MAX_TIME = 8.64e15;

function moment(at: Json | undefined): string {
  return typeof at === "number" && Math.abs(at) <= MAX_TIME ? new Date(at).toISOString() : number(at);
}

function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
