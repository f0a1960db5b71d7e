import type { ASTNode } from "@marcbachmann/cel-js";
import type { Json } from "../../outcome.js";
import type { Kind } from "./fields.js";
import { type Answer, FAILED, type Run, type Value } from "./value.js";

/** What is wrong with a condition, and where: an offset into the source in UTF-16 units. */
export interface ConditionProblem {
  readonly message: string;
  readonly help?: string;
  readonly offset: number;
}

/** A part of a condition made ready to run, and what is known of it. */
export interface Expression {
  readonly run: (run: Run) => Answer;
  readonly kind: Kind;
  /** Of a list's elements or a map's values. */
  readonly element: Kind;
  /** Its own words, for messages. */
  readonly text: string;
  readonly offset: number;
  /** Absent where it depends on the job. */
  readonly constant?: Value;
  /** The fields that lead to it from `job`; null where it is something else. */
  readonly path: readonly string[] | null;
}

/** What is learnt of a condition on the way. */
export interface Context {
  readonly source: string;
  readonly problems: ConditionProblem[];
  readonly reads: Set<string>;
  readonly tags: Set<string>;
  /** True when the tags are looked at in another way than by name. */
  tagsAtLarge: boolean;
  /** By the JSON of the path. */
  readonly probes: Map<string, { readonly path: readonly string[]; readonly values: Map<string, Json> }>;
  nodes: number;
  /** What its patterns cost to compile, in units of some 100 ns. */
  built: number;
  comprehensions: number;
  /** The variable of the comprehension that stands around; null outside. */
  variable: { readonly name: string; readonly kind: Kind } | null;
}

type Known = { readonly kind: Kind } & Partial<Pick<Expression, "element" | "constant" | "path">>;

export function expression(context: Context, node: ASTNode, known: Known, run: Expression["run"]): Expression {
  return { element: "dyn", path: null, ...known, text: wordsOf(context, node), offset: node.start, run };
}

/** What stands where the problem was, so that the rest is looked at too. Never run. */
export function problem(context: Context, node: ASTNode, message: string, help?: string): Expression {
  note(context, node.start, message, help);
  return expression(context, node, { kind: "dyn" }, () => FAILED);
}

export function note(context: Context, offset: number, message: string, help?: string): void {
  context.problems.push({ message, ...(help === undefined ? {} : { help }), offset });
}

/** Characters of a condition that a message repeats. */
const MAX_WORDS = 60;

/** A part of the condition as it is written, in backticks, on one line. */
function wordsOf(context: Context, node: ASTNode): string {
  const words = context.source
    .slice(node.start, Math.min(node.end, node.start + 4 * MAX_WORDS))
    .replace(/\s+/g, " ")
    .replace(/`/g, "'");
  return `\`${words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS)}…` : words}\``;
}

/** Notes values that are worth trying where the path leads. */
export function probe(context: Context, path: Expression["path"], values: readonly Json[]): void {
  if (path === null) return;
  const key = JSON.stringify(path);
  let known = context.probes.get(key);
  if (known === undefined) {
    known = { path, values: new Map() };
    context.probes.set(key, known);
  }
  for (const value of values) known.values.set(JSON.stringify(value), value);
}

/** A constant and its neighbours. */
export function neighbours(constant: Value | undefined): readonly Json[] {
  if (constant === null) return [null];
  if (typeof constant === "string") return [constant, `${constant}x`];
  if (typeof constant === "boolean") return [true, false];
  if (typeof constant === "number" || typeof constant === "bigint") {
    const number = Number(constant);
    return [number - 1, number, number + 1];
  }
  return [];
}
