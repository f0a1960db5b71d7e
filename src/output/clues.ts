import type { Finder, Report } from "./hit.js";

/** Characters of a clue: what stands there costs one look into a table. */
const LENGTH = 3;

/** The last three characters are one number of so many bits, of which some are shared by several clues. */
const SHIFT = 6;
const MASK = 2 ** (SHIFT * LENGTH) - 1;

/** Where each finder's clues may begin in a text, in ascending order. */
type Clues = (finder: Finder) => readonly number[];

/** For each number the finders it is a clue of, one bit each. */
interface Table {
  readonly bits: Uint8Array;
  readonly clued: readonly Finder[];
}

/** One for each choice of finders that have clues, of which there are few. */
const tables: Table[] = [];
const tableOfList = new WeakMap<readonly Finder[], Table>();

const NONE: readonly number[] = [];

/**
 * Lets each finder look at a text, of which one pass tells where anything may begin. Asks for each whom it reports to; null
 * where it is not to look. The list of finders MUST NOT change later: what the pass looks for is known by it.
 */
export function findEach(finders: readonly Finder[], text: string, reportOf: (finder: Finder) => Report | null): void {
  const placesOf = cluesIn(finders, text);
  for (const finder of finders) {
    const report = reportOf(finder);
    if (report !== null) finder.find(text, report, placesOf(finder));
  }
}

/** The same in text whose white space was taken out. */
export function findEachJoined(
  finders: readonly Finder[],
  text: string,
  reportOf: (finder: Finder) => Report | null,
): void {
  const placesOf = cluesIn(finders, text);
  for (const finder of finders) {
    const report = finder.findJoined === undefined ? null : reportOf(finder);
    if (report !== null) finder.findJoined?.(text, report, placesOf(finder));
  }
}

function cluesIn(finders: readonly Finder[], text: string): Clues {
  const { bits, clued } = tableOf(finders);
  if (clued.length === 0) return () => NONE;
  const places = clued.map((): number[] => []);
  let last = 0;
  for (let at = 0; at < text.length; at += 1) {
    last = ((last << SHIFT) ^ text.charCodeAt(at)) & MASK;
    const known = bits[last] ?? 0;
    if (known !== 0 && at + 1 >= LENGTH) {
      for (let index = 0; index < places.length; index += 1) {
        if ((known & (1 << index)) !== 0) places[index]?.push(at - LENGTH + 1);
      }
    }
  }
  return (finder) => places[clued.indexOf(finder)] ?? NONE;
}

function tableOf(finders: readonly Finder[]): Table {
  const before = tableOfList.get(finders);
  if (before !== undefined) return before;
  const clued = finders.filter(({ clues }) => clues !== undefined);
  const same = tables.find(
    (other) => other.clued.length === clued.length && other.clued.every((finder, index) => finder === clued[index]),
  );
  const table = same ?? makeTable(clued);
  if (same === undefined) tables.push(table);
  tableOfList.set(finders, table);
  return table;
}

function makeTable(clued: readonly Finder[]): Table {
  if (clued.length > 8) throw new RangeError("a table holds the clues of eight finders");
  const bits = new Uint8Array(MASK + 1);
  clued.forEach(({ clues = [] }, index) => {
    for (const clue of clues) {
      const number = numberOf(clue);
      bits[number] = (bits[number] ?? 0) | (1 << index);
    }
  });
  return { bits, clued };
}

/** The number of what begins with a clue. */
export function numberOf(text: string, at = 0): number {
  let number = 0;
  for (let index = at; index < at + LENGTH; index += 1) number = ((number << SHIFT) ^ text.charCodeAt(index)) & MASK;
  return number;
}

/** A group of alternatives, or one character: a literal, an escaped one, or one of a class. At the end it may repeat. */
const ELEMENT =
  /^(?:\(\?:(?<group>[^()]*)\)|(?<one>\[[^\]]*\]|\\[^A-Za-z]|[^\\[(.*+?{|^$]))(?<repeat>\{[1-9])?(?![*+?{])/;

/** How what matches a regular expression can begin. Throws on an expression of which it cannot tell. */
export function beginningsOf(pattern: string, length = LENGTH): readonly string[] {
  if (length === 0) return [""];
  const { 0: element = "", groups = {} } = ELEMENT.exec(pattern) ?? {};
  const { group, one = "", repeat } = groups;
  if (element === "" || (repeat !== undefined && length > 1)) {
    throw new SyntaxError(`cannot tell how \`${pattern}\` begins`);
  }
  const rest = pattern.slice(element.length);
  if (group !== undefined) return group.split("|").flatMap((each) => beginningsOf(each + rest, length));
  const ends = beginningsOf(rest, length - 1);
  return charactersOf(one).flatMap((character) => ends.map((end) => character + end));
}

function charactersOf(one: string): readonly string[] {
  const test = new RegExp(`^${one}$`);
  return Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter((each) => test.test(each));
}

/** Those of words in any case. */
export function beginningsInAnyCase(words: readonly string[]): readonly string[] {
  return words.flatMap((word) =>
    beginningsOf(word.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)),
  );
}
