import { createGate, type Gate, PolicyError } from "dispatch-gate";
import type { LoggedEvent } from "../../src/store/port.js";

/** What was seen from outside the store, whose word is not taken for it. */
export interface Witnessed {
  /** Texts of events that the store acknowledged: each MUST stand in the log with the same bytes. */
  readonly acknowledged?: readonly string[];
  /** One entry for each effect that a dispatch function had. */
  readonly effects?: readonly { readonly jobId: string }[];
  /** How dispatches ended by what callers were answered: the log MUST say the same. */
  readonly ends?: readonly { readonly jobId: string; readonly status: "SUCCEEDED" | "FAILED" }[];
}

/** What of an event is held against the rest. */
export type LoggedText = Pick<LoggedEvent, "seq" | "type" | "body" | "text">;

/** What was looked at. */
export interface HeldFigures {
  readonly events: number;
  readonly acknowledged: number;
  readonly claims: number;
  readonly effects: number;
  /** Jobs of which nobody knows how they ended. */
  readonly unknown: number;
}

/** For a store that was left before any policy came into force on it. */
const NOTHING = { yaml: "version: v1\nrules: [{ id: nothing, match: { topics: ['**'] }, decision: deny }]\n" };

/**
 * Whatever happened, the file must say the same as the log, and hold all that was acknowledged. Opens it with a gate, which
 * ends what dead processes left behind, and throws an `Error` that says all that does not hold. No other gate MUST be open on
 * it: a claim that is neither settled nor given up is a fault then.
 */
export async function mustHold(store: string, witnessed: Witnessed): Promise<HeldFigures> {
  const gate = await openOn(store);
  try {
    const events = await eventsOf(gate);
    const { problems, more, integrity } = await gate.audit.verify({ state: true });
    const wrong = [
      ...orderFaults(events),
      ...acknowledgedFaults(events, witnessed.acknowledged ?? []),
      ...effectFaults(events, witnessed.effects ?? []),
      ...claimFaults(events),
      ...answerFaults(events, witnessed.ends ?? []),
      ...(await endFaults(gate, events)),
      ...problems.map(
        ({ code, message, seq }) => `verify: ${code}: ${message}${seq === null ? "" : ` (event ${seq})`}`,
      ),
      ...(more === 0 ? [] : [`verify: ${more} more problems`]),
      ...(integrity === "ok" ? [] : [`verify: the database's own check says ${integrity}`]),
    ];
    if (wrong.length > 0) throw new Error(tellFaults(wrong));
    return {
      events: events.length,
      acknowledged: witnessed.acknowledged?.length ?? 0,
      claims: events.filter(({ type }) => type === "job.dispatching").length,
      effects: witnessed.effects?.length ?? 0,
      unknown: events.filter(({ type, body }) => type === "gate.recovered" && body.status === "UNKNOWN").length,
    };
  } finally {
    await gate.close();
  }
}

/** The cheap part, on a whole log that was read already: for looking after each of many faults. Answers what does not hold. */
export function logFaults(events: readonly LoggedText[], witnessed: Witnessed): readonly string[] {
  return [
    ...orderFaults(events),
    ...acknowledgedFaults(events, witnessed.acknowledged ?? []),
    ...effectFaults(events, witnessed.effects ?? []),
    ...claimFaults(events),
  ];
}

/** What does not hold, as one message. */
export function tellFaults(wrong: readonly string[]): string {
  const shown = wrong.slice(0, 20).join("\n  ");
  return `${wrong.length} that do not hold:\n  ${shown}${wrong.length > 20 ? "\n  ..." : ""}`;
}

/** All events of a gate's log, in order. */
export async function eventsOf(gate: Gate): Promise<readonly LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  let next: string | null = "0";
  while (next !== null) {
    const page: Awaited<ReturnType<Gate["audit"]["events"]>> = await gate.audit.events({ after: next, limit: 1_000 });
    events.push(...page.items);
    next = page.next;
  }
  return events;
}

async function openOn(store: string): Promise<Gate> {
  const options = { store, deadlineMs: 60_000 };
  try {
    return await createGate({ ...options, activate: "never" });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return createGate({ ...options, policy: NOTHING });
  }
}

function orderFaults(events: readonly LoggedText[]): readonly string[] {
  const gap = events.findIndex(({ seq }, index) => seq !== index + 1);
  return gap < 0 ? [] : [`event ${events[gap]?.seq} stands where event ${gap + 1} belongs`];
}

/** Each as often as it was acknowledged: two that say the same are two. */
function acknowledgedFaults(events: readonly LoggedText[], acknowledged: readonly string[]): readonly string[] {
  const there = new Map<string, number>();
  for (const { text } of events) there.set(text, (there.get(text) ?? 0) + 1);
  return acknowledged.flatMap((text) => {
    const left = there.get(text) ?? 0;
    there.set(text, left - 1);
    return left > 0 ? [] : [`acknowledged and not in the log: ${text}`];
  });
}

/** An effect needs a claim of its job, and is the only one of it and of the request that the claim used. */
function effectFaults(
  events: readonly LoggedText[],
  effects: readonly { readonly jobId: string }[],
): readonly string[] {
  const claims = new Map(
    events.filter(({ type }) => type === "job.dispatching").map(({ body }) => [String(body.job_id), body]),
  );
  const [jobs, approvals] = [new Set<string>(), new Set<string>()];
  return effects.flatMap(({ jobId }) => {
    const claim = claims.get(jobId);
    if (claim === undefined) return [`job ${jobId} had an effect, and no claim of it is in the log`];
    if (jobs.has(jobId)) return [`job ${jobId} had more than one effect`];
    jobs.add(jobId);
    const { approval_id: approvalId } = claim;
    if (typeof approvalId !== "string") return [];
    if (approvals.has(approvalId)) return [`the request ${approvalId} let more than one effect happen`];
    approvals.add(approvalId);
    return [];
  });
}

/** A job is claimed at most once, and so is a request for approval, effect or not. */
function claimFaults(events: readonly LoggedText[]): readonly string[] {
  const seen = new Set<string>();
  return events.flatMap(({ type, seq, body }) => {
    if (type !== "job.dispatching") return [];
    const keys = [`job ${String(body.tenant_id)}/${String(body.job_id)}`];
    if (typeof body.approval_id === "string") keys.push(`request ${body.approval_id}`);
    const again = keys.filter((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return again.map((key) => `event ${seq} claims the ${key} a second time`);
  });
}

/** A later settle may say more than `UNKNOWN`, so that one job may have several. */
function answerFaults(
  events: readonly LoggedText[],
  ends: readonly { readonly jobId: string; readonly status: string }[],
): readonly string[] {
  const settled = new Set<string>();
  for (const { type, body } of events) {
    if (type === "job.settled") settled.add(`${String(body.job_id)} ${String(body.status)}`);
  }
  return ends.flatMap(({ jobId, status }) =>
    settled.has(`${jobId} ${status}`) ? [] : [`job ${jobId} was answered ${status}, and no event says so`],
  );
}

/** What ends a claim. */
const ENDS: ReadonlySet<string> = new Set(["job.settled", "gate.recovered", "claim.abandoned"]);

/** Nobody runs anything while this looks: a claim that is neither settled nor given up would stay `RUNNING` for ever. */
async function endFaults(gate: Gate, events: readonly LoggedText[]): Promise<readonly string[]> {
  const ended = new Set<string>();
  for (const { type, body } of events) {
    if (ENDS.has(type)) ended.add(`${String(body.tenant_id)}/${String(body.job_id)}`);
  }
  const open = events.filter(
    ({ type, body }) => type === "job.dispatching" && !ended.has(`${String(body.tenant_id)}/${String(body.job_id)}`),
  );
  const faults = open.map(({ seq, body }) => `event ${seq} claims the job ${String(body.job_id)}, and nothing ends it`);
  const { items } = await gate.jobs.list({ status: "RUNNING", limit: 10 });
  return [...faults, ...items.map(({ jobId }) => `the job ${jobId} is left RUNNING`)];
}
