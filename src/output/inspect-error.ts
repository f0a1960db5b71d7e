import { types } from "node:util";
import type { Finding, OutcomeError, OutputRule } from "../outcome.js";
import { OUTPUT_CAPS } from "./plain.js";
import { wellFormed } from "./pointer.js";
import { MAX_FINDINGS, openScan, redactText, type Scan } from "./scan.js";

/** What came of looking at an error. With `quarantine`, `error` is the gate's own and says nothing of what was thrown. */
export type ErrorInspection =
  | { readonly verdict: "clear"; readonly error: OutcomeError; readonly findings: readonly Finding[] }
  | {
      readonly verdict: "quarantine";
      readonly error: OutcomeError;
      readonly findings: readonly Finding[];
      /** Why, in words that hold nothing of the error. */
      readonly message: string;
    };

/** What of one error leaves. Longer words are cut, after redaction, and the cut is shown. */
const ERROR_CAPS = {
  /** UTF-16 code units of a message. */
  message: 8 * 1024,
  /** UTF-16 code units of a name or code. */
  word: 256,
  /** Errors behind the thrown one; what lies deeper, or comes round again, does not leave. */
  causes: 5,
} as const;

/**
 * Looks at what a dispatch function threw, be it an error or anything else, and never throws.
 * Only name, message, code and causes leave: own data properties, the name also from a prototype. No getter of the
 * error's own is called and no proxy is asked.
 */
export function inspectError(thrown: unknown, rules: readonly OutputRule[]): ErrorInspection {
  let scan: Scan | undefined;
  try {
    scan = openScan(rules);
    const budget = { left: OUTPUT_CAPS.content };
    const error = redactError(scan, readError(thrown, budget, []));
    const { findings } = scan;
    const reason = findings.find((finding) => finding.action === "quarantine");
    if (reason === undefined) return { verdict: "clear", error, findings };
    return withhold(
      findings,
      `output rule \`${reason.ruleId}\` withheld the error: ${reason.kind} at \`${reason.path}\``,
    );
  } catch (error) {
    return withhold(scan?.findings ?? [], describeFailure(error, scan));
  }
}

function withhold(findings: readonly Finding[], message: string): ErrorInspection {
  return { verdict: "quarantine", error: { name: "Error", message: "the error was withheld" }, findings, message };
}

function describeFailure(error: unknown, scan: Scan | undefined): string {
  if (error === TOO_LARGE) return `the error is over a limit: more than ${OUTPUT_CAPS.content} characters`;
  if (scan !== undefined && scan.seen > MAX_FINDINGS)
    return `the error is over a limit: more than ${MAX_FINDINGS} findings`;
  return "a detector failed, so the error was not inspected";
}

const TOO_LARGE: unique symbol = Symbol("the words of an error are over the cap");

interface Budget {
  left: number;
}

/** The words of one thrown thing, as they came. */
function readError(thrown: unknown, budget: Budget, around: readonly unknown[]): OutcomeError {
  const error = isObject(thrown) ? readObject(thrown) : { name: "NonError", message: describePrimitive(thrown) };
  const { name, message, code, cause } = error;
  budget.left -= name.length + message.length + (code?.length ?? 0);
  if (budget.left < 0) throw TOO_LARGE;
  const words = { name, message, ...(code === undefined ? {} : { code }) };
  if (cause === undefined || around.length >= ERROR_CAPS.causes || cause === thrown || around.includes(cause))
    return words;
  return { ...words, cause: readError(cause, budget, [...around, thrown]) };
}

interface Words {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
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
    cause: ownData(object, "cause"),
  };
  const dom = readDomException(object);
  if (dom !== undefined) return { ...dom, ...own };
  const message = ownData(object, "message");
  const name = nameOf(object) ?? (types.isNativeError(object) ? "Error" : "NonError");
  if (typeof message === "string") return { name, message, ...own };
  // An error without a message owns none.
  if (types.isNativeError(object)) return { name, message: "", ...own };
  return {
    name,
    message: `${typeof object === "function" ? "a function" : "an object"} without a message was thrown`,
    ...own,
  };
}

function ownData(object: object, key: string): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(object, key);
  return descriptor !== undefined && Object.hasOwn(descriptor, "value") ? descriptor.value : undefined;
}

const MAX_PROTOTYPES = 16;

/** The name where a property look-up would find it, as far as that runs no code. */
function nameOf(object: object): string | undefined {
  let holder: unknown = object;
  for (let level = 0; level <= MAX_PROTOTYPES && isObject(holder) && !types.isProxy(holder); level += 1) {
    if (Object.hasOwn(holder, "name")) {
      const name = ownData(holder, "name");
      return typeof name === "string" ? name : undefined;
    }
    holder = Object.getPrototypeOf(holder);
  }
  return undefined;
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

function redactError(scan: Scan, error: OutcomeError): OutcomeError {
  const { name, message, code, cause } = error;
  return {
    name: redactWord(scan, "name", name, ERROR_CAPS.word),
    message: redactWord(scan, "message", message, ERROR_CAPS.message),
    ...(code === undefined ? {} : { code: redactWord(scan, "code", code, ERROR_CAPS.word) }),
    ...(cause === undefined ? {} : { cause: redactCause(scan, cause) }),
  };
}

function redactCause(scan: Scan, cause: OutcomeError): OutcomeError {
  scan.steps.push("cause");
  const redacted = redactError(scan, cause);
  scan.steps.pop();
  return redacted;
}

/** Redaction comes before the cut: half a secret would not be known for one. */
function redactWord(scan: Scan, key: string, text: string, most: number): string {
  scan.steps.push(key);
  const redacted = redactText(scan, text);
  scan.steps.pop();
  if (redacted.length <= most) return wellFormed(redacted);
  return wellFormed(`${redacted.slice(0, most)}... [${redacted.length - most} more characters were cut]`);
}
