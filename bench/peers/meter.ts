import { median, quantile } from "../sample.js";
import type { Contender, Decide, PeerJob } from "./workload.js";

/** What one contender costs, in nanoseconds a decision. */
export interface Timing {
  readonly median: number;
  /** Of passes over {@link BATCH} jobs; of single decisions where one takes longer than a pass may. */
  readonly p99: number;
  readonly decisions: number;
  /** The median of every round, to be paired with another contender's of the same rounds. */
  readonly rounds: readonly number[];
}

export interface Meter {
  readonly round: (round: number) => Promise<void>;
  readonly timing: () => Timing;
}

export interface Bounds {
  /** How long one round takes, at least one pass of it. */
  readonly sampleMs: number;
  /** After it no further round is run, so that slow contenders do not hold up the rest. */
  readonly budgetMs: number;
}

export const BATCH = 64;

/** The first round is this much longer and is not counted: the just-in-time compiler does its work in it. */
const WARM_UP = 20;

/** From here on, in nanoseconds a decision, every decision is timed by itself. */
const SLOW = 200_000;

/** The same jobs again and again. `guess` is what a decision took so far, in nanoseconds. */
export function warmMeter(contender: Contender, jobs: readonly PeerJob[], guess: number, bounds: Bounds): Meter {
  const decide = contender.bind(jobs);
  const count = guess > SLOW ? 1 : BATCH;
  let at = 0;
  const next = (): number => {
    at = (at + count) % jobs.length;
    return at;
  };
  return meter(bounds, count, async (sampleMs) => {
    const samples: number[] = [];
    const began = performance.now();
    do samples.push(await timed(decide, next(), count));
    while (performance.now() - began < sampleMs);
    return samples;
  });
}

/** Every job once, and in every round others: what is kept by topic is of no use. Made before the clock runs. */
export function coldMeter(contender: Contender, jobsOf: (round: number) => readonly PeerJob[], bounds: Bounds): Meter {
  let round = 0;
  return meter(bounds, BATCH, async (sampleMs) => {
    const samples: number[] = [];
    const began = performance.now();
    do {
      round += 1;
      const jobs = jobsOf(round);
      const decide = contender.bind(jobs);
      for (let from = 0; from + BATCH <= jobs.length; from += BATCH) samples.push(await timed(decide, from, BATCH));
    } while (performance.now() - began < sampleMs);
    return samples;
  });
}

function meter(
  { sampleMs, budgetMs }: Bounds,
  count: number,
  sample: (sampleMs: number) => Promise<readonly number[]>,
): Meter {
  const samples: number[] = [];
  const rounds: number[] = [];
  let spent = 0;
  return {
    round: async (round) => {
      if (spent > budgetMs) return;
      if (round === 0) {
        // Slow contenders were warmed up while they were checked.
        if (count > 1) await sample(sampleMs * WARM_UP);
        return;
      }
      const began = performance.now();
      const taken = await sample(sampleMs);
      spent += performance.now() - began;
      rounds.push(median(taken));
      for (const one of taken) samples.push(one);
    },
    timing: () => ({
      median: median(samples),
      p99: quantile(samples, 0.99),
      decisions: samples.length * count,
      rounds,
    }),
  };
}

let allowed = 0;

/** Every answer so far, so that no loop can be left out as without effect. */
export const allowedSeen = (): number => allowed;

/** Nanoseconds a decision over `count` jobs. A contender that promises its answers is awaited one by one, as it is used. */
async function timed(decide: Decide, from: number, count: number): Promise<number> {
  const began = performance.now();
  const first = decide(from);
  if (typeof first === "boolean") return finishSync(decide, first, from, count, began);
  if (await first) allowed += 1;
  for (let n = from + 1; n < from + count; n += 1) if (await decide(n)) allowed += 1;
  return ((performance.now() - began) * 1e6) / count;
}

function finishSync(decide: Decide, first: boolean, from: number, count: number, began: number): number {
  let seen = first ? 1 : 0;
  for (let n = from + 1; n < from + count; n += 1) if (decide(n) === true) seen += 1;
  const spent = performance.now() - began;
  allowed += seen;
  return (spent * 1e6) / count;
}
