import { MAX_TOPIC } from "../../job/fields.js";
import { readTopicPattern } from "../../policy/topic-pattern.js";

/**
 * A pattern of Go's `path.Match` over topics, where `*` and `?` take dots as well, in our patterns, where they do not.
 * `patterns` match the same legal topics. `condition` is an RE2 pattern that does, for what ours cannot say;
 * then `wide` match them and more.
 */
export type Crossed =
  | { readonly kind: "never"; readonly why: string }
  | { readonly kind: "patterns"; readonly patterns: readonly string[]; readonly condition: string }
  | { readonly kind: "wide"; readonly wide: readonly string[]; readonly condition: string };

const LEGAL: readonly string[] = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:@%~+-"];
const LEGAL_OR_DOT: ReadonlySet<string> = new Set([...LEGAL, "."]);

/** A pattern has at most this many of ours; beyond it is a condition. */
const MAX_BRANCHES = 24;

type Atom = { readonly kind: "star" } | { readonly kind: "one"; readonly set: ReadonlySet<string> };

/** Reads and rewrites one pattern. */
export function crossTopic(pattern: string): Crossed {
  const atoms = readGoPattern(pattern);
  if (atoms === null) return { kind: "never", why: "it is malformed" };
  if (atoms.length === 0) return { kind: "never", why: "it is empty" };
  if (atoms.filter((atom) => atom.kind === "one").length > MAX_TOPIC)
    return { kind: "never", why: "no legal topic is as long" };
  if (atoms.some((atom) => atom.kind === "one" && atom.set.size === 0))
    return { kind: "never", why: "no legal topic holds one of its characters" };
  const condition = `^${atoms.map(regexOf).join("")}$`;
  const written = expand(atoms);
  if (written !== null) {
    if (written.length === 0) return { kind: "never", why: "it asks for an empty segment" };
    return { kind: "patterns", patterns: written, condition };
  }
  return { kind: "wide", wide: widened(atoms), condition };
}

const ANY: Atom = { kind: "one", set: LEGAL_OR_DOT };
const STAR: Atom = { kind: "star" };

/** The atoms of a pattern, each with the legal characters it takes; null when Go calls it malformed, which never matches. */
function readGoPattern(pattern: string): readonly Atom[] | null {
  const characters = [...pattern];
  const atoms: Atom[] = [];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at] as string;
    at += 1;
    if (character === "*") {
      if (atoms.at(-1) !== STAR) atoms.push(STAR);
    } else if (character === "?") atoms.push(ANY);
    else if (character === "[") {
      const read = readClass(characters, at);
      if (read === null) return null;
      atoms.push({ kind: "one", set: read.set });
      at = read.end;
    } else if (character === "\\") {
      const escaped = characters[at];
      if (escaped === undefined) return null;
      atoms.push(exactly(escaped));
      at += 1;
    } else atoms.push(exactly(character));
  }
  return atoms;
}

function exactly(character: string): Atom {
  return { kind: "one", set: new Set(LEGAL_OR_DOT.has(character) ? [character] : []) };
}

/** `[a-z]`, `[^a-z]`; a backslash escapes. */
function readClass(
  characters: readonly string[],
  start: number,
): { readonly set: ReadonlySet<string>; readonly end: number } | null {
  let at = start;
  const negated = characters[at] === "^";
  if (negated) at += 1;
  const ranges: [number, number][] = [];
  const bound = (): number | null => {
    let character = characters[at];
    if (character === undefined || character === "-" || character === "]") return null;
    if (character === "\\") {
      at += 1;
      character = characters[at];
      if (character === undefined) return null;
    }
    at += 1;
    return character.codePointAt(0) as number;
  };
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = bound();
    if (low === null) return null;
    let high = low;
    if (characters[at] === "-") {
      at += 1;
      const upper = bound();
      if (upper === null) return null;
      high = upper;
    }
    // Go wants something behind each bound, if only the bracket that closes.
    if (at >= characters.length) return null;
    ranges.push([low, high]);
  }
  const holds = (character: string): boolean => {
    const code = character.codePointAt(0) as number;
    return ranges.some(([low, high]) => low <= code && code <= high);
  };
  return { set: new Set([...LEGAL_OR_DOT].filter((character) => holds(character) !== negated)), end: at + 1 };
}

/** One way the pattern may fall into segments: those that are closed, and the one being written. */
interface Branch {
  readonly closed: readonly string[];
  readonly open: string;
}

/** All the ways, as our patterns; null when there are too many, or ours cannot say one of them. */
function expand(atoms: readonly Atom[]): readonly string[] | null {
  let branches: readonly Branch[] = [{ closed: [], open: "" }];
  for (const [index, atom] of atoms.entries()) {
    const next = atoms[index + 1];
    const atEdge = next === undefined || isDot(next);
    const grown: Branch[] = [];
    for (const branch of branches) {
      const more = atom.kind === "star" ? crossStar(branch, atEdge) : takeOne(branch, atom.set);
      if (more === null) return null;
      grown.push(...more);
    }
    if (grown.length > MAX_BRANCHES) return null;
    branches = grown;
  }
  const patterns = branches.filter(({ open }) => open !== "").map(({ closed, open }) => [...closed, open].join("."));
  return patterns.every((pattern) => readTopicPattern(pattern).ok) ? [...new Set(patterns)] : null;
}

function isDot(atom: Atom): boolean {
  return atom.kind === "one" && atom.set.size === 1 && atom.set.has(".");
}

/** A star that holds no dot stays in its segment; one that does leaves it, goes over whole segments, and enters another. */
function crossStar({ closed, open }: Branch, atEdge: boolean): readonly Branch[] {
  const left = open === "";
  if (left && atEdge) return [{ closed, open: "**" }];
  const inside = { closed, open: `${open}*` };
  if (left) return [inside, { closed: [...closed, "**"], open: "*" }];
  if (atEdge) return [inside, { closed: [...closed, `${open}*`], open: "**" }];
  return [inside, { closed: [...closed, `${open}*`], open: "*" }, { closed: [...closed, `${open}*`, "**"], open: "*" }];
}

function takeOne({ closed, open }: Branch, set: ReadonlySet<string>): readonly Branch[] | null {
  const taken: Branch[] = [];
  // No legal topic has an empty segment.
  if (set.has(".") && open !== "") taken.push({ closed: [...closed, open], open: "" });
  const others = [...set].filter((character) => character !== ".");
  if (others.length === 0) return taken;
  if (others.length > 64 && others.length < LEGAL.length) return null;
  const spelt = others.length === LEGAL.length ? "?" : others.length === 1 ? others.join("") : `{${others.join(",")}}`;
  return [...taken, { closed, open: open + spelt }];
}

/** Every topic that begins as the pattern does, up to its first wildcard. */
function widened(atoms: readonly Atom[]): readonly string[] {
  const wild = atoms.findIndex((atom) => atom.kind === "star" || atom.set.size > 1);
  const literal = atoms.slice(0, wild < 0 ? atoms.length : wild);
  return expand([...literal, STAR]) ?? ["**"];
}

function regexOf(atom: Atom): string {
  if (atom.kind === "star") return ".*";
  if (atom.set.size === LEGAL_OR_DOT.size) return ".";
  const characters = [...atom.set].map((character) => (/[\w:@%~]/.test(character) ? character : `\\${character}`));
  return characters.length === 1 ? characters.join("") : `[${characters.join("")}]`;
}
