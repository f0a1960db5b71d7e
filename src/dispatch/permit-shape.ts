import { PermitError } from "../errors.js";
import { quoted } from "../policy/source.js";

/** What refuses a text that no gate wrote. */
export function malformed(message: string, cause?: unknown): PermitError {
  return new PermitError("permit_malformed", message, {
    help: "hand over the text of `ctx.permit.token()` as it is",
    cause,
  });
}

/**
 * Parses JSON that has one reading only. Bytes that are not those of what they parse to, such as a text that repeats a key,
 * would tell one program this and another that.
 */
export function parseOneReading(bytes: Uint8Array, what: string): unknown {
  const parsed = parse(bytes, what);
  if (!parsed.again.equals(bytes)) throw malformed(`${what} must be compact JSON without repeated keys`);
  return parsed.value;
}

function parse(bytes: Uint8Array, what: string): { readonly value: unknown; readonly again: Buffer } {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return { value, again: Buffer.from(JSON.stringify(value)) };
  } catch (cause) {
    throw malformed(`${what} must be JSON`, cause);
  }
}

/** The properties of a parsed object, which MUST have all of `keys`, may have those of `optional`, and has no other. */
export function shapeOf(
  value: unknown,
  what: string,
  keys: readonly string[],
  optional: readonly string[] = [],
): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${what} must be an object`);
  const shape = new Map<string, unknown>(Object.entries(value));
  for (const key of shape.keys()) {
    if (!keys.includes(key) && !optional.includes(key)) throw malformed(`${what} must not have ${quoted(key)}`);
  }
  for (const key of keys) if (!shape.has(key)) throw malformed(`${what} must have \`${key}\``);
  return shape;
}

/** A text of the given grammar. */
export function textOf(shape: ReadonlyMap<string, unknown>, key: string, grammar: RegExp): string {
  const value = shape.get(key);
  if (typeof value === "string" && grammar.test(value)) return value;
  throw malformed(`\`${key}\` in a permit is not what a gate writes`);
}

/** A whole number from `min` to `max`. */
export function wholeOf(shape: ReadonlyMap<string, unknown>, key: string, min: number, max: number): number {
  const value = shape.get(key);
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw malformed(`\`${key}\` in a permit must be a whole number from ${min} to ${max}`);
}
