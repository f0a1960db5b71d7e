import { nearest } from "../../nearest.js";
import type { Json } from "../../outcome.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import type { Notes } from "./notes.js";

/** What stands under an own key; null and absent are the same, as they are in Cordum. */
export function at(shape: Loose, key: string): Json | undefined {
  return Object.hasOwn(shape, key) ? (shape[key] ?? undefined) : undefined;
}

/** A list of strings; absent is empty. Null when it is anything else. */
export function stringsAt(shape: Loose, key: string): readonly string[] | null {
  const value = at(shape, key);
  if (value === undefined) return [];
  if (!Array.isArray(value)) return null;
  const list = value as readonly Json[];
  return list.every((item) => typeof item === "string") ? list : null;
}

/** A map of strings; absent is empty. Null when it is anything else. */
export function stringMapAt(shape: Loose, key: string): readonly (readonly [string, string])[] | null {
  const value = at(shape, key);
  if (value === undefined) return [];
  if (!isMap(value)) return null;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, string] => typeof entry[1] === "string") ? entries : null;
}

/** Nothing is said where nothing is asked: empty lists, empty maps, zeros, `false` and empty texts. */
export function isUnset(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMap(value) && Object.values(value).every(isUnset);
}

/** The keys that Cordum does not have either. */
function strayKeys(shape: Loose, known: ReadonlySet<string>): readonly string[] {
  return Object.keys(shape).filter((key) => !known.has(key));
}

/** Notes every key that is not Cordum's, with the one that may have been meant. */
export function noteStray(shape: Loose, known: ReadonlySet<string>, path: Path, notes: Notes): readonly string[] {
  const stray = strayKeys(shape, known);
  for (const key of stray) {
    const meant = nearest(key, [...known]);
    const help = meant === undefined ? undefined : `did you mean \`${meant}\`?`;
    notes.add("refused", [...path, key], `${quoted(key)} is no key of a Cordum policy`, help);
  }
  return stray;
}

/** White space as Go's `strings.TrimSpace` takes it, for a pattern in RE2 syntax. */
export const SPACE = "[\\s\\v\\x{85}\\pZ]";

const BLANK = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** `strings.TrimSpace`, which knows one space more than `trim` and one less. Looks at each character once. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANK.test(text[start] as string)) start += 1;
  while (end > start && BLANK.test(text[end - 1] as string)) end -= 1;
  return text.slice(start, end);
}
