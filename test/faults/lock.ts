import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bundle, bundleChild } from "./bundle.js";
import { type Child, startChild } from "./child.js";
import type { LockedOutAnswer, LockedOutRequest, LockedOutSetup, Submitted } from "./children/locked-out.js";
import { mustHold } from "./holds.js";
import { drawsOf } from "./random.js";
import { type Batch, FaultFound, type FaultRow, type Tally } from "./row.js";

/** What the event loop may stand still at most, in milliseconds. */
const MOST_STALL_MS = 50;

/** A machine that is busy stalls as well, but not three times running. */
const REPEATS = 3;

/** Timers tell whole milliseconds, and come up to one too soon. */
const ROUNDING_MS = 2;

/** How long after its deadline a job may be answered: what others on the machine take from it. */
const LATE_MS = 2_000;

/** How long the lock is held, and what a job has. */
interface Span {
  readonly heldMs: number;
  readonly deadlineMs: number;
  readonly everyMs: number;
}

/** A lock that is held while jobs come. */
export const lockRow: FaultRow = {
  name: "lock",
  title: "while another process holds the lock the event loop goes on, and jobs end at their deadline undispatched",
  unit: "locks",
  full: 21,
  short: 1,
  missing: () => null,
  run: (batch) => runLocks(batch),
  control: "a store with the driver's default busy wait",
  runControl: (batch) => runNaive(batch),
};

async function runLocks({ seed, from, to, scratch }: Batch): Promise<Tally> {
  const tally = { locks: 0, denied: 0, later: 0, repeats: 0, stallMs: 0 };
  const files = await bundled();
  try {
    for (let number = from; number < to; number += 1) {
      for (let repeat = 1; ; repeat += 1) {
        const store = join(scratch, `lock-${number}-${repeat}.db`);
        const { denied, later, stallMs } = await oneLock(files, store, spanOf(seed, number), number);
        tally.denied += denied;
        tally.later += later;
        if (stallMs <= MOST_STALL_MS) {
          tally.stallMs += Math.round(stallMs);
          break;
        }
        tally.repeats += 1;
        if (repeat < REPEATS) continue;
        throw new FaultFound(number, `the event loop stood still for ${Math.round(stallMs)} ms, in ${REPEATS} repeats`);
      }
      tally.locks += 1;
    }
  } finally {
    files.remove();
  }
  return tally;
}

/** The first is short, and is the short form: the same holds as long as the lock is held for longer than the deadline. */
function spanOf(seed: number, number: number): Span {
  if (number === 0) return { heldMs: 1_000, deadlineMs: 300, everyMs: 25 };
  const draws = drawsOf(seed, number);
  return { heldMs: 10_000, deadlineMs: draws.pick([250, 1_000, 2_000]), everyMs: 5 + draws.below(100) };
}

interface Files {
  readonly gate: string;
  readonly holder: string;
  readonly remove: () => void;
}

async function bundled(): Promise<Files> {
  const made = await Promise.all(["locked-out", "hold-lock"].map(bundleChild));
  const [gate, holder] = made as [Bundle, Bundle];
  const remove = (): void => {
    for (const each of made) each.remove();
  };
  return { gate: gate.file, holder: holder.file, remove };
}

interface Seen {
  readonly denied: number;
  readonly later: number;
  readonly stallMs: number;
}

async function oneLock(files: Files, store: string, span: Span, number: number): Promise<Seen> {
  const { deadlineMs, heldMs, everyMs } = span;
  const setup: LockedOutSetup = { store, deadlineMs, naive: false };
  const children: Child[] = [];
  try {
    const gate = await startChild(files.gate, setup);
    children.push(gate);
    const holder = await startChild(files.holder, { store });
    children.push(holder);
    // What is compiled and warm before does not stall later.
    await ask(gate, { do: "run", count: 50 });
    await gate.ask({ do: "start" } satisfies LockedOutRequest);
    await holder.ask({ do: "write" });
    const locked = ask(gate, { do: "submit", everyMs, forMs: heldMs - deadlineMs - 250 });
    const released = sleep(heldMs).then(async () => holder.ask({ do: "release" }));
    const ended = sleep(heldMs / 2).then(() => gate.ask<Submitted>({ do: "finish" } satisfies LockedOutRequest));
    const { jobs, stallMs } = await locked;
    await released;
    const long = await ended;
    const after = await ask(gate, { do: "run", count: 10 });
    for (const job of jobs) judge(job, deadlineMs, number);
    if (long.status !== "SUCCEEDED")
      throw new FaultFound(number, `a job that ran before is ${long.status} (${long.code})`);
    const left = after.jobs.filter(({ status }) => status !== "SUCCEEDED");
    if (left.length > 0) throw new FaultFound(number, `after the lock a job is ${left[0]?.status} (${left[0]?.code})`);
    await gate.end();
    await mustHold(store, { effects: after.effects.map((jobId) => ({ jobId })) });
    // 50 before, one that told that the long one runs, the long one, 10 after: none of those that came meanwhile.
    if (after.effects.length !== 62)
      throw new FaultFound(number, `${after.effects.length} effects, and 62 jobs that ran`);
    return { denied: jobs.length, later: after.jobs.length, stallMs };
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

function judge({ status, code, dispatched, from, to }: Submitted, deadlineMs: number, number: number): void {
  const tookMs = Math.round(to - from);
  if (status !== "DENIED" || code !== "deadline_exceeded" || dispatched) {
    throw new FaultFound(number, `a job that came while the lock was held is ${status} (${code}) after ${tookMs} ms`);
  }
  if (tookMs < deadlineMs - ROUNDING_MS || tookMs > deadlineMs + LATE_MS) {
    throw new FaultFound(number, `a job with ${deadlineMs} ms was answered after ${tookMs} ms`);
  }
}

const ask = (child: Child, request: LockedOutRequest): Promise<LockedOutAnswer> => child.ask(request);

async function runNaive({ scratch }: Batch): Promise<string> {
  const files = await bundled();
  const store = join(scratch, "naive.db");
  const children: Child[] = [];
  try {
    // Made by a gate, so that the holder finds a database.
    const first = await startChild(files.gate, { store, deadlineMs: 2_000, naive: false } satisfies LockedOutSetup);
    await first.end();
    const naive = await startChild(files.gate, { store, deadlineMs: 300, naive: true } satisfies LockedOutSetup);
    children.push(naive);
    const holder = await startChild(files.holder, { store });
    children.push(holder);
    await ask(naive, { do: "run", count: 50 });
    await holder.ask({ do: "write" });
    const locked = ask(naive, { do: "submit", everyMs: 25, forMs: 300 });
    await sleep(700);
    await holder.ask({ do: "release" });
    const { stallMs } = await locked;
    // What held the lock is what stalled: far over what a busy machine does.
    if (stallMs <= 10 * MOST_STALL_MS) throw new Error(`the busy wait stalled for ${Math.round(stallMs)} ms only`);
    return `the event loop stood still for ${Math.round(stallMs)} ms`;
  } finally {
    await Promise.all(children.map((child) => child.end()));
    files.remove();
  }
}
