import { parseArgs } from "node:util";
import { didYouMean, nearest } from "../nearest.js";
import { quoted } from "../policy/source.js";
import { CannotRun } from "./io.js";

/** What a command takes. */
export interface Shape {
  /** Each option and what it is: a switch, a text, or one of these words. */
  readonly options: Readonly<Record<string, "switch" | "text" | readonly string[]>>;
  /** The least and the most operands, and what one is called. */
  readonly operands: { readonly least: number; readonly most: number; readonly name: string };
}

/** A command line that was understood. */
export interface Arguments {
  readonly operands: readonly string[];
  readonly has: (option: string) => boolean;
  readonly text: (option: string) => string | undefined;
}

/** Whoever asks for help, anywhere before `--` and not as the value of an option, may have the rest wrong. */
export function asksForHelp(args: readonly string[], shape: Shape): boolean {
  return tokensOf(args, shape).some(
    (token) => token.kind === "option" && (token.name === "help" || token.rawName === "-h"),
  );
}

/** Reads a command line, whole or not at all. @throws CannotRun for what the command does not know. */
export function readArguments(args: readonly string[], shape: Shape): Arguments {
  const known = optionsOf(shape);
  const tokens = tokensOf(args, shape);
  const given = new Map<string, string>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const kind = known.get(token.name);
    if (kind === undefined || !token.rawName.startsWith("--")) throw unknown(token.rawName, known.keys());
    if (given.has(token.name)) throw usage("option_repeated", `\`--${token.name}\` is given twice`, "give it once");
    given.set(token.name, readValue(token, kind));
  }
  const { least, most, name } = shape.operands;
  if (!given.has("help") && operands.length < least) {
    throw usage("operand_missing", `${name} is missing`, "see `--help`");
  }
  const stray = operands[most];
  if (stray !== undefined) throw usage("operand_unknown", `${quoted(stray)} is one argument too many`, "see `--help`");
  return { operands, has: (option) => given.has(option), text: (option) => given.get(option) };
}

/** The words of an option that takes several, divided by commas; none where it is not given. */
export function wordsOf(given: Arguments, option: string): readonly string[] {
  const words = (given.text(option) ?? "").split(",").map((word) => word.trim());
  return words.filter((word) => word !== "");
}

function optionsOf({ options }: Shape): ReadonlyMap<string, Shape["options"][string]> {
  return new Map([...Object.entries(options), ["json", "switch"] as const, ["help", "switch"] as const]);
}

type Token =
  | ({ readonly kind: "option"; readonly rawName: string } & OptionToken)
  | { readonly kind: "positional"; readonly value: string }
  | { readonly kind: "option-terminator" };

function tokensOf(args: readonly string[], shape: Shape): readonly Token[] {
  const options = Object.fromEntries(
    [...optionsOf(shape)].map(([name, kind]) => [name, { type: kind === "switch" ? "boolean" : "string" }] as const),
  );
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true }).tokens;
}

interface OptionToken {
  readonly name: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function readValue({ name, value, inlineValue }: OptionToken, kind: Shape["options"][string]): string {
  if (kind === "switch") {
    if (inlineValue === true) throw usage("value_unexpected", `\`--${name}\` takes no value`);
    return "";
  }
  // `--job --json`: the value was forgotten. One that begins so is written `--job=--json`; `-` is standard input.
  const forgotten = inlineValue !== true && value?.startsWith("-") === true && value !== "-";
  if (value === undefined || value === "" || forgotten) throw usage("value_missing", `\`--${name}\` needs a value`);
  if (kind === "text" || kind.includes(value)) return value;
  const help = didYouMean(value, kind, `one of: ${kind.join(", ")}`);
  throw usage("value_unknown", `\`--${name}\` does not know ${quoted(value)}`, help);
}

function unknown(rawName: string, known: Iterable<string>): CannotRun {
  const names = [...known];
  const meant = nearest(rawName.replace(/^-+/, ""), names);
  const help =
    meant === undefined ? `options: ${names.map((name) => `--${name}`).join(", ")}` : `did you mean \`--${meant}\`?`;
  return usage("option_unknown", `unknown option ${quoted(rawName)}`, help);
}

function usage(code: string, message: string, help?: string): CannotRun {
  return new CannotRun(code, message, help);
}
