import { writevSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createGate, type Gate, type Outcome } from "dispatch-gate";
import { openStore } from "../../../src/gate/store.js";
import { telling } from "../../../src/gate/telling.js";
import { defineStore } from "../../../src/store/port.js";
import { monotonicNow, type Said } from "../witness.js";
import { changeDriver } from "./driver.js";
import { ignoring } from "./ignoring.js";

/** What the parent says when it starts this process. */
export interface Setup {
  readonly store: string;
  /** `right`: the gate as it is. The others are controls: see `driver.ts` and `ignoring.ts`. */
  readonly how: "right" | "relaxed" | "ignoring";
  /** Stands in the id of every job, so that no two processes use one. */
  readonly run: string;
  /** Rounds of work that are done without being asked; null: until it is killed. */
  readonly rounds: number | null;
  /** Jobs that are under way at once. */
  readonly lanes: number;
  /** Characters of a job's payload. */
  readonly size: number;
  /** How often opening is tried before it is given up; null: until it is killed. */
  readonly opens: number | null;
}

const POLICY = `version: v1
queue: { max_pending: 100000, max_pending_per_actor: 100000, max_requests_per_actor: { limit: 1000000, window_sec: 1 } }
rules:
  - { id: run, match: { topics: ["run.**"] }, decision: allow }
  - { id: ask, match: { topics: ["ask.**"] }, decision: require_approval, reason: a person looks }
  - { id: never, match: { topics: ["never.**"] }, decision: deny, reason: not here }
`;

const setup = JSON.parse(process.argv[2] ?? "{}") as Setup;

/** On its own file, by a call of the system's that no fault is put on. Handed over when it returns, whoever is killed then. */
function say(said: Said): void {
  writevSync(1, [Buffer.from(`${JSON.stringify({ at: monotonicNow(), ...said })}\n`)]);
}

function answered({ jobId, status, dispatched, reason }: Outcome): void {
  say({ kind: "answer", jobId: jobId ?? "", status, code: reason.code, dispatched });
}

interface Opened {
  readonly gate: Gate;
  readonly close: () => Promise<void>;
}

async function open(): Promise<Opened> {
  const disk = await openStore(setup.store);
  const store = setup.how === "ignoring" ? ignoring(disk) : disk;
  try {
    const gate = await createGate({
      policy: { yaml: POLICY },
      store: defineStore(
        telling(store, (events) => {
          for (const { text } of events) say({ kind: "event", text });
        }),
      ),
      dispatch: (job) => {
        say({ kind: "effect", jobId: job.id });
        return { done: job.id };
      },
    });
    const close = async (): Promise<void> => {
      try {
        await gate.close();
      } finally {
        await store.close();
      }
    };
    return { gate, close };
  } catch (error) {
    await disk.close().catch(() => undefined);
    throw error;
  }
}

/** One of each: a job that runs, one that is asked about and then runs, and one that is refused. */
async function round(gate: Gate, name: string): Promise<void> {
  // Of its own, so that no job joins another's request for approval.
  const payload = name + "x".repeat(setup.size);
  answered(await gate.evaluateAndDispatch({ id: `run-${name}`, topic: "run.it", payload }));
  const id = `ask-${name}`;
  answered(await gate.evaluateAndDispatch({ id, topic: "ask.first", payload }));
  try {
    await gate.approvals.approve({ jobId: id }, { by: { id: "ann" } });
  } catch (error) {
    say({ kind: "failed", what: "vote", code: codeOf(error) });
  }
  answered(await gate.resume(id));
  answered(await gate.evaluateAndDispatch({ id: `never-${name}`, topic: "never.this", payload }));
}

async function work(gate: Gate, rounds: number, from: number): Promise<void> {
  let next = from;
  const lane = async (): Promise<void> => {
    while (next < from + rounds) {
      next += 1;
      await round(gate, `${setup.run}-${next}`);
      // A store that refuses at once would otherwise leave no turn to anybody else.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: setup.lanes }, lane));
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | null)?.code ?? error);
}

await changeDriver({
  onRefused: (code, word) => say({ kind: "refused", code, word }),
  relaxed: setup.how === "relaxed",
});

let opened: Opened | null = null;
for (let tries = 0; opened === null && tries < (setup.opens ?? Number.POSITIVE_INFINITY); tries += 1) {
  try {
    opened = await open();
  } catch (error) {
    say({ kind: "failed", what: "open", code: codeOf(error) });
    await sleep(10);
  }
}
if (opened === null) process.exit(0);
const { gate, close } = opened;
say({ kind: "opened" });

if (process.send === undefined) {
  await work(gate, setup.rounds ?? Number.POSITIVE_INFINITY, 0);
  await gate.audit.checkpoint().catch((error) => say({ kind: "failed", what: "checkpoint", code: codeOf(error) }));
  await close().catch((error) => say({ kind: "failed", what: "close", code: codeOf(error) }));
  process.exit(0);
}

// Asked for work by the round, and says when it is done.
let asked = 0;
process.on("message", (message) => {
  const { rounds } = message as { readonly rounds: number };
  const from = asked;
  asked += rounds;
  void work(gate, rounds, from).then(() => say({ kind: "done" }));
});
process.on("disconnect", () => process.exit(0));
