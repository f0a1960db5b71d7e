import type { Json, JsonObject } from "../outcome.js";
import { displayLiteral, displaySafe } from "./display.js";
import type { EventType } from "./event.js";

/**
 * One event in one line for people. Nothing in it can move a terminal's cursor or turn text around. A log of a later version may
 * have kinds of events that this one does not know.
 */
export function describeEvent(type: string, body: JsonObject): string {
  const told: string | undefined = sentence(type as EventType, body);
  return displaySafe(told ?? "an event of a kind that is not known here");
}

function sentence(type: EventType, body: JsonObject): string {
  switch (type) {
    case "job.dispatching":
      return `${decided(body)}; claimed${forApproval(body)}, dispatching ${text(body.topic)}${constrained(body.constraints)}`;
    case "job.settled":
      return `${text(body.status)} after ${attempts(body.attempts)}${took(body)}${found(body.findings)}${withheld(body)}`;
    case "job.refused":
      return refused(body);
    case "job.evaluated":
      return `${decided(body)}; evaluated ${text(body.topic)}`;
    case "job.retried":
      return `attempt ${text(body.attempt)} begins`;
    case "job.late":
      return `attempt ${text(body.attempt)} ended late (${text(body.ended)}); nothing was released${found(body.findings)}`;
    case "job.joined":
      return `${named(body.submitted_by)} submitted the job as well`;
    case "job.erased":
      return `${count(body.values)} of the job erased by ${named(body.by)}`;
    case "claim.abandoned":
      return `the claim was given up before the dispatch${body.approval_state === "approved" ? ", and its approval stands again" : ""}: ${reason(body.reason)}`;
    case "approval.requested":
      return `${decided(body)}; approval asked for ${text(body.topic)}${typeof body.supersedes === "string" ? " in place of an earlier request" : ""}`;
    case "approval.joined":
      return `joined the open approval for ${text(body.topic)}`;
    case "approval.voted":
      return `${named(of(body.approver, "id"))} voted to ${text(body.vote)}; the request is ${text(body.state)}`;
    case "approval.resolved":
      return `the approval request is ${text(body.state)}${replaced(body)}`;
    case "approval.refused":
      return `${named(body.by)} was refused to ${text(body.call)}: ${text(body.code)}`;
    case "approval.detached":
      return `${named(body.by)} withdrew the job; others wait for the same request`;
    case "approval.lifted":
      return `${named(of(body.approver, "id"))} lifted the rejection`;
    case "output.released":
      return `${approver(body.approver)} released the output withheld as ${text(body.quarantine_id)}`;
    case "output.refused":
      return `${named(body.by)} was refused to release ${output(body)}: ${text(body.code)}`;
    case "permit.spent":
      return `${named(body.audience)} took the permit of an attempt`;
    case "permit.refused":
      return `${named(body.audience)} was shown a permit that does not hold: ${reason(body.reason)}`;
    case "refusals.counted":
      return `${text(body.count)} more refusals of ${named(body.actor)}, not written one by one: ${reason(body.reason)}`;
    case "checkpoint.failed":
      return `the log could not be signed: ${text(body.message)}`;
    case "clock.jumped":
      return `the system's clock was set by ${text(body.by_ms)} ms`;
    case "job.reconciled":
      return `${text(body.status)}: ${reason(body.reason)}`;
    case "gate.recovered":
      if (body.slots !== undefined) return `${text(body.slots)} places in pools came free: a process is gone`;
      return `${text(body.status)}: ${reason(body.reason)}`;
    case "policy.activated":
      return `policy ${text(body.snapshot).slice(0, 12)} is in force (epoch ${text(body.epoch)})`;
    case "policy.rejected":
      return "a policy was rejected";
    case "gate.opened":
      return "a gate was opened";
    case "gate.degraded":
      return `the store was away: ${text(body.entered)} jobs ran without it, and ${text(body.lost)} records are lost`;
    case "gate.halted":
      return `${named(body.by)} halted every gate on the store${body.abort === "running" ? ", and aborts what runs" : ""}: ${text(body.why)}`;
    case "gate.unhalted":
      return `${named(body.by)} let the gates go on: ${text(body.why)}`;
    case "gate.closed":
      return "a gate was closed";
  }
}

function count(values: Json | undefined): string {
  return values === 1 ? "1 private value" : `${text(values)} private values`;
}

function decided(body: JsonObject): string {
  return `${text(of(body.decision, "type"))} by ${text(of(body.decision, "rule_id"))}`;
}

/** A job that was not admitted has no topic, and one that could not be decided no decision. */
function refused(body: JsonObject): string {
  const decision = isObject(body.decision) ? `${decided(body)}; ` : "";
  const topic = body.topic === undefined ? "" : ` ${text(body.topic)}`;
  const again = typeof body.retry_after_ms === "number" ? `; room in ${body.retry_after_ms} ms` : "";
  const behind = typeof body.behind === "string" ? ` (request ${body.behind})` : "";
  return `${decision}refused${topic}: ${reason(body.reason)}${behind}${again}`;
}

function replaced(body: JsonObject): string {
  return typeof body.superseded_by === "string" ? `; ${body.superseded_by} takes its place` : "";
}

function forApproval(body: JsonObject): string {
  return typeof body.approval_id === "string" ? " with its approval" : "";
}

function constrained(constraints: Json | undefined): string {
  if (!isObject(constraints)) return "";
  const parts = Object.entries(constraints).map(([key, value]) => `${key} ${text(value)}`);
  return parts.length === 0 ? "" : ` under ${parts.join(", ")}`;
}

function attempts(list: Json | undefined): string {
  const count = Array.isArray(list) ? list.length : Number(of(list, "count") ?? 0);
  if (count === 0) return "no attempt";
  return count === 1 ? "1 attempt" : `${count} attempts`;
}

function took(body: JsonObject): string {
  return typeof body.duration_ms === "number" ? ` in ${body.duration_ms} ms` : "";
}

function found(list: Json | undefined): string {
  const items = Array.isArray(list) ? (list as readonly Json[]) : [];
  const count = Array.isArray(list) ? items.length : Number(of(list, "count") ?? 0);
  if (count === 0) return "";
  const kinds = [...new Set(items.map((item) => text(of(item, "kind"))))];
  return `; found ${count}${kinds.length === 0 ? "" : ` (${kinds.join(", ")})`}`;
}

/** Which output was withheld, and why: a job that ended otherwise has none. */
function withheld(body: JsonObject): string {
  if (typeof body.quarantine_id !== "string") return "";
  const kept = body.kept === false ? ", and not kept" : "";
  return `; withheld as ${body.quarantine_id}${kept}: ${text(of(body.reason, "message"))}`;
}

/** A refused call may have named none that there is. */
function output(body: JsonObject): string {
  return typeof body.quarantine_id === "string" ? `the output withheld as ${body.quarantine_id}` : "an output";
}

function approver(value: Json | undefined): string {
  return `${named(of(value, "id"))} (${text(of(value, "kind"))}, assurance ${text(of(value, "assurance"))})`;
}

function reason(value: Json | undefined): string {
  return `${text(of(value, "code"))}: ${text(of(value, "message"))}`;
}

function of(value: Json | undefined, key: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Who somebody is: as it stands where it is one plain word, and as a literal where it could pass for words of ours. */
function named(value: Json | undefined): string {
  const name = text(value);
  return /^[\p{L}\p{N}._@:+~%/-]+$/u.test(name) ? name : displayLiteral(name);
}

function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (isObject(value) && typeof value.head === "string") return `${value.head}...`;
  return value === undefined || value === null ? "-" : JSON.stringify(value);
}
