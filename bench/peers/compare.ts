import { readFileSync } from "node:fs";
import { type Bounds, coldMeter, type Meter, type Timing, warmMeter } from "./meter.js";
import { type Contender, jobsOf, type Peer, type PeerJob, rulesOf } from "./workload.js";

/** What was measured of one contender at one number of rules. */
export interface Measured {
  readonly peer: Peer;
  readonly warm: Timing;
  readonly cold: Timing | null;
  /** Jobs on which it answered as the first contender did. */
  readonly checked: number;
}

const WARM = 64;
const COLD = 4_096;

/** Fewer jobs are checked where a decision takes long, but never fewer than these. */
const CHECK_AT_LEAST = 8;

interface Subject {
  readonly peer: Peer;
  readonly warm: Meter;
  readonly cold: Meter | null;
  readonly checked: number;
}

/**
 * Measures all contenders over the same rules and jobs, in turn within each round. The first gives the answers that
 * the others are checked against, before any of them is timed.
 */
export async function compareAt(
  size: number,
  peers: readonly Peer[],
  cold: readonly Peer[],
  rounds: number,
  bounds: Bounds,
): Promise<readonly Measured[]> {
  const rules = rulesOf(size);
  const jobs = jobsOf(WARM, size, "warm");
  const further = jobsOf(COLD, size, "check");
  const subjects: Subject[] = [];
  let reference: Contender | undefined;
  for (const peer of peers) {
    const contender = await peer.open(rules);
    reference ??= contender;
    const checkMs = bounds.budgetMs / 4;
    const first = await sameAnswers(peer, contender, reference, jobs, checkMs);
    const second = await sameAnswers(peer, contender, reference, further, checkMs);
    const guess = (first.spentMs * 1e6) / first.checked;
    subjects.push({
      peer,
      warm: warmMeter(contender, jobs, guess, bounds),
      cold: cold.includes(peer)
        ? coldMeter(contender, (round) => jobsOf(COLD, size, `${peer.name.slice(0, 4)}${round}n`), bounds)
        : null,
      checked: first.checked + second.checked,
    });
  }
  for (let round = 0; round <= rounds; round += 1) {
    for (const subject of subjects) await subject.warm.round(round);
    for (const subject of subjects) await subject.cold?.round(round);
  }
  return subjects.map(({ peer, warm, cold: coldOne, checked }) => ({
    peer,
    checked,
    warm: warm.timing(),
    cold: coldOne?.timing() ?? null,
  }));
}

interface Checked {
  readonly checked: number;
  readonly spentMs: number;
}

/** Two contenders that differ on one job are not measured on the same work. */
async function sameAnswers(
  peer: Peer,
  contender: Contender,
  reference: Contender,
  jobs: readonly PeerJob[],
  forMs: number,
): Promise<Checked> {
  const decide = contender.bind(jobs);
  const expected = reference.bind(jobs);
  let spentMs = 0;
  let checked = 0;
  for (const [n, job] of jobs.entries()) {
    if (spentMs > forMs && checked >= CHECK_AT_LEAST) break;
    const began = performance.now();
    const answer = await decide(n);
    spentMs += performance.now() - began;
    if (answer !== (await expected(n))) {
      throw new Error(`${peer.name} answers ${answer} on \`${job.topic}\` with tags [${job.tags.join(", ")}]`);
    }
    checked += 1;
  }
  return { checked, spentMs };
}

/** The version that is installed. Read from its folder: packages need not export their `package.json`. */
export function versionOf({ package: name }: Peer): string {
  if (name === null) return "";
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}
