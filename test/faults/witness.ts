import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Witnessed } from "./holds.js";

/** Milliseconds on the clock that all processes of a machine share, since it was started. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What a child says, a line each, in the order in which it happened. */
export type Said =
  /** An event was acknowledged by the store. */
  | { readonly kind: "event"; readonly text: string }
  /** A dispatch function had its effect. */
  | { readonly kind: "effect"; readonly jobId: string }
  /** A caller was answered. */
  | {
      readonly kind: "answer";
      readonly jobId: string;
      readonly status: string;
      readonly code: string;
      readonly dispatched: boolean;
    }
  /** SQLite refused a statement. */
  | { readonly kind: "refused"; readonly code: string; readonly word: string }
  /** A call that may reject did. */
  | { readonly kind: "failed"; readonly what: string; readonly code: string }
  | { readonly kind: "opened" }
  | { readonly kind: "done" };

/** With when it was said. */
export type Heard = Said & { readonly at: number };

/** What one or more processes said, one after another. */
export interface Witness {
  readonly said: readonly Heard[];
  /** Listens to a process until its output ends. */
  readonly listen: (child: ChildProcess) => void;
  /** Resolves when so many lines of these were said in all, or with `false` when whoever is listened to has ended before. */
  readonly heard: (isOne: (said: Said) => boolean, count: number) => Promise<boolean>;
  /** Resolves when all that was said has been heard, and the process has ended; answers how. */
  readonly ended: () => Promise<string>;
}

export function createWitness(): Witness {
  const said: Heard[] = [];
  let waiting: (() => void)[] = [];
  let open = 0;
  let ending: Promise<string> = Promise.resolve("");
  const wake = (): void => {
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  };
  return {
    said,
    listen: (child) => {
      if (child.stdout === null) throw new TypeError("its output must be a pipe");
      open += 1;
      const lines = createInterface({ input: child.stdout });
      lines.on("line", (line) => {
        // The last one may be cut off where the process was killed in the middle of it: then nobody was told.
        if (line.endsWith("}")) said.push(JSON.parse(line) as Heard);
        wake();
      });
      const closed = once(lines, "close");
      ending = once(child, "exit").then(async ([code, signal]) => {
        await closed;
        open -= 1;
        wake();
        return String(signal ?? code);
      });
    },
    heard: async (isOne, count) => {
      while (said.filter(isOne).length < count) {
        if (open === 0) return false;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      return true;
    },
    ended: () => ending,
  };
}

/** The part that the store is held to. */
export function witnessedOf(said: readonly Said[]): Required<Pick<Witnessed, "acknowledged" | "effects">> {
  return {
    acknowledged: said.flatMap((each) => (each.kind === "event" ? [each.text] : [])),
    effects: said.flatMap((each) => (each.kind === "effect" ? [{ jobId: each.jobId }] : [])),
  };
}

/**
 * What callers were told, against what happened: no effect before its record was acknowledged, none of a job that was told not
 * to have been dispatched, and none that is said to have succeeded without the record of it. Throws an `Error` that says which.
 */
export function mustHaveTold(said: readonly Said[]): void {
  const dispatching = new Set<string>();
  const settled = new Set<string>();
  const effects = new Set<string>();
  for (const each of said) {
    if (each.kind === "event") {
      const { type, job_id: jobId } = JSON.parse(each.text) as { readonly type: string; readonly job_id?: string };
      if (type === "job.dispatching") dispatching.add(jobId ?? "");
      if (type === "job.settled") settled.add(jobId ?? "");
    }
    if (each.kind === "effect") {
      if (!dispatching.has(each.jobId))
        throw new Error(`job ${each.jobId} had its effect before there was a record of it`);
      effects.add(each.jobId);
    }
    if (each.kind !== "answer") continue;
    const { jobId, status, code, dispatched } = each;
    if (effects.has(jobId) && !dispatched)
      throw new Error(`job ${jobId} had its effect, and was told ${status} (${code})`);
    if (status === "SUCCEEDED" && !settled.has(jobId)) throw new Error(`job ${jobId} succeeded without a record of it`);
    if (!ANSWERS.has(status)) throw new Error(`job ${jobId} was told ${status} (${code})`);
  }
}

/** What a job may be told whatever the disk does: what happened, a refusal, or that nobody knows. */
const ANSWERS: ReadonlySet<string> = new Set(["SUCCEEDED", "DENIED", "PENDING_APPROVAL", "UNKNOWN", "RUNNING"]);

/**
 * How often SQLite refused a statement after a fault, by its code, and what became of openings and jobs then. Every code that a
 * disk can cause is met here first.
 */
export function codesOf(said: readonly Said[], fault: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const count = (name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (const each of said) {
    if (each.kind === "refused") count(`${fault}: ${each.code} at ${each.word}`);
    if (each.kind === "failed" && each.what === "open") count(`opening refused: ${each.code}`);
    if (each.kind === "answer" && (each.code === "store_unavailable" || each.status === "UNKNOWN")) {
      count(`told ${each.status} ${each.code}`);
    }
  }
  return counts;
}
