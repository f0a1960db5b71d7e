import { Buffer } from "node:buffer";
import type { ASTNode } from "@marcbachmann/cel-js";
import { compileLinearPattern } from "../../linear-pattern.js";
import { nearest } from "../../nearest.js";
import { inRange } from "./arithmetic.js";
import { type Context, type Expression, expression, probe, problem } from "./expression.js";
import { type Kind, NAMES } from "./fields.js";
import {
  type Answer,
  FAILED,
  fail,
  isList,
  isMap,
  MAX_ELEMENTS,
  MAX_TEXT,
  type Run,
  spend,
  type Value,
} from "./value.js";

interface Call {
  readonly kind: Kind;
  /** Kinds that it takes; what is `dyn` is looked at when it runs. */
  readonly takes: readonly Kind[];
  readonly apply: (run: Run, value: Value, text: string) => Answer;
}

// A number as JSON has them, and a little more: nothing that is infinite, no blanks, no other base.
const DOUBLE = /^[+-]?\d{1,32}(?:\.\d{1,32})?(?:[eE][+-]?\d{1,3})?$/;
const INTEGER = /^[+-]?\d{1,19}$/;

/** Functions of one value, by name. */
const CONVERSIONS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["size", { kind: "int", takes: ["string", "list", "map"], apply: sizeOf }],
  ["double", { kind: "double", takes: ["string", "int", "double"], apply: toDouble }],
  ["int", { kind: "int", takes: ["string", "int", "double"], apply: toInt }],
  ["string", { kind: "string", takes: ["string", "int", "double", "bool"], apply: toText }],
]);

/** Functions of one text, written behind it. */
const OF_TEXT: ReadonlyMap<string, (run: Run, text: string) => Answer> = new Map([
  ["lowerAscii", (run: Run, text: string) => mapAscii(run, text, (part) => part.toLowerCase())],
  ["upperAscii", (run: Run, text: string) => mapAscii(run, text, (part) => part.toUpperCase())],
  ["trim", (run: Run, text: string) => (spend(run, CALL + text.length / 16) ? text.trim() : FAILED)],
]);

/** Questions that one text asks of another. */
const OF_TEXTS: ReadonlyMap<string, (run: Run, text: string, part: string) => boolean | typeof FAILED> = new Map([
  ["startsWith", (run, text, part) => (spend(run, CALL + part.length / 64) ? text.startsWith(part) : FAILED)],
  ["endsWith", (run, text, part) => (spend(run, CALL + part.length / 64) ? text.endsWith(part) : FAILED)],
  ["contains", (run, text, part) => (spend(run, searchCost(text, part)) ? text.includes(part) : FAILED)],
]);

/** Steps of a call into the engine, whatever it does. */
const CALL = 4;

const METHODS = ["size", "matches", ...OF_TEXT.keys(), ...OF_TEXTS.keys()];
const MACROS = ["all", "exists", "exists_one", "filter", "map"];

/** Steps of a search: built-in search is quadratic on texts made for it, once the part is not short. Measured. */
function searchCost(text: string, part: string): number {
  return CALL + text.length / 8 + (part.length > 32 ? (text.length * part.length) / 128 : 0);
}

/** `name(value)`. `has` and `type` are elsewhere: they do not take a value. */
export function compileCall(context: Context, node: ASTNode, name: string, args: readonly Expression[]): Expression {
  const call = CONVERSIONS.get(name);
  if (call === undefined) return unknownFunction(context, node, name, [...CONVERSIONS.keys(), "has", "type"]);
  const [argument] = args;
  if (argument === undefined || args.length > 1) return problem(context, node, `\`${name}\` takes one value`);
  return compileConversion(context, node, name, call, argument);
}

function compileConversion(
  context: Context,
  node: ASTNode,
  name: string,
  call: Call,
  argument: Expression,
): Expression {
  if (argument.kind !== "dyn" && !call.takes.includes(argument.kind)) {
    return problem(context, node, `\`${name}\` has no meaning for ${NAMES[argument.kind]}`);
  }
  const labels = name === "size" && argument.path?.length === 1 && argument.path[0] === "labels";
  const made = expression(context, node, { kind: call.kind }, (run) => {
    if (labels) return BigInt(Object.keys(run.job.labels).length);
    const value = argument.run(run);
    return value === FAILED ? FAILED : call.apply(run, value, made.text);
  });
  return made;
}

/** `receiver.name(args)`, comprehensions apart. */
export function compileMethod(
  context: Context,
  node: ASTNode,
  name: string,
  receiver: Expression,
  args: readonly Expression[],
): Expression {
  const size = CONVERSIONS.get("size");
  if (name === "size" && size !== undefined) {
    if (args.length > 0) return problem(context, node, "`size` takes no value");
    return compileConversion(context, node, name, size, receiver);
  }
  const one = OF_TEXT.get(name);
  const two = OF_TEXTS.get(name);
  if (one === undefined && two === undefined && name !== "matches") {
    return unknownFunction(context, node, name, [...METHODS, ...MACROS]);
  }
  const [argument] = args;
  const wanted = one === undefined ? 1 : 0;
  if (args.length !== wanted)
    return problem(context, node, `\`${name}\` takes ${wanted === 1 ? "one value" : "no value"}`);
  for (const { kind } of [receiver, ...args]) {
    if (kind !== "string" && kind !== "dyn") {
      return problem(context, node, `\`${name}\` needs text, not ${NAMES[kind]}`);
    }
  }
  if (argument === undefined) {
    return expression(context, node, { kind: "string" }, (run) => {
      const text = textOf(run, receiver);
      return text === FAILED || one === undefined ? FAILED : one(run, text);
    });
  }
  if (two === undefined) return compileMatches(context, node, receiver, argument);
  if (typeof argument.constant === "string")
    probe(context, receiver.path, [argument.constant, `${argument.constant}x`]);
  return expression(context, node, { kind: "bool" }, (run) => {
    const text = textOf(run, receiver);
    const part = textOf(run, argument);
    return text === FAILED || part === FAILED ? FAILED : two(run, text, part);
  });
}

/** `text.matches('pattern')`: anywhere in the text, as RE2 has it; `^` and `$` tie it down. */
function compileMatches(context: Context, node: ASTNode, receiver: Expression, argument: Expression): Expression {
  if (typeof argument.constant !== "string") {
    const help = "write the pattern out, between quotes";
    return problem(context, node, "the pattern of `matches` must be written out, not computed", help);
  }
  const compiled = compileLinearPattern(argument.constant);
  if (!compiled.ok) return problem(context, node, `the pattern of \`matches\` is not valid: ${compiled.message}`);
  const pattern = compiled.value;
  context.built += pattern.built;
  return expression(context, node, { kind: "bool" }, (run) => {
    const text = textOf(run, receiver);
    if (text === FAILED || !spend(run, pattern.steps(text.length))) return FAILED;
    return pattern.test(text);
  });
}

function unknownFunction(context: Context, node: ASTNode, name: string, known: readonly string[]): Expression {
  if (/^(timestamp|duration|now|get[A-Z]\w*)$/.test(name)) {
    const help = "compare dates as text: in ISO 8601 and UTC they sort";
    return problem(context, node, `\`${name}\` is not there: a condition has no dates and no clock`, help);
  }
  const meant = nearest(name, known);
  const help =
    meant === undefined ? `there are ${known.map((one) => `\`${one}\``).join(", ")}` : `did you mean \`${meant}\`?`;
  return problem(context, node, `unknown function \`${name.slice(0, 64)}\``, help);
}

function textOf(run: Run, { run: evaluate, text }: Expression): string | typeof FAILED {
  const value = evaluate(run);
  if (value === FAILED) return FAILED;
  if (typeof value !== "string") return fail(run, `${text} is not text`);
  return value.length <= MAX_TEXT ? value : fail(run, `${text} is longer than ${MAX_TEXT} characters`);
}

/** Characters of a text (as code points), or elements of a list. Maps would have to be listed, which has no bound. */
function sizeOf(run: Run, value: Value, text: string): Answer {
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return fail(run, `${text} counts the fields of a map`);
  if (typeof value !== "string") return fail(run, `${text} counts what is neither text nor a list`);
  if (value.length > MAX_TEXT) return fail(run, `${text} counts more than ${MAX_TEXT} characters`);
  if (!spend(run, CALL + value.length / 8)) return FAILED;
  let pairs = 0;
  for (let index = 1; index < value.length; index += 1) {
    if ((value.charCodeAt(index) & 0xfc00) === 0xdc00 && (value.charCodeAt(index - 1) & 0xfc00) === 0xd800) pairs += 1;
  }
  return BigInt(value.length - pairs);
}

function toDouble(run: Run, value: Value, text: string): Answer {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (!spend(run, CALL)) return FAILED;
  const number = typeof value === "string" && value.length <= 80 && DOUBLE.test(value) ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : fail(run, `${text} is given what is not a number`);
}

function toInt(run: Run, value: Value, text: string): Answer {
  if (typeof value === "bigint") return value;
  if (!spend(run, CALL)) return FAILED;
  if (typeof value === "number") return inRange(run, BigInt(Math.trunc(value)), text);
  if (typeof value === "string" && value.length <= 20 && INTEGER.test(value)) {
    return inRange(run, BigInt(value.replace(/^\+/, "")), text);
  }
  return fail(run, `${text} is given what is not an integer`);
}

function toText(run: Run, value: Value, text: string): Answer {
  if (typeof value === "string") return value;
  if (!spend(run, CALL)) return FAILED;
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "bigint") return `${value}`;
  return fail(run, `${text} is given what has no text`);
}

/** ASCII letters alone, as CEL says: `K` (the Kelvin sign) MUST NOT become `k`. */
function mapAscii(run: Run, text: string, change: (part: string) => string): Answer {
  const plain = Buffer.byteLength(text) === text.length;
  if (!spend(run, 2 * CALL + (plain ? text.length / 8 : text.length * 2))) return FAILED;
  const made = plain ? change(text) : text.replace(/[A-Za-z]+/g, change);
  return made;
}

/** Elements of what a comprehension walks, or why it cannot. */
export function elementsOf(run: Run, value: Value, text: string): readonly Value[] | typeof FAILED {
  if (!isList(value)) return fail(run, `${text} is not a list`);
  return value.length <= MAX_ELEMENTS ? value : fail(run, `${text} has more than ${MAX_ELEMENTS} elements`);
}
