import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ALNUM, BASE64, type Draw, HEX, LOWER, openDraw, WORDY } from "../../test/output/draw.js";

/** A megabyte in which nothing is secret: what is found there is a false alarm, or somebody's real address. */
export interface Corpus {
  readonly name: "text" | "code" | "logs";
  readonly text: string;
  /** Of its bytes: the same sum, the same corpus. */
  readonly sha256: string;
  readonly sources: string;
}

export const MEGABYTE = 1_000_000;

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Where the text is from: this repository first, then packages that are installed with it. */
const TEXTS = [
  ...["README.md", "CHANGELOG.md", "SECURITY.md", "docs", "bench/README.md"],
  ...["undici", "@sinclair/typebox", "vite", "vitest", "fast-check", "re2js", "@marcbachmann/cel-js", "glob"].map(
    packaged,
  ),
  ...["commander", "@noble/curves", "jsonpath-plus", "expect-type", "rollup", "semver", "eventemitter2"].map(packaged),
  ...["ipaddr.js", "ajv", "json-rules-engine", "type-fest", "acorn"].map(packaged),
];

/** Where the code is from, and how much of each: none is to be all of it. */
const CODE = [
  { folder: "src", ending: ".ts", bytes: 400_000 },
  { folder: packaged("undici"), ending: ".js", bytes: 250_000 },
  { folder: packaged("yaml"), ending: ".js", bytes: 150_000 },
  { folder: packaged("casbin"), ending: ".js", bytes: 100_000 },
  { folder: packaged("better-sqlite3"), ending: ".js", bytes: 20_000 },
  { folder: packaged("fast-check"), ending: ".js", bytes: 200_000 },
] as const;

function packaged(name: string): string {
  return `node_modules/${name}`;
}

/** The three, cut to a megabyte each. Throws when what is installed does not fill one. */
export function openCorpora(seed: number): readonly Corpus[] {
  const code = CODE.map(({ folder, ending, bytes }) => cut(readAll(folder, ending), bytes));
  return [
    corpus(
      "text",
      TEXTS.map((place) => readAll(place, ".md")).join("\n"),
      "Markdown of this repository and 20 packages",
    ),
    corpus("code", code.join("\n"), "TypeScript of this repository, JavaScript of 5 packages"),
    corpus("logs", logLines(openDraw(seed)), `made from seed ${seed}`),
  ];
}

function corpus(name: Corpus["name"], whole: string, sources: string): Corpus {
  const text = cut(whole, MEGABYTE);
  const bytes = Buffer.from(text);
  if (bytes.length < MEGABYTE - 3) throw new Error(`the corpus of ${name} is too short: ${bytes.length} bytes`);
  return { name, text, sha256: createHash("sha256").update(bytes).digest("hex"), sources };
}

/** So many bytes of UTF-8, and no half character. */
function cut(text: string, bytes: number): string {
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(Buffer.from(text).subarray(0, bytes), { stream: true })
    .toString();
}

/** Every file of that ending, in the order of paths; what is generated, and what a package brought itself, is left out. */
function readAll(place: string, ending: string): string {
  const path = join(root, place);
  if (place.endsWith(ending)) return readFileSync(path, "utf8");
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && !entry.name.includes(".generated."))
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("node_modules"))
    .sort()
    .map((file) => readFileSync(join(path, file), "utf8"))
    .join("\n");
}

function logLines(draw: Draw): string {
  const lines: string[] = [];
  let time = Date.UTC(2026, 2, 4, 5, 6, 7);
  for (let size = 0; size <= MEGABYTE; ) {
    time += draw.below(2_000);
    const make = LOG_LINES[draw.below(LOG_LINES.length)] ?? accessLine;
    const line = make(draw, new Date(time));
    lines.push(line);
    size += line.length + 1;
  }
  return lines.join("\n");
}

type LogLine = (draw: Draw, time: Date) => string;

const hex = (draw: Draw, length: number): string => draw.text(length, HEX);
const uuid = (draw: Draw): string => [8, 4, 4, 4, 12].map((length) => hex(draw, length)).join("-");
const ip = (draw: Draw): string => [10, draw.below(256), draw.below(256), draw.below(256)].join(".");
const pick = (draw: Draw, words: readonly string[]): string => words[draw.below(words.length)] ?? "";
const word = (draw: Draw): string => draw.text(3 + draw.below(8), LOWER);
const path = (draw: Draw): string => `/${[word(draw), word(draw), draw.below(1_000_000), word(draw)].join("/")}`;
const digits = (draw: Draw, length: number): string => `${1 + draw.below(9)}${draw.text(length - 1, "0123456789")}`;

const LEVELS = ["TRACE", "DEBUG", "INFO", "INFO", "WARN", "ERROR"];

const accessLine: LogLine = (draw, time) =>
  `${ip(draw)} - - [${time.toISOString()}] "${pick(draw, ["GET", "POST", "PUT"])} ${path(draw)}?page=${draw.below(50)} HTTP/1.1" ` +
  `${pick(draw, ["200", "201", "304", "404", "500"])} ${draw.below(1_000_000)} "-" "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0"`;

/** Kinds of lines as services write them: full of numbers and identifiers, none of them secret. */
const LOG_LINES: readonly LogLine[] = [
  accessLine,
  (draw, time) =>
    `${time.toISOString()} ${pick(draw, LEVELS)} [${word(draw)}] request ${uuid(draw)} took ${draw.below(9_999)} ms`,
  (draw, time) =>
    JSON.stringify({
      time: time.getTime(),
      level: 30,
      pid: draw.below(65_536),
      traceId: hex(draw, 32),
      spanId: hex(draw, 16),
      msg: `${word(draw)} ${word(draw)} done`,
      durationNs: Number(digits(draw, 13)),
    }),
  (draw, time) =>
    `${time.toISOString()} pulled image registry.internal/${word(draw)}@sha256:${hex(draw, 64)} (${draw.below(900)} MB)`,
  (draw, time) =>
    `${time.toISOString()} ${pick(draw, LEVELS)} commit ${hex(draw, 40)} by worker-${draw.below(64)} on ${word(draw)}/${word(draw)}`,
  (draw, time) =>
    `[${time.getTime()}] cursor=${Buffer.from(uuid(draw)).toString("base64")} next=${draw.text(22, WORDY)}`,
  (draw, time) =>
    `${time.toUTCString()} kernel: [${digits(draw, 6)}.${digits(draw, 6)}] eth0: RX ${digits(draw, 12)} TX ${digits(draw, 11)} bytes`,
  (draw, time) =>
    `${time.toISOString()} traceparent=00-${hex(draw, 32)}-${hex(draw, 16)}-01 order=${digits(draw, 10)} item=${digits(draw, 16)}`,
  (draw, time) =>
    `${time.toISOString()} ${pick(draw, LEVELS)} Error: connect ECONNREFUSED ${ip(draw)}:${draw.below(65_536)}\n` +
    `    at ${word(draw)} (/srv/app/node_modules/${word(draw)}/dist/${word(draw)}.js:${draw.below(900)}:${draw.below(90)})`,
  (draw, time) =>
    `${time.toISOString()} etag="${hex(draw, 8)}-${hex(draw, 13)}" integrity=sha512-${draw.bytes(64).toString("base64")}`,
  (draw, time) =>
    `${time.toISOString()} gc: heap ${digits(draw, 9)} -> ${digits(draw, 8)} (${digits(draw, 2)}.${digits(draw, 4)}%), pause ${draw.below(200)}.${digits(draw, 3)} ms`,
  (draw, time) =>
    `${time.toISOString()} s3 put key=${word(draw)}/${uuid(draw)}.parquet version=${draw.text(32, ALNUM)} size=${digits(draw, 9)}`,
  (draw, time) =>
    `${time.toISOString()} job ${draw.text(26, "0123456789ABCDEFGHJKMNPQRSTVWXYZ")} at ${digits(draw, 2)}.${digits(draw, 6)},${digits(draw, 1)}.${digits(draw, 6)} blob=${draw.text(44, BASE64)}`,
  (draw, time) =>
    `${time.toISOString()} cache key user:${digits(draw, 7)}:profile ttl=${digits(draw, 4)} token_count=${digits(draw, 4)} password_reset=false`,
  (draw, time) =>
    `${time.toISOString()} mac=${hex(draw, 12).replace(/..(?=.)/g, "$&:")} ip6=fd00:${hex(draw, 4)}:${hex(draw, 4)}::${hex(draw, 4)} serial=${digits(draw, 4)}-${digits(draw, 4)}-${digits(draw, 4)}`,
];

/** Pieces of about so many characters, cut where lines end: what one output holds. */
export function slices(text: string, size: number): readonly string[] {
  const result: string[] = [];
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf("\n", from + size);
    const end = newline === -1 ? text.length : newline + 1;
    result.push(text.slice(from, end));
    from = end;
  }
  return result;
}
