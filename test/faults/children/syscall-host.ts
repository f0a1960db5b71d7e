import { fsyncSync, openSync, writeSync } from "node:fs";
import { ApprovalError, createGate, defineStore, EvidenceError } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { telling } from "../../../src/gate/telling.js";

/** What the parent says when it starts this process. */
export interface JobSetup {
  readonly store: string;
  /** A file that every effect appends a line to. */
  readonly witness: string;
  readonly policy: string;
  /** Set before the ids of its jobs. */
  readonly name: string;
  /** The control: has the effect first, and asks the gate then. */
  readonly naive: boolean;
  /** Whether it stays inside the dispatch function of its last job. */
  readonly stays: boolean;
}

/** What is told to the parent, a line each. What it has read counts as acknowledged. */
export type JobTold =
  | readonly ["opened" | "closing" | "inside"]
  | readonly ["event", text: string]
  | readonly ["outcome", jobId: string, status: string];

// Opens a gate, lets a few jobs go all their ways, closes it: each step awaited, so that its system calls come in one order.
const { store: path, witness, policy, name, naive, stays } = JSON.parse(process.argv[2] ?? "{}") as JobSetup;
const file = openSync(witness, "a");

function tell(...told: JobTold): void {
  writeSync(1, `${JSON.stringify(told)}\n`);
}

function effect(jobId: string): void {
  writeSync(file, `${jobId}\n`);
  fsyncSync(file);
}

const sqlite = await openSqliteStore(path);
const store = defineStore(
  telling(sqlite, (events) => {
    for (const { text } of events) tell("event", text);
  }),
);
const gate = await createGate({
  policy: { yaml: policy },
  store,
  deadlineMs: 60_000,
  dispatch: async ({ id, topic }) => {
    if (!naive) effect(id);
    if (topic === "read.long") {
      tell("inside");
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    }
    return "done";
  },
});
tell("opened");

async function submit(id: string, topic: string): Promise<void> {
  if (naive) effect(id);
  const { status } = await gate.evaluateAndDispatch({ id, topic, payload: { id } });
  tell("outcome", id, status);
}

/** To one that comes after a dead one, and finds the job done or its request used, a refusal is the answer. */
function refusal(error: unknown): void {
  if (!(error instanceof ApprovalError) && !(error instanceof EvidenceError)) throw error;
}

await submit(`${name}-read`, "read.a");
if (!naive) {
  await submit(`${name}-pay`, "pay.a");
  await gate.approvals.approve({ jobId: `${name}-pay` }, { by: { id: "ann" } }).catch(refusal);
  const { status } = await gate.resume(`${name}-pay`);
  tell("outcome", `${name}-pay`, status);
  await submit(`${name}-pool`, "pool.a");
  await submit(`${name}-mail`, "mail.a");
  await submit(`${name}-drop`, "drop.a");
  await gate.audit.checkpoint();
  await gate.erase(`${name}-read`, { by: "dpo" }).catch(refusal);
}
if (stays) await submit(`${name}-long`, "read.long");
tell("closing");
await gate.close();
await sqlite.close();
