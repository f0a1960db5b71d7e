import type { Json, JsonObject } from "../outcome.js";
import { toWire } from "../wire.js";
import { literal } from "./io.js";

/** In this order a job reads best; whatever else it has follows. */
const FIRST = ["topic", "risk_tags", "derived_tags", "tenant_id", "actor"];

/** A job in one line of YAML, as a suite or `--job` takes it. What says no more than an absent field is left out. */
export function writeJob(job: object, derivedTags: readonly string[] = []): string {
  const wire = toWire(derivedTags.length === 0 ? job : { ...job, derivedTags }) as JsonObject;
  const said = Object.entries(wire).filter(([key, value]) => !isSilent(key, value));
  const rank = ([key]: readonly [string, Json]): number => (FIRST.indexOf(key) + FIRST.length + 1) % (FIRST.length + 1);
  return write(Object.fromEntries(said.toSorted((a, b) => rank(a) - rank(b))));
}

function isSilent(key: string, value: Json): boolean {
  if (key === "tenant_id") return value === "default";
  if (key === "resources") return Object.values(value as JsonObject).every((list) => isSilent("", list));
  return value === null || (key !== "payload" && typeof value === "object" && Object.keys(value).length === 0);
}

function write(value: Json): string {
  if (typeof value === "string") return isPlain(value) ? value : literal(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(write).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, item]) => `${isPlain(key) ? key : literal(key)}: ${write(item)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

/** Words that YAML reads as something else than text. */
const WORDS = /^(?:null|true|false|yes|no|on|off|y|n)$/i;

function isPlain(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_./*@-]*$/.test(text) && !WORDS.test(text);
}
