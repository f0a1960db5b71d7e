import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { IDENTIFIER } from "../job/fields.js";
import { MAX_LIFETIME_SEC, type PermitFacts, type PermitTerms, readClaims, writeClaims } from "./permit-claims.js";
import { signCompact } from "./permit-jws.js";
import { type NamedKey, type PermitJwk, pointOf, readPrivateKey } from "./permit-key.js";

/** The key of one gate's permits. What signs never leaves it. */
export interface PermitKeys {
  /** The permit as text (JWS compact). Throws a `TypeError` for terms that are not within their bounds. */
  readonly sign: (facts: PermitFacts, terms: PermitTerms) => Promise<string>;
  /** What workers need to check permits. */
  readonly jwk: () => Promise<PermitJwk>;
}

/**
 * Takes a private Ed25519 key of the host's own (a JSON Web Key with `d`, or a `KeyObject` of node:crypto), or throws a
 * `TypeError`. Without one it makes a fresh one when first needed, and writes it nowhere: permits of a process that is gone
 * are then accepted by nobody who asks for the key anew.
 */
export function createPermitKeys(key?: unknown): PermitKeys {
  const given = key === undefined ? undefined : readPrivateKey(key);
  let ready: Promise<Ready> | undefined;
  const prepared = (): Promise<Ready> => {
    ready ??= prepare(given ?? { key: generateKeyPairSync("ed25519").privateKey, kid: null });
    return ready;
  };
  return Object.freeze({
    sign: async (facts: PermitFacts, terms: PermitTerms): Promise<string> => {
      checkTerms(terms);
      const claims = writeClaims(facts, terms);
      // What a worker would not read is not signed.
      readClaims(claims);
      const { jwk, signer } = await prepared();
      return signCompact(claims, jwk.kid, signer.key);
    },
    jwk: async (): Promise<PermitJwk> => (await prepared()).jwk,
  });
}

interface Ready {
  readonly signer: NamedKey;
  readonly jwk: PermitJwk;
}

async function prepare(signer: NamedKey): Promise<Ready> {
  const { calculateJwkThumbprint } = await import("jose");
  const point = { kty: "OKP", crv: "Ed25519", x: pointOf(createPublicKey(signer.key)) } as const;
  // RFC 7638: two processes that are given the same key call it the same.
  const kid = signer.kid ?? (await calculateJwkThumbprint(point));
  return { signer, jwk: Object.freeze({ ...point, kid, alg: "EdDSA", use: "sig" }) };
}

function checkTerms({ audience, now, expiresInSec }: PermitTerms): void {
  if (typeof audience !== "string" || !IDENTIFIER.test(audience)) {
    throw new TypeError("`audience` must be 1 to 256 printable ASCII characters without spaces");
  }
  if (!Number.isFinite(now) || now < 0) throw new TypeError("`now` must be milliseconds since 1970");
  if (typeof expiresInSec !== "number" || !(expiresInSec > 0 && expiresInSec <= MAX_LIFETIME_SEC)) {
    throw new TypeError(`\`expiresInSec\` must be a number over 0, at most ${MAX_LIFETIME_SEC}`);
  }
}
