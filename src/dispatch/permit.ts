import { randomUUID } from "node:crypto";
import { MAX_LIFETIME_SEC, type PermitFacts } from "./permit-claims.js";
import type { PermitKeys } from "./permit-token.js";

declare const permitted: unique symbol;

/** Handed to a dispatch function as proof that this attempt was claimed. Only the gate makes one. */
export interface Permit extends Omit<PermitFacts, "constraints" | "traceId" | "permitId"> {
  readonly [permitted]: true;
  /**
   * The permit as a signed token (JWS, EdDSA) for a worker in another process, which checks it with `verifyPermit`. It is
   * signed when this is called, and carries job, policy, constraints, audience and expiry.
   */
  readonly token: (options: TokenOptions) => Promise<string>;
}

/** For whom a token is, and how long. */
export interface TokenOptions {
  /** The worker that may act on it: 1 to 256 printable ASCII characters without spaces. */
  readonly audience: string;
  /** Seconds, over 0, at most 86,400, and no more than what is left of the run's time, in whole seconds. Default: that, at most an hour. */
  readonly expiresInSec?: number;
}

/** What one attempt of a claimed job is permitted, and what signs it. */
export interface Issuing extends Omit<PermitFacts, "permitId"> {
  readonly keys: PermitKeys;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: () => number;
  /** Milliseconds that the attempt still has; 0 or less once it is over. */
  readonly leftMs: () => number;
}

const DEFAULT_LIFE_SEC = 3_600;

/** Makes the permit of one attempt of a claimed job. */
export function issuePermit({ keys, now, leftMs, traceId, constraints, ...claim }: Issuing): Permit {
  const { maxRuntimeSec = DEFAULT_LIFE_SEC } = constraints;
  let permitId: string | undefined;
  const token = async ({ audience, expiresInSec }: TokenOptions): Promise<string> => {
    // One id an attempt: however many tokens are asked for, one use is all there is.
    permitId ??= randomUUID();
    // A permit says whole seconds.
    const leftSec = Math.ceil(leftMs() / 1_000);
    if (!(leftSec > 0)) throw new Error("the attempt is over: there is nothing left to permit");
    const asked = expiresInSec ?? Math.min(DEFAULT_LIFE_SEC, maxRuntimeSec);
    // What is no number within bounds is told so; of one that is, no more than what is left of the run.
    const life = asked > 0 && asked <= MAX_LIFETIME_SEC ? Math.min(asked, leftSec) : asked;
    return keys.sign({ ...claim, traceId, constraints, permitId }, { audience, now: now(), expiresInSec: life });
  };
  return Object.freeze({ ...claim, token }) as Permit;
}
