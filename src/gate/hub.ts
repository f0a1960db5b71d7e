import { setTimeout as sleep } from "node:timers/promises";
import type { EventType, SealedEvent } from "../evidence/event.js";
import { deepFreeze } from "../job/freeze.js";
import type { ApprovalState, JsonObject } from "../outcome.js";
import { expiryOf } from "../store/approval-state.js";
import type { Store } from "../store/port.js";

/** One transition of an approval request, as a host is told of it. */
export interface GateEvent {
  /** `approval.*`, or `job.dispatching` where an approval was used. */
  readonly type: EventType;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
  readonly approvalId: string;
  /** The trace of the job that it is about. */
  readonly traceId: string | null;
  /** Where the request stood then. */
  readonly state: ApprovalState | null;
  /** The event as the log has it: private values stand in it as commitments only. */
  readonly body: JsonObject;
}

/** Why a wait for a request is over. */
export type Woken = "changed" | "over" | "aborted" | "closed";

/** A wait that has begun. */
export interface Wait {
  readonly woken: Promise<Woken>;
  /** Ends it as `"changed"`, if it has not ended: whoever waits MUST call it when they go. */
  readonly stop: () => void;
}

/** Who waits for requests, and who is told of what happens to them. */
export interface Hub {
  /** What this process has just made durable: wakes who waits for it at once, then tells the host. */
  readonly tell: (events: readonly SealedEvent[]) => void;
  /** Begins to wait until a request is no longer pending, or the time (monotonic milliseconds) or the patience is over. */
  readonly await: (approvalId: string, until: number, signal: AbortSignal | undefined) => Wait;
  /** Wakes everybody. Who comes later is told so at once. */
  readonly close: () => void;
}

/** What a hub needs. */
export interface HubParts {
  readonly store: Pick<Store, "watch" | "read">;
  readonly now: () => number;
  readonly onEvent: ((event: GateEvent) => unknown) | undefined;
  /** Records what has lapsed. */
  readonly expire: () => Promise<unknown>;
}

/** The least time between two looks at a store that somebody else keeps busy, in milliseconds. */
const LOOK_EVERY_MS = 50;

/** The longest time between two looks: what lapses, lapses without a step of anybody's. */
const LOOK_AT_LEAST_MS = 500;

/** How many requests one look asks for. */
const LOOK_AT = 1_000;

/** Makes a hub. It looks at the store only while somebody waits. */
export function createHub({ store, now, onEvent, expire }: HubParts): Hub {
  const waiting = new Map<string, Set<(woken: Woken) => void>>();
  let looking = false;
  let closed = false;

  const wake = (approvalId: string, woken: Woken): void => {
    for (const resolve of waiting.get(approvalId) ?? []) resolve(woken);
  };

  /** For what other processes do: this one's own steps wake at once, through `tell`. */
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    let mark: string | null = null;
    try {
      while (waiting.size > 0 && !closed) {
        ({ mark } = await store.watch({ mark, waitMs: LOOK_AT_LEAST_MS }));
        await lookOnce();
        await sleep(LOOK_EVERY_MS);
      }
    } finally {
      looking = false;
    }
  };

  const lookOnce = async (): Promise<void> => {
    const ids = [...waiting.keys()];
    let lapsed = false;
    for (let from = 0; from < ids.length; from += LOOK_AT) {
      const { marks = [] } = await store.read({ kind: "approval_marks", ids: ids.slice(from, from + LOOK_AT) });
      for (const mark of marks) {
        if (mark.state !== "pending") wake(mark.id, "changed");
        else if (now() >= expiryOf(mark)) lapsed = true;
      }
    }
    if (lapsed) await expire();
  };

  /** A store that fails is looked at again for as long as somebody waits; who waits has a time of their own. */
  const keepLooking = async (): Promise<void> => {
    while (waiting.size > 0 && !closed) {
      try {
        await look();
        return;
      } catch {
        await sleep(LOOK_AT_LEAST_MS);
      }
    }
  };

  return {
    tell: (events) => {
      for (const event of events) {
        if (event.approvalId === null || !isTransition(event)) continue;
        wake(event.approvalId, "changed");
        if (onEvent !== undefined) tellHost(onEvent, event);
      }
    },

    await: (approvalId, until, signal) => {
      if (closed) return over("closed");
      if (signal?.aborted === true) return over("aborted");
      let stop: () => void = () => undefined;
      const woken = new Promise<Woken>((resolve) => {
        const waiters = waiting.get(approvalId) ?? new Set();
        waiting.set(approvalId, waiters);
        const end = (woken: Woken): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
          waiters.delete(end);
          if (waiters.size === 0 && waiting.get(approvalId) === waiters) waiting.delete(approvalId);
          resolve(woken);
        };
        const abort = (): void => end("aborted");
        const left = until - performance.now();
        // The longest that a timer of Node can wait; a wait beyond it has no end of its own.
        const timer = left > 2_147_483_647 ? undefined : setTimeout(() => end("over"), Math.max(0, left));
        waiters.add(end);
        stop = () => end("changed");
        signal?.addEventListener("abort", abort, { once: true });
        void keepLooking();
      });
      return { woken, stop };
    },

    close: () => {
      closed = true;
      for (const id of [...waiting.keys()]) wake(id, "closed");
    },
  };
}

function over(woken: Woken): Wait {
  return { woken: Promise.resolve(woken), stop: () => undefined };
}

/** True for what changes how a request stands, and for what was tried on it. */
function isTransition({ type, approvalId }: SealedEvent): boolean {
  return type.startsWith("approval.") || (type === "job.dispatching" && approvalId !== null);
}

function tellHost(onEvent: (event: GateEvent) => unknown, event: SealedEvent): void {
  const body = deepFreeze(JSON.parse(event.text) as JsonObject);
  const { type, at, traceId, approvalId } = event;
  try {
    const told = onEvent(
      Object.freeze({ type, at, approvalId: approvalId ?? "", traceId, state: stateIn(type, body), body }),
    );
    // A hook that is an async function may reject: nobody waits for it, and it changes nothing.
    if (told instanceof Promise) told.catch(() => undefined);
  } catch {
    // What the hook does is the host's own affair: the step it tells of is durable already.
  }
}

function stateIn(type: EventType, body: JsonObject): ApprovalState | null {
  if (type === "job.dispatching") return "consumed";
  if (type === "approval.requested" || type === "approval.joined") return "pending";
  return typeof body.state === "string" ? (body.state as ApprovalState) : null;
}
