import type { Json } from "../../outcome.js";
import type { ConditionJob } from "./fields.js";

/** What an expression comes to: JSON as the job holds it (its numbers are CEL's doubles), or an integer of CEL's. */
export type Value = null | boolean | number | bigint | string | readonly Value[] | { readonly [key: string]: Json };

/**
 * In the place of a value: there is none, and {@link Run.error} says why. Returned and not thrown, since a list of a
 * thousand elements without the field would cost a thousand stack traces.
 */
export const FAILED: unique symbol = Symbol("failed");

export type Answer = Value | typeof FAILED;

/** One evaluation. */
export interface Run {
  readonly job: ConditionJob;
  /** The element that a comprehension looks at. One place is enough: they do not nest. */
  item: Value;
  /** Steps that are left. Once below 0, whatever costs anything fails. */
  left: number;
  /** Why the last failure came about that nothing has made up for; null where there is none. */
  error: string | null;
}

/** Elements in a list that is walked. */
export const MAX_ELEMENTS = 1_000;

/** UTF-16 units in a text that a function reads or makes. */
export const MAX_TEXT = 65_536;

/** What one evaluation may spend. A step is some 50 ns, and three times that before it has been compiled: at most 5 ms. */
export const MAX_STEPS = 30_000;

/** The first reason stands: later ones come of it, or are no better. */
export function fail(run: Run, message: string): typeof FAILED {
  run.error ??= message;
  return FAILED;
}

/** False, with the reason noted, when there is not that much left. */
export function spend(run: Run, steps: number): boolean {
  run.left -= steps;
  if (run.left >= 0) return true;
  fail(run, "the condition takes too many steps on this job");
  return false;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Units of text compared in one step. */
export const COMPARED = 256;

/**
 * Are two values equal? Values of different kinds are an error, not unequal: an agent that sends `["delete"]` for
 * `"delete"` must not slip through a `!=`. Null is the exception, since it is what one asks for.
 */
export function equal(run: Run, a: Value, b: Value, text: string): boolean | typeof FAILED {
  if (a === null || b === null) return a === b;
  if (typeof a === "string" && typeof b === "string") {
    if (a.length !== b.length) return false;
    return spend(run, a.length / COMPARED) ? a === b : FAILED;
  }
  if (isNumber(a) && isNumber(b)) return a <= b && a >= b;
  if (typeof a === "boolean" && typeof b === "boolean") return a === b;
  if (isList(a) && isList(b)) return equalLists(run, a, b, text);
  if (isMap(a) && isMap(b)) return fail(run, `${text} compares maps`);
  return fail(run, `${text} compares values of different kinds`);
}

export function isNumber(value: Value): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function equalLists(run: Run, a: readonly Value[], b: readonly Value[], text: string): boolean | typeof FAILED {
  if (a.length !== b.length) return false;
  if (a.length > MAX_ELEMENTS) return fail(run, `${text} compares lists of more than ${MAX_ELEMENTS} elements`);
  const before = run.error;
  let failed = false;
  for (let index = 0; index < a.length; index += 1) {
    if (!spend(run, 1)) return FAILED;
    const same = equal(run, a[index] as Value, b[index] as Value, text);
    if (same === false) {
      run.error = before;
      return false;
    }
    failed ||= same === FAILED;
  }
  return failed ? FAILED : true;
}

/** Is the value in the list? As with `||`, one that is found makes up for others that cannot be compared. */
export function includes(run: Run, list: readonly Value[], value: Value, text: string): boolean | typeof FAILED {
  if (list.length > MAX_ELEMENTS) return fail(run, `${text} walks more than ${MAX_ELEMENTS} elements`);
  if (!spend(run, list.length)) return FAILED;
  const before = run.error;
  let failed = false;
  for (const element of list) {
    // Most lists hold texts, and most of those differ in length already.
    if (typeof element === "string" && typeof value === "string" && element.length !== value.length) continue;
    const same = equal(run, element, value, text);
    if (same === true) {
      run.error = before;
      return true;
    }
    failed ||= same === FAILED;
  }
  return failed ? FAILED : false;
}
