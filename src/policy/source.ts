import type { PolicyIssue } from "../errors.js";
import type { Json } from "../outcome.js";

/** Where a source can be read from: YAML text or bytes, or a document of plain JSON. */
export type PolicySource = { readonly yaml: string | Uint8Array } | { readonly document: unknown };

/** Keys from the root of the document to a value in it. */
export type Path = readonly (string | number)[];

/** The place of a value, or of the key it stands under, in the text; empty where there is no text. */
export type Locate = (path: Path, at: "key" | "value") => Place;

export interface Place {
  readonly line?: number;
  readonly column?: number;
}

/** A source that was read: the document, and what is wrong with it so far. `value` is absent when nothing more can be said. */
export interface Reading {
  readonly value?: Json;
  readonly issues: readonly PolicyIssue[];
  readonly locate: Locate;
  /** SHA-256 of the very bytes that were parsed; null where there were none. */
  readonly sourceHash: string | null;
}

/** 2 MiB: 10,000 plain rules are 1.2. */
export const DEFAULT_MAX_BYTES = 2_097_152;

/** Nested lists and maps. */
export const MAX_DEPTH = 64;

/** RFC 6901 text of a path. */
export function pointer(path: Path): string {
  return path.map((token) => `/${String(token).slice(0, 128).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** User input for a message: short, on one line, nothing in it that could leave the backticks. */
export function quoted(input: string): string {
  const cut = input.length > 64 ? `${input.slice(0, 64)}...` : input;
  return `\`${escaped(cut.replaceAll("`", "'"))}\``;
}

/** With every control, format and separating character written as its number. */
export function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
    );
}
