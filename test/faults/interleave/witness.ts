import type { Change, ClaimRequest, Store } from "../../../src/store/port.js";
import { defineStore } from "../../../src/store/port.js";
import type { ApprovalRow, JobRow, Recorded } from "../../../src/store/rows.js";
import { LIMIT, POLICIES, POOL, quorumOf, SPANS, type Topic } from "./rules.js";

/** What became of one job, as it was seen from outside of the store. */
export interface Seen {
  readonly topic: Topic;
  /** How often it was claimed, and how often its function was called. */
  claims: number;
  calls: number;
  /** Whether its function ended, or can no longer go on. */
  ended: boolean;
  readonly owner: string;
  readonly seat: number;
}

/** Looks at every step of a store as it is done, and says at once what must not be. */
export interface Witness {
  /** The store, looked at. */
  readonly storeOf: (seat: number) => Store;
  /** Told of each call of a dispatch function, and of its end. */
  readonly called: (jobId: string) => void;
  readonly ended: (jobId: string) => void;
  readonly jobs: ReadonlyMap<string, Seen>;
  /** What does not hold so far. */
  readonly wrong: readonly string[];
}

/** Who voted for a request, and since when it is approved. */
interface Ballots {
  readonly votes: Set<string>;
  approvedAt: number | null;
  over: boolean;
}

/** Keeps its own books: it shares no line with what decides in the store. */
export function createWitness(store: Store): Witness {
  const jobs = new Map<string, Seen>();
  const ballots = new Map<string, Ballots>();
  const leases = new Map<string, number>();
  const places: number[] = [];
  const wrong: string[] = [];
  let epoch = 0;
  let inForce = "";
  let latest = 0;

  const heard = (events: Recorded<object>["events"]): void => {
    for (const { at } of events) latest = Math.max(latest, at);
  };
  const ballotsOf = (id: string): Ballots => {
    const found = ballots.get(id) ?? { votes: new Set(), approvedAt: null, over: false };
    ballots.set(id, found);
    return found;
  };

  const claimed = (request: ClaimRequest, job: JobRow, approval: ApprovalRow | null, seat: number): void => {
    const topic = (JSON.parse(request.job.canonical) as { readonly topic: Topic }).topic;
    const say = (what: string): number => wrong.push(`job ${job.id} (${topic}): ${what}`);
    const now = Math.max(request.now, latest);
    if (request.epoch !== epoch) say(`claimed under epoch ${request.epoch} while ${epoch} is in force`);
    const right = POLICIES.find(({ policy }) => policy.snapshot === inForce)?.rights[topic] ?? "deny";
    if (right === "deny") say("claimed though the policy in force denies it");
    if (right.startsWith("ask") && approval === null) say("claimed without the approval that the policy asks for");
    if (approval !== null) {
      const { votes, approvedAt, over } = ballotsOf(approval.id);
      if (over) say(`claimed on request ${approval.id}, which was over`);
      if (votes.size < quorumOf(right)) say(`claimed on ${votes.size} votes, where ${right} takes ${quorumOf(right)}`);
      if (approval.binding === "snapshot" && approval.snapshot !== inForce) say("claimed on what another policy asked");
      if (approvedAt === null || now >= approvedAt + SPANS.use) say("claimed on an approval that had lapsed");
      ballotsOf(approval.id).over = true;
    }
    if (isOf(LIMIT.topics, topic)) {
      places.push(Math.max(request.tick, ...places.slice(-1)));
      const early = places.at(-1 - LIMIT.claims);
      if (early !== undefined && (places.at(-1) ?? 0) - early < LIMIT.windowMs) say("claimed beyond the limit");
    }
    const before = jobs.get(job.id);
    jobs.set(job.id, {
      topic,
      claims: (before?.claims ?? 0) + 1,
      calls: before?.calls ?? 0,
      ended: false,
      owner: request.owner,
      seat,
    });
    if (before !== undefined) say("claimed twice");
    if (!isOf(POOL.topics, topic)) return;
    // A place is held for as long as the owner's lease goes, by the clock of whoever asks.
    const held = [...jobs].filter(
      ([id, other]) =>
        id === job.id ||
        (isOf(POOL.topics, other.topic) && !other.ended && (leases.get(other.owner) ?? 0) > request.now),
    );
    if (held.length > POOL.jobs) say(`claimed while ${held.length - 1} of its pool run`);
  };

  const changed = (change: Change): void => {
    if (change.kind === "open" || change.kind === "renew") leases.set(change.owner.id, change.owner.leaseUntil);
    if (change.kind !== "leave") return;
    if (change.lingers === null) leases.delete(change.owner);
    else leases.set(change.owner, change.lingers.leaseUntil);
  };

  const storeOf = (seat: number): Store =>
    defineStore({
      ...store,
      claim: async (request) => {
        const answer = await store.claim(request);
        if (answer.status === "claimed") claimed(request, answer.job, answer.approval, seat);
        heard(answer.events);
        return answer;
      },
      settle: async (request) => {
        const answer = await store.settle(request);
        if (answer.status === "settled") heard([request.event]);
        return answer;
      },
      vote: async (request) => {
        const answer = await store.vote(request);
        heard(answer.events);
        if (answer.status !== "voted") return answer;
        const found = ballotsOf(request.approvalId);
        if (request.vote === "reject") found.over = true;
        else found.votes.add(request.approver.key);
        if (answer.approval.state === "approved") found.approvedAt ??= latest;
        return answer;
      },
      change: async (change) => {
        const answer = await store.change(change);
        heard(answer.events);
        changed(change);
        if (change.kind === "activate" && answer.status === "done" && answer.active !== null) {
          epoch = answer.active.epoch;
          inForce = answer.active.snapshot;
        }
        if (change.kind === "cancel" && answer.status === "done" && answer.approval?.state === "cancelled") {
          ballotsOf(change.approvalId).over = true;
        }
        return answer;
      },
      recover: async (request) => {
        const answer = await store.recover(request);
        heard(answer.events);
        for (const [owner, until] of leases) if (owner !== request.owner && until <= request.now) leases.delete(owner);
        for (const { id } of answer.jobs) release(id);
        return answer;
      },
    });

  /** Given up by others: what it held is free, whatever its function still does. */
  const release = (jobId: string): void => {
    const seen = jobs.get(jobId);
    if (seen !== undefined) seen.ended = true;
  };

  return {
    storeOf,
    jobs,
    wrong,
    called: (jobId) => {
      const seen = jobs.get(jobId);
      if (seen === undefined) wrong.push(`job ${jobId}: its function was called without a claim`);
      else if (seen.calls > 0) wrong.push(`job ${jobId} (${seen.topic}): its function was called twice`);
      if (seen !== undefined) seen.calls += 1;
    },
    ended: release,
  };
}

function isOf(topics: readonly string[], topic: string): boolean {
  return topics.includes(topic);
}
