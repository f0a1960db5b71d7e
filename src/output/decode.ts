import { setOwn } from "./plain.js";
import { TAG } from "./tags.js";

/**
 * The value that `encodeOutput` wrote, made anew on every call.
 * Throws a `SyntaxError` or `TypeError` on text that it did not write: a damaged record is never released in part.
 */
export function decodeOutput(text: string): unknown {
  const json: unknown = JSON.parse(text);
  // Most outputs are plain JSON and hold no tag.
  return text.includes(TAG) ? revive(json) : json;
}

function revive(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(revive);
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json);
  const [first] = entries;
  if (entries.length === 1 && first?.[0].startsWith(TAG) === true)
    return reviveTag(first[0].slice(TAG.length), first[1]);
  return objectOf(entries.map(([key, value]) => [key, revive(value)] as const));
}

function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [key, value] of entries) setOwn(object, key, value);
  return object;
}

function reviveTag(name: string, json: unknown): unknown {
  switch (name) {
    case "undefined":
      return undefined;
    case "number":
      return Number(stringOf(json));
    case "bigint":
      return BigInt(stringOf(json));
    case "date":
      return dateOf(stringOf(json));
    case "bytes":
      return new Uint8Array(Buffer.from(stringOf(json), "base64"));
    case "map":
      return new Map(pairsOf(json));
    case "set":
      return new Set(listOf(json).map(revive));
    case "url":
      return new URL(stringOf(json));
    case "text":
      return stringOf(JSON.parse(stringOf(json)));
    case "object":
      return objectOf(pairsOf(json).map(([key, value]) => [stringOf(key), value] as const));
    default:
      throw new TypeError(`a recorded output holds an unknown tag \`${TAG}${name}\``);
  }
}

function stringOf(json: unknown): string {
  if (typeof json !== "string") throw new TypeError("a recorded output holds a damaged tag");
  return json;
}

function listOf(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw new TypeError("a recorded output holds a damaged tag");
  return json;
}

function pairsOf(json: unknown): readonly (readonly [unknown, unknown])[] {
  return listOf(json).map((pair) => {
    const [key, value] = listOf(pair);
    return [revive(key), revive(value)] as const;
  });
}

function dateOf(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new TypeError("a recorded output holds a damaged tag");
  return date;
}
