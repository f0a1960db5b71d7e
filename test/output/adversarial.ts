import { inspectError, inspectOutput } from "../../src/output/inspect.js";
import { RULES } from "./found.js";

/** Of each text, so many characters. */
export const ADVERSARIAL_SIZE = 64 * 1024;

/** A whole inspection for every way that one text can come: returned, as a key, in pieces, as a password; and thrown. */
export function inspectionsOf(text: string): readonly (() => unknown)[] {
  // As long as the pieces of a stream.
  const pieces = text.match(/[\s\S]{1,256}/g) ?? [];
  const values = [text, { [text]: 1 }, pieces, { password: text }];
  return [...values.map((value) => () => inspectOutput(value, RULES)), () => inspectError(new Error(text), RULES)];
}

function fill(unit: string, size: number): string {
  return unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
}

type Named = readonly [name: string, text: (size: number) => string];

const repeated = (unit: string): Named => [`repeated ${show(unit)}`, (size) => fill(unit, size)];

function show(text: string): string {
  const plain = JSON.stringify(text).replace(/[^\u0020-\u007e]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return plain.length <= 40 ? plain : `${plain.slice(0, 36)}…"`;
}

const dashes = "-".repeat(5);

/** How tokens begin, with a character that may follow. In pieces: none stands whole in this file. */
const HEADS: readonly (readonly [head: string, body: string])[] = [
  [["AK", "IA"].join(""), "A"],
  [["AI", "za"].join(""), "a"],
  [["GOC", "SPX-"].join(""), "a"],
  [["gh", "p_"].join(""), "a"],
  [["github_", "pat_"].join(""), "a_"],
  [["gl", "pat-"].join(""), "a-"],
  [["xo", "xb-"].join(""), "1-"],
  [["xa", "pp-1-"].join(""), "A-"],
  [["https://hooks.", "slack.com/services/"].join(""), "T/"],
  [["https://dis", "cord.com/api/webhooks/"].join(""), "1/"],
  [["np", "m_"].join(""), "a"],
  [["py", "pi-", "AgEIcHlwaS5vcmc"].join(""), "a-"],
  [["sk_", "live_"].join(""), "a"],
  [["wh", "sec_"].join(""), "a"],
  [["EA", "AA"].join(""), "a-"],
  [["sq0", "atp-"].join(""), "a-"],
  ["SK", "0"],
  ["SG.", "a."],
  ["sk-", "a-"],
  [["sk-", "ant-"].join(""), "a-"],
  [["T3Bl", "bkFJ"].join(""), "a"],
  ["hf_", "a"],
  ["12345678:", "1"],
  ["12345678:AA", "a:"],
  [["dop", "_v1_"].join(""), "0"],
  [["shp", "at_"].join(""), "0"],
  ["eyJ", "a."],
  ["eyJaaaaaaaa.eyJ", "a."],
  ["bearer ", "a "],
  ["authorization: bearer ", "a"],
  [["Account", "Key="].join(""), "a="],
  ["secret_access_key = ", "a/"],
  ["DE89", "0 "],
  ["GB82 ", "A0"],
];

const perHead = HEADS.flatMap(([head, body]): readonly Named[] => [
  repeated(head),
  [`${show(head)} before one long run`, (size) => head + fill(body, size - head.length)],
  [`${show(head)} with a run too short, again and again`, (size) => fill(`${head}${fill(body, 12)}!`, size)],
  [`half of ${show(head)}, again and again`, (size) => fill(head.slice(0, Math.ceil(head.length / 2)), size)],
  [`${show(head)} with short runs and spaces between`, (size) => fill(`${head}${fill(body, 17)} `, size)],
]);

const begin = `${dashes}BEGIN PRIVATE KEY${dashes}`;

const blocks: readonly Named[] = [
  repeated(begin),
  repeated(`${dashes}BEGIN `),
  repeated(`${dashes}BEGIN ${"A ".repeat(30)}`),
  repeated(`${dashes}END PRIVATE KEY${dashes}`),
  ["one begin of a key and many half ends", (size) => begin + fill(`${dashes}END PRIVATE `, size - begin.length)],
];

const single = [
  ..."aAzZ09-_. @=:/+%&#\"'\\,;|()[]{}<>!?*~^$\n\r\t\0",
  ..."\u00e9\u0301\u200b\u200d\u2060\ufeff\u00ad\ufe0f\uff41\uff10\u3000\u0130\u00df\ud83d\ufb03\u1e9b\u0345\u202e\u0000",
].map(repeated);

const addresses = [
  ..."a@ @a a.@ a@a. a@b.c1 a@-. @.a1 a@b.co a+a@ .@. a@a@a.aa".split(" "),
  "a b@c.d\n",
  `${"a".repeat(64)}@`,
  `@${"a.".repeat(60)}`,
].map(repeated);

const connections = [
  ..."a:// a://b a://b: a://b:c a://b:c@ ://@ :// a://:@ postgres:// a+b:// :@".split(" "),
  "mongodb+srv://a:b",
  `https${":"}//a:b@c`,
  `postgres${":"}//u:p@h/`,
  `https://${"a:".repeat(40)}`,
  `a://${"@".repeat(30)}`,
].map(repeated);

const assignments = [
  ..."key= password= password: password=' secret=a token=\" api_key==== pwd:= passwordpassword= key=key=".split(" "),
  "password = ",
  "secret_token_key_password=",
  '"password":"',
  `password: ${"a1B2".repeat(3)}\n`,
  `password${" ".repeat(70)}=`,
  `secret${"_".repeat(70)}`,
  `password=${"aB3".repeat(40)} `,
].map(repeated);

const numbers = [
  ..."4242 4- +1 +49 (1) 1.1 1-1 0 00 +0 (((( +++ 4242- 4242.4242. 555-01 1/2".split(" "),
  "4242 ",
  "+1 (",
  "4 2 ",
  "4 - 2",
  `1234 5678 ${"9012"} 345`,
  `${"42".repeat(8)},`,
  `${"42".repeat(7)}41,`,
  "4242 ".repeat(4),
  "+49 30 23125 01 ",
  "(415) 555-01",
  "2026-03-04T05:06:07.089Z ",
  "DE",
  "DE89 3704 0044 ",
  `DE89${"3704".repeat(4)}00`,
  "GB82WEST",
  "A1",
  "AA00 ",
].map(repeated);

const base64Of = (text: string): string => Buffer.from(text).toString("base64");
const twice = (text: string): string => base64Of(base64Of(text));

/** Units that decode to something that looks like more work. */
const encodings = [
  "QUFB",
  "QUFB ",
  "QUFBQUFBQUFBQUFBQUFB=",
  "QUFBQUFBQUFBQUFBQUFB\n",
  "QUFBQUFBQUFBQUFBQUFBQUFB-_",
  `${base64Of(`password=${"aB3d".repeat(4)} `)} `,
  `${base64Of("a@b.co ".repeat(8))} `,
  `${twice("a@b.co ".repeat(8))} `,
  base64Of("eyJ".repeat(20)),
  "\\u0061",
  "&#97;",
  "=61=62",
  "61",
  "61 ",
  "6161616161616161616161616161616161616161 ",
  "0x61",
  "\\x61",
  "%",
  "%6",
  "%61",
  "%25",
  "%2525",
  "%61 ",
  "%40a%40",
  "%00",
  "%c3%a9",
  "%ff",
  "%E2%80%8B",
].map(repeated);

const hidden = [
  "a\u200b",
  "a\u0301",
  "a\u0301\u0302\u0303\u0304",
  "\u200b@\u200b",
  "\uff41\uff20",
  "e\u200by\u200bJ",
  "1\u200b",
  "4\n",
  "a\n",
  "a \n    ",
  "\uff34\uff4f",
  "\u0344",
  "\u0f73\u0f75",
  "\ufdfa",
  "\uac00\u11a8",
  "\ud83d\ude00",
  "\ud83d",
  "\ude00\ud83d",
  `a${"\u0301".repeat(500)}`,
  `a${"\u0327\u0301".repeat(250)}`,
  " \n",
  " \t",
  " a",
  "a ",
  "\\n",
  "\u0000a",
].map(repeated);

/** Long things once, where a careless pattern walks to the end from every start. */
const long: readonly Named[] = [
  ["whitespace and then a word", (size) => `${fill(" ", size - 1)}a`],
  ["a name, whitespace and no value", (size) => `password${fill(" ", size - 8)}`],
  ["digits and then a letter", (size) => `${fill("4", size - 1)}a`],
  ["hexadecimal digits and then another letter", (size) => `${fill("6a", size - 1)}g`],
  ["base64 of base64 of addresses", (size) => twice(fill("a@b.co ", Math.floor((size * 9) / 16)))],
  ["base64 of begins of keys", (size) => base64Of(fill(begin, Math.floor((size * 3) / 4)))],
  ["base64 of zeros", (size) => base64Of(fill("\0", Math.floor((size * 3) / 4)))],
  ["hexadecimal of assignments", (size) => Buffer.from(fill("password=a1B2c3 ", size / 2)).toString("hex")],
  ["a token a line, each of a different length", (size) => fill(staircase(), size)],
  ["an opening bracket for every level", (size) => fill('{"a":[', size)],
];

function staircase(): string {
  return Array.from({ length: 120 }, (_, length) => fill("aB3", length)).join("\n");
}

/** Texts that make a careless detector start at every character, walk far and fail; for each of ours and each view. */
export const ADVERSARIAL: readonly Named[] = [
  ...single,
  ...perHead,
  ...blocks,
  ...addresses,
  ...connections,
  ...assignments,
  ...numbers,
  ...encodings,
  ...hidden,
  ...long,
];
