import { type Contender, type Peer, type PeerRule, spelledOut, tagsHold } from "./workload.js";

interface Node {
  readonly children: Map<string, Node>;
  /** Behind `*`, and behind `**`. */
  one: Node | null;
  rest: Node | null;
  /** Numbers of the rules whose pattern ends here. */
  readonly rules: number[];
}

const newNode = (): Node => ({ children: new Map(), one: null, rest: null, rules: [] });

/**
 * The floor: segments looked up in maps, tags in a set, and nothing a policy language needs. It reads no more of the
 * job than its topic and tags, checks neither, and answers the number of a rule where a gate owes a whole decision.
 */
export const trie: Peer = {
  name: "hand-made trie",
  package: null,
  globsAndTags: true,
  how: "maps by segment, tags in a set; answers a rule's number, checks nothing",
  open: (rules) => openTrie(rules),
};

function openTrie(rules: readonly PeerRule[]): Contender {
  const root = newNode();
  for (const [number, { topic }] of rules.entries()) {
    for (const pattern of spelledOut(topic)) place(root, pattern.split("."), number);
  }
  const denies = rules.map(({ decision }) => decision === "deny");
  const tags = rules.map((rule) => rule.tags);

  /** The number of the rule that decides, from 1 on; below 0 when it denies, 0 when there is none. */
  const answer = (topic: string, list: readonly string[]): number => {
    const found: number[] = [];
    walk(root, topic.split("."), 0, found);
    const carried = new Set(list);
    let allowedBy = 0;
    let deniedBy = 0;
    for (const number of found) {
      if (!tagsHold(tags[number] ?? null, carried)) continue;
      if (denies[number]) deniedBy = deniedBy === 0 ? -1 - number : Math.max(deniedBy, -1 - number);
      else allowedBy = allowedBy === 0 ? number + 1 : Math.min(allowedBy, number + 1);
    }
    return deniedBy === 0 ? allowedBy : deniedBy;
  };
  return { bind: (jobs) => (n) => answer(jobs[n]?.topic ?? "", jobs[n]?.tags ?? []) > 0 };
}

function place(root: Node, segments: readonly string[], number: number): void {
  let node = root;
  for (const segment of segments) node = childOf(node, segment);
  node.rules.push(number);
}

function childOf(node: Node, segment: string): Node {
  if (segment === "*") {
    node.one ??= newNode();
    return node.one;
  }
  if (segment === "**") {
    node.rest ??= newNode();
    return node.rest;
  }
  const next = node.children.get(segment) ?? newNode();
  node.children.set(segment, next);
  return next;
}

/** Patterns of this workload have `**` at their end alone: there it takes all that is left, one segment at least. */
function walk(node: Node, segments: readonly string[], depth: number, found: number[]): void {
  if (depth === segments.length) {
    for (const number of node.rules) found.push(number);
    return;
  }
  const named = node.children.get(segments[depth] ?? "");
  if (named !== undefined) walk(named, segments, depth + 1, found);
  if (node.one !== null) walk(node.one, segments, depth + 1, found);
  if (node.rest !== null) for (const number of node.rest.rules) found.push(number);
}
