import type { PolicyIssue } from "../errors.js";
import { nearest } from "../nearest.js";
import { type Locate, type Path, pointer, quoted } from "./source.js";
import type { SchemaError } from "./validate-document.generated.js";

/** What the schema's validator found, in words for people, with places. */
export function translate(errors: readonly SchemaError[], locate: Locate): readonly PolicyIssue[] {
  // What a branch found wrong is an error of its own; that the branch failed says nothing more.
  const found = errors.filter((error) => error.keyword !== "if");
  return found.map((error) => translateOne(error, parsePointer(error.instancePath), locate));
}

function translateOne(error: SchemaError, path: Path, locate: Locate): PolicyIssue {
  const issue = (
    code: string,
    message: string,
    help?: string,
    at: Path = path,
    part: "key" | "value" = "value",
  ): PolicyIssue => ({
    code,
    message,
    ...(help === undefined ? {} : { help }),
    path: pointer(at),
    ...locate(at, part),
  });
  const name = nameOf(path);
  const { description } = error.parentSchema;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = error.params.additionalProperty as string;
      const known = Object.keys(error.parentSchema.properties as object);
      const where = path.length === 0 ? "" : ` in ${name}`;
      if (key === "unless" && path.at(-1) === "unless") {
        return issue("key_unknown", "an `unless` must not hold another", undefined, [...path, key], "key");
      }
      return issue("key_unknown", `unknown key ${quoted(key)}${where}`, suggest(key, known), [...path, key], "key");
    }
    case "required": {
      const key = error.params.missingProperty as string;
      return issue("key_missing", `${name} must have \`${key}\``);
    }
    case "enum": {
      const allowed = (error.schema as readonly unknown[]).map(String);
      if (typeof error.data !== "string")
        return issue("type_wrong", `${name} must be ${listed(allowed)}, not ${kindOf(error.data)}`);
      if (path.length === 1 && path[0] === "default" && error.data === "allow") {
        return issue("word_unknown", "`default` cannot be `allow`", "to permit everything write a rule that does");
      }
      return issue("word_unknown", `${name} cannot be ${quoted(error.data)}`, suggest(error.data, allowed));
    }
    case "type": {
      const wanted = [error.schema as string | readonly string[]].flat().map((type) => TYPE_WORDS.get(type) ?? type);
      const scalar = ["boolean", "number"].includes(typeof error.data) && wanted.includes("a string");
      return issue(
        "type_wrong",
        `${name} must be ${orList(wanted)}, not ${kindOf(error.data)}`,
        scalar ? "put it in quotes" : undefined,
      );
    }
    case "pattern":
      return issue("value_invalid", `${quoted(error.data as string)} in ${name} must be ${String(description)}`);
    case "maxItems":
    case "maxProperties":
      return issue("value_invalid", `${name} must not have more than ${String(error.schema)} items`);
    case "minItems":
      return issue("list_empty", `${name} must not be an empty list`);
    case "minProperties":
      if (path.at(-1) === "match")
        return issue("match_empty", "`match` must not be empty", 'to match every job write `topics: ["**"]`');
      return issue("map_empty", `${name} must not be empty`);
    case "exclusiveMinimum":
      return issue("value_invalid", `${name} must be more than ${String(error.schema)}`);
    case "minimum":
      return issue("value_invalid", `${name} must be at least ${String(error.schema)}`);
    case "maximum":
      return issue("value_invalid", `${name} must be at most ${String(error.schema)}`);
    default:
      return issue("value_invalid", `${name} is not valid (${error.keyword})`);
  }
}

const TYPE_WORDS = new Map([
  ["string", "a string"],
  ["number", "a number"],
  ["integer", "a whole number"],
  ["array", "a list"],
  ["object", "a map"],
  ["boolean", "true or false"],
]);

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "string") return "a string";
  return quoted(String(value));
}

/** The last key on the way: lists have no name of their own. */
function nameOf(path: Path): string {
  const last = path.findLast((token) => typeof token === "string");
  if (last === undefined) return "the policy";
  if (typeof path.at(-1) === "string") return quoted(last as string);
  if (path.length === 2 && last === "rules") return "a rule";
  if (path.length === 2 && last === "outputs") return "an output rule";
  return `an item of ${quoted(last as string)}`;
}

function suggest(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? `use ${listed(known)}` : `did you mean \`${meant}\`?`;
}

function listed(words: readonly string[]): string {
  return orList(words.map((word) => `\`${word}\``));
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** Maps whose keys are the policy's own, and may look like positions in a list. */
const FREE_MAPS: ReadonlySet<string> = new Set(["labels", "tags", "add_labels"]);

/** List positions come out as numbers. */
function parsePointer(text: string): Path {
  const tokens = text
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  // A key of such a map may be called as one is: what it holds is not free for that.
  let free = false;
  return tokens.map((token) => {
    const position = !free && /^\d+$/.test(token);
    free = !free && FREE_MAPS.has(token);
    return position ? Number(token) : token;
  });
}
