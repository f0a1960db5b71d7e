import { types } from "node:util";
import { canonicalNumber } from "../canonical.js";

/** Why a value is not plain JSON, and where: `path` is a JSON Pointer (RFC 6901). */
export interface CopyIssue {
  readonly path: string;
  readonly message: string;
}

/** What one strict walk may hold. */
export interface CopyLimits {
  /** UTF-8 bytes of canonical text. */
  readonly maxBytes: number;
  /** Nested arrays and objects. */
  readonly maxDepth: number;
}

export type CopyResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly issue: CopyIssue };

/** Leaves the walk from any depth. Never escapes this file. */
class Refusal {
  readonly issue: CopyIssue;

  constructor(issue: CopyIssue) {
    this.issue = issue;
  }
}

/**
 * The RFC 8785 text of a value that nobody has vouched for, or the first reason why it has none.
 * Reads own data properties once and runs no code of the caller's: no getter, no proxy trap, no `toJSON`.
 * Whoever parses the text has a copy that later changes to the value cannot reach.
 */
export function copyAsCanonical(value: unknown, limits: CopyLimits, root = ""): CopyResult {
  const walk: Walk = { budget: limits.maxBytes, maxDepth: limits.maxDepth, seen: [] };
  try {
    return { ok: true, text: writeValue(walk, value, { parent: null, key: root }, 0) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, issue: error.issue };
    throw error;
  }
}

interface Walk {
  /** UTF-8 bytes left. Counted while walking, so that a huge value is refused before it is copied whole. */
  budget: number;
  readonly maxDepth: number;
  /** The objects around the one being read: a value inside itself is a cycle. */
  readonly seen: object[];
}

interface Place {
  readonly parent: Place | null;
  readonly key: string | number;
}

function refuse(place: Place, message: string): never {
  throw new Refusal({ path: pointer(place), message });
}

function pointer(place: Place): string {
  if (place.parent === null) return String(place.key);
  return `${pointer(place.parent)}/${escapePointer(String(place.key))}`;
}

/** One reference token of a JSON Pointer (RFC 6901 section 3), cut where a hostile key is long. */
function escapePointer(token: string): string {
  const shown = token.length > 128 ? `${token.slice(0, 128)}...` : token;
  return shown.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}

function spend(walk: Walk, place: Place, bytes: number): void {
  walk.budget -= bytes;
  if (walk.budget < 0) refuse(place, "the job is larger than the size limit");
}

function writeValue(walk: Walk, value: unknown, place: Place, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeString(walk, value, place);
    case "number":
      if (!Number.isFinite(value)) return refuse(place, "a number must be finite");
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        return refuse(place, "an integer must be within plus or minus 2^53 - 1");
      }
      return spent(walk, place, canonicalNumber(value));
    case "boolean":
      return spent(walk, place, value ? "true" : "false");
    case "object":
      if (value === null) return spent(walk, place, "null");
      return writeContainer(walk, value, place, depth);
    case "undefined":
      return refuse(place, "a value must not be undefined");
    default:
      return refuse(place, `a value must be plain JSON, not a ${typeof value}`);
  }
}

function spent(walk: Walk, place: Place, text: string): string {
  spend(walk, place, text.length);
  return text;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

function writeString(walk: Walk, value: string, place: Place): string {
  // Before any work on it: a string costs at least its length.
  if (value.length > walk.budget) refuse(place, "the job is larger than the size limit");
  if (LONE_SURROGATE.test(value)) refuse(place, "a string must not hold a lone surrogate");
  const text = JSON.stringify(value);
  spend(walk, place, Buffer.byteLength(text));
  return text;
}

function writeContainer(walk: Walk, value: object, place: Place, depth: number): string {
  // First of all: every other question could run a proxy's traps.
  if (types.isProxy(value)) refuse(place, "a value must not be a proxy");
  if (depth >= walk.maxDepth) refuse(place, `a value must not nest deeper than ${walk.maxDepth}`);
  if (walk.seen.includes(value)) refuse(place, "a value must not contain itself");
  walk.seen.push(value);
  const text = Array.isArray(value) ? writeArray(walk, value, place, depth) : writeObject(walk, value, place, depth);
  walk.seen.pop();
  return text;
}

function writeArray(walk: Walk, list: readonly unknown[], place: Place, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(list);
  if (prototype !== Array.prototype && !isForeignRoot(prototype, "concat")) {
    refuse(place, "a list must be a plain array");
  }
  const length = list.length;
  if (length > walk.budget) refuse(place, "the job is larger than the size limit");
  spend(walk, place, length + 1);
  // The indices and `length` are all an array may own: one more is a hidden property.
  const keys = Reflect.ownKeys(list);
  if (keys.length !== length + 1) {
    refuse(
      place,
      keys.length < length + 1 ? "a list must not have holes" : "a list must hold nothing but its elements",
    );
  }
  let text = "[";
  for (let index = 0; index < length; index += 1) {
    const at: Place = { parent: place, key: index };
    const item = dataValue(list, String(index), at);
    text += index === 0 ? writeValue(walk, item, at, depth + 1) : `,${writeValue(walk, item, at, depth + 1)}`;
  }
  return `${text}]`;
}

function writeObject(walk: Walk, object: object, place: Place, depth: number): string {
  const shape = shapeIssue(object);
  if (shape !== undefined) refuse(place, shape);
  // Without a comparator: by UTF-16 code units, as RFC 8785 section 3.2.3 asks.
  const names = (Reflect.ownKeys(object) as string[]).sort();
  spend(walk, place, 2);
  let text = "{";
  for (const name of names) {
    const at: Place = { parent: place, key: name };
    if (name === "__proto__") refuse(at, "a key must not be `__proto__`");
    const item = dataValue(object, name, at);
    const written = `${writeString(walk, name, at)}:${writeValue(walk, item, at, depth + 1)}`;
    spend(walk, at, 2);
    text += text.length === 1 ? written : `,${written}`;
  }
  return `${text}}`;
}

/** Why an object that is no array or proxy is not a plain one; undefined when it is. */
function shapeIssue(object: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null && !isForeignRoot(prototype, "isPrototypeOf")) {
    return `a value must be a plain object, not ${kindOf(object)}`;
  }
  return Object.getOwnPropertySymbols(object).length > 0 ? "an object must not have symbol keys" : undefined;
}

/** The own data properties of one plain object, read once and not looked into, or why it is not one. */
export function readProperties(
  value: unknown,
  root: string,
):
  | { readonly ok: true; readonly properties: ReadonlyMap<string, unknown> }
  | { readonly ok: false; readonly issue: CopyIssue } {
  const place: Place = { parent: null, key: root };
  const properties = new Map<string, unknown>();
  try {
    if (typeof value !== "object" || value === null) refuse(place, "a value must be a plain object");
    if (types.isProxy(value)) refuse(place, "a value must not be a proxy");
    if (Array.isArray(value)) refuse(place, "a value must be a plain object, not a list");
    const shape = shapeIssue(value);
    if (shape !== undefined) refuse(place, shape);
    for (const key of (Reflect.ownKeys(value) as string[]).sort()) {
      properties.set(key, dataValue(value, key, { parent: place, key }));
    }
    return { ok: true, properties };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, issue: error.issue };
    throw error;
  }
}

function dataValue(owner: object, key: string, place: Place): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  if (descriptor === undefined) return refuse(place, "a list must not have holes");
  if (!("value" in descriptor)) return refuse(place, "a property must not be a getter or setter");
  if (descriptor.enumerable !== true) return refuse(place, "a property must be enumerable");
  return descriptor.value;
}

/**
 * True for the root prototype of another realm (a `vm` context, as Jest uses).
 * Only own data properties are ever read, so what such a prototype holds cannot reach the copy.
 */
function isForeignRoot(prototype: unknown, method: string): boolean {
  if (typeof prototype !== "object" || prototype === null || types.isProxy(prototype)) return false;
  const above: unknown = Object.getPrototypeOf(prototype);
  if (!Object.hasOwn(prototype, method) || !Object.hasOwn(prototype, "constructor")) return false;
  return (
    above === null || (Array.isArray(prototype) && typeof above === "object" && Object.getPrototypeOf(above) === null)
  );
}

function kindOf(object: object): string {
  if (types.isDate(object)) return "a Date";
  if (types.isMap(object)) return "a Map";
  if (types.isSet(object)) return "a Set";
  if (types.isRegExp(object)) return "a RegExp";
  if (types.isNativeError(object)) return "an Error";
  if (types.isPromise(object)) return "a Promise";
  return "an instance of a class";
}
