import { beginningsOf, numberOf } from "../clues.js";
import { type Charset, charset, type Finder, type Report, runEnd, runStart } from "../hit.js";
import { DISCORD_TOKEN, TOKENS, type Token } from "./token-table.js";

/** The tokens by the numbers of their beginnings. */
const BY_NUMBER = new Map<number, Token[]>();

const CLUES = TOKENS.flatMap((each) => {
  const clues = beginningsOf(each.head.source);
  for (const number of new Set(clues.map((clue) => numberOf(clue)))) {
    BY_NUMBER.set(number, [...(BY_NUMBER.get(number) ?? []), each]);
  }
  return clues;
});

/** Matches where a token may begin. */
export const TOKEN_CLUE = new RegExp([...TOKENS, DISCORD_TOKEN].map(({ clue }) => clue).join("|"));

/** Tokens of cloud providers, source forges, chat, payment and model services, and JWTs. */
export const SERVICE_TOKENS: Finder = {
  kinds: [...new Set([...TOKENS, DISCORD_TOKEN].map(({ kind }) => kind))],
  clues: CLUES,
  find: (text, report, places) => findTokens({ text, report, walked: new Map(), endOf: runEnd }, places),
  findJoined: (text, report, places) => findTokens({ text, report, walked: new Map(), endOf: shortestEnd }, places),
  breaks: "made",
  guessable: false,
};

interface Reading {
  readonly text: string;
  readonly report: Report;
  /** By token, up to where its runs were judged. */
  readonly walked: Map<Token, number>;
  /** Where a run of a body's characters counts as ended. */
  readonly endOf: (text: string, inside: number, body: Charset) => number;
}

function shortestEnd(_: string, inside: number): number {
  return inside;
}

function findTokens(reading: Reading, places: readonly number[]): void {
  const { text } = reading;
  for (const at of places) {
    for (const each of BY_NUMBER.get(numberOf(text, at)) ?? []) judge(reading, at, each);
  }
  for (let at = text.indexOf("."); at !== -1; at = text.indexOf(".", at + 1)) {
    if (text[at + SECOND_DOT] === ".") judge(reading, at, DISCORD_TOKEN);
  }
}

/** Characters from one dot of such a token to the other. */
const SECOND_DOT = 7;

function judge({ text, walked, endOf, report }: Reading, at: number, each: Token): void {
  each.head.lastIndex = at;
  if (!each.head.test(text)) return;
  const inside = each.head.lastIndex;
  // Inside a run that was judged already: it is covered, or was no hit from further left either.
  if (inside <= (walked.get(each) ?? 0)) return;
  const start = startOf(each, text, at);
  if (start === -1) return;
  const last = each.parts === true ? runEnd(text, inside, each.body) : endOf(text, inside, each.body);
  walked.set(each, last);
  const end = each.parts === true && endOf === shortestEnd ? shortestJwt(text, start, last) : last;
  if (end > start && each.accept?.(text.slice(start, end)) !== false) report({ kind: each.kind, start, end });
}

const ALNUM = charset("A-Za-z0-9");

/** Characters of a signature that are enough to know one by. */
const SIGNATURE = 16;

/** Where a JWT whose payload is an object has enough of its signature; -1 where there is none. */
function shortestJwt(text: string, start: number, last: number): number {
  const payload = text.indexOf(".", start) + 1;
  if (payload === 0 || payload >= last || !text.startsWith("eyJ", payload)) return -1;
  const signature = text.indexOf(".", payload) + 1;
  return signature === 0 || signature + SIGNATURE > last ? -1 : signature + SIGNATURE;
}

/** Where the token starts; -1 where what stands before says that it is none. */
function startOf({ before, bounded: isBounded }: Token, text: string, at: number): number {
  if (isBounded === true && at > 0 && ALNUM[text.charCodeAt(at - 1)] === 1) return -1;
  if (before === undefined) return at;
  const start = runStart(text, at, before.of, before.most);
  return at - start >= before.least ? start : -1;
}
