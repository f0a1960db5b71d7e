import { type Glob, matches } from "./glob.js";
import type { Step } from "./topic-pattern.js";

/** Topic patterns by their segments. A look-up costs the nodes it can reach, however many patterns there are. */
export interface TopicTrie {
  readonly add: (steps: readonly Step[], rule: number) => void;
  /** Appends the numbers of all rules one of whose patterns matches; a rule may come more than once. */
  readonly find: (segments: readonly string[], into: number[]) => void;
}

interface Node {
  readonly rules: number[];
  literals: Map<string, Node> | null;
  globs: { readonly text: string; readonly glob: Glob; readonly node: Node }[] | null;
  one: Node | null;
  many: Node | null;
}

const createNode = (): Node => ({ rules: [], literals: null, globs: null, one: null, many: null });

export function createTopicTrie(): TopicTrie {
  const root = createNode();
  return {
    add(steps, rule) {
      let node = root;
      for (const step of steps) node = childFor(node, step);
      node.rules.push(rule);
    },
    find(segments, into) {
      let reached: Node[] = [root];
      // A `**` once entered takes every further segment too, so these only grow. Each is entered once:
      // without that, `**` would multiply paths and a long topic would take exponential time.
      const deep: Node[] = [];
      let entered: Set<Node> | null = null;
      for (const segment of segments) {
        const next: Node[] = [];
        const standing = deep.length;
        for (const node of reached) step(node, segment, next);
        for (let index = 0; index < standing; index += 1) step(deep[index] as Node, segment, next);
        for (const node of reached) enter(node.many);
        for (let index = 0; index < standing; index += 1) enter((deep[index] as Node).many);
        reached = next;
        if (reached.length === 0 && deep.length === 0) return;
      }
      for (const node of reached) append(node.rules, into);
      for (const node of deep) append(node.rules, into);

      function enter(node: Node | null): void {
        if (node === null) return;
        entered ??= new Set();
        if (entered.has(node)) return;
        entered.add(node);
        deep.push(node);
      }
    },
  };
}

function step(node: Node, segment: string, next: Node[]): void {
  const literal = node.literals?.get(segment);
  if (literal !== undefined) next.push(literal);
  if (node.one !== null) next.push(node.one);
  if (node.globs !== null) {
    for (const child of node.globs) if (matches(child.glob, segment)) next.push(child.node);
  }
}

function append(rules: readonly number[], into: number[]): void {
  for (const rule of rules) into.push(rule);
}

function childFor(node: Node, step: Step): Node {
  switch (step.kind) {
    case "one":
      node.one ??= createNode();
      return node.one;
    case "many":
      node.many ??= createNode();
      return node.many;
    case "literal": {
      node.literals ??= new Map();
      const known = node.literals.get(step.text);
      if (known !== undefined) return known;
      const created = createNode();
      node.literals.set(step.text, created);
      return created;
    }
    case "glob": {
      node.globs ??= [];
      const known = node.globs.find((child) => child.text === step.text);
      if (known !== undefined) return known.node;
      const created = createNode();
      node.globs.push({ text: step.text, glob: step.glob, node: created });
      return created;
    }
  }
}
