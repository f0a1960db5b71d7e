import { hash } from "node:crypto";

/**
 * What a digest is of. Each stands in front of the hashed bytes with its version and a zero byte,
 * so that bytes of one kind can never be taken for bytes of another.
 */
export type Domain =
  | "job"
  | "policy"
  | "policy-source"
  | "policy-sources"
  | "fingerprint"
  | "approval-key"
  | "view"
  | "output-view"
  | "bucket"
  | "value"
  | "finding";

/** SHA-256 of canonical text under its domain, in lower-case hex (64 characters). */
export function digest(domain: Domain, canonical: string): string {
  return hash("sha256", `dispatch-gate/${domain}/v1\0${canonical}`, "hex");
}

/** SHA-256 of raw bytes under their domain, in lower-case hex. */
export function digestBytes(domain: Domain, bytes: Uint8Array): string {
  return hash("sha256", Buffer.concat([Buffer.from(`dispatch-gate/${domain}/v1\0`), bytes]), "hex");
}

/**
 * A hiding and binding commitment: what may stand in the log in place of a private value.
 * Without the salt it confirms no guess; with it, one value only.
 */
export function commit(salt: string, canonical: string): string {
  return hash("sha256", `dispatch-gate/value/v1\0${salt}\0${canonical}`, "hex");
}
