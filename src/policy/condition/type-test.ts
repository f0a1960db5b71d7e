import type { ASTNode } from "@marcbachmann/cel-js";
import { type Context, type Expression, expression, problem } from "./expression.js";
import { FAILED, isList, type Value } from "./value.js";

/** What a value of a job can be asked to be. Its numbers are doubles: `int` would never hold. */
const TESTS: ReadonlyMap<string, (value: Value) => boolean> = new Map([
  ["bool", (value: Value) => typeof value === "boolean"],
  ["double", (value: Value) => typeof value === "number"],
  ["string", (value: Value) => typeof value === "string"],
  ["null_type", (value: Value) => value === null],
  ["list", (value: Value) => isList(value)],
  ["map", (value: Value) => typeof value === "object" && value !== null && !isList(value)],
]);

const isTypeCall = (node: ASTNode): boolean => node.op === "call" && node.args[0] === "type";

/** Is it `type(…) == string`, in either order? */
export function isTypeTest(left: ASTNode, right: ASTNode): boolean {
  return isTypeCall(left) || isTypeCall(right);
}

/** `type(value) == string`: the only use of types, and the way to look at a field that may be of several kinds. */
export function compileTypeTest(
  context: Context,
  node: ASTNode & { readonly op: "==" | "!=" },
  inner: (node: ASTNode) => Expression,
): Expression {
  const [left, right] = node.args;
  const [call, name] = isTypeCall(left) ? [left, right] : [right, left];
  const [operand, ...more] = call.op === "call" ? call.args[1] : [];
  if (operand === undefined || more.length > 0) return problem(context, call, "`type` takes one value");
  const test = name.op === "id" ? TESTS.get(name.args) : undefined;
  if (test === undefined) {
    const help = `there are ${[...TESTS.keys()].map((one) => `\`${one}\``).join(", ")}; a job's numbers are doubles`;
    return problem(context, name, "`type` is compared with the name of a type", help);
  }
  const { run } = inner(operand);
  const wanted = node.op === "==";
  return expression(context, node, { kind: "bool" }, (state) => {
    const value = run(state);
    return value === FAILED ? FAILED : test(value) === wanted;
  });
}
