import type { Decision, DecisionType, Outcome, OutcomeStatus, ReasonCode } from "../outcome.js";

/** What a gate has counted since it was opened, in this process. A view: the log is the evidence. */
export interface Metrics {
  /** When it began to count, in milliseconds since 1970-01-01T00:00:00Z. */
  readonly since: number;
  /** Decisions that this gate came to, each submission once; a replay decides nothing. */
  readonly decisions: readonly {
    readonly type: DecisionType;
    /** Where the gate has met over 10,000 rules since it was opened: `(other)` for those that came later. */
    readonly ruleId: string;
    readonly count: number;
  }[];
  /** What calls were answered, but for replays; a stream that is passed on counts once it has ended. */
  readonly outcomes: readonly { readonly status: OutcomeStatus; readonly code: ReasonCode; readonly count: number }[];
  /** The gate's own time before dispatch, in seconds: from the call until the decision is durable. */
  readonly decided: Histogram;
  /** Jobs that ran without the store. */
  readonly degraded: number;
}

/** How a quantity is spread. */
export interface Histogram {
  /** Upper bounds, each included, ascending. What is over the last one is in `count` alone. */
  readonly bounds: readonly number[];
  /** How many were at most as large as each bound, and larger than the one before. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Counts what becomes of jobs. */
export interface Tally {
  readonly decided: (decision: Decision, durationMs: number) => void;
  readonly ended: (outcome: Outcome) => void;
  readonly read: () => Metrics;
}

/** Rules that are told apart: a policy that is reloaded again and again under new names must not fill the memory. */
const MOST_RULES = 10_000;
const OTHER = "(other)";

const BOUNDS = Object.freeze([
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10],
]);

/** A tally with nothing in it. */
export function createTally(since: number): Tally {
  const decisions = new Map<string, Map<DecisionType, number>>();
  const outcomes = new Map<OutcomeStatus, Map<ReasonCode, number>>();
  const counts = BOUNDS.map(() => 0);
  let [count, sum, degraded] = [0, 0, 0];

  return {
    decided: ({ ruleId, type }, durationMs) => {
      const known = decisions.has(ruleId) || decisions.size < MOST_RULES;
      add(decisions, known ? ruleId : OTHER, type);
      const seconds = durationMs / 1_000;
      const place = BOUNDS.findIndex((bound) => seconds <= bound);
      if (place !== -1) counts[place] = (counts[place] ?? 0) + 1;
      count += 1;
      sum += seconds;
    },
    ended: (outcome) => {
      if (outcome.replayed) return;
      add(outcomes, outcome.status, outcome.reason.code);
      if (outcome.degraded) degraded += 1;
    },
    read: () => ({
      since,
      decisions: pairsOf(decisions).map(([ruleId, type, n]) => ({ type, ruleId, count: n })),
      outcomes: pairsOf(outcomes).map(([status, code, n]) => ({ status, code, count: n })),
      decided: { bounds: BOUNDS, counts: [...counts], count, sum },
      degraded,
    }),
  };
}

function add<A, B>(counts: Map<A, Map<B, number>>, a: A, b: B): void {
  let inner = counts.get(a);
  if (inner === undefined) {
    inner = new Map();
    counts.set(a, inner);
  }
  inner.set(b, (inner.get(b) ?? 0) + 1);
}

function pairsOf<A, B>(counts: ReadonlyMap<A, ReadonlyMap<B, number>>): readonly (readonly [A, B, number])[] {
  return [...counts].flatMap(([a, inner]) => [...inner].map(([b, n]) => [a, b, n] as const));
}
