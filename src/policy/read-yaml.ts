import {
  Composer,
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParsedNode,
  type YAMLMap,
} from "yaml";
import { digestBytes } from "../digest.js";
import type { PolicyIssue } from "../errors.js";
import type { Json } from "../outcome.js";
import { createPositions } from "./positions.js";
import { MAX_TEXT_ISSUES, scanYaml, syntaxMessage, type TextIssue, tooDeep } from "./scan-yaml.js";
import { type Locate, MAX_DEPTH, type Path, pointer, quoted, type Reading } from "./source.js";

const NOWHERE: Locate = () => ({});

/** Reads a policy from YAML 1.2. The bytes that are hashed are the bytes that are parsed. One leading UTF-8 BOM is allowed. */
export function readYaml(source: string | Uint8Array, maxBytes: number): Reading {
  // A code unit is at least a byte: a huge string is refused before it is copied.
  if (source.length > maxBytes) return refuse("policy_too_large", tooLarge(maxBytes));
  if (typeof source === "string" && !source.isWellFormed()) {
    return refuse("encoding_invalid", "a policy must not hold a lone surrogate");
  }
  const bytes = Buffer.from(source as Uint8Array);
  if (bytes.length > maxBytes) return refuse("policy_too_large", tooLarge(maxBytes));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse("encoding_invalid", "a policy must be UTF-8", "save the file as UTF-8");
  }
  return { ...readText(text), sourceHash: digestBytes("policy-source", bytes) };
}

function tooLarge(maxBytes: number): string {
  return `a policy must not be larger than ${maxBytes} bytes`;
}

function refuse(code: string, message: string, help?: string): Reading {
  return {
    issues: [{ code, message, ...(help === undefined ? {} : { help }), path: "" }],
    locate: NOWHERE,
    sourceHash: null,
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\p{Zl}\p{Zp}\p{Cf}]|\r(?!\n)/u;

function readText(text: string): Omit<Reading, "sourceHash"> {
  const positionOf = createPositions(text);
  const place = (issue: TextIssue & { readonly path?: string }): PolicyIssue => {
    const { code, message, help, offset, path = "" } = issue;
    return { code, message, ...(help === undefined ? {} : { help }), path, ...positionOf(offset) };
  };
  const control = CONTROL.exec(text);
  if (control !== null) {
    const code = (control[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0");
    const message = `a policy must not hold the invisible or control character U+${code}`;
    const help = "remove it; where it is meant, write it as an escape in double quotes";
    return {
      issues: [place({ code: "encoding_invalid", message, help, offset: control.index, fatal: true })],
      locate: NOWHERE,
    };
  }

  const { tokens, issues: scanned } = scanYaml(text);
  if (tokens === null || scanned.some((issue) => issue.fatal)) return { issues: scanned.map(place), locate: NOWHERE };
  const composed = compose(tokens);
  const found: (TextIssue & { readonly path?: string })[] = [...scanned, ...composed.issues];
  const root = composed.document?.contents ?? null;
  if (!found.some((issue) => issue.fatal) && (root === null || (isScalar(root) && root.value === null))) {
    const help = "a policy starts with `version: v1` and has `rules`";
    found.push({ code: "policy_empty", message: "the policy is empty", help, offset: 0, fatal: true });
  }
  if (root === null || found.some((issue) => issue.fatal)) return { issues: found.map(place), locate: NOWHERE };

  const value = toJson(root, [], found);
  const issues = found.map(place);
  const offsetOf = createOffsets(root);
  const locate: Locate = (path, at) => positionOf(offsetOf(path, at));
  return found.some((issue) => issue.fatal) ? { issues, locate } : { value, issues, locate };
}

/** Leaves the composer when there is no end of problems. */
const ENOUGH = Symbol("enough");

function compose(tokens: Iterable<Parameters<Composer["next"]>[0]>): {
  readonly document: Document.Parsed | undefined;
  readonly issues: readonly TextIssue[];
} {
  const issues: TextIssue[] = [];
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  // Not in its types: where the composer hands over each problem. Its own way captures a stack for each,
  // which takes half a minute for 2 MiB of them.
  Reflect.set(composer, "onError", (source: unknown, _code: string, message: string, warning?: boolean) => {
    // The composer catches what is thrown here once, and hands it over again.
    if (issues.length >= MAX_TEXT_ISSUES) throw ENOUGH;
    issues.push({
      code: warning === true ? "yaml_warning" : "yaml_syntax",
      message: syntaxMessage(message),
      offset: startOf(source),
      fatal: true,
    });
  });
  let document: Document.Parsed | undefined;
  try {
    for (const composed of composer.compose(tokens)) {
      document ??= composed;
      for (const error of [...composed.errors, ...composed.warnings]) {
        issues.push({ code: "yaml_syntax", message: syntaxMessage(error.message), offset: error.pos[0], fatal: true });
      }
    }
  } catch (error) {
    if (error !== ENOUGH) throw error;
  }
  return { document, issues };
}

function startOf(source: unknown): number {
  if (typeof source === "number") return source;
  if (Array.isArray(source)) return source[0] as number;
  return (source as { readonly offset: number }).offset;
}

type Found = TextIssue & { readonly path?: string };

/** Plain data from the tree. A key that must not be there is reported and left out. */
function toJson(node: ParsedNode | null, path: Path, found: Found[]): Json {
  if (path.length > MAX_DEPTH || (path.length === MAX_DEPTH && !isScalar(node) && node !== null)) {
    found.push({ ...tooDeep(node?.range[0] ?? 0), path: pointer(path) });
    return null;
  }
  if (isSeq(node)) return node.items.map((item, index) => toJson(item as ParsedNode, [...path, index], found));
  if (isMap(node)) return mapToJson(node.items as Pair<ParsedNode, ParsedNode | null>[], path, found);
  if (!isScalar(node)) return null;
  const value = node.value as unknown;
  if (typeof value === "string" && !value.isWellFormed()) {
    found.push({ ...LONE_SURROGATE, offset: node.range[0], path: pointer(path) });
    return value.toWellFormed();
  }
  if (
    typeof value === "number" &&
    (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
  ) {
    const message = `the number ${quoted(node.source ?? String(value))} cannot be represented exactly`;
    found.push({ code: "number_invalid", message, offset: node.range[0], fatal: false, path: pointer(path) });
    return 0;
  }
  return value as Json;
}

/** An escape can write what no UTF-8 text holds. */
const LONE_SURROGATE = { code: "encoding_invalid", message: "a text must not hold a lone surrogate", fatal: false };

function mapToJson(pairs: readonly Pair<ParsedNode, ParsedNode | null>[], path: Path, found: Found[]): Json {
  // The library's own check compares every key with every other.
  const seen = new Set<string>();
  const entries: [string, Json][] = [];
  for (const { key, value } of pairs) {
    const name = isScalar(key) ? (key.value as unknown) : undefined;
    const at = { offset: key?.range[0] ?? 0, fatal: false };
    if (typeof name !== "string") {
      const text = isScalar(key) ? (key.source ?? String(name)) : "";
      found.push({
        ...at,
        code: "yaml_key_not_string",
        message: `a key must be a string${text === "" ? "" : ` (${quoted(text)})`}`,
        help: "quote the key",
        path: pointer(path),
      });
    } else if (!name.isWellFormed()) {
      found.push({ ...at, ...LONE_SURROGATE, path: pointer(path) });
      entries.push([name.toWellFormed(), toJson(value, path, found)]);
    } else if (name === "<<") {
      found.push({
        ...at,
        code: "yaml_merge_key",
        message: "a policy must not use a merge key (`<<`)",
        help: "write the keys out",
        path: pointer(path),
      });
    } else if (seen.has(name)) {
      found.push({
        ...at,
        code: "yaml_duplicate_key",
        message: `the key ${quoted(name)} stands twice`,
        help: "keep one",
        path: pointer([...path, name]),
      });
    } else if (name === "__proto__") {
      found.push({
        ...at,
        code: "key_unknown",
        message: "a key must not be `__proto__`",
        path: pointer([...path, name]),
      });
    } else {
      seen.add(name);
      entries.push([name, toJson(value, [...path, name], found)]);
    }
  }
  return Object.fromEntries(entries);
}

type Pairs = ReadonlyMap<unknown, Pair<Node, Node | null>>;

/**
 * Where the value at a path starts, or its key; the nearest thing around it when it is not there.
 * Maps are indexed once: a map of 200,000 unknown keys is as many issues, each with a place.
 */
function createOffsets(root: Node): (path: Path, at: "key" | "value") => number {
  const indexed = new Map<Node, Pairs>();
  const pairsOf = (map: YAMLMap<Node, Node | null>): Pairs => {
    const known = indexed.get(map);
    if (known !== undefined) return known;
    // From the last to the first: of two equal keys the first is the one that counts.
    const pairs = new Map(map.items.toReversed().map((pair) => [isScalar(pair.key) ? pair.key.value : pair.key, pair]));
    indexed.set(map, pairs);
    return pairs;
  };
  return (path, at) => {
    let node: Node | null = root;
    let offset = root.range?.[0] ?? 0;
    for (const [index, token] of path.entries()) {
      if (isSeq<Node>(node) && typeof token === "number") {
        node = node.items[token] ?? null;
      } else if (isMap<Node, Node | null>(node)) {
        const pair: Pair<Node, Node | null> | undefined = pairsOf(node).get(token);
        if (pair === undefined) return offset;
        offset = pair.key.range?.[0] ?? offset;
        if (at === "key" && index === path.length - 1) return offset;
        node = pair.value;
      } else return offset;
      offset = node?.range?.[0] ?? offset;
    }
    return offset;
  };
}
