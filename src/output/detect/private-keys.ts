import type { Finder, Report } from "../hit.js";

const BEGIN = /-{4,5} ?BEGIN ?[A-Z0-9 ]{0,40}PRIVATE ?KEY(?: ?BLOCK)? ?-{4,5}/g;
const END = /-{4,5} ?END ?[A-Z0-9 ]{0,40}PRIVATE ?KEY(?: ?BLOCK)? ?-{4,5}/g;

/** All that a key's block holds beside its end: base64, headers, line ends as they are or as escapes, quotes of lists. */
const FOREIGN = /[^A-Za-z0-9+/=\s:,.;"'\\[\]()@<>_-]/;

/**
 * PEM, OpenSSH, SSH2 and PGP blocks. One whose end is missing reaches to the end of its text; one whose lines are values of
 * their own reaches to the value that ends it, where nothing but a key's lines stands between.
 */
export const PRIVATE_KEYS: Finder = {
  kinds: ["private_key"],
  clues: ["PRI"],
  find: (text, report, places) => {
    if (isNamed(text, places)) find(text, report, KEY);
  },
  findJoined: (text, report, places) => {
    if (isNamed(text, places)) find(text, report, KEY_JOINED);
  },
  breaks: "never",
  guessable: false,
};

/** What a key's beginning is followed by: nothing more, its headers, or base64, also in quotes, as lines of a list or behind marks. */
const KEY =
  /^(?:\\[nrt]|[\s\0"'`,+>|#*:;.\\-]){0,64}(?:$|\0|[A-Z][A-Za-z-]{2,20}: ?[^\n]|[A-Za-z0-9+/=]{12}|[A-Za-z0-9+/=]*$)/;

/** The same in text without white space, in which words of code run together. */
const KEY_JOINED =
  /^(?:\\[nrt]|[\s\0"'`,+>|#*:;.\\-]){0,64}(?:$|\0|[A-Z][A-Za-z-]{2,20}:|[A-Za-z0-9+/=]{32}|[A-Za-z0-9+/=]*$)/;

function isNamed(text: string, places: readonly number[]): boolean {
  return places.some((at) => text.startsWith("PRIVATE", at));
}

function find(text: string, report: Report, key: RegExp): void {
  const nextEnd = endsIn(text);
  for (let from = 0; from < text.length; ) {
    BEGIN.lastIndex = from;
    const begin = BEGIN.exec(text);
    if (begin === null) return;
    const inside = BEGIN.lastIndex;
    if (!key.test(text.slice(inside, inside + 256))) {
      // Said, not shown: as code that looks for keys does.
      from = inside;
      continue;
    }
    from = endOf(text, inside, nextEnd(inside));
    report({ kind: "private_key", start: begin.index, end: from });
  }
}

/** Tells where the next end from a place on ends; -1 where there is none. Places MUST ascend: each is looked for once. */
function endsIn(text: string): (inside: number) => number {
  let start = -1;
  let end = -1;
  return (inside) => {
    if (start < inside) {
      END.lastIndex = inside;
      const found = END.exec(text);
      start = found?.index ?? Number.POSITIVE_INFINITY;
      end = found === null ? -1 : END.lastIndex;
    }
    return end;
  };
}

function endOf(text: string, inside: number, known: number): number {
  const end = known === -1 ? text.length : known;
  const nul = text.indexOf("\0", inside);
  if (nul === -1 || nul >= end) return end;
  // Other values stand between: they are the key's lines, or the end that was found is another key's.
  const begin = text.indexOf("BEGIN", inside);
  if (known === -1 || (begin !== -1 && begin < end)) return nul;
  return FOREIGN.test(text.slice(inside, end).replaceAll("\0", "")) ? nul : end;
}
