import { spell } from "../policy/glob.js";
import { readTopicPattern, type Step } from "../policy/topic-pattern.js";
import type { Meter } from "./meter.js";

/** Which texts a pattern is over: it settles what stands for "any character" and whether the empty text is one. */
export type TextKind = "topic" | "actor" | "label";

/**
 * The set of texts that a list of patterns matches, as an automaton over characters that may be in several states at
 * once. It is made from the pattern's spelling, not from the engine's matcher: a slip in either shows as a witness
 * that the engine does not confirm.
 */
export interface Language {
  readonly kind: TextKind;
  readonly starts: readonly number[];
  readonly accepts: ReadonlySet<number>;
  /** By state. `on` null: any character, in topics any but the dot. */
  readonly edges: readonly (readonly Edge[])[];
  /** A shortest text of each spelling: the first guesses. */
  readonly samples: readonly string[];
  /** The number of texts is finite: no spelling holds `*` or `?`. */
  readonly finite: boolean;
}

interface Edge {
  readonly on: string | null;
  readonly to: number;
}

/** Characters in a topic, an actor's id or a label's value. */
const MAX_TEXT = 256;

const DOT = ".";
const TOPIC_CHARACTERS = characters("xyzabcdefghijklmnopqrstuvw0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ:@%~+");
const ACTOR_CHARACTERS = [...TOPIC_CHARACTERS, ...characters("!\"#$&'()*,./;<=>?[\\]^`{|}")];

function characters(text: string): readonly string[] {
  return [...text];
}

/** The patterns MUST have been checked by the loader. */
export function topicLanguage(patterns: readonly string[]): Language {
  const builder = createBuilder("topic");
  for (const pattern of patterns) {
    const read = readTopicPattern(pattern);
    if (!read.ok) throw new Error(`unchecked pattern: ${read.message}`);
    for (const steps of read.value) addTopic(builder, steps);
  }
  return builder.done();
}

/** The patterns MUST have been checked by the loader. */
export function valueLanguage(kind: "actor" | "label", patterns: readonly string[]): Language {
  const builder = createBuilder(kind);
  for (const pattern of patterns) {
    const read = spell(pattern);
    if (!read.ok) throw new Error(`unchecked pattern: ${read.message}`);
    for (const spelling of read.value) {
      const end = builder.glob(builder.start(), spelling);
      builder.accept(end, sampleOf(spelling, kind === "actor"));
    }
  }
  return builder.done();
}

function addTopic(builder: Builder, steps: readonly Step[]): void {
  let at = builder.start();
  const sample: string[] = [];
  steps.forEach((step, index) => {
    if (index > 0) at = builder.character(at, DOT);
    const begin = at;
    const bare = step.kind === "one" || step.kind === "many" || /^\*+$/.test(step.text);
    if (bare) {
      at = builder.loop(builder.character(begin, null));
      if (step.kind === "many") builder.back(at, begin);
      sample.push("x");
    } else {
      at = builder.glob(begin, step.text);
      sample.push(sampleOf(step.text, true));
    }
  });
  builder.accept(at, sample.join(DOT));
}

function sampleOf(spelling: string, nonEmpty: boolean): string {
  const text = spelling.replaceAll("*", "").replaceAll("?", "x");
  return text === "" && nonEmpty ? "x" : text;
}

interface Builder {
  readonly start: () => number;
  readonly character: (from: number, on: string | null) => number;
  readonly loop: (at: number) => number;
  /** From the end of a segment, by a dot, to its beginning. */
  readonly back: (from: number, to: number) => void;
  readonly glob: (from: number, spelling: string) => number;
  readonly accept: (at: number, sample: string) => void;
  readonly done: () => Language;
}

function createBuilder(kind: TextKind): Builder {
  const edges: Edge[][] = [];
  const starts: number[] = [];
  const accepts = new Set<number>();
  const samples: string[] = [];
  let finite = true;
  const state = (): number => edges.push([]) - 1;
  const join = (from: number, on: string | null, to: number): void => {
    if (on === null) finite = false;
    edges[from]?.push({ on, to });
  };
  const character = (from: number, on: string | null): number => {
    const to = state();
    join(from, on, to);
    return to;
  };
  const loop = (at: number): number => {
    join(at, null, at);
    return at;
  };
  return {
    start: () => {
      const at = state();
      starts.push(at);
      return at;
    },
    character,
    loop,
    back: (from, to) => join(from, DOT, to),
    glob: (from, spelling) => {
      let at = from;
      for (const sign of spelling) {
        if (sign === "*") loop(at);
        else at = character(at, sign === "?" ? null : sign);
      }
      return at;
    },
    accept: (at, sample) => {
      accepts.add(at);
      if (!samples.includes(sample)) samples.push(sample);
    },
    done: () => ({ kind, starts, accepts, edges, samples, finite }),
  };
}

/** Is the text one of the language's? */
export function accepts(language: Language, text: string): boolean {
  let active: ReadonlySet<number> = new Set(language.starts);
  for (const sign of text) {
    active = advance(language, active, sign);
    if (active.size === 0) return false;
  }
  for (const state of active) if (language.accepts.has(state)) return true;
  return false;
}

function advance(language: Language, active: Iterable<number>, sign: string): Set<number> {
  const next = new Set<number>();
  for (const state of active) {
    for (const { on, to } of language.edges[state] ?? []) {
      if (on === sign || (on === null && (language.kind !== "topic" || sign !== DOT))) next.add(to);
    }
  }
  return next;
}

/** Every legal text of the kind. */
const EVERYTHING: Readonly<Record<TextKind, Language>> = {
  topic: topicLanguage(["**"]),
  actor: valueLanguage("actor", ["*"]),
  label: valueLanguage("label", ["*"]),
};

/**
 * A text that all of `inside` match and none of `outside`, as short as can be; null when there is none. Walks all
 * automata together, breadth first, by sets of states: what was exhausted is a proof.
 */
export function findText(
  kind: TextKind,
  inside: readonly Language[],
  outside: readonly Language[],
  meter: Meter,
): string | null {
  const wanted = inside.length === 0 ? [EVERYTHING[kind]] : inside;
  for (const sample of wanted.flatMap((language) => language.samples)) {
    meter.spend(1);
    if (!isLegal(kind, sample)) continue;
    if (wanted.every((language) => accepts(language, sample)) && !outside.some((language) => accepts(language, sample)))
      return sample;
  }
  return walk(kind, wanted, outside, meter);
}

interface Node {
  readonly sets: readonly ReadonlySet<number>[];
  readonly text: string;
}

function walk(kind: TextKind, inside: readonly Language[], outside: readonly Language[], meter: Meter): string | null {
  const all = [...inside, ...outside];
  const seen = new Set<string>();
  let level: readonly Node[] = [{ sets: all.map((language) => new Set(language.starts)), text: "" }];
  for (let length = 0; level.length > 0; length += 1) {
    for (const { sets, text } of level) {
      const within = sets.map((set, index) => [...set].some((state) => all[index]?.accepts.has(state)));
      const found = within.every((holds, index) => holds === index < inside.length);
      if (found && isLegal(kind, text)) return text;
    }
    if (length === MAX_TEXT) return null;
    const next: Node[] = [];
    for (const node of level) {
      for (const sign of signsAfter(kind, all, node.sets)) {
        meter.spend(all.length);
        const sets = node.sets.map((set, index) => advance(all[index] as Language, set, sign));
        if (sets.some((set, index) => index < inside.length && set.size === 0)) continue;
        const key = sets.map((set) => [...set].sort((a, b) => a - b).join()).join("|");
        // The empty text may be illegal where a longer one in the same states is not.
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ sets, text: node.text + sign });
      }
    }
    level = next;
  }
  return null;
}

/** Characters that some automaton tells apart here, and one that none does: the others do as that one does. */
function signsAfter(kind: TextKind, all: readonly Language[], sets: readonly ReadonlySet<number>[]): readonly string[] {
  const told = new Set<string>();
  sets.forEach((set, index) => {
    for (const state of set) for (const { on } of all[index]?.edges[state] ?? []) if (on !== null) told.add(on);
  });
  const fresh = freshCharacter(kind, told);
  return fresh === undefined ? [...told] : [fresh, ...told];
}

function freshCharacter(kind: TextKind, told: ReadonlySet<string>): string | undefined {
  const plain = (kind === "topic" ? TOPIC_CHARACTERS : ACTOR_CHARACTERS).find((sign) => !told.has(sign));
  if (plain !== undefined || kind !== "label") return plain;
  for (let code = 0x4e00; code < 0x9fff; code += 1) {
    const sign = String.fromCodePoint(code);
    if (!told.has(sign)) return sign;
  }
  return undefined;
}

function isLegal(kind: TextKind, text: string): boolean {
  return text.length <= MAX_TEXT && (kind === "label" || text !== "");
}

/** The language of one text. */
export function exactly(kind: TextKind, text: string): Language {
  const builder = createBuilder(kind);
  let at = builder.start();
  for (const sign of text) at = builder.character(at, sign);
  builder.accept(at, text);
  return builder.done();
}
