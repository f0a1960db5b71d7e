import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { types } from "node:util";
import { IDENTIFIER } from "../job/fields.js";

/** A public Ed25519 key as a JSON Web Key (RFC 8037). */
export interface PublicJwk {
  /** `OKP`. */
  readonly kty: string;
  /** `Ed25519`. */
  readonly crv: string;
  /** The key: 43 characters of base64url. */
  readonly x: string;
  /** With one, the key takes only permits that name it. */
  readonly kid?: string | undefined;
  /** Absent, or `EdDSA`. */
  readonly alg?: string | undefined;
  /** Absent, or `sig`. */
  readonly use?: string | undefined;
}

/** What a gate tells workers of its key: who has it can check permits, and can make none. */
export interface PermitJwk extends PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

/** A public `KeyObject` of `node:crypto`, by its shape: whoever reads these types need not have Node's. */
export interface PublicKeyObject {
  readonly type: string;
  readonly asymmetricKeyType?: string | undefined;
}

/** A key with the id that a permit names it by; null where it goes by none. */
export interface NamedKey {
  readonly key: KeyObject;
  readonly kid: string | null;
}

/** Keys that may be accepted side by side while one takes over from another. */
const MAX_KEYS = 16;

const CURVE_POINT = /^[A-Za-z0-9_-]{43}$/;

/** The private key that signs. Throws a `TypeError` for any other. No message holds a part of the key. */
export function readPrivateKey(given: unknown): NamedKey {
  if (types.isKeyObject(given)) {
    if (given.type === "private" && given.asymmetricKeyType === "ed25519") return { key: given, kid: null };
    throw new TypeError("the key that signs permits must be a private Ed25519 key");
  }
  const { x, kid, d } = readJwk(given, "the key that signs permits", "sign");
  if (typeof d !== "string" || !CURVE_POINT.test(d)) {
    throw new TypeError("the key that signs permits must be a private one: a JSON Web Key with `d`");
  }
  const key = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", x, d }, format: "jwk" });
  if (pointOf(key) !== x)
    throw new TypeError("the key that signs permits is not whole: `x` is not the public part of `d`");
  return { key, kid };
}

/** The public keys that a permit may be signed by. Throws a `TypeError` for any other, private ones too. */
export function readPublicKeys(given: unknown): readonly NamedKey[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0 || list.length > MAX_KEYS) throw new TypeError(`\`key\` must hold 1 to ${MAX_KEYS} keys`);
  return list.map(readPublicKey);
}

function readPublicKey(given: unknown): NamedKey {
  if (types.isKeyObject(given)) {
    if (given.type === "public" && given.asymmetricKeyType === "ed25519") return { key: given, kid: null };
    throw new TypeError("`key` must be a public Ed25519 key");
  }
  const { x, kid, d } = readJwk(given, "`key`", "verify");
  if (d !== undefined) throw new TypeError("`key` must be public: who checks permits must not be able to make them");
  return { key: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }), kid };
}

/** The public part of an Ed25519 key, in base64url. */
export function pointOf(key: KeyObject): string {
  const { x } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  if (typeof x !== "string") throw new TypeError("the key has no public part");
  return x;
}

interface Read {
  readonly x: string;
  readonly kid: string | null;
  readonly d: unknown;
}

/** Each property is read once, and only what was read is used. */
function readJwk(given: unknown, name: string, operation: "sign" | "verify"): Read {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`${name} must be an Ed25519 key: a JSON Web Key, or a KeyObject of node:crypto`);
  }
  const { kty, crv, x, kid, d, alg, use, key_ops } = given as { readonly [name: string]: unknown };
  if (kty !== "OKP" || crv !== "Ed25519") throw new TypeError(`${name} must have \`kty\` OKP and \`crv\` Ed25519`);
  if (alg !== undefined && alg !== "EdDSA") throw new TypeError(`${name} must have no \`alg\` but EdDSA`);
  if (use !== undefined && use !== "sig") throw new TypeError(`${name} must have no \`use\` but sig`);
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes(operation))) {
    throw new TypeError(`${name} has \`key_ops\` without ${operation}`);
  }
  if (typeof x !== "string" || !CURVE_POINT.test(x)) throw new TypeError(`${name} must have an \`x\` of 32 bytes`);
  if (kid === undefined) return { x, kid: null, d };
  if (typeof kid === "string" && IDENTIFIER.test(kid)) return { x, kid, d };
  throw new TypeError(`${name} must have a \`kid\` of 1 to 256 printable ASCII characters without spaces, or none`);
}
