import type { ASTNode } from "@marcbachmann/cel-js";
import type { Json } from "../../outcome.js";
import { type Context, type Expression, expression, neighbours, probe, problem } from "./expression.js";
import { type Kind, NAMES } from "./fields.js";
import {
  type Answer,
  COMPARED,
  equal,
  FAILED,
  fail,
  includes,
  isList,
  isMap,
  isNumber,
  type Run,
  spend,
  type Value,
} from "./value.js";

const isNumeric = (kind: Kind): boolean => kind === "int" || kind === "double";

/** May the two be compared? Those that nothing is known of may. */
const comparable = (a: Kind, b: Kind): boolean =>
  a === "dyn" || b === "dyn" || a === b || (isNumeric(a) && isNumeric(b));

type Ordered = number | bigint | string;

const ORDERS: Readonly<Record<"<" | "<=" | ">" | ">=", (a: Ordered, b: Ordered) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** `<` and its kin, over numbers or over texts. Doubles and integers compare exactly. */
export function compileOrder(
  context: Context,
  node: ASTNode,
  op: keyof typeof ORDERS,
  left: Expression,
  right: Expression,
): Expression {
  const orderable = (kind: Kind): boolean => kind === "dyn" || kind === "string" || isNumeric(kind);
  if (!orderable(left.kind) || !orderable(right.kind) || !comparable(left.kind, right.kind)) {
    return problem(context, node, `\`${op}\` cannot compare ${NAMES[left.kind]} with ${NAMES[right.kind]}`);
  }
  probe(context, left.path, neighbours(right.constant));
  probe(context, right.path, neighbours(left.constant));
  const holds = ORDERS[op];
  const [runLeft, runRight] = [left.run, right.run];
  const made = expression(context, node, { kind: "bool" }, (run) => {
    const a = runLeft(run);
    const b = runRight(run);
    if (typeof a === "number" && typeof b === "number") return holds(a, b);
    if (a === FAILED || b === FAILED) return FAILED;
    if (isNumber(a) && isNumber(b)) return holds(a, b);
    if (typeof a !== "string" || typeof b !== "string") return fail(run, `${made.text} needs two numbers or two texts`);
    return spend(run, Math.min(a.length, b.length) / COMPARED) ? holds(a, b) : FAILED;
  });
  return made;
}

/** `==` and `!=`. */
export function compileEquality(
  context: Context,
  node: ASTNode,
  op: "==" | "!=",
  left: Expression,
  right: Expression,
): Expression {
  const wanted = op === "==";
  if (left.kind !== "null" && right.kind !== "null" && !comparable(left.kind, right.kind)) {
    const kinds = `${NAMES[left.kind]} with ${NAMES[right.kind]}`;
    return problem(context, node, `\`${op}\` cannot compare ${kinds}`);
  }
  if (left.kind === "map" && right.kind === "map") return problem(context, node, "maps cannot be compared");
  probe(context, left.path, neighbours(right.constant));
  probe(context, right.path, neighbours(left.constant));
  const [runLeft, runRight] = [left.run, right.run];
  const made = expression(context, node, { kind: "bool" }, (run) => {
    const a = runLeft(run);
    const b = runRight(run);
    if (a === FAILED || b === FAILED) return FAILED;
    const same = equal(run, a, b, made.text);
    return same === FAILED ? FAILED : same === wanted;
  });
  return made;
}

/** `in`: an element of a list, or a key of a map. */
export function compileIn(context: Context, node: ASTNode, left: Expression, right: Expression): Expression {
  if (right.kind === "string") {
    const help = "write `text.contains(part)`";
    return problem(context, node, "`in` looks into lists and maps, not into text", help);
  }
  if (right.kind !== "list" && right.kind !== "map" && right.kind !== "dyn") {
    return problem(context, node, `\`in\` looks into lists and maps, not into ${NAMES[right.kind]}`);
  }
  const key: Kind = right.kind === "map" ? "string" : right.kind === "list" ? right.element : "dyn";
  if (left.kind !== "null" && key !== "null" && !comparable(left.kind, key)) {
    return problem(context, node, `\`in\` looks for ${NAMES[left.kind]} where there is ${NAMES[key]}`);
  }
  if (Array.isArray(right.constant)) {
    for (const value of right.constant as readonly Value[]) probe(context, left.path, neighbours(value));
  }
  if (left.constant !== undefined && right.kind !== "map") probe(context, right.path, holding(left.constant));
  const among = constantTexts(right.constant);
  const [runLeft, runRight] = [left.run, right.run];
  const made = expression(context, node, { kind: "bool" }, (run) => {
    const value = runLeft(run);
    if (typeof value === "string" && among !== null) return value.length <= among.longest && among.texts.has(value);
    const place = runRight(run);
    if (value === FAILED || place === FAILED) return FAILED;
    if (isList(place)) return includes(run, place, value, made.text);
    if (!isMap(place)) return fail(run, `${right.text} is neither a list nor a map`);
    if (typeof value !== "string") return fail(run, `${left.text} is not text, as a key must be`);
    return Object.hasOwn(place, value) && place[value] !== undefined;
  });
  return made;
}

/** Lists worth trying where a constant is looked for: one that holds it, and one that is empty. */
function holding(constant: Value): readonly Json[] {
  if (typeof constant === "bigint") return [[Number(constant)], []];
  return typeof constant === "object" && constant !== null ? [] : [[constant], []];
}

/** A written list of texts, made into a set. */
function constantTexts(
  constant: Value | undefined,
): { readonly texts: ReadonlySet<string>; readonly longest: number } | null {
  if (constant === undefined || !isList(constant)) return null;
  const texts = constant.filter((value) => typeof value === "string");
  if (texts.length !== constant.length) return null;
  return { texts: new Set(texts), longest: texts.reduce((most, text) => Math.max(most, text.length), 0) };
}

/** `!`: of true or false alone. */
export function compileNot(context: Context, node: ASTNode, operand: Expression): Expression {
  if (operand.kind !== "bool" && operand.kind !== "dyn") {
    return problem(context, node, `\`!\` needs true or false, not ${NAMES[operand.kind]}`);
  }
  if (operand.kind === "dyn") probe(context, operand.path, [true, false]);
  return expression(context, node, { kind: "bool" }, (run) => {
    const value = truth(run, operand);
    return value === FAILED ? FAILED : !value;
  });
}

/**
 * `&&` and `||`, as CEL has them: either side alone may decide, so `true || error` and `error || true` are both true.
 * The right side does not run when the left one has decided.
 */
export function compileLogic(
  context: Context,
  node: ASTNode,
  op: "&&" | "||",
  left: Expression,
  right: Expression,
): Expression {
  for (const { kind, path } of [left, right]) {
    if (kind !== "bool" && kind !== "dyn") {
      return problem(context, node, `\`${op}\` needs true or false, not ${NAMES[kind]}`);
    }
    if (kind === "dyn") probe(context, path, [true, false]);
  }
  const decides = op === "||";
  return expression(context, node, { kind: "bool" }, (run) => {
    const before = run.error;
    const a = truth(run, left);
    if (a === decides) return decides;
    const b = truth(run, right);
    if (b === decides) {
      run.error = before;
      return decides;
    }
    return a === FAILED || b === FAILED ? FAILED : !decides;
  });
}

/** `a ? b : c`. */
export function compileChoice(
  context: Context,
  node: ASTNode,
  condition: Expression,
  then: Expression,
  otherwise: Expression,
): Expression {
  if (condition.kind !== "bool" && condition.kind !== "dyn") {
    return problem(context, node, `\`?\` needs true or false, not ${NAMES[condition.kind]}`);
  }
  if (condition.kind === "dyn") probe(context, condition.path, [true, false]);
  const kind = then.kind === otherwise.kind ? then.kind : "dyn";
  const element = then.element === otherwise.element ? then.element : "dyn";
  return expression(context, node, { kind, element }, (run): Answer => {
    const value = truth(run, condition);
    if (value === FAILED) return FAILED;
    return value ? then.run(run) : otherwise.run(run);
  });
}

/** Runs what must come to true or false. */
export function truth(run: Run, { run: evaluate, text }: Expression): boolean | typeof FAILED {
  const value = evaluate(run);
  if (typeof value === "boolean" || value === FAILED) return value;
  return fail(run, `${text} is neither true nor false`);
}
