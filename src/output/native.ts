import { types } from "node:util";

// Taken once, so that a method replaced later, on the prototype or on the object, is never called.
export const { isProxy, isDate, isMap, isSet, isUint8Array } = types;
export const timeOf = Function.prototype.call.bind(Date.prototype.getTime) as (date: object) => number;
export const eachOfMap = Function.prototype.call.bind(Map.prototype.forEach) as (
  map: object,
  visit: (value: unknown, key: unknown) => void,
) => void;
export const eachOfSet = Function.prototype.call.bind(Set.prototype.forEach) as (
  set: object,
  visit: (value: unknown) => void,
) => void;
export const byteLengthOf = getterOf<number>(Object.getPrototypeOf(Uint8Array.prototype), "byteLength");
export const hrefOf = getterOf<string>(URL.prototype, "href");
export const OwnURL = URL;

/** A getter of the runtime, taken once: what an object puts in its place is never called. */
export function getterOf<T>(prototype: object, name: string): (object: object) => T {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get;
  if (get === undefined) throw new TypeError(`this runtime has no getter \`${name}\``);
  return Function.prototype.call.bind(get) as (object: object) => T;
}

/**
 * True for this realm's prototype, and for one with as many prototypes above it as this realm's has, which is that of
 * another realm (a `vm` context, as Jest uses) but never that of a subclass. Nothing of the prototype is ever called.
 */
export function isNative(prototype: unknown, own: object, levels: number): boolean {
  if (prototype === own) return true;
  let above: unknown = prototype;
  for (let level = 0; level < levels; level += 1) {
    if (typeof above !== "object" || above === null || isProxy(above)) return false;
    above = Object.getPrototypeOf(above);
  }
  return above === null;
}

/** True for `Object.prototype` of another realm. Only own data properties are read, so what it holds does not matter. */
export function isForeignRoot(prototype: unknown): boolean {
  if (typeof prototype !== "object" || prototype === null || isProxy(prototype)) return false;
  if (Object.getPrototypeOf(prototype) !== null) return false;
  return Object.hasOwn(prototype, "isPrototypeOf") && Object.hasOwn(prototype, "constructor");
}

/** What an object that is no plain data is, as far as the runtime tells without asking it; undefined when it does not. */
export function kindOf(object: object): string | undefined {
  if (types.isPromise(object)) return "a Promise";
  if (types.isRegExp(object)) return "a RegExp";
  if (types.isNativeError(object)) return "an Error";
  if (types.isGeneratorObject(object)) return "a generator";
  if (types.isArrayBufferView(object) && !isUint8Array(object)) return "a typed array other than Uint8Array";
  if (types.isAnyArrayBuffer(object)) return "an ArrayBuffer";
  if (types.isWeakMap(object) || types.isWeakSet(object)) return "a weak collection";
  if (types.isBoxedPrimitive(object)) return "a boxed primitive";
  if (isMap(object) || isSet(object) || isDate(object) || isUint8Array(object)) return "an instance of a class";
  return undefined;
}
