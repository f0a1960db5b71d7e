import {
  byteLengthOf,
  eachOfMap,
  eachOfSet,
  hrefOf,
  isDate,
  isForeignRoot,
  isMap,
  isNative,
  isProxy,
  isSet,
  isUint8Array,
  kindOf,
  OwnURL,
  timeOf,
} from "./native.js";

/**
 * What one output may hold. Over any of them the whole output is withheld: a part that was not read was not inspected.
 */
export const OUTPUT_CAPS = {
  /** Nested lists, objects, Maps and Sets. */
  depth: 64,
  /** Values of any kind, keys of Maps among them. */
  nodes: 1_000_000,
  /** UTF-16 code units of strings and keys, and bytes, together. */
  content: 8 * 1024 * 1024,
  /** Bits of one bigint. */
  bigintBits: 8_192,
} as const;

/** One step from a value into what it holds: a key, or a position in a list, Set or Map. */
export type Step = string | number;

/** The copy, or why there is none. `steps` lead to the place and may hold secrets: they are not for show. */
export type PlainCopy =
  | { readonly ok: true; readonly value: unknown; readonly holdsBytes: boolean }
  | {
      readonly ok: false;
      readonly reason: "not_plain" | "over_cap";
      readonly message: string;
      readonly steps: readonly Step[];
    };

/**
 * A copy of a value that nobody has vouched for, when it is plain data: JSON, undefined, any number, bigint, valid Date,
 * Uint8Array (a Buffer is copied as one), Map, Set and URL.
 * Runs no code of the value's owner: no getter, no proxy trap, no `toJSON`, no overridden method of a Map or Date.
 * Later changes to the value cannot reach the copy. An own key `__proto__` stays an own key.
 */
export function copyPlain(value: unknown): PlainCopy {
  const walk: Walk = { nodes: 0, content: 0, holdsBytes: false, around: [], steps: [], refusal: undefined };
  try {
    return { ok: true, value: copyValue(walk, value), holdsBytes: walk.holdsBytes };
  } catch {
    // What the runtime itself refuses to read (bytes of a detached buffer) is not plain either.
    const refusal = walk.refusal ?? ({ reason: "not_plain", message: "a value that cannot be read" } as const);
    return { ok: false, ...refusal, steps: walk.steps };
  }
}

/** Sets an own data property, also where a prototype has an accessor of that name (`__proto__`). */
export function setOwn(object: object, key: string, value: unknown): void {
  if (key in Object.prototype) {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    (object as Record<string, unknown>)[key] = value;
  }
}

interface Walk {
  nodes: number;
  content: number;
  holdsBytes: boolean;
  /** The objects around the one being read: a value inside itself is a cycle. */
  readonly around: object[];
  /** Left as it stands when the walk ends early: then it leads to the culprit. */
  readonly steps: Step[];
  refusal: { readonly reason: "not_plain" | "over_cap"; readonly message: string } | undefined;
}

const BIGINT_BOUND = 1n << BigInt(OUTPUT_CAPS.bigintBits);

function refuse(walk: Walk, message: string): never {
  walk.refusal = { reason: "not_plain", message };
  throw walk.refusal;
}

function refuseSize(walk: Walk, message: string): never {
  walk.refusal = { reason: "over_cap", message };
  throw walk.refusal;
}

function spendContent(walk: Walk, size: number): void {
  walk.content += size;
  if (walk.content > OUTPUT_CAPS.content) {
    refuseSize(walk, `more than ${OUTPUT_CAPS.content} characters and bytes of content`);
  }
}

function copyValue(walk: Walk, value: unknown): unknown {
  walk.nodes += 1;
  if (walk.nodes > OUTPUT_CAPS.nodes) refuseSize(walk, `more than ${OUTPUT_CAPS.nodes} values`);
  switch (typeof value) {
    case "string":
      spendContent(walk, value.length);
      return value;
    case "object":
      return value === null ? null : copyObject(walk, value);
    case "bigint":
      spendContent(walk, sizeOf(walk, value));
      return value;
    case "function":
      return refuse(walk, "a function");
    case "symbol":
      return refuse(walk, "a symbol");
    default:
      return value;
  }
}

/** About what a bigint takes when it is written out; in hex, since decimal digits take more than linear time. */
function sizeOf(walk: Walk, value: bigint): number {
  if (value >= BIGINT_BOUND || value <= -BIGINT_BOUND) {
    refuseSize(walk, `a bigint of more than ${OUTPUT_CAPS.bigintBits} bits`);
  }
  return BigInt.asIntN(64, value) === value ? 0 : value.toString(16).length;
}

function copyObject(walk: Walk, object: object): unknown {
  // First of all: every other question could run a proxy's traps.
  if (isProxy(object)) refuse(walk, "a proxy");
  if (walk.around.includes(object)) refuse(walk, "a value that contains itself");
  if (walk.around.length >= OUTPUT_CAPS.depth) refuseSize(walk, `more than ${OUTPUT_CAPS.depth} levels`);
  walk.around.push(object);
  const copy = copyContents(walk, object);
  walk.around.pop();
  return copy;
}

function copyContents(walk: Walk, object: object): unknown {
  if (Array.isArray(object)) return copyList(walk, object);
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null || isForeignRoot(prototype)) return copyFields(walk, object);
  if (isMap(object) && isNative(prototype, Map.prototype, 2)) return copyMap(walk, object);
  if (isSet(object) && isNative(prototype, Set.prototype, 2)) return copySet(walk, object);
  if (isDate(object) && isNative(prototype, Date.prototype, 2)) return copyDate(walk, object);
  if (isUint8Array(object) && (prototype === Buffer.prototype || isNative(prototype, Uint8Array.prototype, 3))) {
    return copyBytes(walk, object);
  }
  if (prototype === OwnURL.prototype) return copyUrl(walk, object);
  return refuse(walk, kindOf(object) ?? "an instance of a class");
}

function copyList(walk: Walk, list: readonly unknown[]): unknown[] {
  if (!isNative(Object.getPrototypeOf(list), Array.prototype, 2)) refuse(walk, "an instance of a class");
  const length = list.length;
  if (length > OUTPUT_CAPS.nodes - walk.nodes) refuseSize(walk, `more than ${OUTPUT_CAPS.nodes} values`);
  // The indices and `length` are all a list may own: one more is hidden data.
  const owned = Reflect.ownKeys(list).length;
  if (owned < length + 1) refuse(walk, "a list with holes");
  if (owned > length + 1) refuse(walk, "a list with properties of its own");
  const copy: unknown[] = [];
  for (let index = 0; index < length; index += 1) {
    walk.steps.push(index);
    const descriptor = Object.getOwnPropertyDescriptor(list, index);
    copy.push(copyValue(walk, dataOf(walk, descriptor)));
    walk.steps.pop();
  }
  return copy;
}

function copyFields(walk: Walk, object: object): object {
  const keys = Object.getOwnPropertyNames(object);
  if (keys.length === 0) {
    // A Map or Promise whose prototype was swapped looks like an empty object: what it holds must not be lost unseen.
    // Before its symbols, since a host that uses async hooks gives every promise some.
    const kind = kindOf(object);
    if (kind !== undefined) refuse(walk, kind);
  }
  if (Object.getOwnPropertySymbols(object).length > 0) refuse(walk, "a symbol key");
  const copy = {};
  for (const key of keys) {
    spendContent(walk, key.length);
    walk.steps.push(key);
    const descriptor = Object.getOwnPropertyDescriptor(object, key);
    setOwn(copy, key, copyValue(walk, dataOf(walk, descriptor)));
    walk.steps.pop();
  }
  return copy;
}

function dataOf(walk: Walk, descriptor: PropertyDescriptor | undefined): unknown {
  if (descriptor === undefined) return refuse(walk, "a list with holes");
  if (!Object.hasOwn(descriptor, "value")) return refuse(walk, "a getter or setter");
  if (descriptor.enumerable !== true) return refuse(walk, "a property that is not enumerable");
  return descriptor.value;
}

function copyMap(walk: Walk, map: object): Map<unknown, unknown> {
  refuseOwnKeys(walk, map, "a Map with properties of its own");
  const copy = new Map<unknown, unknown>();
  let position = 0;
  eachOfMap(map, (value, key) => {
    walk.steps.push(position);
    const copiedKey = copyValue(walk, key);
    if (typeof copiedKey === "string") walk.steps[walk.steps.length - 1] = copiedKey;
    copy.set(copiedKey, copyValue(walk, value));
    walk.steps.pop();
    position += 1;
  });
  return copy;
}

function copySet(walk: Walk, set: object): Set<unknown> {
  refuseOwnKeys(walk, set, "a Set with properties of its own");
  const copy = new Set<unknown>();
  eachOfSet(set, (member) => {
    walk.steps.push(copy.size);
    copy.add(copyValue(walk, member));
    walk.steps.pop();
  });
  return copy;
}

function copyDate(walk: Walk, date: object): Date {
  refuseOwnKeys(walk, date, "a Date with properties of its own");
  const time = timeOf(date);
  if (Number.isNaN(time)) refuse(walk, "an invalid Date");
  return new Date(time);
}

/** Own keys are not looked for: they would be one a byte. What else the array carries does not travel. */
function copyBytes(walk: Walk, bytes: Uint8Array): Uint8Array {
  spendContent(walk, byteLengthOf(bytes));
  walk.holdsBytes = true;
  return new Uint8Array(bytes);
}

function copyUrl(walk: Walk, url: object): URL {
  refuseOwnKeys(walk, url, "a URL with properties of its own");
  let href: string;
  let copy: URL;
  try {
    href = hrefOf(url);
    copy = new OwnURL(href);
  } catch {
    return refuse(walk, "an instance of a class");
  }
  if (copy.href !== href) refuse(walk, "a URL that does not parse as itself");
  spendContent(walk, href.length);
  return copy;
}

function refuseOwnKeys(walk: Walk, object: object, message: string): void {
  if (Reflect.ownKeys(object).length > 0) refuse(walk, message);
}
