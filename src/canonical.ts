import type { Json } from "./outcome.js";

/**
 * RFC 8785 (JSON Canonicalization Scheme) text of a value that is already plain JSON.
 * For values the gate itself made. What comes from outside goes through `admit`, which trusts nothing.
 */
export function canonicalize(value: Json): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return canonicalString(value);
    case "number":
      return canonicalNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as { readonly [key: string]: Json });
    default:
      throw new TypeError(`canonical JSON cannot hold a ${typeof value}`);
  }
}

function canonicalArray(list: readonly Json[]): string {
  if (list.length === 0) return "[]";
  let text = "[";
  for (let index = 0; index < list.length; index += 1) {
    if (index > 0) text += ",";
    text += canonicalize(list[index] as Json);
  }
  return `${text}]`;
}

function canonicalObject(object: { readonly [key: string]: Json }): string {
  let text = "{";
  let first = true;
  for (const key of sortKeys(Object.keys(object))) {
    text += first ? canonicalString(key) : `,${canonicalString(key)}`;
    text += `:${canonicalize(object[key] as Json)}`;
    first = false;
  }
  return `${text}}`;
}

/** RFC 8785 section 3.2.3: by UTF-16 code units, as `<` and a sort without a comparator compare. Sorts in place. */
export function sortKeys(keys: string[]): readonly string[] {
  if (keys.length > 32) return keys.sort();
  // By insertion: few keys, and often in order already.
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] as string;
    let hole = index;
    for (; hole > 0 && (keys[hole - 1] as string) > key; hole -= 1) keys[hole] = keys[hole - 1] as string;
    keys[hole] = key;
  }
  return keys;
}

function canonicalString(value: string): string {
  const text = quote(value);
  if (text === undefined) throw new TypeError("canonical JSON cannot hold a lone surrogate");
  return text;
}

const PLAIN = /^[ !#-[\]-~]{0,128}$/;

/** RFC 8785 section 3.2.2.2: ECMAScript's own string form. Undefined for what I-JSON (RFC 7493) has no form for. */
export function quote(value: string): string | undefined {
  // Nothing to escape in most keys and words, which is cheaper to see than to leave to JSON.stringify.
  if (PLAIN.test(value)) return `"${value}"`;
  return value.isWellFormed() ? JSON.stringify(value) : undefined;
}

/** RFC 8785 section 3.2.2.3: ECMAScript's own number form; `-0` is `0`. */
export function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError("canonical JSON cannot hold a number that is not finite");
  return String(Object.is(value, -0) ? 0 : value);
}
