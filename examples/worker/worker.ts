import { createReplayMemory, PermitError, type PublicJwk, verifyPermit } from "dispatch-gate";

// A process of its own, with the access that the agent's process has not. It knows the gate by its public key alone, which
// comes from whoever starts it, never over the line that work comes over.

/** What the worker is sent. Whoever can reach the line can send anything, so nothing of it is believed. */
export interface Work {
  readonly number: number;
  readonly job: unknown;
  readonly token: unknown;
}

/** What it answers. `refused`: there was no permit for this, and nothing was done. `failed`: something may have been. */
export type Answer =
  | { readonly number: number; readonly status: "done"; readonly refunded: string }
  | { readonly number: number; readonly status: "refused"; readonly code: string; readonly message: string }
  | { readonly number: number; readonly status: "failed"; readonly message: string };

const key: PublicJwk = JSON.parse(process.env.PERMIT_KEY ?? "null");
// Good for one process, for as long as it lives. Several workers, or one that is started anew, need a store that they share.
const replay = createReplayMemory();

process.on("message", async (work: Partial<Work> | null) => {
  process.send?.(await answer(work ?? {}));
});

async function answer({ number = 0, job, token }: Partial<Work>): Promise<Answer> {
  try {
    const permit = await verifyPermit(token, job, { key, audience: "refund-worker", replay });
    // `permit.job` is the frozen copy that was checked: nothing but this is acted on.
    return { number, status: "done", refunded: refund(permit.job.payload) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof PermitError) return { number, status: "refused", code: error.code, message };
    return { number, status: "failed", message };
  }
}

/** In a real worker this calls the bank. */
function refund(payload: unknown): string {
  const order: unknown = new Map(Object.entries(payload ?? {})).get("order");
  if (typeof order !== "string") throw new TypeError("`order` must be a text");
  return order;
}
