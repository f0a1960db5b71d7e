import type { Draw } from "./draw.js";

/**
 * One made-up secret or piece of personal data, and a line that holds it as people and programs write it.
 * EXAMPLES ONLY: none was ever issued, and none stands whole in a file: each is put together while the tests run, so
 * that no scanner of the repository takes one for a leak. The word itself is left out of the secrets, since scanners
 * pass over a secret that calls itself an example, and then nothing would be measured.
 */
export interface Example {
  readonly kind: string;
  readonly secret: string;
  readonly text: string;
  /** The least by which it can be known, when it can without the line around it. */
  readonly bare?: string;
  /** A field whose value it may be, when its name is what tells. */
  readonly field?: { readonly name: string; readonly value: string };
}

/** Makes the examples of some kinds. */
export type Make = (draw: Draw) => readonly Example[];

/** Where the secret comes in a line. Not a word of it may suit a pattern itself. */
export const SLOT = "{}";

export function fill(line: string, secret: string): string {
  return line.split(SLOT).join(secret);
}

/** A secret that is known by itself, in each of these lines in turn. */
export function tokens(kind: string, secrets: readonly string[], lines: readonly string[]): readonly Example[] {
  return secrets.map((secret, index) => ({
    kind,
    secret,
    bare: secret,
    text: fill(lines[index % lines.length] ?? SLOT, secret),
  }));
}

/** A secret that only the line around it tells. */
export function inContext(kind: string, make: () => string, lines: readonly string[]): readonly Example[] {
  return lines.map((line) => {
    const secret = make();
    return { kind, secret, text: fill(line, secret) };
  });
}

export const LINES = [
  "2026-03-04T05:06:07Z INFO using {} for the upload",
  "export SERVICE_CREDENTIAL='{}'",
  '{"status": "ok", "value": "{}", "retries": 3}',
  "Please rotate {}, it was pasted into the ticket.",
  "curl -sS -H 'X-Key: {}' https://service.internal/v1/items",
] as const;

/** A token of a fixed beginning and drawn parts: `["gh", "p_"]` is joined only here. */
export const head = (...pieces: readonly string[]): string => pieces.join("");
