import type { PermitJwk } from "../dispatch/permit-key.js";
import type { ReplayStore } from "../dispatch/replay.js";
import { type Core, SETTLE_WAIT_MS } from "./core.js";

/** What workers need to check permits, and to hold them to one use. */
export interface Permits {
  /** The public key, as a JWK (RFC 7517, RFC 8037), to give to workers: they MUST NOT take it from a token. */
  readonly jwk: () => Promise<PermitJwk>;
  /** Remembers used permits in the gate's store, for all processes on it. Workers elsewhere need one of their own. */
  readonly replay: ReplayStore;
}

/** The permits of one gate. */
export function createPermits({ store, clock, permitKeys }: Core): Permits {
  const replay: ReplayStore = {
    spend: async (permitId, expiresAt) => {
      const step = { kind: "spend", now: clock.wall(), waitMs: SETTLE_WAIT_MS, permitId, expiresAt } as const;
      const { status } = await store.change(step);
      if (status === "done" || status === "spent") return status === "done";
      throw new TypeError("the store does not say whether the permit was spent");
    },
  };
  return Object.freeze({ jwk: permitKeys.jwk, replay: Object.freeze(replay) });
}
