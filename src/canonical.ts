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
  // Array.prototype.sort without a comparator orders by UTF-16 code units, as RFC 8785 section 3.2.3 asks.
  const keys = Object.keys(object).sort();
  let text = "{";
  let first = true;
  for (const key of keys) {
    text += first ? canonicalString(key) : `,${canonicalString(key)}`;
    text += `:${canonicalize(object[key] as Json)}`;
    first = false;
  }
  return `${text}}`;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** RFC 8785 section 3.2.2.2: ECMAScript's own string form, of well-formed strings only (I-JSON, RFC 7493). */
function canonicalString(value: string): string {
  if (LONE_SURROGATE.test(value)) throw new TypeError("canonical JSON cannot hold a lone surrogate");
  return JSON.stringify(value);
}

/** RFC 8785 section 3.2.2.3: ECMAScript's own number form; `-0` is `0`. */
export function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError("canonical JSON cannot hold a number that is not finite");
  return String(Object.is(value, -0) ? 0 : value);
}
