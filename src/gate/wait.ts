import type { Outcome } from "../outcome.js";
import type { Core } from "./core.js";
import type { Woken } from "./hub.js";

/** How a call waits in place for its approval. */
export interface Waiting {
  /** Milliseconds; 0 does not wait. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs a call, and while its job waits for approval waits with it: each time its request is decided, or another takes its
 * place, the job is submitted again by `again`. When the time is over the answer is that it is pending.
 */
export async function inPlace(
  core: Core,
  first: () => Promise<Outcome>,
  again: (pending: Outcome) => Promise<Outcome>,
  { waitMs, signal }: Waiting,
): Promise<Outcome> {
  const until = performance.now() + waitMs;
  let outcome = await first();
  while (outcome.status === "PENDING_APPROVAL" && outcome.approval?.state === "pending" && performance.now() < until) {
    const woken = await decided(core, outcome.approval.id, until, signal).catch(() => "failed" as const);
    // A store that fails says nothing about the job, which goes on waiting: only this call waits no longer.
    if (woken === "over" || woken === "closed" || woken === "failed") return outcome;
    outcome = await again(outcome);
  }
  return outcome;
}

/** Waits for a request to be decided. One that is, by the time that somebody begins to wait for it, is noticed at once. */
export async function decided(
  core: Pick<Core, "hub" | "store">,
  approvalId: string,
  until: number,
  signal: AbortSignal | undefined,
): Promise<Woken> {
  // First wait, then look: what happens in between is not missed.
  const wait = core.hub.await(approvalId, until, signal);
  try {
    const { marks = [] } = await core.store.read({ kind: "approval_marks", ids: [approvalId] });
    if (marks[0]?.state === "pending") return await wait.woken;
  } finally {
    wait.stop();
  }
  return signal?.aborted === true ? "aborted" : "changed";
}
