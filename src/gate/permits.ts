import { type VerifiedPermit, verifyRecorded } from "../dispatch/check-permit.js";
import type { PermitJwk } from "../dispatch/permit-key.js";
import type { ReplayStore } from "../dispatch/replay.js";
import { PermitError, type PermitSubject } from "../errors.js";
import { boundText, type EventFacts } from "../evidence/event.js";
import { refuseUnknown } from "../refuse-unknown.js";
import { type Core, track } from "./core.js";
import { note } from "./refusal.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";

/** For whom a permit is checked. */
export interface PermitCheck {
  /** The worker that was sent the permit: what `ctx.permit.token` was told. */
  readonly audience: string;
  /** By how many seconds the clocks may differ, from 0 to 300. Default 5. */
  readonly clockToleranceSec?: number;
}

/** What workers need to check permits, and to hold them to one use. */
export interface Permits {
  /** The public key, as a JWK (RFC 7517, RFC 8037), to give to workers: they MUST NOT take it from a token. */
  readonly jwk: () => Promise<PermitJwk>;
  /**
   * Remembers used permits in the gate's store, for all processes on it. Workers elsewhere need one of their own.
   * Each use, and each attempt at a second one, is recorded (`permit.spent`, `permit.refused`).
   */
  readonly replay: ReplayStore;
  /**
   * `verifyPermit` with this gate's key, clock and store, for workers that ask the gate, and with a record: of a permit
   * that holds, `permit.spent`; of one that does not, `permit.refused` with the code. Rejects with a `PermitError` where it
   * does not hold, and with a `TypeError` for wrong options.
   */
  readonly verify: (token: unknown, job: unknown, check: PermitCheck) => Promise<VerifiedPermit>;
}

/** The permits of one gate. */
export function createPermits(core: Core): Permits {
  const { permitKeys } = core;
  const replayFor = (about: EventFacts): ReplayStore =>
    Object.freeze({ spend: (permitId: string, expiresAt: number) => spend(core, permitId, expiresAt, about) });

  const verify = async (token: unknown, job: unknown, check: PermitCheck): Promise<VerifiedPermit> => {
    const { audience, clockToleranceSec } = readCheck(check);
    const options = { key: await permitKeys.jwk(), audience, clockToleranceSec, now: core.clock.wall };
    try {
      return await verifyRecorded({ token, job }, options, (permit) => replayFor(aboutOf(audience, permit)));
    } catch (error) {
      // That it was used before is recorded where it shows.
      if (error instanceof PermitError && error.code !== "permit_replayed") await record(core, audience, error);
      throw error;
    }
  };

  return Object.freeze({
    jwk: permitKeys.jwk,
    replay: replayFor({}),
    verify: (token: unknown, job: unknown, check: PermitCheck) => track(core, verify(token, job, check)),
  });
}

function readCheck(check: PermitCheck): PermitCheck {
  if (typeof check !== "object" || check === null)
    throw new TypeError("permits.verify takes an object with `audience`");
  refuseUnknown(check, ["audience", "clockToleranceSec"], "permits.verify");
  return { ...check };
}

async function spend(core: Core, permitId: string, expiresAt: number, about: EventFacts): Promise<boolean> {
  if (typeof permitId !== "string" || !Number.isFinite(expiresAt))
    throw new TypeError("`spend` takes an id and a time");
  const now = core.clock.wall();
  const facts = { ...about, permit_id: boundText(permitId) };
  const step = {
    kind: "spend",
    now,
    waitMs: SETTLE_WAIT_MS,
    permitId,
    expiresAt: Math.ceil(expiresAt),
    facts,
  } as const;
  const { status } = await core.store.change(step);
  if (status === "done" || status === "spent") return status === "done";
  throw new TypeError("the store does not say whether the permit was spent");
}

async function record(core: Core, audience: string, { code, message, subject }: PermitError): Promise<void> {
  const reason = { code, message: boundText(message) };
  await note(core, "permit.refused", { ...aboutOf(audience, subject), reason });
}

function aboutOf(audience: string, subject: PermitSubject | null): EventFacts {
  if (subject === null) return { audience };
  const { traceId, jobId, tenantId, permitId } = subject;
  return { audience, trace_id: traceId, job_id: jobId, tenant_id: tenantId, permit_id: permitId };
}
