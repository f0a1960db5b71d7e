import {
  checkCost,
  cut,
  type Glob,
  isLiteral,
  MAX_PATTERN,
  MAX_SPELLINGS,
  type Read,
  refusal,
  shown,
  spell,
} from "./glob.js";

/** One step of a topic pattern. */
export type Step =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "glob"; readonly text: string; readonly glob: Glob }
  /** `*`: exactly one segment. */
  | { readonly kind: "one" }
  /** `**`: one segment or more. */
  | { readonly kind: "many" };

const MAX_DEEP = 2;
const LEGAL = /^[A-Za-z0-9_:@%~+*?-]$/;

/** Reads a topic pattern: its spellings, with the braces written out. What is wrong is said of the first such thing. */
export function readTopicPattern(pattern: string): Read<readonly (readonly Step[])[]> {
  if (pattern === "") return refusal("a pattern must not be empty");
  if (pattern.length > MAX_PATTERN) return refusal(`a pattern must have at most ${MAX_PATTERN} characters`);
  // A dot inside braces would make one segment of two: braces are cut off from their other half here, and refused.
  const segments = pattern.split(".");
  if (segments.includes("")) return refusal("a pattern must not have an empty segment");
  if (segments.filter((segment) => segment === "**").length > MAX_DEEP) {
    return refusal(`a pattern may hold at most ${MAX_DEEP} \`**\``);
  }
  let spellings: readonly (readonly Step[])[] = [[]];
  for (const segment of segments) {
    const read = readSegment(segment);
    if (!read.ok) return read;
    if (spellings.length * read.value.length > MAX_SPELLINGS) {
      return refusal(`braces must not make more than ${MAX_SPELLINGS} spellings`);
    }
    spellings = spellings.flatMap((steps) => read.value.map((step) => [...steps, step]));
  }
  return { ok: true, value: spellings };
}

function readSegment(segment: string): Read<readonly Step[]> {
  if (segment === "**") return { ok: true, value: [{ kind: "many" }] };
  const read = spell(segment);
  if (!read.ok) return read;
  for (const spelling of read.value) {
    const stray = [...spelling].find((character) => !LEGAL.test(character));
    if (stray !== undefined) return refusal(`no legal topic holds ${shown(stray)}`);
  }
  return checkCost(read.value.map(cut)) ?? { ok: true, value: read.value.map(stepOf) };
}

function stepOf(spelling: string): Step {
  if (spelling === "*") return { kind: "one" };
  if (isLiteral(spelling)) return { kind: "literal", text: spelling };
  return { kind: "glob", text: spelling, glob: cut(spelling) };
}
