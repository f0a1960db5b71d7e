import type { ASTNode } from "@marcbachmann/cel-js";
import { type Context, type Expression, expression, problem } from "./expression.js";
import { type Kind, NAMES } from "./fields.js";
import { elementsOf } from "./functions.js";
import { truth } from "./operators.js";
import { type Answer, FAILED, type Run, spend, type Value } from "./value.js";

/** What walks a list: the name, and how many parts it takes after the variable. */
const COMPREHENSIONS: ReadonlyMap<string, readonly number[]> = new Map([
  ["all", [1]],
  ["exists", [1]],
  ["exists_one", [1]],
  ["filter", [1]],
  ["map", [1, 2]],
]);

/** Comprehensions in one condition. They do not nest, so that the work adds up and does not multiply. */
const MAX_COMPREHENSIONS = 4;

export function isComprehension(name: string): boolean {
  return COMPREHENSIONS.has(name);
}

/** `list.exists(x, …)` and its kin. `compile` is the compiler itself, for what stands inside. */
export function compileComprehension(
  context: Context,
  node: ASTNode,
  name: string,
  receiver: Expression,
  args: readonly ASTNode[],
  compile: (node: ASTNode) => Expression,
): Expression {
  const [variable, ...parts] = args;
  if (COMPREHENSIONS.get(name)?.includes(parts.length) !== true) {
    return problem(context, node, `\`${name}\` takes a name and what to do with it`, `write \`${name}(x, …)\``);
  }
  if (variable?.op !== "id") return problem(context, node, `\`${name}\` needs a name for its element`);
  if (context.variable !== null) {
    const help = "comprehensions must not stand inside one another; put the inner one in a rule of its own";
    return problem(context, node, `\`${name}\` stands inside another comprehension`, help);
  }
  context.comprehensions += 1;
  if (context.comprehensions > MAX_COMPREHENSIONS) {
    return problem(context, node, `a condition must have at most ${MAX_COMPREHENSIONS} comprehensions`);
  }
  if (variable.args === "job") return problem(context, variable, "the name `job` is taken");
  const labels = receiver.path?.length === 1 && receiver.path[0] === "labels";
  if (receiver.kind !== "list" && receiver.kind !== "dyn" && !labels) {
    return problem(context, node, `\`${name}\` walks a list, not ${NAMES[receiver.kind]}`);
  }
  const element: Kind = labels ? "string" : receiver.kind === "list" ? receiver.element : "dyn";
  const before = context.nodes;
  context.variable = { name: variable.args, kind: element };
  const [first, second] = parts.map(compile);
  context.variable = null;
  if (first === undefined) return problem(context, node, `\`${name}\` needs something to do`);
  const asks = name !== "map" || second !== undefined;
  if (asks && first.kind !== "bool" && first.kind !== "dyn") {
    return problem(context, node, `\`${name}\` asks a question of each element, not for ${NAMES[first.kind]}`);
  }
  const walk: Walk = { cost: context.nodes - before + 1, asks: first, made: second ?? first };
  const run = RUNS[name === "map" ? (second === undefined ? "map" : "mapSome") : (name as keyof typeof RUNS)];
  const isFiltered = name === "filter";
  const known: { readonly kind: Kind; readonly element: Kind } =
    isFiltered || name === "map"
      ? { kind: "list", element: isFiltered ? element : walk.made.kind }
      : { kind: "bool", element: "dyn" };
  return expression(context, node, known, (state) => {
    const list = labels ? Object.keys(state.job.labels) : receiver.run(state);
    if (list === FAILED) return FAILED;
    const elements = elementsOf(state, list, receiver.text);
    return elements === FAILED ? FAILED : run(state, elements, walk);
  });
}

interface Walk {
  /** Steps for each element: one for each part of what is done with it. */
  readonly cost: number;
  readonly asks: Expression;
  readonly made: Expression;
}

type RunWalk = (run: Run, elements: readonly Value[], walk: Walk) => Answer;

/** `all` and `exists`: one element decides, and makes up for others on which the question fails. */
const quantify =
  (decides: boolean): RunWalk =>
  (run, elements, { cost, asks }) => {
    const before = run.error;
    let failed = false;
    for (const element of elements) {
      if (!spend(run, cost)) return FAILED;
      run.item = element;
      const answer = truth(run, asks);
      if (answer === decides) {
        run.error = before;
        return decides;
      }
      failed ||= answer === FAILED;
    }
    return failed ? FAILED : !decides;
  };

/** The others need every element: one failure fails them. */
const select =
  (
    made: (run: Run, element: Value, walk: Walk) => Answer,
  ): ((...args: Parameters<RunWalk>) => Value[] | typeof FAILED) =>
  (run, elements, walk) => {
    const selected: Value[] = [];
    for (const element of elements) {
      if (!spend(run, walk.cost)) return FAILED;
      run.item = element;
      const answer = truth(run, walk.asks);
      if (answer === FAILED) return FAILED;
      if (!answer) continue;
      const value = made(run, element, walk);
      if (value === FAILED) return FAILED;
      selected.push(value);
    }
    return selected;
  };

const filter = select((_run, element) => element);

const RUNS = {
  all: quantify(false),
  exists: quantify(true),
  exists_one: (run, elements, walk) => {
    const selected = filter(run, elements, walk);
    return selected === FAILED ? FAILED : selected.length === 1;
  },
  filter,
  map: (run, elements, { cost, made }) => {
    const values: Value[] = [];
    for (const element of elements) {
      if (!spend(run, cost)) return FAILED;
      run.item = element;
      const value = made.run(run);
      if (value === FAILED) return FAILED;
      values.push(value);
    }
    return values;
  },
  mapSome: select((run, _element, { made }) => made.run(run)),
} as const satisfies Record<string, RunWalk>;
