import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { Json } from "../outcome.js";
import { compile, MAX_NODES } from "./condition/compile.js";
import { type ConditionProblem, type Context, type Expression, probe } from "./condition/expression.js";
import { type ConditionJob, NAMES } from "./condition/fields.js";
import { truth } from "./condition/operators.js";
import { FAILED, MAX_STEPS, type Run } from "./condition/value.js";
import { escaped } from "./source.js";

export type { ConditionProblem } from "./condition/expression.js";
export type { ConditionJob } from "./condition/fields.js";

/** Does it hold, or why can that not be said: a line for people that repeats the condition's words, never the job's. */
export type ConditionResult = boolean | { readonly error: string };

/** A `when` made ready to be asked. Pure and frozen. */
export interface Condition {
  readonly source: string;
  /** Fields of `job` that it reads, such as `payload`. Empty: it is constant. */
  readonly reads: ReadonlySet<string>;
  /** What it says of every job; undefined when it reads some of it. */
  readonly constant: ConditionResult | undefined;
  /** The tags it asks for when all it does with `job.risk_tags` is `"name" in job.risk_tags`; otherwise null. */
  readonly tagsNamed: ReadonlySet<string> | null;
  /** What it cost to compile, in units of some 100 ns. */
  readonly built: number;
  /** For analysis: paths below `job` and values worth trying there. It MUST NOT decide anything. */
  readonly probes: readonly { readonly path: readonly string[]; readonly values: readonly Json[] }[];
  /**
   * Never throws, and takes at most 5 ms on a job of 1 MiB; what it takes is paid from `purse`, where one is given, and
   * an empty purse is an error. The job MUST be parsed JSON.
   */
  readonly evaluate: (job: ConditionJob, purse?: Purse) => ConditionResult;
}

/** The error of a condition for which nothing was left in the purse. */
export const TOO_DEAR = "the conditions of this decision took too many steps together";

/** Steps that all conditions of one decision may take together. */
export interface Purse {
  left: number;
}

export type ReadCondition =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly problems: readonly ConditionProblem[] };

/** Characters in a condition. */
const MAX_CONDITION = 4_096;

/**
 * CEL's grammar, from the library; what the grammar means is ours (`condition/`), since the library has no budget,
 * hands `matches` to the built-in engine and takes values of different kinds for unequal. Tests hold the two together.
 */
const GRAMMAR = new Environment({
  limits: {
    maxAstNodes: MAX_NODES,
    // Parentheses count here and not in our own measure, hence twice as many.
    maxDepth: 64,
    maxListElements: MAX_NODES,
    maxMapEntries: MAX_NODES,
    maxCallArguments: 8,
  },
});

/** Compiles a condition, or says all that is wrong with it. Never throws. */
export function compileCondition(source: string): ReadCondition {
  if (source.length > MAX_CONDITION) {
    return refused([{ message: `a condition must have at most ${MAX_CONDITION} characters`, offset: MAX_CONDITION }]);
  }
  let tree: ASTNode;
  try {
    tree = GRAMMAR.parse(source).ast;
  } catch (error) {
    return refused([syntaxProblem(error, source)]);
  }
  const context: Context = {
    source,
    problems: [],
    reads: new Set(),
    tags: new Set(),
    tagsAtLarge: false,
    probes: new Map(),
    nodes: 0,
    built: 0,
    comprehensions: 0,
    variable: null,
  };
  const whole = compile(context, tree);
  if (whole.kind === "dyn") probe(context, whole.path, [true, false]);
  if (whole.kind !== "bool" && whole.kind !== "dyn") {
    const message = `a condition must come to true or false, not to ${NAMES[whole.kind]}`;
    context.problems.push({ message, offset: whole.offset });
  }
  return context.problems.length > 0 ? refused(context.problems) : { ok: true, condition: conditionOf(context, whole) };
}

function refused(problems: readonly ConditionProblem[]): ReadCondition {
  return { ok: false, problems: [...problems].sort((a, b) => a.offset - b.offset) };
}

function conditionOf(context: Context, whole: Expression): Condition {
  // Asked once, it pays for nothing afterwards: no other condition of a decision can make it err.
  const constant = context.reads.size === 0 ? evaluate(whole, NO_JOB, undefined) : undefined;
  return Object.freeze({
    source: context.source,
    reads: context.reads,
    tagsNamed: context.tagsAtLarge ? null : context.tags,
    probes: [...context.probes.values()].map(({ path, values }) => ({ path, values: [...values.values()] })),
    built: context.built + context.nodes * UNITS_A_NODE,
    constant,
    evaluate: (job: ConditionJob, purse?: Purse) => constant ?? evaluate(whole, job, purse),
  });
}

/** What a part of a condition costs to compile, in units of some 100 ns. */
const UNITS_A_NODE = 50;

const NO_JOB: ConditionJob = {
  actor: null,
  capability: null,
  constraints: {},
  labels: {},
  payload: null,
  requires: [],
  resources: { paths: [], hosts: [] },
  risk_tags: [],
  tenant_id: "default",
  topic: "job",
};

function evaluate(whole: Expression, job: ConditionJob, purse: Purse | undefined): ConditionResult {
  const given = purse === undefined ? MAX_STEPS : Math.min(MAX_STEPS, purse.left);
  if (given <= 0) return { error: TOO_DEAR };
  const run: Run = { job, item: null, left: given, error: null };
  try {
    const answer = truth(run, whole);
    if (answer !== FAILED) return answer;
  } catch {
    // Nothing here throws on JSON; what does is no job, and gets the same answer as a field that is missing.
    return { error: "the condition could not be evaluated" };
  } finally {
    if (purse !== undefined) purse.left -= given - run.left;
  }
  return { error: run.error ?? "the condition could not be evaluated" };
}

/** The library's own words, in our style. */
function syntaxProblem(error: unknown, source: string): ConditionProblem {
  const read = error as {
    readonly code?: unknown;
    readonly summary?: unknown;
    readonly range?: { readonly start?: unknown };
  };
  const start = read.range?.start;
  const offset = typeof start === "number" ? Math.min(start, source.length) : 0;
  if (source.trim() === "") return { message: "a condition must not be empty", offset: 0 };
  if (read.code === "limit_exceeded") {
    return { message: `a condition must have at most ${MAX_NODES} parts, and be at most 64 brackets deep`, offset };
  }
  const [line = ""] = (typeof read.summary === "string" ? read.summary : "").split("\n");
  const words = escaped(line.slice(0, 120).replace(/`/g, "'"));
  return { message: `a condition cannot be read: ${words === "" ? "it is too deep" : lowerFirst(words)}`, offset };
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
