import { canonicalize, sortKeys } from "../canonical.js";
import { digest } from "../digest.js";
import { deepFreeze } from "../job/freeze.js";
import type { AdmittedJob } from "../job/job.js";
import type { Constraints, Decision, Finding, Json, JsonObject, Reason } from "../outcome.js";
import { snakeCase } from "../snake-case.js";

/** Every kind of event, a closed list. */
export const EVENT_TYPES = [
  "gate.opened",
  "gate.recovered",
  "gate.closed",
  "gate.degraded",
  "gate.halted",
  "gate.unhalted",
  "policy.activated",
  "policy.rejected",
  "job.refused",
  "job.evaluated",
  "job.dispatching",
  "job.retried",
  "job.settled",
  "job.late",
  "job.joined",
  "job.reconciled",
  "job.erased",
  "claim.abandoned",
  "approval.requested",
  "approval.joined",
  "approval.voted",
  "approval.refused",
  "approval.resolved",
  "approval.detached",
  "approval.lifted",
  "output.released",
  "output.refused",
  "permit.spent",
  "permit.refused",
  "refusals.counted",
  "checkpoint.failed",
  "clock.jumped",
] as const;

/** One of them. */
export type EventType = (typeof EVENT_TYPES)[number];

/** Largest event, in UTF-8 bytes of its canonical JSON: what a log entry may hold (C2SP tlog-tiles). */
export const MAX_EVENT_BYTES = 65_535;

/** One event as it goes to the store: its exact bytes as text, and the columns it is found by. */
export interface SealedEvent {
  readonly type: EventType;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
  readonly traceId: string | null;
  readonly approvalId: string | null;
  /** RFC 8785 text; its UTF-8 bytes are the evidence. */
  readonly text: string;
}

/** What an event says besides its type and time. Keys are those of the record: `snake_case`. */
export interface EventFacts {
  readonly trace_id?: string;
  readonly approval_id?: string | null;
  readonly [key: string]: Json | undefined;
}

/** Makes an event's bytes. Pure: the same facts give the same bytes, in every store. */
export function sealEvent(type: EventType, at: number, facts: EventFacts): SealedEvent {
  const always: EventFacts = { v: 1, type, at };
  let text = "{";
  for (const key of sortKeys([...Object.keys(facts), "v", "type", "at"])) {
    const fact = always[key] ?? facts[key];
    if (fact === undefined) continue;
    // The keys are the record's own words, with nothing in them to escape.
    text += text.length === 1 ? `"${key}":${textOf(fact)}` : `,"${key}":${textOf(fact)}`;
  }
  text += "}";
  // UTF-8 is at most three bytes a UTF-16 code unit, so short texts need no count.
  if (text.length * 3 > MAX_EVENT_BYTES && Buffer.byteLength(text) > MAX_EVENT_BYTES) {
    throw new RangeError(`an event of type ${type} is larger than ${MAX_EVENT_BYTES} bytes`);
  }
  return { type, at, traceId: facts.trace_id ?? null, approvalId: facts.approval_id ?? null, text };
}

/** Texts of frozen facts that many events share. A copy of such facts is only written anew, never differently. */
const texts = new WeakMap<object, string>();

function textOf(fact: Json): string {
  return (typeof fact === "object" && fact !== null ? texts.get(fact) : undefined) ?? canonicalize(fact);
}

/** Items of a list that stand in an event; of the rest it holds the count and the hash of all. */
const HEAD = 32;

/** UTF-16 code units of one text in an event; of a longer one the head and the hash stand. */
const MAX_TEXT = 512;

/** A list of any length in bounded space: short ones whole, long ones as head, count and hash of the whole. */
export function boundList(list: readonly Json[]): Json {
  if (list.length <= HEAD) return list;
  return { head: list.slice(0, HEAD), count: list.length, hash: digest("value", canonicalize(list)) };
}

/** The same, where items may be large themselves: the head takes at most so many bytes. */
export function boundBytes(list: readonly Json[], most: number): Json {
  let left = most;
  const fits = list.slice(0, HEAD).findIndex((item) => {
    left -= Buffer.byteLength(canonicalize(item)) + 1;
    return left < 0;
  });
  if (fits < 0) return boundList(list);
  return { head: list.slice(0, fits), count: list.length, hash: digest("value", canonicalize(list)) };
}

/** A text of any length in bounded space. Lone surrogates, which no event can hold, become U+FFFD. */
export function boundText(text: string, most: number = MAX_TEXT): Json {
  const whole = text.toWellFormed();
  if (whole.length <= most) return whole;
  return {
    head: whole.slice(0, most).toWellFormed(),
    length: whole.length,
    hash: digest("value", canonicalize(whole)),
  };
}

/** Who and what a job is, without its private parts: payload, labels and hash stand behind `commitment`. */
export function jobFacts(job: AdmittedJob, derivedTags: readonly string[], commitment: string): EventFacts {
  // In the order of the record, which then has little to sort.
  return {
    actor: actorFacts(job),
    capability: job.capability,
    derived_tags: boundList(derivedTags),
    job: commitment,
    job_id: job.id,
    risk_tags: boundList(job.riskTags),
    tenant_id: job.tenantId,
    topic: job.topic,
    trace_id: job.traceId,
  };
}

function actorFacts(job: AdmittedJob): Json {
  if (job.actor === null) return null;
  const { id, type, onBehalfOf } = job.actor;
  return onBehalfOf === undefined ? { id, type } : { id, type, on_behalf_of: onBehalfOf };
}

/** Keeps what is made of a frozen value that many jobs share, with its text: each is written once. */
function writeOnce<Value extends object>(write: (value: Value) => JsonObject): (value: Value) => JsonObject {
  const written = new WeakMap<Value, JsonObject>();
  return (value) => {
    const known = written.get(value);
    if (known !== undefined) return known;
    const facts = deepFreeze(write(value));
    if (Object.isFrozen(value)) {
      written.set(value, facts);
      texts.set(facts, canonicalize(facts));
    }
    return facts;
  };
}

/** A decision as the record holds it. With all that may stand beside it in an event, the bounds come to 64,000 bytes. */
export const decisionFacts: (decision: Decision) => JsonObject = writeOnce((decision) => ({
  type: decision.type,
  rule_id: decision.ruleId,
  reason: boundText(decision.reason),
  snapshot: decision.snapshot,
  matched: boundBytes(decision.matched, 6_144),
  erred: boundBytes(decision.erred, 4_096),
  approvals: boundBytes(
    decision.obligations.approvals.map((requirement) => ({
      rule_id: requirement.ruleId,
      quorum: requirement.quorum,
      kinds: [...requirement.kinds],
      allow_self: requirement.allowSelf,
      confirm_view: requirement.confirmView,
      assurance: requirement.assurance ?? null,
      ...(requirement.roles === undefined ? {} : { roles: boundList(requirement.roles) }),
    })),
    12_288,
  ),
  limits: boundBytes(
    decision.obligations.limits.map(({ ruleId, limit, windowSec, per }) => ({
      rule_id: ruleId,
      limit,
      window_sec: windowSec,
      per: boundList(per),
    })),
    6_144,
  ),
  outputs: boundBytes(
    decision.obligations.outputs.map(({ ruleId, action }) => ({ rule_id: ruleId, action })),
    4_096,
  ),
}));

/** Constraints in force, as the record holds them. */
export const constraintFacts: (constraints: Constraints) => JsonObject = writeOnce((constraints) => {
  const facts: Record<string, Json> = {};
  if (constraints.maxRuntimeSec !== undefined) facts.max_runtime_sec = constraints.maxRuntimeSec;
  if (constraints.maxRetries !== undefined) facts.max_retries = constraints.maxRetries;
  if (constraints.maxOutputBytes !== undefined) facts.max_output_bytes = constraints.maxOutputBytes;
  const { paths, network } = constraints;
  if (paths !== undefined) facts.paths = boundBytes(listsOf(paths), 4_096);
  if (network !== undefined) facts.network = boundBytes(listsOf(network), 4_096);
  return facts;
});

/** Lists as items, each under its name: a long one is cut off with the rest of it counted and hashed. */
function listsOf(lists: object): readonly Json[] {
  return (Object.entries(lists) as readonly (readonly [string, Json])[]).flatMap(([name, list]) =>
    (list as readonly Json[]).map((item) => ({ [name]: item })),
  );
}

/** Who asked for what a run is held to, as the record holds it. */
export const sourceFacts: (sources: Sources) => JsonObject = writeOnce((sources) =>
  Object.fromEntries(Object.entries(sources).map(([key, by]) => [snakeCase(key), boundBytes(by, 1_024)])),
);

/** Of each constraint, the rules (or `@job`, `@gate`) that asked for it. */
type Sources = Readonly<Record<string, readonly string[]>>;

/** A reason as the record holds it. */
export const reasonFacts: (reason: Reason) => JsonObject = writeOnce((reason) => {
  const facts: Record<string, Json> = { code: reason.code, message: boundText(reason.message) };
  if (reason.ruleId !== undefined) facts.rule_id = reason.ruleId;
  return facts;
});

/**
 * Findings as the record holds them: kind, place, length; never what was found. Places are written by whoever made the output,
 * in characters of which JSON makes six bytes if they like.
 */
export function findingFacts(findings: readonly Finding[]): Json {
  return boundBytes(
    findings.map(({ kind, path, length, fingerprint, ruleId, action }) => ({
      kind,
      path: boundText(path),
      length,
      fingerprint,
      rule_id: ruleId,
      action,
    })),
    24_576,
  );
}
