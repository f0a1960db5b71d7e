import { deepFreeze } from "../job/freeze.js";
import type { AllowLists, Constraints } from "../outcome.js";
import { snakeCase } from "../snake-case.js";
import { malformed, shapeOf, wholeOf } from "./permit-shape.js";

/** Writable while it is being made. */
type Open<T> = { -readonly [Key in keyof T]: T[Key] };

/** Constraints as a permit spells them. */
export function writeConstraints(constraints: Constraints): object {
  return Object.fromEntries(Object.entries(constraints).map(([name, value]) => [snakeCase(name), value]));
}

/**
 * Constraints as a permit spells them, read back and frozen. A key that is not known here is refused: a worker cannot hold
 * itself to a limit that it does not know.
 */
export function readConstraints(value: unknown): Constraints {
  const given = shapeOf(value, "`constraints` in a permit", [], WORDS);
  const constraints: Open<Constraints> = {};
  if (given.has("max_runtime_sec")) constraints.maxRuntimeSec = spanOf(given.get("max_runtime_sec"));
  if (given.has("max_retries")) constraints.maxRetries = wholeOf(given, "max_retries", 0, MOST);
  if (given.has("max_output_bytes")) constraints.maxOutputBytes = wholeOf(given, "max_output_bytes", 0, MOST);
  if (given.has("paths")) constraints.paths = pathsOf(given.get("paths"));
  if (given.has("network")) constraints.network = networkOf(given.get("network"));
  return deepFreeze(constraints);
}

const WORDS = ["max_runtime_sec", "max_retries", "max_output_bytes", "paths", "network"];
const MOST = Number.MAX_SAFE_INTEGER;

function spanOf(value: unknown): number {
  if (typeof value === "number" && value > 0) return value;
  throw malformed("`max_runtime_sec` in a permit must be a number over 0");
}

function pathsOf(value: unknown): NonNullable<Constraints["paths"]> {
  const given = shapeOf(value, "`paths` in a permit", [], ["read", "write", "deny"]);
  const paths: Open<NonNullable<Constraints["paths"]>> = {};
  if (given.has("read")) paths.read = listsOf(given.get("read"));
  if (given.has("write")) paths.write = listsOf(given.get("write"));
  if (given.has("deny")) paths.deny = listOf(given.get("deny"));
  return paths;
}

function networkOf(value: unknown): NonNullable<Constraints["network"]> {
  const given = shapeOf(value, "`network` in a permit", [], ["allow", "deny"]);
  const network: Open<NonNullable<Constraints["network"]>> = {};
  if (given.has("allow")) network.allow = listsOf(given.get("allow"));
  if (given.has("deny")) network.deny = listOf(given.get("deny"));
  return network;
}

function listsOf(value: unknown): AllowLists {
  if (Array.isArray(value)) return value.map(listOf);
  throw malformed("an allow list in a permit must be a list of lists");
}

function listOf(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item): item is string => typeof item === "string")) return value;
  throw malformed("a list in a permit's constraints must hold texts");
}
