import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { median } from "../sample.js";
import { type Corpus, MEGABYTE } from "./corpus.js";
import { LANES } from "./lanes.js";

/** Megabytes of one corpus in a second of processor time. */
export interface Speed {
  readonly tool: string;
  readonly corpus: Corpus["name"];
  readonly mbPerSec: number;
}

/**
 * Every tool in turn, round by round: what disturbs the machine for a while disturbs all alike. Each has a process of its own,
 * since what one leaves in a heap slows the others down there, by up to three times.
 */
export async function measureSpeed(
  corpora: readonly Corpus[],
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): Promise<readonly Speed[]> {
  const lanes = LANES.map((_, index) => open(index, seed));
  const speeds: Speed[] = [];
  try {
    for (const { name: corpus, text } of corpora) {
      const samples = lanes.map((): number[] => []);
      for (let round = 0; round < rounds; round += 1) {
        for (const [index, lane] of lanes.entries()) samples[index]?.push(await ask(lane, corpus));
      }
      LANES.forEach(({ name: tool }, index) => {
        speeds.push({ tool, corpus, mbPerSec: text.length / MEGABYTE / (median(samples[index] ?? []) / 1_000) });
      });
    }
  } finally {
    for (const { child } of lanes) child.kill("SIGKILL");
  }
  return speeds;
}

interface Lane {
  readonly child: ChildProcess;
  /** Rejects when its process ends. */
  readonly ended: Promise<never>;
}

function open(index: number, seed: number): Lane {
  const child = fork(fileURLToPath(new URL("./lane.ts", import.meta.url)), [String(index), String(seed)], {
    execArgv: ["--import", "tsx"],
  });
  const ended = once(child, "exit").then(([code]): never => {
    throw new Error(`${LANES[index]?.name} ended with ${code}`);
  });
  // At the end all of them do.
  ended.catch(() => undefined);
  return { child, ended };
}

async function ask({ child, ended }: Lane, corpus: string): Promise<number> {
  child.send(corpus);
  const [ms] = await Promise.race([once(child, "message"), ended]);
  return Number(ms);
}
