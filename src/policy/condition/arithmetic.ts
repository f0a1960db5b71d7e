import type { ASTNode } from "@marcbachmann/cel-js";
import { type Context, type Expression, expression, problem } from "./expression.js";
import { type Kind, NAMES } from "./fields.js";
import { type Answer, FAILED, fail, MAX_TEXT, type Run, spend, type Value } from "./value.js";

export type Arithmetic = "+" | "-" | "*" | "/" | "%";

export const MAX_INT = 2n ** 63n - 1n;
export const MIN_INT = -(2n ** 63n);

/** Sums and the like. Doubles and integers do not mix, and what is not a finite number is an error. */
export function compileArithmetic(
  context: Context,
  node: ASTNode,
  op: Arithmetic,
  left: Expression,
  right: Expression,
): Expression {
  const wrong = misuse(op, left, right);
  if (wrong !== null) return problem(context, node, wrong.message, wrong.help);
  const [runLeft, runRight] = [left.run, right.run];
  const made = expression(context, node, { kind: kindOf(left.kind, right.kind) }, (run) => {
    const a = runLeft(run);
    const b = runRight(run);
    if (a === FAILED || b === FAILED) return FAILED;
    return calculate(run, op, a, b, made.text);
  });
  return made;
}

function kindOf(left: Kind, right: Kind): Kind {
  if (left === "dyn") return right;
  return left;
}

interface Misuse {
  readonly message: string;
  readonly help?: string;
}

function misuse(op: Arithmetic, left: Expression, right: Expression): Misuse | null {
  for (const { kind } of [left, right]) {
    if (kind === "dyn" || kind === "int" || kind === "double" || (kind === "string" && op === "+")) continue;
    return { message: `\`${op}\` has no meaning for ${NAMES[kind]}` };
  }
  const texts = [left, right].filter(({ kind }) => kind === "string").length;
  const numbers = [left, right].filter(({ kind }) => kind === "int" || kind === "double").length;
  if (texts > 0 && numbers > 0)
    return { message: `\`${op}\` cannot join text and a number`, help: "write `string(…)`" };
  const [whole, other] = left.kind === "int" ? [left, right] : [right, left];
  if (op === "%") {
    if (left.kind === "int" && right.kind === "int") return null;
    return {
      message: "`%` works on integers, and a job's numbers are doubles",
      help: `write \`${integer(left)} % ${integer(right)}\``,
    };
  }
  if (whole.kind !== "int" || other.kind === "int") return null;
  // Nothing in a job is an integer of CEL's, so this would fail on every job.
  const message = `\`${op}\` cannot mix an integer with a double, and a job's numbers are doubles`;
  if (whole.constant !== undefined) return { message, help: `write \`${whole.constant}.0\`` };
  return { message, help: `write \`double(${bare(whole)})\`` };
}

function integer(part: Expression): string {
  return part.kind === "int" ? bare(part) : `int(${bare(part)})`;
}

function bare(part: Expression): string {
  return part.text.slice(1, -1);
}

function calculate(run: Run, op: Arithmetic, a: Value, b: Value, text: string): Answer {
  if (typeof a === "number" && typeof b === "number") {
    const result = onDoubles(op, a, b);
    return Number.isFinite(result) ? result : fail(run, `${text} is not a finite number`);
  }
  if (typeof a === "bigint" && typeof b === "bigint") {
    if (b === 0n && (op === "/" || op === "%")) return fail(run, `${text} divides by zero`);
    return inRange(run, onIntegers(op, a, b), text);
  }
  if (typeof a !== "string" || typeof b !== "string" || op !== "+") {
    return fail(run, `${text} needs ${op === "+" ? "two numbers or two texts" : "two numbers"} of the same kind`);
  }
  const length = a.length + b.length;
  if (length > MAX_TEXT) return fail(run, `${text} makes more than ${MAX_TEXT} characters`);
  return spend(run, length / 64) ? a + b : FAILED;
}

/** An integer of 64 bits, or an error. */
export function inRange(run: Run, value: bigint, text: string): bigint | typeof FAILED {
  return value >= MIN_INT && value <= MAX_INT ? value : fail(run, `${text} is beyond 64 bits`);
}

function onDoubles(op: Arithmetic, a: number, b: number): number {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return Number.NaN;
  }
}

function onIntegers(op: Arithmetic, a: bigint, b: bigint): bigint {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
  }
}

/** `-`: of a number. A written one stays a constant. */
export function compileMinus(context: Context, node: ASTNode, operand: Expression): Expression {
  const { kind, constant } = operand;
  if (kind !== "int" && kind !== "double" && kind !== "dyn") {
    return problem(context, node, `\`-\` has no meaning for ${NAMES[kind]}`);
  }
  if (typeof constant === "number" || typeof constant === "bigint") {
    const negative = -constant;
    if (typeof negative === "bigint" && negative > MAX_INT)
      return problem(context, node, "an integer must fit in 64 bits");
    return expression(context, node, { kind, constant: negative }, () => negative);
  }
  const made = expression(context, node, { kind }, (run) => {
    const value = operand.run(run);
    if (typeof value === "number") return -value;
    if (typeof value === "bigint") return inRange(run, -value, made.text);
    return value === FAILED ? FAILED : fail(run, `${operand.text} is not a number`);
  });
  return made;
}
