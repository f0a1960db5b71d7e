import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ApprovalError, createGate, type Gate, type Outcome } from "dispatch-gate";
import { type Connection, loadDriver } from "../../../src/store/sqlite/driver.js";
import { drawsOf } from "../random.js";
import { contendingPolicy, type Task, taskOf } from "../tasks.js";
import { readSetup, serve } from "./serve.js";

/** What the parent says when it starts this process. */
export interface ContenderSetup {
  readonly store: string;
  /** A file that each effect appends a line to when it begins, and one when it ends. */
  readonly witness: string;
  readonly seed: number;
  /** Which of how many processes this is. */
  readonly index: number;
  readonly processes: number;
  /** Reads that a job has not run and only then writes that it has, in place of the gate. */
  readonly naive: boolean;
}

/** A phase of the tasks with these numbers, `to` not included. */
export interface ContenderRequest {
  readonly phase: "submit" | "vote" | "resume";
  readonly from: number;
  readonly to: number;
}

/** How each of the calls of a phase was answered: statuses of outcomes and codes of refusals, counted. */
export type ContenderAnswer = Readonly<Record<string, number>>;

const { store, witness, seed, index, processes, naive } = readSetup<ContenderSetup>();

/** Calls at a time. */
const AT_ONCE = 8;

/** The longest that one looks away from a limit that had no room, in milliseconds. */
const LONGEST_PAUSE_MS = 20;

/** What happens in the world: nobody but this file is asked how often it did. */
async function effect(number: number, jobId: string): Promise<void> {
  const task = taskOf(seed, number, processes);
  appendFileSync(witness, `start ${number} ${task.pool} ${jobId}\n`);
  await sleep(task.takesMs);
  appendFileSync(witness, `end ${number} ${task.pool} ${jobId}\n`);
}

interface Contender {
  readonly run: (task: Task, phase: ContenderRequest["phase"]) => Promise<string>;
  readonly close: () => Promise<void>;
}

async function withGate(): Promise<Contender> {
  const gate: Gate = await createGate({
    policy: { yaml: contendingPolicy() },
    store,
    deadlineMs: 120_000,
    dispatch: (job) => effect((job.payload as { readonly number: number }).number, job.id),
  });
  const jobIds = new Map<number, string>();

  /** Whoever has no room comes again, so that every task runs in the end. */
  const insist = async (call: () => Promise<Outcome>): Promise<Outcome> => {
    for (;;) {
      const outcome = await call();
      if (outcome.status !== "THROTTLED") return outcome;
      await sleep(Math.min(outcome.retryAfterMs ?? 1, LONGEST_PAUSE_MS) * Math.random());
    }
  };

  const submit = async ({ number, topic, actor, ids }: Task): Promise<string> => {
    const named = { one: { id: `j-${number}` }, each: { id: `j-${number}-${index}` }, none: {} }[ids];
    const job = { ...named, topic, actor: { id: actor, type: "agent" }, payload: { number } } as const;
    const { status, jobId } = await insist(() => gate.evaluateAndDispatch(job));
    jobIds.set(number, jobId ?? "");
    return status;
  };

  const vote = async ({ number }: Task): Promise<string> => {
    try {
      const by = { id: `voter-${index}`, kind: "human" } as const;
      const { state } = await gate.approvals.approve({ jobId: jobIds.get(number) ?? "" }, { by });
      return state;
    } catch (error) {
      if (error instanceof ApprovalError) return error.code;
      throw error;
    }
  };

  const resume = async ({ number }: Task): Promise<string> => {
    const { status, reason } = await insist(() => gate.resume(jobIds.get(number) ?? ""));
    return status === "DENIED" ? reason.code : status;
  };

  return {
    run: (task, phase) => {
      if (phase === "submit") return submit(task);
      if (!task.asks) return Promise.resolve("nothing to do");
      return phase === "vote" ? vote(task) : resume(task);
    },
    close: () => gate.close(),
  };
}

async function withTable(): Promise<Contender> {
  const Database = await loadDriver();
  const connection: Connection = new Database(store, { timeout: 5_000, fileMustExist: true });
  const look = connection.prepare("SELECT used FROM jobs WHERE number = ?");
  const use = connection.prepare("INSERT OR REPLACE INTO jobs (number, used) VALUES (?, 1)");
  return {
    run: async ({ number }, phase) => {
      if (phase !== "resume") return "nothing to do";
      const free = look.get(number) === undefined;
      await sleep(0);
      if (!free) return "used";
      use.run(number);
      await effect(number, `j-${number}`);
      return "ran";
    },
    close: async () => {
      connection.close();
    },
  };
}

const contender = await (naive ? withTable() : withGate());

async function answer({ phase, from, to }: ContenderRequest): Promise<ContenderAnswer> {
  const counts: Record<string, number> = {};
  const draws = drawsOf(seed + index, from);
  const tasks = Array.from({ length: to - from }, (_, n) => taskOf(seed, from + n, processes))
    .filter(({ parts }) => parts.includes(index))
    .map((task) => ({ task, place: draws.fraction() }))
    .sort((a, b) => a.place - b.place);
  const work = async (): Promise<void> => {
    for (let next = tasks.pop(); next !== undefined; next = tasks.pop()) {
      const said = await contender.run(next.task, phase);
      counts[said] = (counts[said] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return counts;
}

serve(answer, () => contender.close());
