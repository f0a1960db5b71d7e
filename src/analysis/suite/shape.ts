import { nearest } from "../../nearest.js";
import type { Json } from "../../outcome.js";
import { isMap, type Loose, type Report } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";

/** What a value of a suite must be. Whatever has no shape of its own is refused: a typo MUST NOT pass for nothing. */
export type Shape =
  | { readonly is: "text" }
  | { readonly is: "number" }
  | { readonly is: "flag" }
  | { readonly is: "word"; readonly words: readonly string[] }
  | { readonly is: "list"; readonly of: Shape; readonly full?: boolean }
  | MapShape
  /** Some shape by the kind of value that is there: a text, or a map. */
  | { readonly is: "text or map"; readonly map: Shape }
  /** A map, or null. */
  | { readonly is: "map or null"; readonly map: MapShape }
  /** Anything: somebody else looks at it. */
  | { readonly is: "any" };

export interface MapShape {
  readonly is: "map";
  /** Null: any key will do. */
  readonly keys: ReadonlyMap<string, Shape> | null;
  readonly required?: readonly string[];
  /** True where a map without keys says nothing. */
  readonly full?: boolean;
}

/** Reports everything in which a value is not of its shape. */
export function checkShape(shape: Shape, value: Json, path: Path, report: Report): void {
  switch (shape.is) {
    case "any":
      return;
    case "text":
      if (typeof value !== "string") wrongKind(value, "a string", path, report);
      return;
    case "number":
      if (typeof value !== "number") wrongKind(value, "a number", path, report);
      return;
    case "flag":
      if (typeof value !== "boolean") wrongKind(value, "true or false", path, report);
      return;
    case "word":
      checkWord(shape.words, value, path, report);
      return;
    case "list":
      checkList(shape, value, path, report);
      return;
    case "map":
      checkMap(shape, value, path, report);
      return;
    case "text or map":
      if (isMap(value)) checkShape(shape.map, value, path, report);
      else if (typeof value !== "string") wrongKind(value, "a string or a map", path, report);
      return;
    case "map or null":
      if (value !== null) checkMap(shape.map, value, path, report);
  }
}

function checkWord(words: readonly string[], value: Json, path: Path, report: Report): void {
  if (typeof value !== "string") wrongKind(value, "a string", path, report);
  else if (!words.includes(value)) {
    report("word_unknown", `${nameOf(path)} cannot be ${quoted(value)}`, path, "value", suggest(value, words));
  }
}

function checkList(shape: Extract<Shape, { is: "list" }>, value: Json, path: Path, report: Report): void {
  if (!Array.isArray(value)) {
    wrongKind(value, "a list", path, report);
    return;
  }
  if (shape.full === true && value.length === 0) {
    report("list_empty", `${nameOf(path)} must not be an empty list`, path);
  }
  value.forEach((item: Json, index) => {
    checkShape(shape.of, item, [...path, index], report);
  });
}

function checkMap({ keys, required = [], full }: MapShape, value: Json, path: Path, report: Report): void {
  if (!isMap(value)) {
    wrongKind(value, "a map", path, report);
    return;
  }
  if (full === true && Object.keys(value).length === 0) report("map_empty", `${nameOf(path)} must not be empty`, path);
  for (const key of required) {
    if (!Object.hasOwn(value, key)) report("key_missing", `${nameOf(path)} must have \`${key}\``, path);
  }
  if (keys !== null) checkKeys(keys, value, path, report);
}

function checkKeys(keys: ReadonlyMap<string, Shape>, value: Loose, path: Path, report: Report): void {
  for (const [key, item] of Object.entries(value)) {
    const shape = keys.get(key);
    const where = path.length === 0 ? "" : ` in ${nameOf(path)}`;
    if (shape !== undefined) checkShape(shape, item, [...path, key], report);
    else
      report(
        "key_unknown",
        `unknown key ${quoted(key)}${where}`,
        [...path, key],
        "key",
        suggest(key, [...keys.keys()]),
      );
  }
}

function wrongKind(value: Json, wanted: string, path: Path, report: Report): void {
  const scalar = wanted === "a string" && (typeof value === "number" || typeof value === "boolean");
  const message = `${nameOf(path)} must be ${wanted}, not ${kindOf(value)}`;
  report("type_wrong", message, path, "value", scalar ? "put it in quotes" : undefined);
}

function kindOf(value: Json): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? "a string" : quoted(String(value));
}

/** Items of a list have no name of their own. */
function nameOf(path: Path): string {
  const last = path.findLast((token) => typeof token === "string");
  if (last === undefined) return "the suite";
  if (path.at(-1) === last) return quoted(String(last));
  return path.length === 2 && last === "tests" ? "a test" : `an item of ${quoted(String(last))}`;
}

function suggest(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  if (meant !== undefined) return `did you mean \`${meant}\`?`;
  const words = known.map((one) => `\`${one}\``);
  return `use ${words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`}`;
}
