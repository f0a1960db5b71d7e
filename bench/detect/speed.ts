import { findEach } from "../../src/output/clues.js";
import { findersOf } from "../../src/output/detectors.js";
import { inspectOutput } from "../../src/output/inspect.js";
import { RULES } from "../../test/output/found.js";
import { median } from "../sample.js";
import { type Corpus, MEGABYTE, slices } from "./corpus.js";
import type { Tool } from "./tool.js";

/** Megabytes of one corpus in a second of processor time. */
export interface Speed {
  readonly tool: string;
  readonly corpus: Corpus["name"];
  readonly mbPerSec: number;
}

interface Lane {
  readonly name: string;
  readonly look: (slice: string) => unknown;
}

const finders = (["secrets", "pii"] as const).flatMap((name) => findersOf(name, new Map()));

const secrets = findersOf("secrets", new Map());

/** Ours looks at the text as it came and no further: what expressions over the text do. */
const rawView: Lane = {
  name: "dispatch-gate, raw view",
  look: (slice) => findEach(finders, slice, () => () => undefined),
};

/** The same for secrets alone, which is what linters for secrets look for. */
const secretsView: Lane = {
  name: "dispatch-gate, raw view, secrets alone",
  look: (slice) => findEach(secrets, slice, () => () => undefined),
};

/** Ours as it runs: the copy, every view, redaction and the recorded form. */
const allViews: Lane = { name: "dispatch-gate, all views", look: (slice) => inspectOutput(slice, RULES) };

/** What one output holds. Every tool gets the same. */
const SLICE = 64_000;

/** Every tool in turn, round by round: what disturbs the machine for a while disturbs all alike. */
export async function measureSpeed(
  corpora: readonly Corpus[],
  tools: readonly Tool[],
  rounds: number,
): Promise<readonly Speed[]> {
  const lanes = [rawView, secretsView, allViews, ...tools.map(({ name, find }) => ({ name, look: find }))];
  const speeds: Speed[] = [];
  for (const { name: corpus, text } of corpora) {
    const parts = slices(text, SLICE);
    const samples = lanes.map((): number[] => []);
    for (const lane of lanes) await cpuOf(lane, parts.slice(0, 4));
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, lane] of lanes.entries()) samples[index]?.push(await cpuOf(lane, parts));
    }
    lanes.forEach(({ name: tool }, index) => {
      speeds.push({ tool, corpus, mbPerSec: text.length / MEGABYTE / (median(samples[index] ?? []) / 1_000) });
    });
  }
  return speeds;
}

/** Milliseconds of processor time, helper threads of the runtime included. */
async function cpuOf({ look }: Lane, parts: readonly string[]): Promise<number> {
  const before = process.cpuUsage();
  for (const part of parts) await look(part);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
