import type { ASTNode } from "@marcbachmann/cel-js";
import { nearest } from "../../nearest.js";
import { type Arithmetic, compileArithmetic, compileMinus, MAX_INT, MIN_INT } from "./arithmetic.js";
import { compileComprehension, isComprehension } from "./comprehension.js";
import { type Context, type Expression, expression, note, problem } from "./expression.js";
import { type ConditionJob, FIELDS, type Field, NAMES } from "./fields.js";
import { compileCall, compileMethod } from "./functions.js";
import { compileChoice, compileEquality, compileIn, compileLogic, compileNot, compileOrder } from "./operators.js";
import { compileTypeTest, isTypeTest } from "./type-test.js";
import { FAILED, fail, isList, isMap, type Value } from "./value.js";

/** Parts that stand inside one another; a chain of one operator is one part. */
const MAX_DEPTH = 32;

/** Parts of a condition. */
export const MAX_NODES = 500;

/** Makes one part of a condition ready to run. Problems are noted in the context, and the rest is still looked at. */
export function compile(context: Context, node: ASTNode, depth = 1): Expression {
  context.nodes += 1;
  if (depth > MAX_DEPTH) return problem(context, node, `a condition must be at most ${MAX_DEPTH} parts deep`);
  const inner = (part: ASTNode): Expression => compile(context, part, depth + 1);
  switch (node.op) {
    case "value":
      return compileLiteral(context, node, node.args);
    case "id":
      return compileName(context, node, node.args);
    case ".":
      return compileMember(context, node, node.args[0], node.args[1], inner);
    case "[]":
      return compileIndex(context, node, node.args[0], node.args[1], inner);
    case "list":
      return compileList(context, node, node.args.map(inner));
    case "?:":
      return compileChoice(context, node, inner(node.args[0]), inner(node.args[1]), inner(node.args[2]));
    case "&&":
    case "||": {
      const left = compile(context, node.args[0], node.args[0].op === node.op ? depth : depth + 1);
      return compileLogic(context, node, node.op, left, inner(node.args[1]));
    }
    case "!_":
      return compileNot(context, node, inner(node.args));
    case "-_":
      // The least integer is written as minus one that is too large by itself.
      if (node.args.op === "value" && node.args.args === -MIN_INT) return compileLiteral(context, node, MIN_INT);
      return compileMinus(context, node, inner(node.args));
    case "==":
    case "!=":
      if (isTypeTest(node.args[0], node.args[1])) return compileTypeTest(context, node, inner);
      return compileEquality(context, node, node.op, inner(node.args[0]), inner(node.args[1]));
    case "<":
    case "<=":
    case ">":
    case ">=":
      return compileOrder(context, node, node.op, inner(node.args[0]), inner(node.args[1]));
    case "in":
      return compileMembership(context, node, node.args[0], node.args[1], inner);
    case "+":
    case "-":
    case "*":
    case "/":
    case "%": {
      const op: Arithmetic = node.op;
      const left = compile(context, node.args[0], node.args[0].op === op ? depth : depth + 1);
      return compileArithmetic(context, node, op, left, inner(node.args[1]));
    }
    case "call":
      if (node.args[0] === "has") return compileHas(context, node, node.args[1], inner);
      return compileCall(context, node, node.args[0], node.args[1].map(inner));
    case "rcall": {
      const [name, receiver, args] = node.args;
      const compiled = inner(receiver);
      if (isComprehension(name)) return compileComprehension(context, node, name, compiled, args, inner);
      return compileMethod(context, node, name, compiled, args.map(inner));
    }
    default:
      return problem(
        context,
        node,
        node.op === "map" ? "a condition has no use for a map" : "this has no meaning here",
      );
  }
}

function compileLiteral(context: Context, node: ASTNode, value: unknown): Expression {
  const known = (kind: Expression["kind"], constant: Value): Expression =>
    expression(context, node, { kind, constant }, () => constant);
  if (value === null) return known("null", null);
  if (typeof value === "string") return known("string", value);
  if (typeof value === "boolean") return known("bool", value);
  if (typeof value === "number") return known("double", value);
  if (typeof value === "bigint") {
    if (value <= MAX_INT) return known("int", value);
    return problem(context, node, "an integer must fit in 64 bits");
  }
  return problem(context, node, "a job holds neither bytes nor unsigned integers", "write text, `1` or `1.0`");
}

function compileName(context: Context, node: ASTNode, name: string): Expression {
  const { variable } = context;
  if (variable?.name === name) return expression(context, node, { kind: variable.kind }, (run) => run.item);
  if (name === "job") {
    return problem(context, node, "`job` is looked at by its fields", `there are ${[...FIELDS.keys()].join(", ")}`);
  }
  const meant = nearest(name, FIELDS.keys());
  const help = meant === undefined ? "a condition sees `job` alone" : `did you mean \`job.${meant}\`?`;
  return problem(context, node, `unknown variable \`${name.slice(0, 64)}\``, help);
}

const isJob = (node: ASTNode): boolean => node.op === "id" && node.args === "job";

/** A field of the job itself: always there, though it may be null. */
function compileField(context: Context, node: ASTNode, name: string): Expression {
  const field = FIELDS.get(name);
  if (field === undefined) {
    const meant = nearest(name, FIELDS.keys());
    const help =
      meant === undefined ? `did you mean \`job.payload.${name.slice(0, 64)}\`?` : `did you mean \`job.${meant}\`?`;
    note(context, node.pos, `a job has no field \`${name.slice(0, 64)}\``, help);
    return problemless(context, node);
  }
  context.reads.add(name);
  const key = name as keyof ConditionJob;
  const known = { kind: field.kind, element: field.element, path: [name] };
  return expression(context, node, known, (run) => run.job[key] as Value);
}

type Inner = (node: ASTNode) => Expression;

function compileMember(context: Context, node: ASTNode, from: ASTNode, name: string, inner: Inner): Expression {
  if (isJob(from)) {
    if (name === "risk_tags") context.tagsAtLarge = true;
    return compileField(context, node, name);
  }
  return memberOf(context, node, inner(from), name);
}

function memberOf(context: Context, node: ASTNode, from: Expression, name: string): Expression {
  const field = fieldOf(context, node, from, name);
  if (field === undefined) return problemless(context, node);
  const path = from.path === null ? null : [...from.path, name];
  const runFrom = from.run;
  const made = expression(context, node, { kind: field.kind, element: field.element, path }, (run) => {
    const base = runFrom(run);
    if (base === FAILED) return FAILED;
    if (!isMap(base)) return fail(run, `${from.text} is not a map`);
    const value = Object.hasOwn(base, name) ? base[name] : undefined;
    return value === undefined ? fail(run, `${made.text} is missing`) : value;
  });
  return made;
}

/** What is known of a field; undefined, with the problem noted, where there can be none. */
function fieldOf(context: Context, node: ASTNode, from: Expression, name: string): Field | undefined {
  if (from.kind !== "map" && from.kind !== "dyn") {
    note(context, node.pos, `${NAMES[from.kind]} has no field \`${name.slice(0, 64)}\``);
    return undefined;
  }
  const path = from.path ?? [];
  const known = fieldAt(path);
  if (known === undefined || known.fields === null) return { kind: from.element, element: "dyn", fields: null };
  const field = known.fields.get(name);
  if (field !== undefined) return field;
  const meant = nearest(name, known.fields.keys());
  const where = `job.${path.join(".")}`;
  const names = [...known.fields.keys()].map((one) => `\`${one}\``).join(", ");
  const help = meant === undefined ? `there are ${names}` : `did you mean \`${where}.${meant}\`?`;
  note(context, node.pos, `\`${where}\` has no field \`${name.slice(0, 64)}\``, help);
  return undefined;
}

/** What is known of the field at a path below the job; undefined where nothing is. */
function fieldAt(path: readonly string[]): Field | undefined {
  let field: Field | undefined;
  let fields: Field["fields"] = FIELDS;
  for (const name of path) {
    field = fields?.get(name);
    fields = field?.fields ?? null;
  }
  return field;
}

/** Stands where a problem has been noted. */
function problemless(context: Context, node: ASTNode): Expression {
  return expression(context, node, { kind: "dyn" }, () => FAILED);
}

function compileIndex(context: Context, node: ASTNode, from: ASTNode, at: ASTNode, inner: Inner): Expression {
  if (at.op === "value" && typeof at.args === "string") return compileMember(context, node, from, at.args, inner);
  if (isJob(from)) return problem(context, node, "a field of `job` must be written out", "write `job.payload`");
  const [base, index] = [inner(from), inner(at)];
  if (base.kind !== "list" && base.kind !== "map" && base.kind !== "dyn") {
    return problem(context, node, `${NAMES[base.kind]} has no elements`);
  }
  const made = expression(context, node, { kind: base.element }, (run) => {
    const value = base.run(run);
    const key = index.run(run);
    if (value === FAILED || key === FAILED) return FAILED;
    let found: Value | undefined;
    if (isList(value)) {
      if (typeof key !== "number" && typeof key !== "bigint") return fail(run, `${index.text} is not a number`);
      found = key >= 0 && key < value.length ? value[Number(key)] : undefined;
    } else if (isMap(value)) {
      if (typeof key !== "string") return fail(run, `${index.text} is not text, as a key must be`);
      found = Object.hasOwn(value, key) ? value[key] : undefined;
    } else return fail(run, `${base.text} is neither a list nor a map`);
    return found === undefined ? fail(run, `${made.text} is missing`) : found;
  });
  return made;
}

function compileList(context: Context, node: ASTNode, parts: readonly Expression[]): Expression {
  const [first] = parts;
  const element = first !== undefined && parts.every(({ kind }) => kind === first.kind) ? first.kind : "dyn";
  const constants = parts.map(({ constant }) => constant).filter((constant) => constant !== undefined);
  if (constants.length === parts.length) {
    return expression(context, node, { kind: "list", element, constant: constants }, () => constants);
  }
  return expression(context, node, { kind: "list", element }, (run) => {
    const values: Value[] = [];
    for (const part of parts) {
      const value = part.run(run);
      if (value === FAILED) return FAILED;
      values.push(value);
    }
    return values;
  });
}

/** `in`, which is where a tag is asked for by its name. */
function compileMembership(context: Context, node: ASTNode, left: ASTNode, right: ASTNode, inner: Inner): Expression {
  const named = left.op === "value" && typeof left.args === "string" && right.op === "." && isJob(right.args[0]);
  if (!named || right.args[1] !== "risk_tags") return compileIn(context, node, inner(left), inner(right));
  context.nodes += 1;
  context.tags.add(left.args as string);
  return compileIn(context, node, inner(left), compileField(context, right, "risk_tags"));
}

/** `has(job.payload.x)`: false where the last field is missing, an error where there is nothing for it to be in. */
function compileHas(context: Context, node: ASTNode, args: readonly ASTNode[], inner: Inner): Expression {
  const [argument] = args;
  if (argument?.op !== "." || args.length !== 1) {
    return problem(
      context,
      node,
      "`has` takes one field",
      'write `has(job.payload.name)`, or `"a name" in job.payload`',
    );
  }
  const [from, name] = argument.args;
  if (isJob(from)) {
    compileMember(context, argument, from, name, inner);
    return expression(context, node, { kind: "bool" }, () => true);
  }
  const base = inner(from);
  if (fieldOf(context, argument, base, name) === undefined) return problemless(context, node);
  return expression(context, node, { kind: "bool" }, (run) => {
    const value = base.run(run);
    if (value === FAILED) return FAILED;
    if (!isMap(value)) return fail(run, `${base.text} is not a map`);
    return Object.hasOwn(value, name) && value[name] !== undefined;
  });
}
