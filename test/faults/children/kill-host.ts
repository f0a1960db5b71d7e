import { fsyncSync, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { ApprovalError, createGate, type DispatchContext, defineStore, type Gate, type Job } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { telling } from "../../../src/gate/telling.js";
import { type Draws, drawsOf } from "../random.js";

/** What the parent says when it starts this process. */
export interface HostSetup {
  readonly store: string;
  /** A file that every effect appends a line to. */
  readonly witness: string;
  readonly policy: string;
  readonly seed: number;
  /** The control: has the effect first, and asks the gate then. */
  readonly naive: boolean;
}

/** What it says once the one before is dead. */
export interface Go {
  readonly number: number;
  /** The place in the log that the parent has read to. */
  readonly after: number;
  /** Jobs that nobody was told the end of. */
  readonly again: readonly Job[];
  /** How many jobs are under way at once, and how long each lane rests between two, in milliseconds. */
  readonly lanes: number;
  readonly restMs: number;
}

/** What is told to the parent, a line each. What it has read counts as acknowledged. */
export type Told =
  | readonly ["booted" | "opened" | "read" | "closing"]
  | readonly ["log", seq: number, text: string]
  | readonly ["asks", job: Job]
  | readonly ["event", text: string]
  | readonly ["outcome", jobId: string, status: string, replayed: boolean];

const setup = JSON.parse(process.argv[2] ?? "{}") as HostSetup;
// Opened before anything happens: an effect is one write and one fsync, outside the gate.
const witness = openSync(setup.witness, "a");

let closing = false;

function tell(...told: Told): void {
  writeSync(1, `${JSON.stringify(told)}\n`);
}

function effect(jobId: string): void {
  writeSync(witness, `${jobId}\n`);
  fsyncSync(witness);
}

async function dispatch(
  job: { readonly id: string; readonly topic: string },
  { permit }: DispatchContext,
): Promise<string> {
  if (permit.jobId !== job.id) throw new TypeError("the permit is of another job");
  if (!setup.naive) effect(job.id);
  if (job.topic.startsWith("pool.")) await sleep(2);
  if (job.topic.startsWith("fail.")) throw new Error("it went wrong");
  return "done";
}

async function open(): Promise<{ readonly gate: Gate; readonly close: () => Promise<void> }> {
  const sqlite = await openSqliteStore(setup.store);
  const store = defineStore(
    telling(sqlite, (events) => {
      for (const { text } of events) tell("event", text);
    }),
  );
  const gate = await createGate({ policy: { yaml: setup.policy }, store, dispatch, deadlineMs: 20_000 });
  return {
    gate,
    close: async () => {
      await gate.close();
      await sqlite.close();
    },
  };
}

async function readLog(gate: Gate, from: number): Promise<void> {
  let after: string | null = String(from);
  while (after !== null) {
    const page: Awaited<ReturnType<Gate["audit"]["events"]>> = await gate.audit.events({ after, limit: 1_000 });
    for (const { seq, text } of page.items) tell("log", seq, text);
    after = page.next;
  }
  tell("read");
}

/** One call for one job, told before and after. */
async function submit(gate: Gate, job: Job, waitForApprovalMs = 0): Promise<string> {
  tell("asks", job);
  if (setup.naive) effect(job.id ?? "");
  const { jobId, status, replayed } = await gate.evaluateAndDispatch(job, undefined, { waitForApprovalMs });
  tell("outcome", jobId ?? "", status, replayed);
  return status;
}

async function resume(gate: Gate, id: string): Promise<void> {
  const { jobId, status, replayed } = await gate.resume(id);
  tell("outcome", jobId ?? "", status, replayed);
}

/** The votes of two people, of which some jobs need one and others both. */
async function vote(gate: Gate, jobId: string, people: readonly string[]): Promise<void> {
  for (const id of people) await gate.approvals.approve({ jobId }, { by: { id } });
}

async function isOpen(gate: Gate, jobId: string): Promise<boolean> {
  return (await gate.approvals.get({ jobId })) !== null;
}

/** Goes on with what the dead left: jobs whose call was not answered, requests that nobody voted on, jobs that may run. */
async function takeUp(gate: Gate, again: readonly Job[]): Promise<void> {
  await Promise.all(again.map((job) => submit(gate, job)));
  const { items } = await gate.approvals.list({ limit: 6 });
  for (const { jobId } of items) await vote(gate, jobId, ["ann", "bob"]).catch(refusal);
  await gate.drain();
}

/** A refusal of an approval call is an answer: others may have got there first. So is that of a gate that is closed. */
function refusal(error: unknown): void {
  if (!(error instanceof ApprovalError) && !closing) throw error;
}

type Way = (gate: Gate, id: string) => Promise<unknown>;

const one =
  (topic: string): Way =>
  (gate, id) =>
    submit(gate, { id, topic, payload: { id } });

/** What the lanes do: each way in turn is drawn from the seed. */
const WAYS: readonly Way[] = [
  one("read.a"),
  one("read.a"),
  one("fail.a"),
  one("mail.a"),
  one("mail.a"),
  one("pool.a"),
  one("pool.a"),
  one("drop.a"),
  // Approved, and then run by another call.
  async (gate, id) => {
    await submit(gate, { id, topic: "pay.a", payload: { id } });
    await vote(gate, id, ["ann"]);
    await resume(gate, id);
  },
  // Approved by two while the call waits in place.
  async (gate, id) => {
    const waiting = submit(gate, { id, topic: "pay.large", payload: { id } }, 5_000);
    while (!(await isOpen(gate, id))) await sleep(1);
    await vote(gate, id, ["ann", "bob"]);
    await waiting;
  },
  // Two jobs of one content share one request, which lets one of them run.
  async (gate, id) => {
    const both = [`${id}x`, `${id}y`];
    for (const each of both) await submit(gate, { id: each, topic: "pay.b", payload: { id } });
    await vote(gate, `${id}x`, ["ann"]);
    await Promise.all(both.map((each) => resume(gate, each)));
  },
  // The same job twice at once.
  async (gate, id) => {
    const job = { id, topic: "read.b", payload: { id } };
    await Promise.all([submit(gate, job), submit(gate, job)]);
  },
  // Decided by one call, run by the next.
  async (gate, id) => {
    const job = { id, topic: "read.c", payload: { id } };
    tell("asks", job);
    await gate.evaluate(job);
    await submit(gate, job);
  },
  (gate) => gate.drain(),
];

/** The control has no business with approvals: what it does wrong, it does with any job. */
const NAIVE_WAYS: readonly Way[] = [one("read.a")];

async function lane(gate: Gate, draws: Draws, name: string, restMs: number): Promise<void> {
  const ways = setup.naive ? NAIVE_WAYS : WAYS;
  for (let count = 0; !closing; count += 1) {
    await draws.pick(ways)(gate, `${name}-${count}`).catch(refusal);
    // The loop turns also where every answer is there at once.
    await sleep(restMs);
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async (): Promise<string | null> => {
  const { value, done } = await lines.next();
  // Without its parent nobody would end it.
  if (done === true) process.exit(0);
  return value as string;
};

tell("booted");
const go = JSON.parse((await next()) ?? "{}") as Go;
const { gate, close } = await open();
tell("opened");
await readLog(gate, go.after);
const takingUp = takeUp(gate, go.again).catch(refusal);
const draws = drawsOf(setup.seed, go.number);
const work = Array.from({ length: go.lanes }, (_, index) => lane(gate, draws, `j-${go.number}-${index}`, go.restMs));
void Promise.all([takingUp, ...work]).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
// The parent says when to close, or kills it before.
await next();
closing = true;
tell("closing");
await close();
process.exit(0);
