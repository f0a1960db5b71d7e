import { types } from "node:util";
import { canonicalNumber, quote, sortKeys } from "../canonical.js";

/** Why a value is not plain JSON, and where: `path` is a JSON Pointer (RFC 6901). */
export interface CopyIssue {
  readonly path: string;
  readonly message: string;
}

/** What one strict walk may hold. */
export interface CopyLimits {
  /** UTF-8 bytes of canonical text; the walk stops at so many UTF-16 code units. */
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
  const walk: Walk = { root, path: [], budget: limits.maxBytes, maxDepth: limits.maxDepth, seen: [] };
  try {
    return { ok: true, text: writeValue(walk, value) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, issue: error.issue };
    throw error;
  }
}

interface Walk {
  readonly root: string;
  /** The way from the root to the value being read. */
  readonly path: (string | number)[];
  /**
   * UTF-16 code units left, which are never more than UTF-8 bytes: a huge value is refused before it is copied whole.
   * Whoever needs the exact bytes counts them in the text.
   */
  budget: number;
  readonly maxDepth: number;
  /** The objects around the one being read: a value inside itself is a cycle. */
  readonly seen: object[];
}

function refuse(walk: Pick<Walk, "root" | "path">, message: string): never {
  const path = walk.path.map((key) => `/${escapePointer(String(key))}`).join("");
  throw new Refusal({ path: walk.root + path, message });
}

/** One reference token of a JSON Pointer (RFC 6901 section 3), cut where a hostile key is long. */
function escapePointer(token: string): string {
  const shown = token.length > 128 ? `${token.slice(0, 128)}...` : token;
  return shown.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}

const TOO_LARGE = "the job is larger than the size limit";

function spend(walk: Walk, units: number): void {
  walk.budget -= units;
  if (walk.budget < 0) refuse(walk, TOO_LARGE);
}

function writeValue(walk: Walk, value: unknown): string {
  switch (typeof value) {
    case "string":
      return writeString(walk, value);
    case "number":
      return writeNumber(walk, value);
    case "boolean":
      return spent(walk, value ? "true" : "false");
    case "object":
      return value === null ? spent(walk, "null") : writeContainer(walk, value);
    case "undefined":
      return refuse(walk, "a value must not be undefined");
    default:
      return refuse(walk, `a value must be plain JSON, not a ${typeof value}`);
  }
}

function spent(walk: Walk, text: string): string {
  spend(walk, text.length);
  return text;
}

function writeNumber(walk: Walk, value: number): string {
  if (!Number.isFinite(value)) return refuse(walk, "a number must be finite");
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return refuse(walk, "an integer must be within plus or minus 2^53 - 1");
  }
  return spent(walk, canonicalNumber(value));
}

function writeString(walk: Walk, value: string): string {
  // Before any work on it: a string costs at least its length.
  if (value.length > walk.budget) refuse(walk, TOO_LARGE);
  return spent(walk, quote(value) ?? refuse(walk, "a string must not hold a lone surrogate"));
}

function writeContainer(walk: Walk, value: object): string {
  // First of all: every other question could run a proxy's traps.
  if (types.isProxy(value)) refuse(walk, "a value must not be a proxy");
  if (walk.seen.length >= walk.maxDepth) refuse(walk, `a value must not nest deeper than ${walk.maxDepth}`);
  if (walk.seen.includes(value)) refuse(walk, "a value must not contain itself");
  walk.seen.push(value);
  const text = Array.isArray(value) ? writeArray(walk, value) : writeObject(walk, value);
  walk.seen.pop();
  return text;
}

function writeArray(walk: Walk, list: readonly unknown[]): string {
  if (!isPlainArray(list)) refuse(walk, "a list must be a plain array");
  const length = list.length;
  // Brackets and commas.
  spend(walk, Math.max(2, length + 1));
  // The indices and `length` are all an array may own: one more is a hidden property.
  const keys = Reflect.ownKeys(list);
  if (keys.length !== length + 1) {
    refuse(walk, keys.length < length + 1 ? "a list must not have holes" : "a list must hold nothing but its elements");
  }
  let text = "[";
  for (let index = 0; index < length; index += 1) {
    walk.path.push(index);
    const written = writeValue(walk, dataValue(walk, list, index));
    walk.path.pop();
    text += index === 0 ? written : `,${written}`;
  }
  return `${text}]`;
}

function writeObject(walk: Walk, object: object): string {
  const names = ownNames(object);
  if (typeof names === "string") return refuse(walk, names);
  // Braces, colons and commas.
  spend(walk, Math.max(2, 2 * names.length + 1));
  let text = "{";
  for (const name of sortKeys(names)) {
    walk.path.push(name);
    if (name === "__proto__") refuse(walk, "a key must not be `__proto__`");
    const written = `${writeString(walk, name)}:${writeValue(walk, dataValue(walk, object, name))}`;
    walk.path.pop();
    text += text.length === 1 ? written : `,${written}`;
  }
  return `${text}}`;
}

/** The keys of a plain object that is no array or proxy, or why it is not a plain one. */
function ownNames(object: object): string[] | string {
  if (!isPlainObject(object)) {
    return `a value must be a plain object, not ${kindOf(object)}`;
  }
  const keys = Reflect.ownKeys(object);
  // Symbols come last, after all strings (ECMA-262, OrdinaryOwnPropertyKeys).
  return typeof keys.at(-1) === "symbol" ? "an object must not have symbol keys" : (keys as string[]);
}

/** The own data properties of one plain object, read once and not looked into, or why it is not one. */
export function readProperties(
  value: unknown,
  root: string,
):
  | { readonly ok: true; readonly properties: ReadonlyMap<string, unknown> }
  | { readonly ok: false; readonly issue: CopyIssue } {
  const walk = { root, path: [] as (string | number)[] };
  const properties = new Map<string, unknown>();
  try {
    if (typeof value !== "object" || value === null) refuse(walk, "a value must be a plain object");
    if (types.isProxy(value)) refuse(walk, "a value must not be a proxy");
    if (Array.isArray(value)) refuse(walk, "a value must be a plain object, not a list");
    const names = ownNames(value);
    if (typeof names === "string") return refuse(walk, names);
    for (const key of names) {
      walk.path.push(key);
      properties.set(key, dataValue(walk, value, key));
      walk.path.pop();
    }
    return { ok: true, properties };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, issue: error.issue };
    throw error;
  }
}

function dataValue(walk: Pick<Walk, "root" | "path">, owner: object, key: string | number): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  if (descriptor === undefined) return refuse(walk, "a list must not have holes");
  if (!("value" in descriptor)) return refuse(walk, "a property must not be a getter or setter");
  if (descriptor.enumerable !== true) return refuse(walk, "a property must be enumerable");
  return descriptor.value;
}

/** True for an array of no class of its own. It MUST NOT be a proxy. */
export function isPlainArray(list: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(list);
  return prototype === Array.prototype || isForeignRoot(prototype, "concat");
}

/** True for an object that is an instance of nothing. It MUST NOT be a proxy or an array. */
export function isPlainObject(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || isForeignRoot(prototype, "isPrototypeOf");
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
