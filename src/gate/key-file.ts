import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { StoreError } from "../errors.js";
import { readBase64, writeBase64 } from "../evidence/base64.js";
import { ED25519, isKeyName, keyIdText, type NoteKey } from "../evidence/note.js";
import { keyOf, type Signer, signerOfSeed } from "../signer.js";

/** More than any key file holds. */
const MAX_FILE = 4_096;

/**
 * The key that signs the log, from its file; made, for its owner alone (mode 0600), where there is none yet. The text is that of
 * Go's `sumdb` (`note.NewSigner`): `PRIVATE+KEY+name+id+key`.
 *
 * Rejects a file that others may read, or that holds something else: whoever has the key can sign another log in its place.
 */
export function openKeyFile(path: string, name: string | undefined): Signer {
  const found = read(path) ?? make(path, name ?? freshName());
  const signer = parse(found);
  if (signer === null)
    throw unusable(path, "holds no signing key", "restore it from a backup; a key that is lost is not made again");
  if (name !== undefined && signer.name !== name) {
    throw unusable(path, "holds the key of another log", "give the log its own name, or another key file");
  }
  return signer;
}

/** The public part of the key in a file, for who only checks; null where there is no such file, which is never made here. */
export function readPublicKey(path: string): NoteKey | null {
  const found = read(path);
  if (found === null) return null;
  const signer = parse(found);
  if (signer === null) throw unusable(path, "holds no signing key", "give another path");
  return keyOf(signer);
}

/** A signer whose key is written nowhere: what it signed can be checked for as long as somebody keeps the public key. */
export function freshSigner(name: string | undefined): Signer {
  return signerOfSeed(name ?? freshName(), randomBytes(32));
}

/** A name that no other log has, for a log that was given none. */
function freshName(): string {
  return `dispatch-gate.local/${randomBytes(8).toString("hex")}`;
}

function read(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unusable(path, "cannot be read", "check its permissions", cause);
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile() || found.size > MAX_FILE) throw unusable(path, "is no key file", "give another path");
    // Windows has no such bits, and says that everybody may read.
    if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
      throw unusable(
        path,
        "may be read by others",
        "make it a file of its owner alone: `chmod 600`; and think of the key as known",
      );
    }
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Writes a new key beside its place and links it there: of two processes that make one, both take the one that was first. */
function make(path: string, name: string): string {
  const text = format(name, randomBytes(32));
  const beside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = openSync(beside, "wx", 0o600);
    // Also where the disk refuses: half a private key is not left lying about.
    try {
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      linkSync(beside, path);
    } finally {
      unlinkSync(beside);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw unusable(path, "cannot be made", "check the permissions of its folder", cause);
    }
  }
  return read(path) ?? "";
}

function format(name: string, seed: Uint8Array): string {
  if (!isKeyName(name)) throw new TypeError("`origin` must be 1 to 256 characters without spaces and `+`");
  const id = keyIdText(keyOf(signerOfSeed(name, seed)));
  return `PRIVATE+KEY+${name}+${id}+${writeBase64(Buffer.concat([Buffer.from([ED25519]), seed]))}\n`;
}

function parse(text: string): Signer | null {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n?$/.exec(text);
  const [, name, id, encoded = ""] = match ?? [];
  const bytes = readBase64(encoded);
  if (!isKeyName(name) || bytes?.length !== 33 || bytes[0] !== ED25519) return null;
  const signer = signerOfSeed(name, bytes.subarray(1));
  return keyIdText(keyOf(signer)) === id ? signer : null;
}

function unusable(path: string, what: string, help: string, cause?: unknown): StoreError {
  return new StoreError("store_key_unusable", `the signing key ${what}: \`${path}\``, { help, cause });
}
