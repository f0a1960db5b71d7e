import type { Json, JsonObject } from "../outcome.js";

/** One event of a timeline, as far as its text is made of it. */
export interface TimelineEvent {
  /** Position in the log, from 1. */
  readonly seq: number;
  readonly type: string;
  readonly at: number;
  readonly traceId: string | null;
  readonly approvalId: string | null;
  readonly body: JsonObject;
  /** What was said with it, where that is at hand. */
  readonly note: string | null;
}

/** The events of one trace, and of every approval its jobs joined, in order. */
export interface TimelineEvents {
  readonly traceId: string;
  readonly entries: readonly TimelineEvent[];
}

/** One job of a trace with the events that tell of it. */
export interface JobStory {
  readonly jobId: string;
  readonly tenantId: string | null;
  readonly events: readonly TimelineEvent[];
  /** The requests that it opened or joined, and those that took their place, in order. */
  readonly requests: readonly RequestStory[];
}

/** One request for approval, as far as a timeline tells of it. */
export interface RequestStory {
  readonly approvalId: string;
  /** How it stood last. */
  readonly state: Json;
  /** When it was no longer pending; null where nothing says so. */
  readonly decidedAt: number | null;
  /** The events that tell of it. Empty where an earlier job has them: many jobs may wait for one request. */
  readonly events: readonly TimelineEvent[];
}

/** The jobs of a trace, in the order in which they came. */
export function jobsIn({ traceId, entries }: TimelineEvents): readonly JobStory[] {
  const jobs = new Map<string, TimelineEvent[]>();
  const requests = new Map<string, TimelineEvent[]>();
  for (const entry of entries) {
    const { approvalId, body, type } = entry;
    if (approvalId !== null && REQUESTS.has(type)) put(requests, approvalId, entry);
    if (entry.traceId === traceId && typeof body.job_id === "string") put(jobs, keyOf(body), entry);
  }
  const told: Told = {
    requests: new Map([...requests].map(([approvalId, events]) => [approvalId, standing(approvalId, events)])),
    next: successorsIn(entries),
    seen: new Set(),
  };
  return [...jobs.values()].map((events): JobStory => {
    const body = events[0]?.body ?? {};
    return {
      jobId: String(body.job_id),
      tenantId: typeof body.tenant_id === "string" ? body.tenant_id : null,
      events,
      requests: requestsOf(events, told),
    };
  });
}

function standing(approvalId: string, events: readonly TimelineEvent[]): RequestStory {
  const said = events.filter(({ type, body }) => type !== "approval.detached" && body.state !== undefined);
  const decided = said.findLast(({ type, body }) => DECIDING.has(type) && body.state !== "pending");
  return { approvalId, state: said.at(-1)?.body.state ?? "pending", decidedAt: decided?.at ?? null, events };
}

const DECIDING: ReadonlySet<string> = new Set(["approval.voted", "approval.resolved"]);

/** Events that tell how a request stands; of those that only name one there are more. */
const REQUESTS: ReadonlySet<string> = new Set([
  "approval.requested",
  "approval.voted",
  "approval.resolved",
  "approval.lifted",
  "approval.detached",
]);

function keyOf({ tenant_id: tenantId, job_id: jobId }: JsonObject): string {
  return JSON.stringify([tenantId ?? null, jobId]);
}

function put<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}

interface Told {
  readonly requests: ReadonlyMap<string, RequestStory>;
  readonly next: Successors;
  /** Requests that a job before has told of, with those that took their place. */
  readonly seen: Set<string>;
}

/** No request is told twice: whoever makes events can let any number of jobs wait for any number of requests. */
function requestsOf(events: readonly TimelineEvent[], { requests, next, seen }: Told): readonly RequestStory[] {
  const ids = new Set(events.flatMap(({ approvalId }) => approvalId ?? []));
  const stories: RequestStory[] = [];
  // A set hands over what is added to it meanwhile: so one that took another's place brings the one after it.
  for (const id of ids) {
    const request = requests.get(id);
    if (request !== undefined) stories.push(seen.has(id) ? { ...request, events: [] } : request);
    if (seen.has(id)) continue;
    seen.add(id);
    for (const after of next.get(id) ?? []) ids.add(after);
  }
  return stories;
}

/** Of each request, those that took its place. */
type Successors = ReadonlyMap<string, readonly string[]>;

/** Either of the two may say that one took the place of the other. */
function successorsIn(entries: readonly TimelineEvent[]): Successors {
  const next = new Map<string, string[]>();
  for (const { approvalId, body } of entries) {
    if (approvalId === null) continue;
    if (typeof body.superseded_by === "string") put(next, approvalId, body.superseded_by);
    if (typeof body.supersedes === "string") put(next, body.supersedes, approvalId);
  }
  return next;
}

/** The requests that these events name, and those that took their place. */
function joinedBy(events: readonly TimelineEvent[], next: Successors): ReadonlySet<string> {
  const ids = new Set(events.flatMap(({ approvalId }) => approvalId ?? []));
  // A set hands over what is added to it meanwhile: so one that took another's place brings the one after it.
  for (const id of ids) for (const after of next.get(id) ?? []) ids.add(after);
  return ids;
}

/** Events that do not belong here: neither of this trace, nor of a request that its jobs joined. */
export function foreignIn({ traceId, entries }: TimelineEvents): readonly TimelineEvent[] {
  const own = entries.filter((entry) => entry.traceId === traceId);
  const joined = joinedBy(own, successorsIn(entries));
  return entries.filter(
    (entry) => entry.traceId !== traceId && (entry.approvalId === null || !joined.has(entry.approvalId)),
  );
}
