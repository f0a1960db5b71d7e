/**
 * The pattern language inside one topic segment, an actor id or a label value: literals, `*` (any run of
 * characters, also none), `?` (one character) and `{a,b}` (either). Ours rather than picomatch, which takes `/`,
 * `.`, `./` and line breaks in values for parts of paths; a test holds the two equal where topics are concerned.
 */

/** A pattern without braces, cut at its stars: the texts that stand between them, `?` still inside. */
export type Glob = readonly string[];

/** A pattern as read, or what is wrong with it. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** Two stars keep a match within one pass over the text; more would not be linear. */
const MAX_STARS = 2;

/** Braces multiply: 64 spellings for one pattern are plenty. */
export const MAX_SPELLINGS = 64;

/** Characters in a written pattern: no shorter than the longest text it is for. */
export const MAX_PATTERN = 256;

/** Characters that mean something in other pattern languages: never taken for literals. */
const FOREIGN = /[[\]()!\\|^]/;

export const refusal = (message: string): { readonly ok: false; readonly message: string } => ({ ok: false, message });

/** Writes out the braces of one segment or value: every spelling, each with only `*` and `?` left. */
export function spell(pattern: string): Read<readonly string[]> {
  const foreign = FOREIGN.exec(pattern);
  if (foreign !== null) return refusal(`\`${foreign[0]}\` has no meaning in a pattern`);
  if (pattern.includes("**")) return refusal("`**` must stand alone between dots, in topics");
  if (pattern.split("*").length - 1 > MAX_STARS) return refusal(`a segment may hold at most ${MAX_STARS} \`*\``);
  let spellings: readonly string[] = [""];
  let rest = pattern;
  while (rest !== "") {
    const open = rest.search(/[{}]/);
    if (open < 0) return { ok: true, value: [...new Set(spellings.map((start) => start + rest))] };
    if (rest[open] === "}") return refusal("`}` closes nothing");
    const close = rest.indexOf("}", open);
    if (close < 0) return refusal("`{` is not closed");
    const inside = rest.slice(open + 1, close);
    if (inside.includes("{")) return refusal("braces must not nest");
    const choices = inside.split(",");
    if (choices.length < 2) return refusal("braces need at least two choices");
    if (choices.includes("")) return refusal("a choice in braces must not be empty");
    if (spellings.length * choices.length > MAX_SPELLINGS)
      return refusal(`braces must not make more than ${MAX_SPELLINGS} spellings`);
    const before = rest.slice(0, open);
    spellings = spellings.flatMap((start) => choices.map((choice) => start + before + choice));
    rest = rest.slice(close + 1);
  }
  return { ok: true, value: [...new Set(spellings)] };
}

/** Cuts a spelling at its stars. A star beside a brace can meet another: `{a*,b}*`; the run is one star. */
export function cut(spelling: string): Glob {
  return spelling.replace(/\*{2,}/g, "*").split("*");
}

/** True for a text without `*` and `?`. */
export function isLiteral(spelling: string): boolean {
  return !/[*?]/.test(spelling);
}

/** Does the whole text match? At most (text × longest part) steps, no backtracking over stars. */
export function matches(glob: Glob, text: string): boolean {
  const first = glob[0] as string;
  if (glob.length === 1) return endOf(first, text, 0) === text.length;
  let at = endOf(first, text, 0);
  if (at < 0) return false;
  for (let part = 1; part < glob.length - 1; part += 1) {
    // The earliest place is the best one: whatever a later place leaves, it leaves too.
    at = find(glob[part] as string, text, at);
    if (at < 0) return false;
  }
  const last = glob[glob.length - 1] as string;
  if (!last.includes("?")) return text.length - at >= last.length && text.endsWith(last);
  for (let start = at; start <= text.length; start += 1) {
    if (endOf(last, text, start) === text.length) return true;
  }
  return false;
}

/** Where `part` first stands at or after `from`: the index just behind it, or -1. */
function find(part: string, text: string, from: number): number {
  if (!part.includes("?")) {
    const index = text.indexOf(part, from);
    return index < 0 ? -1 : index + part.length;
  }
  for (let start = from; start <= text.length; start += 1) {
    const end = endOf(part, text, start);
    if (end >= 0) return end;
  }
  return -1;
}

/** The index just behind `part` when it stands at `start`, else -1. `?` takes a surrogate pair as one character. */
function endOf(part: string, text: string, start: number): number {
  let at = start;
  for (let index = 0; index < part.length; index += 1) {
    if (at >= text.length) return -1;
    const wanted = part.charCodeAt(index);
    if (wanted === QUESTION) at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
    else if (wanted === text.charCodeAt(at)) at += 1;
    else return -1;
  }
  return at;
}

const QUESTION = 0x3f;

/** Steps that all spellings of one pattern may take on the longest text: some hundred microseconds. */
const MAX_COST = 65_536;

/** The longest text that patterns are matched against. */
const LONGEST = 256;

/**
 * A part behind a star that holds `?` is tried at every place, a character at a time. Its spellings together must not
 * cost more than a match may; parts without `?` are found by the runtime's own search.
 */
export function checkCost(globs: readonly Glob[]): { readonly ok: false; readonly message: string } | null {
  let cost = 0;
  for (const glob of globs) {
    const slow = glob.slice(1).filter((part) => part.includes("?"));
    cost += Math.max(0, ...slow.map((part) => part.length * (LONGEST + 1 - part.length)));
  }
  if (cost <= MAX_COST) return null;
  return refusal("its spellings take too long together: use fewer choices, or no `?` behind a `*`");
}

/** Reads a pattern over a whole value, such as an actor's id or a label. */
export function readValueGlob(pattern: string, legal: RegExp): Read<readonly Glob[]> {
  if (pattern === "") return refusal("a pattern must not be empty");
  if (pattern.length > MAX_PATTERN) return refusal(`a pattern must have at most ${MAX_PATTERN} characters`);
  const read = spell(pattern);
  if (!read.ok) return read;
  for (const spelling of read.value) {
    const stray = [...spelling].find((character) => character !== "*" && character !== "?" && !legal.test(character));
    if (stray !== undefined) return refusal(`no legal value holds ${shown(stray)}`);
  }
  const globs = read.value.map(cut);
  return checkCost(globs) ?? { ok: true, value: globs };
}

/** A character for people: named by its number where it cannot be seen. */
export function shown(character: string): string {
  const code = character.codePointAt(0) as number;
  const visible = code > 0x20 && code < 0x7f && character !== "`";
  return visible ? `\`${character}\`` : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** What may stand in an actor's id. */
export const ACTOR_CHARACTER: RegExp = /^[\x21-\x7e]$/;

/** What may stand in a label's value: everything. */
export const LABEL_CHARACTER: RegExp = /^[\s\S]+$/;
