import { RE2JS } from "re2js";

/**
 * Patterns that come from a policy. They run on RE2's engine and never on the built-in one, on which a text chosen by
 * an agent can hold the process for hours: `^(a+)+$` doubles with every character.
 */
export interface LinearPattern {
  readonly source: string;
  /** Is there a match anywhere in the text? Takes time in proportion to {@link LinearPattern.steps}. */
  readonly test: (text: string) => boolean;
  /**
   * All matches, leftmost, non-overlapping, empty ones left out, in UTF-16 offsets. One match is linear; a pattern such
   * as `a.*b|a` looks ahead to the end for each. Throws a `RangeError` once that could take more than `maxSteps`.
   */
  readonly findAll: (text: string, maxSteps: number) => readonly Span[];
  /** The most that `test` costs on a text of this many characters, in steps of some 50 ns. */
  readonly steps: (length: number) => number;
  /** False when it can match nothing but the empty text. */
  readonly finds: boolean;
  /** What it cost to compile, in units of some 100 ns. */
  readonly built: number;
}

/** Where a match stands: from `start` up to, not including, `end`. */
interface Span {
  readonly start: number;
  readonly end: number;
}

export type ReadPattern =
  | { readonly ok: true; readonly value: LinearPattern }
  | { readonly ok: false; readonly message: string };

/** Characters in a pattern. */
const MAX_PATTERN_LENGTH = 1_000;

/** Instructions after repetitions are written out: `(a{1000}){1000}` would be a million. */
const MAX_INSTRUCTIONS = 2_000;

/** What may be spent at load to write out a pattern's automaton, in (transitions × instructions): some 30 ms. */
const MAX_EXPLORATION = 300_000;

/** What a pattern may keep of the states that texts have made, in (states × instructions and classes): some 1 MiB. */
const MAX_KEPT = 100_000;

/** Up to here a literal is found without regard to its length; measured. */
const SHORT_LITERAL = 32;

/** Compiles a pattern in RE2's syntax, or says what is wrong with it. Never throws. */
export function compileLinearPattern(source: string): ReadPattern {
  if (source.length > MAX_PATTERN_LENGTH) {
    return { ok: false, message: `a pattern must have at most ${MAX_PATTERN_LENGTH} characters` };
  }
  if (writtenOut(source) > MAX_INSTRUCTIONS) return TOO_LARGE;
  let engine: RE2JS;
  let size: number;
  let explored: Explored;
  try {
    engine = RE2JS.compile(source);
    size = engine.programSize();
    if (size > MAX_INSTRUCTIONS) return TOO_LARGE;
    explored = explore(engine, size);
  } catch (error) {
    return { ok: false, message: explain(error) };
  }
  const { narrow } = explored;
  const perCharacter = (narrow ? 1 / 2 : size * 3) + (source.length > SHORT_LITERAL ? source.length / 128 : 0);
  const test = (text: string): boolean => {
    const found = engine.test(text);
    if (!narrow) forget(engine, size);
    return found;
  };
  const pattern: LinearPattern = {
    source,
    test,
    finds: readsCharacters(engine),
    built: explored.units + size * UNITS_AN_INSTRUCTION,
    findAll: (text, maxSteps) => {
      const found = test(text) ? findAll(engine, text, { source, size, narrow, maxSteps }) : [];
      if (!narrow) forget(engine, size);
      return found;
    },
    steps: (length) => 16 + Math.ceil(length * perCharacter),
  };
  return { ok: true, value: Object.freeze(pattern) };
}

const TOO_LARGE: ReadPattern = {
  ok: false,
  message: `a pattern must have at most ${MAX_INSTRUCTIONS} steps with its repetitions written out`,
};

/** Characters of what the engine says: it repeats the rest of the pattern. */
const MAX_EXPLANATION = 100;

function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : "it cannot be read";
  const [line = ""] = text.replace(/^error parsing regexp: /, "").split("\n");
  if (line.length > MAX_EXPLANATION) return `${line.slice(0, MAX_EXPLANATION)}…${line.includes("`") ? "`" : ""}`;
  return line === "" ? "it cannot be read" : line;
}

/** What a search for all matches may cost, and what that depends on. */
interface Search {
  readonly source: string;
  readonly size: number;
  readonly narrow: boolean;
  readonly maxSteps: number;
}

/** A repetition without an upper bound: such a pattern may look to the end of the text before it gives up a match. */
const UNBOUNDED = /[*+]|\{\d*,\}/;

/** Steps a character that a search for places takes where the automaton is narrow; measured. */
const SEARCH_STEPS = 1;

function findAll(engine: RE2JS, text: string, { source, size, narrow, maxSteps }: Search): readonly Span[] {
  const found: Span[] = [];
  const matcher = engine.matcher(text);
  const unbounded = UNBOUNDED.test(source);
  const perCharacter = narrow ? SEARCH_STEPS : size * 3;
  let left = maxSteps;
  // What the search from `from` to a match that ends at `to`, or to the end of the text, may have cost.
  const spend = (from: number, to: number): void => {
    left -= ((unbounded ? text.length : Math.min(text.length, to + size)) - from) * perCharacter;
    if (left < 0) throw new RangeError("the pattern takes too long on the text");
  };
  let from = 0;
  // Before the first search: where it finds nothing there is no second.
  if (text.length * perCharacter > maxSteps) throw new RangeError("the text is too long for the pattern");
  while (matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()];
    spend(from, end);
    if (end > start) found.push({ start, end });
    from = end;
  }
  return found;
}

/** What an instruction costs to compile, beside the automaton. */
const UNITS_AN_INSTRUCTION = 20;

/** Instructions of the engine's that read a character; the others only say where one stands. */
const READING = { first: 8, last: 11 };

function readsCharacters(engine: RE2JS): boolean {
  const { inst } = engine.re2().prog as { readonly inst: readonly { readonly op: number }[] };
  return inst.some(({ op }) => op >= READING.first && op <= READING.last);
}

interface Explored {
  readonly narrow: boolean;
  /** What it took to find out. */
  readonly units: number;
}

/**
 * Is the whole automaton small enough to be written out here, at load? Then no text can make the engine build states
 * while it matches, which costs a hundred times a plain step (`a[ab]{60}[cd]` does so on every character).
 */
function explore(engine: RE2JS, size: number): Explored {
  const { dfa } = engine.re2();
  if (dfa.failed) return { narrow: false, units: 0 };
  // One character stands for its class: the first of each, and 0 for what lies below all bounds.
  const classes: readonly number[] = [0, ...dfa.classBounds];
  const most = Math.floor(MAX_EXPLORATION / (size * classes.length));
  const states = new Set<unknown>([dfa.start({ context: () => BEGIN_TEXT }, 0)]);
  for (const state of states) {
    if (state === null || states.size > most) return { narrow: false, units: MAX_EXPLORATION };
    classes.forEach((character, number) => {
      states.add(dfa.step(state, number, character, UNANCHORED));
    });
    states.add(dfa.step(state, dfa.numClasses, END_OF_TEXT, UNANCHORED));
  }
  return { narrow: true, units: states.size * classes.length * size };
}

/** Lets go of states that texts have made the engine build: it would keep 8 MiB of them for every pattern. */
function forget(engine: RE2JS, size: number): void {
  const { dfa } = engine.re2();
  if (dfa.stateCount * (size + dfa.numClasses) > MAX_KEPT) dfa.clearCache();
}

// Numbers of the engine's own: a search anywhere, the flag of a text's first position, what stands behind its last.
const UNANCHORED = 0;
const BEGIN_TEXT = 4;
const END_OF_TEXT = -1;

/**
 * How many instructions a pattern has once `{n,m}` are written out, roughly and rather too many: the engine would write
 * them first (a million in a second, each some 100 bytes) and count then.
 */
function writtenOut(source: string): number {
  /** Sizes of the groups that are open: what came before the last atom, and that atom. */
  const open: { before: number; atom: number }[] = [{ before: 0, atom: 0 }];
  for (const { 0: token, groups } of source.matchAll(TOKEN)) {
    const top = open[open.length - 1] ?? { before: 0, atom: 0 };
    if (groups?.most !== undefined || groups?.least !== undefined) {
      top.atom *= Math.max(Number(groups.most ?? 0), Number(groups.least ?? 0), 1);
    } else if (token === "(") {
      open.push({ before: 0, atom: 0 });
    } else if (token === ")" && open.length > 1) {
      open.pop();
      const outer = open[open.length - 1] ?? top;
      outer.before += outer.atom;
      outer.atom = top.before + top.atom + 1;
    } else {
      top.before += top.atom;
      top.atom = 1;
    }
  }
  return open.reduce((sum, { before, atom }) => sum + before + atom, 0);
}

// An escape, a class, a repetition, or one character. Every branch begins differently: no backtracking.
const TOKEN =
  /\\[\s\S]|\[\^?\]?(?:\[:[a-z^]*:\]|\\[\s\S]|[^\]\\])*\]|\{(?<least>\d{1,9})(?:,(?<most>\d{0,9}))?\}|[\s\S]/g;
