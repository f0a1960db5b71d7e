import { createPublicKey, hash, verify } from "node:crypto";
import { readBase64, writeBase64 } from "./base64.js";

/** Who is known to sign: a name with a public Ed25519 key. */
export interface NoteKey {
  /** Without spaces and `+`; should be a URL without its scheme, such as `example.com/log`. */
  readonly name: string;
  /** The key itself: 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array;
}

/** A signature as a note carries it. */
export interface NoteSignature {
  readonly name: string;
  /** First four bytes: which key. The rest: what that key made of the text. */
  readonly bytes: Uint8Array;
}

/** A note as it was read: nobody has checked who signed it. */
export interface UncheckedNote {
  /** With the last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Ed25519, among the ways to sign a note (C2SP signed-note). */
export const ED25519 = 1;

/** As many as must be taken (C2SP signed-note); a note with more is refused. */
const MAX_SIGNATURES = 16;

/** Characters of a note with all its signatures, beyond which it is not looked at. */
const MAX_NOTE = 1_000_000;

const ID_BYTES = 4;

/** Which key signed: a name for people and machines to look it up by, and no proof of anything. */
export function keyIdOf({ name, publicKey }: NoteKey): Uint8Array {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ED25519]), publicKey]);
  return hash("sha256", named, "buffer").subarray(0, ID_BYTES);
}

/** What may name the key of somebody else: whoever it is, their signature is passed over and MUST NOT spoil the note. */
const SIGNER = /^[^\p{Z}\s+]+$/u;

/** The same as text: eight hex digits. */
export function keyIdText(key: NoteKey): string {
  return Buffer.from(keyIdOf(key)).toString("hex");
}

/** True for what may name a key of ours: not empty, and without spaces, controls and `+`. */
export function isKeyName(name: unknown): name is string {
  return typeof name === "string" && name.length <= 256 && name.isWellFormed() && /^[^\p{Z}\s\p{C}+]+$/u.test(name);
}

/** The text of a public key, as `note.NewVerifier` of Go's `sumdb` reads it: name, key id, kind and key. */
export function formatKey(key: NoteKey): string {
  return `${key.name}+${keyIdText(key)}+${writeBase64(Buffer.concat([Buffer.from([ED25519]), key.publicKey]))}`;
}

/** Reads what {@link formatKey} writes; null for anything else, a key whose id is not its own among it. */
export function parseKey(text: string): NoteKey | null {
  const [name, id, encoded, ...more] = splitKey(text);
  if (!isKeyName(name) || id === undefined || encoded === undefined || more.length > 0) return null;
  const bytes = readBase64(encoded);
  if (bytes === null || bytes.length !== 33 || bytes[0] !== ED25519) return null;
  const key = { name, publicKey: bytes.subarray(1) };
  return keyIdText(key) === id ? key : null;
}

/** Base64 may hold a `+` of its own: only the first two part the fields. */
function splitKey(text: string): readonly string[] {
  const match = /^([^+]*)\+([^+]*)\+([A-Za-z0-9+/=]*)$/.exec(text);
  return match === null ? [] : match.slice(1);
}

/** A signature of a key over a note's text, as a note carries it. */
export function signatureOf(key: NoteKey, signed: Uint8Array): NoteSignature {
  return { name: key.name, bytes: Buffer.concat([keyIdOf(key), signed]) };
}

/** A note with its signatures (C2SP signed-note). The text MUST end in a newline. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, bytes }) => `\u2014 ${name} ${writeBase64(bytes)}\n`);
  return `${text}\n${lines.join("")}`;
}

/** Reads a note, or null where it is none: not exactly what the format says, down to the base64. */
export function parseNote(note: string): UncheckedNote | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a note must not hold.
  if (note.length > MAX_NOTE || !note.isWellFormed() || /[\0-\x09\x0b-\x1f]/.test(note)) return null;
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) return null;
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) return null;
  const signatures = lines.map(parseSignature);
  if (signatures.some((signature) => signature === null)) return null;
  return { text: note.slice(0, split + 1), signatures: signatures as readonly NoteSignature[] };
}

function parseSignature(line: string): NoteSignature | null {
  const [dash, name, encoded, ...more] = line.split(" ");
  if (dash !== "\u2014" || name === undefined || !SIGNER.test(name) || encoded === undefined || more.length > 0)
    return null;
  const bytes = readBase64(encoded);
  return bytes === null || bytes.length <= ID_BYTES ? null : { name, bytes };
}

/**
 * The text of a note that one of these keys has signed; null where none has, or where a signature by one of them is not right
 * (C2SP signed-note). Signatures by others say nothing and are passed over.
 */
export function openNote(note: string, keys: readonly NoteKey[]): string | null {
  const unchecked = parseNote(note);
  if (unchecked === null) return null;
  let signed = false;
  for (const { name, bytes } of unchecked.signatures) {
    const id = bytes.subarray(0, ID_BYTES);
    const key = keys.find((known) => known.name === name && Buffer.compare(keyIdOf(known), id) === 0);
    if (key === undefined) continue;
    if (!isSigned(unchecked.text, bytes.subarray(ID_BYTES), key)) return null;
    signed = true;
  }
  return signed ? unchecked.text : null;
}

function isSigned(text: string, signature: Uint8Array, { publicKey }: NoteKey): boolean {
  try {
    const x = Buffer.from(publicKey).toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, Buffer.from(text), key, signature);
  } catch {
    return false;
  }
}
