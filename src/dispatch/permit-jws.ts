import type { KeyObject } from "node:crypto";
import { PermitError } from "../errors.js";
import { IDENTIFIER } from "../job/fields.js";
import { quoted } from "../policy/source.js";
import type { NamedKey } from "./permit-key.js";
import { malformed, parseOneReading, shapeOf, textOf } from "./permit-shape.js";

/** Bytes of a permit. */
const MAX_PERMIT_BYTES = 16_384;

/** The only algorithm there is (RFC 8037, with Ed25519). A permit that names another is never looked at with a key. */
const ALGORITHM = "EdDSA";

/** Explicit typing (RFC 8725 section 3.11): no other token that the same key signed is taken for a permit. */
const TYPE = "dispatch-gate-permit+jwt";

/** A text that has the form of a permit. Nothing of it is believed yet. */
export interface UncheckedPermit {
  readonly token: string;
  /** The key that it says it was signed by. */
  readonly kid: string;
}

/** Signs a payload: JWS compact serialisation (RFC 7515 section 7.1). */
export async function signCompact(payload: Uint8Array, kid: string, key: KeyObject): Promise<string> {
  const { CompactSign } = await import("jose");
  const token = await new CompactSign(payload).setProtectedHeader({ alg: ALGORITHM, kid, typ: TYPE }).sign(key);
  if (token.length <= MAX_PERMIT_BYTES) return token;
  throw new PermitError("permit_malformed", `a permit must be at most ${MAX_PERMIT_BYTES} bytes`, {
    help: "the lists in the job's constraints are too long to travel in a permit",
  });
}

// 64 bytes of signature are 86 characters, of which the last holds two bits.
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{85}[AQgw])$/;

/** Takes a text apart, as far as it must be to find the key. The header MUST be that of a permit and hold nothing more. */
export function readCompact(token: unknown): UncheckedPermit {
  if (typeof token !== "string") throw malformed("a permit must be a string");
  if (token.length > MAX_PERMIT_BYTES) throw malformed(`a permit must be at most ${MAX_PERMIT_BYTES} bytes`);
  const [, head] = COMPACT.exec(token) ?? [];
  if (head === undefined) throw malformed("a permit must be three parts in base64url, the last of 64 bytes");
  // Whatever would bring a key or a rule of its own (`jwk`, `jku`, `x5c`, `crit`, `b64`) is one word too many.
  const header = shapeOf(
    parseOneReading(Buffer.from(head, "base64url"), "the header of a permit"),
    "the header of a permit",
    ["alg", "kid", "typ"],
  );
  if (header.get("alg") !== ALGORITHM) throw malformed(`\`alg\` in a permit must be ${ALGORITHM}`);
  if (header.get("typ") !== TYPE) throw malformed(`\`typ\` in a permit must be \`${TYPE}\``);
  return { token, kid: textOf(header, "kid", IDENTIFIER) };
}

/** The payload, once one of the accepted keys is found to have signed it. */
export async function verifyCompact({ token, kid }: UncheckedPermit, keys: readonly NamedKey[]): Promise<Uint8Array> {
  const { compactVerify } = await import("jose");
  let why: unknown;
  for (const named of keys) {
    if (named.kid !== null && named.kid !== kid) continue;
    try {
      return (await compactVerify(token, named.key, { algorithms: [ALGORITHM] })).payload;
    } catch (cause) {
      why = cause;
    }
  }
  const message =
    why === undefined
      ? `the permit names the key ${quoted(kid)}, which is not accepted here`
      : "the permit was not signed by a key that is accepted here";
  throw new PermitError("permit_signature_invalid", message, { cause: why });
}
