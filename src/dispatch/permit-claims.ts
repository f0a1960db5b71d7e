import type { PermitSubject } from "../errors.js";
import { IDENTIFIER } from "../job/fields.js";
import type { Constraints } from "../outcome.js";
import { readConstraints, writeConstraints } from "./permit-constraints.js";
import { malformed, parseOneReading, shapeOf, textOf, wholeOf } from "./permit-shape.js";

/** What the gate knows of one attempt, and a permit tells a worker. */
export interface PermitFacts extends PermitSubject {
  /** SHA-256 of the job's canonical bytes, lower-case hex. */
  readonly jobHash: string;
  /** SHA-256 of the policy the claim was made under, lower-case hex. */
  readonly snapshot: string;
  readonly dispatcher: string;
  /** 1 for the first. Each attempt has a permit of its own. */
  readonly attempt: number;
  /** What must hold for this attempt, wherever it runs. */
  readonly constraints: Constraints;
}

/** What a permit says. Times are milliseconds since 1970-01-01T00:00:00Z; on the wire they are whole seconds. */
export interface PermitClaims extends PermitFacts {
  readonly audience: string;
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
}

/** For whom a permit is, and from when until when. */
export interface PermitTerms {
  /** 1 to 256 printable ASCII characters without spaces. A worker takes only what is for it. */
  readonly audience: string;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: number;
  /** Over 0, at most 86,400. The end is rounded down to a whole second, but is never less than one after the beginning. */
  readonly expiresInSec: number;
}

/** Seconds: 24 hours. */
export const MAX_LIFETIME_SEC = 86_400;

const ISSUER = "dispatch-gate";

/** The claims as bytes of JSON: the registered ones of RFC 7519, and the gate's own under `dg`. */
export function writeClaims(facts: PermitFacts, { audience, now, expiresInSec }: PermitTerms): Uint8Array {
  const issuedAt = Math.floor(now / 1_000);
  const expiresAt = Math.max(issuedAt + 1, Math.floor(now / 1_000 + expiresInSec));
  const text = JSON.stringify({
    iss: ISSUER,
    aud: audience,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    jti: facts.permitId,
    sub: facts.jobId,
    dg: {
      v: 1,
      tenant: facts.tenantId,
      job_hash: facts.jobHash,
      snapshot: facts.snapshot,
      dispatcher: facts.dispatcher,
      attempt: facts.attempt,
      constraints: writeConstraints(facts.constraints),
      trace_id: facts.traceId,
    },
  });
  return Buffer.from(text);
}

const REGISTERED = ["iss", "aud", "iat", "nbf", "exp", "jti", "sub", "dg"];
const OWN = ["v", "tenant", "job_hash", "snapshot", "dispatcher", "attempt", "constraints", "trace_id"];
const HASH = /^[0-9a-f]{64}$/;
const DISPATCHER = /^[\x21-\x7e]{1,128}$/;

/** The last second of the year 9999. */
const LATEST_SEC = 253_402_300_799;

/** Reads claims whose signature holds, each by its own rule. Throws a `PermitError` for what no gate writes. */
export function readClaims(bytes: Uint8Array): PermitClaims {
  const claims = shapeOf(parseOneReading(bytes, "the claims of a permit"), "a permit", REGISTERED);
  const own = shapeOf(claims.get("dg"), "`dg` in a permit", OWN);
  if (claims.get("iss") !== ISSUER) throw malformed(`\`iss\` in a permit must be \`${ISSUER}\``);
  if (own.get("v") !== 1) throw malformed("`v` in a permit must be 1: this version of the package reads no other");
  const [issuedAt, notBefore, expiresAt] = timesOf(claims);
  return {
    audience: textOf(claims, "aud", IDENTIFIER),
    jobId: textOf(claims, "sub", IDENTIFIER),
    tenantId: textOf(own, "tenant", IDENTIFIER),
    jobHash: textOf(own, "job_hash", HASH),
    snapshot: textOf(own, "snapshot", HASH),
    dispatcher: textOf(own, "dispatcher", DISPATCHER),
    attempt: wholeOf(own, "attempt", 1, Number.MAX_SAFE_INTEGER),
    constraints: readConstraints(own.get("constraints")),
    traceId: textOf(own, "trace_id", IDENTIFIER),
    permitId: textOf(claims, "jti", IDENTIFIER),
    issuedAt: issuedAt * 1_000,
    notBefore: notBefore * 1_000,
    expiresAt: expiresAt * 1_000,
  };
}

function timesOf(
  claims: ReadonlyMap<string, unknown>,
): readonly [issuedAt: number, notBefore: number, expiresAt: number] {
  const issuedAt = wholeOf(claims, "iat", 0, LATEST_SEC);
  const notBefore = wholeOf(claims, "nbf", 0, LATEST_SEC);
  const expiresAt = wholeOf(claims, "exp", 0, LATEST_SEC);
  if (issuedAt > notBefore || notBefore >= expiresAt)
    throw malformed("a permit must begin before it ends, and not before it was made");
  if (expiresAt - issuedAt > MAX_LIFETIME_SEC) throw malformed("a permit must not last longer than 24 hours");
  return [issuedAt, notBefore, expiresAt];
}
