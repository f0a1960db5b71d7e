import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { pointOf, readPrivateKey } from "./dispatch/permit-key.js";
import { formatNote, isKeyName, type NoteKey, openNote, signatureOf } from "./evidence/note.js";

/** Who signs the log: a key file, or a key that is kept elsewhere and signs when asked. */
export interface Signer {
  /**
   * Names the log and its key: the origin of every checkpoint. 1 to 256 characters without spaces and `+`; should be a URL
   * without its scheme that nobody else uses, such as `example.com/agents/gate`.
   */
  readonly name: string;
  /** The public Ed25519 key: 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array;
  /** The Ed25519 signature over these bytes: 64 bytes. May throw or reject; then the checkpoint is tried again later. */
  readonly sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** What a signer is made of. */
export interface SignerOptions {
  readonly name: string;
  /** The private Ed25519 key: a JWK, or a `KeyObject` of `node:crypto`. */
  readonly key: object;
}

/** Makes a signer of a private key. Throws a `TypeError` for another kind of key, or a name that can be none. */
export function createSigner({ name, key }: SignerOptions): Signer {
  return signerOf(name, readPrivateKey(key).key);
}

function signerOf(name: string, key: KeyObject): Signer {
  const publicKey = Buffer.from(pointOf(key), "base64url");
  return checkSigner({ name, publicKey, sign: (message) => sign(null, message, key) });
}

/** A signer of this seed: what RFC 8032 calls the private key, 32 bytes. */
export function signerOfSeed(name: string, seed: Uint8Array): Signer {
  // The one form of a private key that needs no public part: PKCS #8 (RFC 8410).
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return signerOf(name, createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
}

/** The same signer, each part read once. Throws a `TypeError` for what can sign no log. */
export function checkSigner(given: Signer): Signer {
  const { name, publicKey, sign: signWith } = given;
  if (!isKeyName(name)) {
    throw new TypeError("a signer needs a `name` of 1 to 256 characters without spaces and `+`");
  }
  if (!(publicKey instanceof Uint8Array) || publicKey.length !== 32) {
    throw new TypeError("a signer needs a `publicKey` of 32 bytes");
  }
  if (typeof signWith !== "function") throw new TypeError("a signer needs a function `sign`");
  const key = Uint8Array.from(publicKey);
  const x = Buffer.from(key).toString("base64url");
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return Object.freeze({ name, publicKey: key, sign: (message: Uint8Array) => signWith.call(given, message) });
}

/** The public part of a signer. */
export function keyOf({ name, publicKey }: Signer): NoteKey {
  return { name, publicKey };
}

/**
 * Signs a text. Rejects where the signer does, and where what it answers is not a signature of its own key: a checkpoint
 * that nobody can check MUST NOT be kept as one.
 */
export async function signNote(signer: Signer, text: string): Promise<string> {
  const key = keyOf(signer);
  const signed = await signer.sign(Buffer.from(text));
  if (!(signed instanceof Uint8Array)) throw new TypeError("the signer answered no signature");
  const note = formatNote(text, [signatureOf(key, signed)]);
  if (openNote(note, [key]) === null) throw new TypeError("the signer's signature is not one of its own key");
  return note;
}
