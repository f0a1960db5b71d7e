import { PermitError, type PermitSubject } from "../errors.js";
import { admit } from "../job/admit.js";
import { IDENTIFIER } from "../job/fields.js";
import type { AdmittedJob } from "../job/job.js";
import { quoted } from "../policy/source.js";
import { refuseUnknown } from "../refuse-unknown.js";
import { type PermitClaims, type PermitFacts, readClaims } from "./permit-claims.js";
import { readCompact, verifyCompact } from "./permit-jws.js";
import { type NamedKey, type PublicJwk, type PublicKeyObject, readPublicKeys } from "./permit-key.js";
import type { ReplayStore } from "./replay.js";

/** What a worker holds a permit against. */
export interface CheckOptions {
  /** The gate's public key, as `gate.permits.jwk()` answers it; up to 16 while one takes over from another. */
  readonly key: PublicJwk | readonly PublicJwk[] | PublicKeyObject;
  /** The worker's own name: what the gate was asked to make the permit for. */
  readonly audience: string;
  /** Milliseconds since 1970-01-01T00:00:00Z. Default: the system's clock. */
  readonly now?: (() => number) | undefined;
  /** By how many seconds the clocks of gate and worker may differ, from 0 to 300. Default 5. */
  readonly clockToleranceSec?: number | undefined;
}

/** The same, with the memory that makes a permit good for one time only. */
export interface VerifyOptions extends CheckOptions {
  readonly replay: ReplayStore;
}

/** A permit that holds, frozen. Times are milliseconds since 1970-01-01T00:00:00Z. */
export interface VerifiedPermit extends PermitFacts {
  readonly issuedAt: number;
  readonly expiresAt: number;
  /**
   * The frozen copy of the job that was checked: act on this one. Its `traceId` and `annotations` are the sender's word,
   * since the job hash does not cover them; the trace id above is the gate's.
   */
  readonly job: AdmittedJob;
}

/**
 * Says whether a gate let this very job run, here and now: signature, form, audience, time and job. It says nothing about
 * how often: the same permit passes until it ends. Throws a `PermitError` with a code where it does not hold, and a
 * `TypeError` for wrong options.
 */
export async function checkPermit(token: unknown, job: unknown, options: CheckOptions): Promise<VerifiedPermit> {
  return check(token, job, readSettings(options, "checkPermit", CHECK_KEYS));
}

/**
 * The same, and once: a permit that holds is spent, and is refused from then on. Whoever shares the replay store shares the
 * one time. Where the store cannot say, the answer is no.
 */
export async function verifyPermit(token: unknown, job: unknown, options: VerifyOptions): Promise<VerifiedPermit> {
  const settings = readSettings(options, "verifyPermit", VERIFY_KEYS);
  const replay = readReplay(options.replay);
  return checkAndSpend({ token, job }, settings, () => replay);
}

/** The same, where the memory wants to know what is spent. */
export async function verifyRecorded(
  sent: Sent,
  options: CheckOptions,
  replayFor: (permit: VerifiedPermit) => ReplayStore,
): Promise<VerifiedPermit> {
  return checkAndSpend(sent, readSettings(options, "permits.verify", CHECK_KEYS), replayFor);
}

/** What a worker was sent. */
interface Sent {
  readonly token: unknown;
  readonly job: unknown;
}

async function checkAndSpend(
  { token, job }: Sent,
  settings: Settings,
  replayFor: (permit: VerifiedPermit) => ReplayStore,
): Promise<VerifiedPermit> {
  const permit = await check(token, job, settings);
  try {
    await spend(permit, replayFor(permit));
    // A store that took its time may have been asked after it had forgotten the permit.
    checkEnd(permit, settings);
  } catch (error) {
    throw saying(error, permit);
  }
  return permit;
}

async function check(token: unknown, job: unknown, settings: Settings): Promise<VerifiedPermit> {
  // Nothing in the text but the name of the key is read before the signature holds.
  const payload = await verifyCompact(readCompact(token), settings.keys);
  const claims = readClaims(payload);
  try {
    checkAudience(claims, settings);
    checkBegin(claims, settings);
    checkEnd(claims, settings);
    const { audience: _, notBefore: __, ...permit } = claims;
    return Object.freeze({ ...permit, job: readJob(job, claims) });
  } catch (error) {
    throw saying(error, claims);
  }
}

/** The same error, saying which permit was refused: known once the signature holds. */
function saying(error: unknown, { permitId, jobId, tenantId, traceId }: PermitSubject): unknown {
  if (!(error instanceof PermitError)) return error;
  const { code, message, help, cause } = error;
  return new PermitError(code, message, { help, cause, subject: { permitId, jobId, tenantId, traceId } });
}

interface Settings {
  readonly keys: readonly NamedKey[];
  readonly audience: string;
  readonly now: () => number;
  readonly toleranceMs: number;
}

const CHECK_KEYS: readonly (keyof CheckOptions)[] = ["key", "audience", "now", "clockToleranceSec"];
const VERIFY_KEYS: readonly (keyof VerifyOptions)[] = [...CHECK_KEYS, "replay"];

/** Seconds. */
const MAX_TOLERANCE_SEC = 300;

function readSettings(options: CheckOptions, verb: string, known: readonly string[]): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError(`${verb} takes an object of options`);
  if (!known.includes("replay") && "replay" in options) {
    throw new TypeError("checkPermit has no option `replay`: to accept a permit once use verifyPermit");
  }
  refuseUnknown(options, known, verb);
  const { key, audience, now = Date.now, clockToleranceSec = 5 } = options;
  if (typeof audience !== "string" || !IDENTIFIER.test(audience)) {
    throw new TypeError("`audience` must be 1 to 256 printable ASCII characters without spaces");
  }
  if (typeof now !== "function") throw new TypeError("`now` must be a function");
  if (typeof clockToleranceSec !== "number" || !(clockToleranceSec >= 0 && clockToleranceSec <= MAX_TOLERANCE_SEC)) {
    throw new TypeError(`\`clockToleranceSec\` must be a number from 0 to ${MAX_TOLERANCE_SEC}`);
  }
  return { keys: readPublicKeys(key), audience, now, toleranceMs: clockToleranceSec * 1_000 };
}

function readReplay(replay: ReplayStore): ReplayStore {
  if (typeof replay === "object" && replay !== null && typeof replay.spend === "function") return replay;
  throw new TypeError("verifyPermit needs a `replay` store; to check a permit without spending it use checkPermit");
}

function checkAudience({ audience }: PermitClaims, settings: Settings): void {
  if (audience === settings.audience) return;
  throw new PermitError(
    "permit_audience_mismatch",
    `the permit is for ${quoted(audience)}, not for ${quoted(settings.audience)}`,
  );
}

function checkBegin({ notBefore }: PermitClaims, settings: Settings): void {
  if (timeOf(settings) >= notBefore - settings.toleranceMs) return;
  throw new PermitError("permit_not_yet_valid", `the permit begins at ${new Date(notBefore).toISOString()}`, {
    help: "the clocks of gate and worker differ by more than `clockToleranceSec`",
  });
}

function checkEnd({ expiresAt }: { readonly expiresAt: number }, settings: Settings): void {
  if (timeOf(settings) < expiresAt + settings.toleranceMs) return;
  throw new PermitError("permit_expired", `the permit ended at ${new Date(expiresAt).toISOString()}`);
}

function timeOf({ now }: Settings): number {
  const time = now();
  // Also false for what is no number, which would be neither too early nor too late.
  if (Number.isFinite(time)) return time;
  throw new TypeError("`now` must answer milliseconds since 1970");
}

/** The largest job that any gate can be set to let in: that this one did is what the permit says. */
const MAX_JOB_BYTES = 16_777_216;

/** The job, hashed anew. A field that is missing is never filled in from the permit. */
function readJob(job: unknown, claims: PermitClaims): AdmittedJob {
  const admitted = admit(job, { jobId: "", traceId: "", maxJobBytes: MAX_JOB_BYTES });
  if (!admitted.ok) throw mismatch(`what was sent with the permit is no job: ${admitted.issue.message}`);
  const { job: sent, hash } = admitted.admission;
  if (sent.tenantId !== claims.tenantId) {
    throw mismatch(`the permit is for the tenant ${quoted(claims.tenantId)}, not for ${quoted(sent.tenantId)}`);
  }
  if (sent.id !== claims.jobId) {
    throw mismatch(`the permit is for the job ${quoted(claims.jobId)}, not for ${quoted(sent.id)}`);
  }
  if (hash !== claims.jobHash) throw mismatch("the job is not the one that was decided: its hash is another");
  return sent;
}

function mismatch(message: string): PermitError {
  return new PermitError("permit_job_mismatch", message, {
    help: "send the job that the dispatch function was handed, whole",
  });
}

/**
 * How long after its end a permit is remembered: for as long as any worker may still take it, and as long again for the
 * clocks of workers and store to differ.
 */
const REMEMBERED_MS = 2 * MAX_TOLERANCE_SEC * 1_000;

async function spend({ permitId, expiresAt }: VerifiedPermit, replay: ReplayStore): Promise<void> {
  const first = await ask(replay, permitId, expiresAt + REMEMBERED_MS);
  if (first === true) return;
  if (first === false) throw new PermitError("permit_replayed", "the permit was used before");
  throw replayUnknown();
}

async function ask(replay: ReplayStore, id: string, expiresAt: number): Promise<unknown> {
  try {
    return await replay.spend(id, expiresAt);
  } catch (cause) {
    throw replayUnknown(cause);
  }
}

function replayUnknown(cause?: unknown): PermitError {
  return new PermitError("permit_replay_unknown", "the replay store could not say whether the permit was used before", {
    help: "do nothing: a fresh attempt has a fresh permit",
    cause,
  });
}
