import { sortKeys } from "../canonical.js";
import type { Json, JsonObject } from "../outcome.js";
import { displayLiteral } from "./display.js";

/** Levels that are laid out, one value a line. What lies deeper stands on one: so indentation adds little to any value. */
const LEVELS = 8;

/** Characters of what stands on one line whatever it is. */
const SHORT = 60;

/** JSON for a person: its texts and keys as literals. Only what is between values is ours. */
export function displayJson(value: Json | undefined, indent: string, level = LEVELS): string {
  if (value === undefined) return "none";
  if (typeof value === "string") return displayLiteral(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const deeper = `${indent}  `;
  const below = Math.max(0, level - 1);
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    const parts = items.map((item) => displayJson(item, deeper, below));
    const flat = level === 0 || isShort(parts) || items.every(isPlain);
    return flat ? `[${parts.join(", ")}]` : `[\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}]`;
  }
  const object = value as JsonObject;
  const parts = sortKeys(Object.keys(object).filter((key) => object[key] !== undefined)).map(
    (key) => `${displayLiteral(key)}: ${displayJson(object[key], deeper, below)}`,
  );
  if (parts.length === 0) return "{}";
  const flat = level === 0 || isShort(parts);
  return flat ? `{ ${parts.join(", ")} }` : `{\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}}`;
}

function isShort(parts: readonly string[]): boolean {
  let left = SHORT;
  for (const part of parts) {
    left -= part.length + 2;
    if (left < 0) return false;
  }
  return !parts.some((part) => part.includes("\n"));
}

/** Numbers and the like: a long list of them needs no line each. */
function isPlain(item: Json): boolean {
  return typeof item !== "object" && typeof item !== "string";
}

/** Columns of a row: a terminal has 80. */
const COLUMNS = 78;

/** Columns that a row which goes on may be indented by. */
const MAX_INDENT = 24;

const NARROW = /^[ -~]*$/;

/**
 * A line in rows that a terminal breaks no further. Each row after the first begins with `| `, as no line of ours does: so
 * what a text puts where a row begins cannot pass for a line of its own.
 */
export function displayRows(line: string): readonly string[] {
  if (line.length <= COLUMNS && NARROW.test(line)) return [line];
  const indent = Math.min(line.length - line.trimStart().length + 2, MAX_INDENT);
  const mark = `${" ".repeat(indent)}| `;
  const rows: string[] = [];
  let [from, columns, at] = [0, 0, 0];
  for (const character of line) {
    const width = widthOf(character);
    if (columns + width > COLUMNS) {
      rows.push(line.slice(from, at));
      from = at;
      columns = mark.length;
    }
    columns += width;
    at += character.length;
  }
  rows.push(line.slice(from));
  return rows.map((row, index) => (index === 0 ? row : mark + row));
}

/** The columns that a character takes at most: those beyond ASCII may take two, and marks none of their own. */
function widthOf(character: string): number {
  if (NARROW.test(character)) return 1;
  return /\p{M}/u.test(character) ? 0 : 2;
}
