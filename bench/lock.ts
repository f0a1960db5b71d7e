import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createGate } from "./built.js";
import { allowedService, answer, documentOf, jobOf, rulesOf, servicesOf } from "./workload.js";

export interface LockReport {
  readonly holdMs: number;
  readonly jobs: number;
  /** Jobs that were submitted while the lock was held elsewhere and succeeded after it was let go. */
  readonly succeeded: number;
  /** Milliseconds, with the sampling interval in them. */
  readonly idle: Delay;
  readonly held: Delay;
}

export interface Delay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const RULES = 1_000;
const PAUSE_MS = 25;

/** Event-loop delay while another process holds the write lock and jobs keep coming, against the same gate with nothing to do. */
export async function measureLock(folder: string, holdMs: number): Promise<LockReport> {
  const path = join(folder, "lock.db");
  const gate = await createGate({
    policy: { document: documentOf(rulesOf(RULES)) },
    store: path,
    dispatch: answer,
    deadlineMs: 3 * holdMs + 10_000,
  });
  const submit = (n: number) => gate.evaluateAndDispatch(jobOf(n, allowedService(n, servicesOf(RULES))));
  for (let n = 0; n < 500; n += 1) await submit(n);

  const idle = await delayDuring(() => sleep(holdMs));
  const holder = await hold(path, holdMs);
  const outcomes: ReturnType<typeof submit>[] = [];
  const held = await delayDuring(async () => {
    while (holder.connected) {
      outcomes.push(submit(1_000 + outcomes.length));
      await sleep(PAUSE_MS);
    }
    await Promise.all(outcomes);
  });
  const ended = await Promise.all(outcomes);
  await gate.close();
  return {
    holdMs,
    jobs: ended.length,
    succeeded: ended.filter(({ status }) => status === "SUCCEEDED").length,
    idle,
    held,
  };
}

async function hold(path: string, holdMs: number): Promise<ChildProcess> {
  const holder = fork(fileURLToPath(new URL("./hold-lock.ts", import.meta.url)), [path, String(holdMs)]);
  const ended = once(holder, "exit").then(([code]) => {
    throw new Error(`the process that should hold the lock ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(holder, "message"), ended]);
  return holder;
}

async function delayDuring(work: () => Promise<unknown>): Promise<Delay> {
  const histogram = monitorEventLoopDelay();
  histogram.enable();
  await work();
  histogram.disable();
  const milliseconds = (nanoseconds: number): number => nanoseconds / 1e6;
  return {
    p50: milliseconds(histogram.percentile(50)),
    p99: milliseconds(histogram.percentile(99)),
    max: milliseconds(histogram.max),
  };
}
