import type { Json } from "../outcome.js";

/** What came of checking one field: its value, or what is wrong with it and where. */
type Checked = { readonly value: Json } | { readonly path: string; readonly message: string };

/** The same as a policy may name: absolute, whole components, nothing that stands for several. */
const PATH = /^(?!.*[/\\]\.{1,2}([/\\]|$))(\/|[A-Za-z]:[/\\])[^\p{Cc}*?]{0,4093}$/su;

/** A host, `*.host`, an address or a CIDR range, each with an optional port. */
const HOST = /^(\*\.)?[A-Za-z0-9_[:][A-Za-z0-9_.:[\]-]{0,252}(\/[0-9]{1,3})?(:[0-9]{1,5})?$/;

const MAX_LIST = 256;

const NUMBERS = {
  maxRuntimeSec: {
    holds: (value: Json) => typeof value === "number" && value > 0 && value <= 31_536_000,
    must: "must be a number of seconds over 0, at most 31536000",
  },
  maxRetries: { holds: (value: Json) => isCount(value, 1_000), must: "must be an integer from 0 to 1000" },
  maxOutputBytes: {
    holds: (value: Json) => isCount(value, Number.MAX_SAFE_INTEGER),
    must: `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}`,
  },
} as const;

const LISTS = {
  paths: { keys: ["read", "write", "deny"], item: PATH, is: "an absolute path without wildcards, `.` or `..`" },
  network: { keys: ["allow", "deny"], item: HOST, is: "a host, `*.host`, an address or a CIDR range" },
} as const;

/** Checks a job's own limits. `unknownKey` says what a key that is none could have meant. */
export function checkConstraints(
  value: Json,
  unknownKey: (shape: object, where: string, known: readonly string[]) => Checked | undefined,
): Checked {
  if (!isShape(value)) return { path: "", message: "`constraints` must be an object" };
  const stray = unknownKey(value, "constraints", [...Object.keys(NUMBERS), ...Object.keys(LISTS)]);
  if (stray !== undefined) return stray;
  for (const [key, { holds, must }] of Object.entries(NUMBERS)) {
    const given = value[key];
    if (given !== undefined && !holds(given)) return { path: `/${key}`, message: `\`${key}\` ${must}` };
  }
  for (const [key, rule] of Object.entries(LISTS)) {
    const given = value[key];
    if (given === undefined) continue;
    if (!isShape(given)) return { path: `/${key}`, message: `\`${key}\` must be an object` };
    const wrong = unknownKey(given, `constraints.${key}`, rule.keys) ?? checkLists(key, given, rule);
    if (wrong !== undefined) return "path" in wrong ? { ...wrong, path: `/${key}${wrong.path}` } : wrong;
  }
  return { value };
}

function checkLists(
  key: string,
  lists: { readonly [name: string]: Json },
  { item, is }: { readonly item: RegExp; readonly is: string },
): Checked | undefined {
  for (const [name, list] of Object.entries(lists)) {
    const isList = Array.isArray(list) && list.length <= MAX_LIST;
    if (!isList) return { path: `/${name}`, message: `\`${key}.${name}\` must be a list of at most ${MAX_LIST}` };
    const index = list.findIndex((text: Json) => typeof text !== "string" || !item.test(text));
    if (index >= 0) return { path: `/${name}/${index}`, message: `an item of \`${key}.${name}\` must be ${is}` };
  }
  return undefined;
}

function isCount(value: Json, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

function isShape(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
