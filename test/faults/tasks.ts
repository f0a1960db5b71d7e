import { drawsOf } from "./random.js";

/** Claims of one actor that may stand in any interval of the window's length. */
export const WINDOW_LIMIT = 5;
export const WINDOW_MS = 100;

/** Jobs of the pool that may run at a time. */
export const POOL_SIZE = 3;

/** Ways that a job goes, by its topic. */
const TOPICS = ["plain", "fast", "pooled", "ask.plain", "ask.fast", "ask.pooled"] as const;

/** One thing to be done once, whoever asks for it. */
export interface Task {
  readonly number: number;
  readonly topic: (typeof TOPICS)[number];
  readonly actor: string;
  /** The processes that ask for it. */
  readonly parts: readonly number[];
  /** Whether they ask under one id, each under its own, or under none. */
  readonly ids: "one" | "each" | "none";
  /** Whether it needs an approval. */
  readonly asks: boolean;
  /** The pool whose place it holds, as the witness writes it. */
  readonly pool: "pooled" | "free";
  readonly takesMs: number;
}

/** The task with this number, the same in every process. */
export function taskOf(seed: number, number: number, processes: number): Task {
  const draws = drawsOf(seed, number);
  const topic = draws.pick(TOPICS);
  const asks = topic.startsWith("ask.");
  const first = draws.below(256);
  const others = 1 + draws.below(Math.min(3, processes - 1));
  return {
    number,
    topic,
    asks,
    actor: draws.pick(["ann", "bob", "cid"]),
    parts: Array.from({ length: 1 + others }, (_, n) => (first + n) % processes),
    // Only where a request is joined are equal jobs under several ids run once.
    ids: asks ? draws.pick(["one", "each", "none"] as const) : "one",
    pool: topic.endsWith("pooled") ? "pooled" : "free",
    takesMs: draws.below(4),
  };
}

/** The policy that all processes are under. */
export function contendingPolicy(): string {
  return `version: v1
queue: { max_pending: 100000, max_pending_per_actor: 100000, max_requests_per_actor: { limit: 1000000, window_sec: 1 } }
rules:
  - { id: all, match: { topics: [plain, fast, pooled] }, decision: allow }
  - { id: ask, match: { topics: ["ask.*"] }, decision: require_approval, approval: { quorum: 2, kinds: [human] } }
  - id: rate
    match: { topics: [fast, ask.fast] }
    decision: throttle
    throttle: { limit: ${WINDOW_LIMIT}, window_sec: ${WINDOW_MS / 1_000}, per: [actor] }
  - id: pool
    match: { topics: [pooled, ask.pooled] }
    decision: allow_with_constraints
    constraints: { max_concurrent: ${POOL_SIZE} }
`;
}
