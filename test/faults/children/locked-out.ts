import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createGate } from "dispatch-gate";
import { type Connection, loadDriver } from "../../../src/store/sqlite/driver.js";
import { readSetup, serve } from "./serve.js";

/** What the parent says when it starts this process. */
export interface LockedOutSetup {
  readonly store: string;
  readonly deadlineMs: number;
  /** A store with the driver's default busy wait in place of the gate. */
  readonly naive: boolean;
}

export type LockedOutRequest =
  /** Runs this many jobs, one after the other. */
  | { readonly do: "run"; readonly count: number }
  /** Starts a job that runs until `finish`. */
  | { readonly do: "start" }
  /** Submits a job every so often for so long, while the event loop is watched. */
  | { readonly do: "submit"; readonly everyMs: number; readonly forMs: number }
  /** Lets the job that was started end, and answers how it ended. */
  | { readonly do: "finish" };

/** One job that was submitted. Times are milliseconds of the monotonic clock of the machine. */
export interface Submitted {
  readonly status: string;
  readonly code: string;
  readonly dispatched: boolean;
  readonly from: number;
  readonly to: number;
}

/** What came of a time of submitting. */
export interface LockedOutAnswer {
  readonly jobs: readonly Submitted[];
  /** The longest that the event loop stood still, in milliseconds. */
  readonly stallMs: number;
  /** Jobs whose function was called, since the process began. */
  readonly effects: readonly string[];
}

const { store, deadlineMs, naive } = readSetup<LockedOutSetup>();
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const subject = naive ? await naiveSubject() : await gateSubject();
let started: Promise<Submitted> | null = null;

interface Subject {
  readonly submit: (topic: string) => Promise<Submitted>;
  readonly effects: readonly string[];
  readonly finish: () => void;
  readonly close: () => Promise<void>;
}

async function gateSubject(): Promise<Subject> {
  const effects: string[] = [];
  let finish = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const gate = await createGate({
    policy: { yaml: `version: v1\nrules: [{ id: all, match: { topics: ["**"] }, decision: allow }]\n` },
    store,
    deadlineMs,
    dispatch: async (job) => {
      effects.push(job.id);
      if (job.topic === "long") await told;
    },
  });
  return {
    effects,
    finish,
    submit: async (topic) => {
      const from = now();
      const { status, reason, dispatched } = await gate.evaluateAndDispatch({ topic });
      return { status, code: reason.code, dispatched, from, to: now() };
    },
    close: () => gate.close(),
  };
}

async function naiveSubject(): Promise<Subject> {
  const Database = await loadDriver();
  const connection: Connection = new Database(store, { timeout: 5_000, fileMustExist: true });
  connection.exec("CREATE TABLE IF NOT EXISTS naive (n INTEGER PRIMARY KEY) STRICT");
  const insert = connection.prepare("INSERT INTO naive DEFAULT VALUES");
  return {
    effects: [],
    finish: () => undefined,
    submit: async () => {
      const from = now();
      insert.run();
      return { status: "SUCCEEDED", code: "completed", dispatched: true, from, to: now() };
    },
    close: async () => {
      connection.close();
    },
  };
}

/** What watches the event loop tells the time between two of its own turns: there must be one before a stall, and one after. */
const SEEN_MS = 20;

async function submitFor(everyMs: number, forMs: number): Promise<Omit<LockedOutAnswer, "effects">> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const jobs: Promise<Submitted>[] = [];
  delay.enable();
  await sleep(SEEN_MS);
  for (const until = now() + forMs; now() < until; await sleep(everyMs)) jobs.push(subject.submit("short"));
  const ended = await Promise.all(jobs);
  await sleep(SEEN_MS);
  delay.disable();
  return { jobs: ended, stallMs: delay.max / 1e6 };
}

async function answer(request: LockedOutRequest): Promise<unknown> {
  switch (request.do) {
    case "run": {
      const jobs: Submitted[] = [];
      for (let n = 0; n < request.count; n += 1) jobs.push(await subject.submit("short"));
      return { jobs, stallMs: 0, effects: subject.effects };
    }
    case "start":
      started = subject.submit("long");
      // Its function has been called once a job that came later has ended.
      await subject.submit("short");
      return null;
    case "submit": {
      const submitted = await submitFor(request.everyMs, request.forMs);
      return { ...submitted, effects: subject.effects };
    }
    case "finish":
      subject.finish();
      return started;
  }
}

serve(answer, () => subject.close());
