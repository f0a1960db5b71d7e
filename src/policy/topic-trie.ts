import { type Glob, matches } from "./glob.js";
import { readTopicPattern, type Step } from "./topic-pattern.js";

/** Topic patterns by their segments. A look-up costs the nodes it can reach, however many patterns there are. */
export interface TopicTrie<Value> {
  /** Files a value under a pattern, which MUST have been checked. */
  readonly add: (pattern: string, value: Value) => void;
  /** The values of all patterns that match, each list of values once. */
  readonly find: (topic: string) => readonly (readonly Value[])[];
  /** Every list of values, in no particular order, made as short as they are. Nothing may be added afterwards. */
  readonly lists: () => readonly (readonly Value[])[];
}

interface Node<Value> {
  /** Null while there are none: most nodes are only passed through. */
  values: Value[] | null;
  literals: Map<string, Node<Value>> | null;
  globs: { readonly glob: Glob; readonly node: Node<Value> }[] | null;
  one: Node<Value> | null;
  many: Node<Value> | null;
  /** The look-up that last entered this node by `**`. */
  entered: number;
}

type Globs<Value> = Map<Node<Value>, Map<string, Node<Value>>>;

function createNode<Value>(): Node<Value> {
  return { values: null, literals: null, globs: null, one: null, many: null, entered: 0 };
}

export function createTopicTrie<Value>(): TopicTrie<Value> {
  const walk: Walk<Value> = { root: createNode(), reached: [], next: [], deep: [], lookup: 0 };
  const { root } = walk;
  // Of each node its globs by their text: only while patterns are added.
  const globs: Globs<Value> = new Map();
  return {
    add(pattern, value) {
      const read = readTopicPattern(pattern);
      if (!read.ok) throw new Error(`unchecked pattern: ${read.message}`);
      for (const steps of read.value) {
        let node = root;
        for (const step of steps) node = childFor(node, step, globs);
        node.values ??= [];
        if (node.values.at(-1) !== value) node.values.push(value);
      }
    },
    find: (topic) => find(walk, topic),
    lists() {
      globs.clear();
      const found: Value[][] = [];
      const visit = (node: Node<Value>): void => {
        if (node.values !== null) {
          // A list that was pushed to keeps room for sixteen more: most are of one.
          node.values = node.values.slice();
          found.push(node.values);
        }
        for (const child of node.literals?.values() ?? []) visit(child);
        for (const child of node.globs ?? []) visit(child.node);
        if (node.one !== null) visit(node.one);
        if (node.many !== null) visit(node.many);
      };
      visit(root);
      return found;
    },
  };
}

/** What a look-up needs: lists that are used again and again, so that it allocates nothing but segments. */
interface Walk<Value> {
  readonly root: Node<Value>;
  /** Nodes that the topic so far leads to. */
  reached: Node<Value>[];
  next: Node<Value>[];
  /** Nodes of `**` that were entered. */
  readonly deep: Node<Value>[];
  lookup: number;
}

const NOTHING: readonly never[] = Object.freeze([]);

/**
 * From node to node, a segment at a time. A `**` once entered takes every further segment too, so `deep` only grows;
 * each node is entered once a look-up: without that, `**` would multiply paths and a long topic take exponential time.
 * The lists are longer than what counts in them: to cut them off costs more than a step.
 */
function find<Value>(walk: Walk<Value>, topic: string): readonly (readonly Value[])[] {
  const { deep } = walk;
  walk.lookup += 1;
  walk.reached[0] = walk.root;
  let reachedCount = 1;
  let deepCount = 0;
  for (let start = 0; start <= topic.length; ) {
    const dot = topic.indexOf(".", start);
    const end = dot < 0 ? topic.length : dot;
    const segment = topic.slice(start, end);
    start = end + 1;
    const { reached, next } = walk;
    const standing = deepCount;
    let count = 0;
    for (let index = 0; index < reachedCount; index += 1) {
      const node = reached[index] as Node<Value>;
      count = step(node, segment, next, count);
      deepCount = enter(node.many, walk.lookup, deep, deepCount);
    }
    for (let index = 0; index < standing; index += 1) {
      const node = deep[index] as Node<Value>;
      count = step(node, segment, next, count);
      deepCount = enter(node.many, walk.lookup, deep, deepCount);
    }
    walk.reached = next;
    walk.next = reached;
    reachedCount = count;
    if (reachedCount === 0 && deepCount === 0) return NOTHING;
  }
  return collect(deep, deepCount, collect(walk.reached, reachedCount, NOTHING));
}

function collect<Value>(
  nodes: readonly Node<Value>[],
  count: number,
  before: readonly (readonly Value[])[],
): readonly (readonly Value[])[] {
  let found: (readonly Value[])[] | null = null;
  for (let index = 0; index < count; index += 1) {
    const { values } = nodes[index] as Node<Value>;
    if (values === null) continue;
    found ??= [...before];
    found.push(values);
  }
  return found ?? before;
}

/** Enters a `**`, once a look-up. Answers how many are entered then. */
function enter<Value>(node: Node<Value> | null, lookup: number, deep: Node<Value>[], count: number): number {
  if (node === null || node.entered === lookup) return count;
  node.entered = lookup;
  deep[count] = node;
  return count + 1;
}

/** Adds the nodes to which a segment leads. Answers how many there are then. */
function step<Value>(node: Node<Value>, segment: string, next: Node<Value>[], before: number): number {
  let count = before;
  if (node.literals !== null) {
    const literal = node.literals.get(segment);
    if (literal !== undefined) next[count++] = literal;
  }
  if (node.one !== null) next[count++] = node.one;
  if (node.globs !== null) {
    for (const child of node.globs) if (matches(child.glob, segment)) next[count++] = child.node;
  }
  return count;
}

function childFor<Value>(node: Node<Value>, step: Step, globs: Globs<Value>): Node<Value> {
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
      const created = createNode<Value>();
      node.literals.set(step.text, created);
      return created;
    }
    case "glob": {
      const byText = globs.get(node) ?? new Map<string, Node<Value>>();
      globs.set(node, byText);
      const known = byText.get(step.text);
      if (known !== undefined) return known;
      const created = createNode<Value>();
      byText.set(step.text, created);
      node.globs ??= [];
      node.globs.push({ glob: step.glob, node: created });
      return created;
    }
  }
}
