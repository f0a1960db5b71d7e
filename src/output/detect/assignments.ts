import { beginningsInAnyCase } from "../clues.js";
import { charset, type Finder, matchesAt, type Report, runEnd } from "../hit.js";
import { isPlaceholder } from "./placeholder.js";

/** What the name of a secret ends in; `_`, `-`, a space or nothing stands between its words. */
const NAMED =
  /(?<password>pass(?:word|wd|phrase|code)|(?<![a-z0-9])pwd|\bpass\b)|(?<aws>secret[ _-]?(?:access[ _-]?)?key)|(?<azure>(?:account|sharedaccess)[ _-]?key)|(?<secret>secret|api[ _-]?key|apikey|auth[ _-]?key|access[ _-]?key|private[ _-]?key|encryption[ _-]?key|signing[ _-]?key|subscription[ _-]?key|token|credentials?)/iy;

/** After the name: what may still belong to it, a mark of assignment, and a quote that opens, as it is or escaped. */
const ASSIGNED =
  /(?![_-]?(?:last|expir|chang|updat|creat|reset|polic|url|uri|hint|label|arn)[a-z]{0,8})(?:[_-]?(?:value|base64|b64|hash|key|id|[a-z0-9]{1,8}))?\\{0,3}["'`]?\s{0,8}(?<mark>:=|=>|={1,3}|:|,)\s{0,8}(?<quote>\\{0,3}["'`]?)/iy;

/** Names that say of what follows that it is no secret. */
const HARMLESS =
  /(?:next|page|paging|continuation|continue|sync|cursor|csrf|xsrf|max|min|num|count|total|prompt|completion|output|input)[ _-]?$/i;

/** How much is looked at before a name. */
const BEFORE = 16;

const VALUE = charset("A-Za-z0-9+/_.~!@$%^*?|-");
const LETTERS_DIGITS = charset("A-Za-z0-9+/=_.~-");

/** A secret is no longer than this; what is, is data. */
const MAX_VALUE = 1_024;

/**
 * What is assigned to a name that says it is a password, or to one that says it is a secret and looks random. Also bearer
 * tokens and other credentials of an `Authorization` header.
 */
export const ASSIGNMENTS: Finder = {
  kinds: ["password", "secret_value", "aws_secret_access_key", "azure_account_key", "bearer_token"],
  clues: beginningsInAnyCase([
    ...["pas", "pwd", "sec", "acc", "sha", "api", "aut", "pri", "enc", "sig", "sub", "tok", "cre"],
    ...["bea", "x-a"],
  ]),
  find: (text, report, places) => {
    findNamed(text, report, places);
    findAuthorization(text, report, places);
  },
  breaks: "made",
  yields: true,
  guessable: true,
};

function findNamed(text: string, report: Report, places: readonly number[]): void {
  let done = 0;
  for (const name of matchesAt(NAMED, text, places)) {
    ASSIGNED.lastIndex = NAMED.lastIndex;
    const assigned = ASSIGNED.exec(text);
    if (assigned === null) continue;
    const start = ASSIGNED.lastIndex;
    // Inside a value that was judged already.
    if (start <= done) continue;
    if (HARMLESS.test(text.slice(Math.max(0, name.index - BEFORE), name.index))) continue;
    const quote = assigned.groups?.quote ?? "";
    // A comparison with what is no literal is code.
    if (quote === "" && assigned.groups?.mark?.startsWith("==") === true) continue;
    const field = quote === "" ? fieldEnd(text, start) : -1;
    const end = field !== -1 ? field : quote === "" ? valueEnd(text, start) : quotedEnd(text, start, quote);
    // What is called is code, and so is a list of names.
    if (quote === "" && text[end] === "(") continue;
    if (assigned.groups?.mark === "," && LISTED.test(text.slice(start, end))) continue;
    done = end;
    const { kind, fits } = judgeOf(name.groups ?? {});
    const value = text.slice(start, end);
    if (!isPlaceholder(value) && fits(value, isStated(text, quote, end))) {
      report({ kind, start, end });
    }
  }
}

interface Judge {
  readonly kind: string;
  readonly fits: (value: string, isStated: boolean) => boolean;
}

function judgeOf(said: Readonly<Record<string, string | undefined>>): Judge {
  if (said.password !== undefined) return { kind: "password", fits: isPassword };
  if (said.aws !== undefined)
    return { kind: "aws_secret_access_key", fits: (value) => isKey(value) || isRandom(value) };
  if (said.azure !== undefined) return { kind: "azure_account_key", fits: isKey };
  return { kind: "secret_value", fits: isRandom };
}

/** Names in a list of names: `user, password, created_at`. */
const LISTED = /^[a-z]+[0-9]?(?:[_.-][a-z0-9]+)+$/i;

/** Right before the value of a key, as the sheet writes it. */
const FIELD = /(?:^|[\0=])[^\0\s:="'`]{1,64}=$/;

/** Where the value of a field ends, of which all is the value; -1 where it is a text that says more. */
function fieldEnd(text: string, start: number): number {
  if (!FIELD.test(text.slice(Math.max(0, start - 66), start))) return -1;
  const most = text.slice(start, start + MAX_VALUE + 1);
  const nul = most.indexOf("\0");
  if (nul === -1 && most.length > MAX_VALUE) return -1;
  const end = start + (nul === -1 ? most.length : nul);
  if ("\"'`\\".includes(text.charAt(start))) return -1;
  return /[\n\r]|[\s&;,][\w.-]{1,32}["']?[=:]/.test(text.slice(start, end)) ? -1 : end;
}

/** Where a value without quotes ends, with the padding of base64. */
function valueEnd(text: string, start: number): number {
  let end = runEnd(text, start, VALUE);
  // What ends a sentence is no part of it; where the value is all there is, it is.
  if (/\s/.test(text.charAt(end))) while (end > start && ".!?".includes(text.charAt(end - 1))) end -= 1;
  return paddingEnd(text, end);
}

/** With the padding of base64, of which there are at most two. */
function paddingEnd(text: string, end: number): number {
  return runEnd(text, end, PADDING, 2);
}

const PADDING = charset("=");

/** Where a quoted value ends: at its quote, or where it can be none. */
function quotedEnd(text: string, start: number, quote: string): number {
  const most = text.slice(start, start + MAX_VALUE);
  const close = most.indexOf(quote);
  const nul = most.indexOf("\0");
  if (close === -1 || (nul !== -1 && nul < close)) return valueEnd(text, start);
  return start + close;
}

/** True where the value is all that the text says: a field of data, a quoted literal, a line of a configuration. */
function isStated(text: string, quote: string, end: number): boolean {
  return quote !== "" || end === text.length || /[\0\s;,&]/.test(text.charAt(end));
}

/** A password may be anything but a word of code; where it is not stated as a value, it must look made. */
function isPassword(value: string, stated: boolean): boolean {
  if (value.length < 4 || /\s{2}|\n|^0x[0-9a-f]{1,8}$/i.test(value)) return false;
  if (!/[0-9!@#$%^&*?~+=]/.test(value))
    return stated && value.length >= 6 && !/^[A-Za-z]*[ .(]|^[A-Za-z_]+$/.test(value);
  return !/[({[]$|^[A-Za-z_.]+\(/.test(value) && value.split(" ").length <= 4;
}

/** The keys of storage accounts and the like: 40 characters or more of base64, of all sorts. */
function isKey(value: string): boolean {
  return value.length >= 40 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(value) && /[0-9]/.test(value) && entropyOf(value) >= 3.5;
}

/** Fewer characters are not told from a name or a number. */
const LEAST_RANDOM = 16;

/** Bits a character, by Shannon: words and identifiers lie below, what was drawn at random above. */
const ENTROPY = { hex: 2.8, other: 3.4 } as const;

function isRandom(value: string): boolean {
  if (value.length < LEAST_RANDOM || runEnd(value, 0, LETTERS_DIGITS) < value.length) return false;
  const digits = countOf(value, /[0-9]/g);
  // Names in mixed case change it once a word; what was drawn at random does all the time.
  const leaps = countOf(value, /[a-z](?=[A-Z])/g);
  if (digits === value.length || (digits < 2 && leaps * 7 < value.length)) return false;
  if (/^[0-9a-f-]+$/i.test(value)) return value.length >= 24 && entropyOf(value) >= ENTROPY.hex;
  return !/^[a-z]+(?:[/._-][a-z0-9]{1,12})+$/i.test(value) && entropyOf(value) >= ENTROPY.other;
}

function countOf(value: string, what: RegExp): number {
  return value.match(what)?.length ?? 0;
}

function entropyOf(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

/** After a header's name any token counts; after the bare word only one that no prose would hold. */
const AUTHORIZATION =
  /(?<header>authorization\\{0,3}["'`]?[\s:=>,]{1,8}\\{0,3}["'`]?(?:bearer|basic|token|digest|negotiate)[ \t]{1,8})|\bbearer[ \t]{1,8}|x-api-key\\{0,3}["'`]?[\s:=>,]{1,8}\\{0,3}["'`]?/iy;

const TOKEN68 = charset("A-Za-z0-9._~+/-");

function findAuthorization(text: string, report: Report, places: readonly number[]): void {
  for (const found of matchesAt(AUTHORIZATION, text, places)) {
    const start = AUTHORIZATION.lastIndex;
    const end = paddingEnd(text, runEnd(text, start, TOKEN68));
    AUTHORIZATION.lastIndex = end;
    const value = text.slice(start, end);
    const isHeader = found.groups?.header !== undefined;
    if (end === start || isPlaceholder(value) || /^(?:token|jwt)$/i.test(value)) continue;
    if (isHeader || (value.length >= 16 && /[0-9]|[a-z][A-Z]/.test(value))) {
      report({ kind: "bearer_token", start, end });
    }
  }
}
