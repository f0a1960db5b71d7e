import { types } from "node:util";
import type { Json, OutcomeError } from "../outcome.js";
import { encodeOutput } from "./encode.js";
import { copyPlain, OUTPUT_CAPS, setOwn } from "./plain.js";
import { TAG } from "./tags.js";

/** Thrown where the words of an error are over the cap. */
export const TOO_LARGE: unique symbol = Symbol("the words of an error are over the cap");

/** What of one error is read. */
const MOST = {
  /** Errors behind the thrown one; what lies deeper, or comes round again, does not leave. */
  causes: 5,
  /** Errors that one gathers. */
  errors: 8,
  /** Own properties beside those that every error has. */
  properties: 32,
  /** Characters of one property's JSON; a larger one does not leave. */
  property: 8 * 1024,
} as const;

/**
 * The words of what was thrown, as they came: nothing here may leave before it was inspected. Of an object only own data
 * properties are read, its name also from a prototype, and the stack where the engine keeps it. Throws {@link TOO_LARGE}.
 */
export function readError(thrown: unknown): OutcomeError {
  return readOne(thrown, { left: OUTPUT_CAPS.content }, []);
}

interface Budget {
  left: number;
}

function readOne(thrown: unknown, budget: Budget, around: readonly unknown[]): OutcomeError {
  const words = isObject(thrown) ? readObject(thrown) : { name: "NonError", message: describePrimitive(thrown) };
  const { name, message, code, stack, properties } = words;
  budget.left -=
    name.length +
    message.length +
    (code?.length ?? 0) +
    (stack?.length ?? 0) +
    (properties === undefined ? 0 : JSON.stringify(properties).length);
  if (budget.left < 0) throw TOO_LARGE;
  const inside = [...around, thrown];
  const read = (each: unknown): readonly OutcomeError[] =>
    around.length >= MOST.causes || inside.includes(each) ? [] : [readOne(each, budget, inside)];
  const [cause] = words.cause === undefined ? [] : read(words.cause);
  const errors = (words.errors ?? []).flatMap(read);
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
    ...(properties === undefined ? {} : { properties }),
    ...(errors.length === 0 ? {} : { errors }),
    ...(cause === undefined ? {} : { cause }),
  };
}

interface Words {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
  readonly properties?: Readonly<Record<string, Json>> | undefined;
  readonly errors?: readonly unknown[] | undefined;
  readonly cause?: unknown;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function describePrimitive(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "symbol") return "a symbol was thrown";
  // The decimal form of a huge bigint takes long to make and tells nobody anything.
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? `${value}` : "a large bigint was thrown";
  return String(value);
}

function readObject(object: object): Words {
  // First of all: every other question could run a proxy's traps.
  if (types.isProxy(object)) return { name: "NonError", message: "a proxy was thrown" };
  const code = ownData(object, "code");
  const own = {
    code: typeof code === "string" ? code : typeof code === "number" ? String(code) : undefined,
    stack: stackOf(object),
    properties: propertiesOf(object),
    errors: listOf(ownData(object, "errors")),
    cause: ownData(object, "cause"),
  };
  const dom = readDomException(object);
  if (dom !== undefined) return { ...own, ...dom };
  const message = ownData(object, "message");
  const name = nameOf(object) ?? (types.isNativeError(object) ? "Error" : "NonError");
  if (typeof message === "string") return { ...own, name, message };
  // An error without a message owns none.
  if (types.isNativeError(object)) return { ...own, name, message: "" };
  return {
    ...own,
    name,
    message: `${typeof object === "function" ? "a function" : "an object"} without a message was thrown`,
  };
}

/** Taken once: newer engines keep the stack behind a getter of their own, the same for all errors. */
const ownStack = Object.getOwnPropertyDescriptor(new Error("stack"), "stack")?.get;

/** Engines write the stack when it is first read, from name and message: it is read only where that runs no code. */
function stackOf(object: object): string | undefined {
  if (!isDom(object) && !["name", "message"].every((key) => isText(lookUp(object, key)))) return undefined;
  const descriptor = Object.getOwnPropertyDescriptor(object, "stack");
  let stack: unknown = descriptor?.value;
  if (ownStack !== undefined && descriptor?.get === ownStack) stack = Reflect.apply(ownStack, object, []);
  return typeof stack === "string" ? stack : undefined;
}

/** What every error has, and what is read by itself. */
const KNOWN: ReadonlySet<string> = new Set(["name", "message", "code", "stack", "errors", "cause"]);

/** Own properties that are plain JSON; others do not leave. */
function propertiesOf(object: object): Readonly<Record<string, Json>> | undefined {
  const properties = {};
  let count = 0;
  for (const key of Object.keys(object)) {
    if (KNOWN.has(key) || count >= MOST.properties) continue;
    const copied = copyPlain(ownData(object, key));
    if (!copied.ok || copied.value === undefined) continue;
    const json = encodeOutput(copied.value);
    if (json.length > MOST.property || json.includes(TAG)) continue;
    setOwn(properties, key, JSON.parse(json));
    count += 1;
  }
  return count === 0 ? undefined : properties;
}

function listOf(list: unknown): readonly unknown[] | undefined {
  if (types.isProxy(list) || !Array.isArray(list)) return undefined;
  return Array.from({ length: Math.min(list.length, MOST.errors) }, (_, index) => ownData(list, String(index)));
}

function ownData(object: object, key: string): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(object, key);
  return descriptor !== undefined && Object.hasOwn(descriptor, "value") ? descriptor.value : undefined;
}

function isDom(object: object): boolean {
  return (
    Object.getPrototypeOf(object) === DOMException.prototype &&
    !Object.hasOwn(object, "name") &&
    !Object.hasOwn(object, "message")
  );
}

function isText(found: unknown): boolean {
  return found === undefined || typeof found === "string";
}

/** Stands for what cannot be read without running code. */
const UNREADABLE: unique symbol = Symbol("a value that cannot be read");

const MAX_PROTOTYPES = 16;

/** What a property look-up would find, as far as that runs no code. */
function lookUp(object: object, key: string): unknown {
  let holder: unknown = object;
  for (let level = 0; isObject(holder); level += 1) {
    if (level > MAX_PROTOTYPES || types.isProxy(holder)) return UNREADABLE;
    const descriptor = Object.getOwnPropertyDescriptor(holder, key);
    if (descriptor !== undefined) return Object.hasOwn(descriptor, "value") ? descriptor.value : UNREADABLE;
    holder = Object.getPrototypeOf(holder);
  }
  return undefined;
}

/** The name where a property look-up would find it, as far as that runs no code. */
function nameOf(object: object): string | undefined {
  const name = lookUp(object, "name");
  return typeof name === "string" ? name : undefined;
}

const domName = domGetter("name");
const domMessage = domGetter("message");

function domGetter(name: "name" | "message"): ((object: object) => unknown) | undefined {
  const get = Object.getOwnPropertyDescriptor(DOMException.prototype, name)?.get;
  return get === undefined ? undefined : (Function.prototype.call.bind(get) as (object: object) => unknown);
}

/**
 * The words of a DOMException, which is what aborted calls throw: it keeps them in private fields behind the runtime's
 * own getters, taken once when this file loads. Undefined for anything else.
 */
function readDomException(object: object): { readonly name: string; readonly message: string } | undefined {
  if (Object.getPrototypeOf(object) !== DOMException.prototype) return undefined;
  try {
    const name = domName?.(object);
    const message = domMessage?.(object);
    return typeof name === "string" && typeof message === "string" ? { name, message } : undefined;
  } catch {
    return undefined;
  }
}
