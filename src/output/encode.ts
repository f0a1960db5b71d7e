import { canonicalNumber, quote, sortKeys } from "../canonical.js";
import { TAG, type TagName } from "./tags.js";

/**
 * The recorded form of plain data: canonical JSON text (RFC 8785), from which `decodeOutput` makes an equal value.
 * For values that `copyPlain` made; throws a `TypeError` on anything else. What is plain JSON is just its canonical JSON.
 * The order of an object's keys is not kept; that of Maps and Sets is.
 */
export function encodeOutput(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value) ?? tagged("text", JSON.stringify(JSON.stringify(value)));
    case "number":
      return encodeNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? encodeList(value) : encodeObject(value);
    case "undefined":
      return tagged("undefined", "true");
    case "bigint":
      return tagged("bigint", `"${value}"`);
    default:
      throw new TypeError(`a recorded output cannot hold a ${typeof value}`);
  }
}

function tagged(name: TagName, json: string): string {
  return `{"${TAG}${name}":${json}}`;
}

function encodeNumber(value: number): string {
  if (Number.isFinite(value) && !Object.is(value, -0)) return canonicalNumber(value);
  return tagged("number", Object.is(value, -0) ? '"-0"' : `"${value}"`);
}

function encodeList(list: Iterable<unknown>): string {
  let text = "[";
  for (const item of list) text += text.length === 1 ? encodeOutput(item) : `,${encodeOutput(item)}`;
  return `${text}]`;
}

function encodePairs(pairs: Iterable<readonly [unknown, unknown]>): string {
  let text = "[";
  for (const [key, value] of pairs) {
    text += `${text.length === 1 ? "" : ","}[${encodeOutput(key)},${encodeOutput(value)}]`;
  }
  return `${text}]`;
}

function encodeObject(object: object): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null) return encodeFields(object as Record<string, unknown>);
  if (object instanceof Map) return tagged("map", encodePairs(object));
  if (object instanceof Set) return tagged("set", encodeList(object));
  if (object instanceof Date) return tagged("date", JSON.stringify(object.toISOString()));
  if (object instanceof URL) return tagged("url", JSON.stringify(object.href));
  if (object instanceof Uint8Array) {
    const bytes = Buffer.from(object.buffer, object.byteOffset, object.byteLength);
    return tagged("bytes", `"${bytes.toString("base64")}"`);
  }
  throw new TypeError("a recorded output cannot hold an instance of a class");
}

function encodeFields(object: Record<string, unknown>): string {
  const keys = sortKeys(Object.keys(object));
  if (keys.length === 1 && keys[0]?.startsWith(TAG) === true) return encodeEntries(object, keys);
  let text = "{";
  for (const key of keys) {
    const name = quote(key);
    if (name === undefined) return encodeEntries(object, keys);
    text += `${text.length === 1 ? "" : ","}${name}:${encodeOutput(object[key])}`;
  }
  return `${text}}`;
}

function encodeEntries(object: Record<string, unknown>, keys: readonly string[]): string {
  return tagged("object", encodePairs(keys.map((key) => [key, object[key]] as const)));
}
