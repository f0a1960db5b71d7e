import { canonicalNumber } from "../canonical.js";
import { TAG, type TagName } from "./tags.js";

/**
 * The recorded form of plain data: canonical JSON text (RFC 8785), from which `decodeOutput` makes an equal value.
 * For values that `copyPlain` made; throws a `TypeError` on anything else. What is plain JSON is just its canonical JSON.
 * The order of an object's keys is not kept; that of Maps and Sets is.
 */
export function encodeOutput(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value) ?? tagged("text", JSON.stringify(JSON.stringify(value)));
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

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Short text that is its own JSON: most keys and values are, and this test is a third of what JSON.stringify costs. */
const ITSELF = /^[ !#-[\]-~]{0,128}$/;

/** The string as JSON text; undefined when it holds a lone surrogate, which RFC 8785 refuses. */
function quoted(text: string): string | undefined {
  if (ITSELF.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  // JSON.stringify writes a lone surrogate as an escape, so text without any escape has none.
  return json.length !== text.length + 2 && LONE_SURROGATE.test(text) ? undefined : json;
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
  const keys = sortedKeys(object);
  if (keys.length === 1 && keys[0]?.startsWith(TAG) === true) return encodeEntries(object, keys);
  let text = "{";
  for (const key of keys) {
    const name = quoted(key);
    if (name === undefined) return encodeEntries(object, keys);
    text += `${text.length === 1 ? "" : ","}${name}:${encodeOutput(object[key])}`;
  }
  return `${text}}`;
}

/** By UTF-16 code units, as RFC 8785 section 3.2.3 asks. For few keys inserting is a third of what Array.sort costs. */
function sortedKeys(object: object): readonly string[] {
  const keys = Object.keys(object);
  if (keys.length > 16) return keys.sort();
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] as string;
    let place = index;
    for (; place > 0 && (keys[place - 1] as string) > key; place -= 1) keys[place] = keys[place - 1] as string;
    keys[place] = key;
  }
  return keys;
}

function encodeEntries(object: Record<string, unknown>, keys: readonly string[]): string {
  return tagged("object", encodePairs(keys.map((key) => [key, object[key]] as const)));
}
