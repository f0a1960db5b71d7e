import { setTimeout as sleep } from "node:timers/promises";
import { createGate } from "dispatch-gate";
import { onMessage, tell } from "../../children/tell.js";

// Writes jobs in bursts, so many at a time with a pause after each, until it is told to stop; then says how many.
const [store = "", together = "8", pauseMs = "0", characters = "0"] = process.argv.slice(2);
const policy = { yaml: "version: v1\nrules: [{ id: all, match: { topics: ['**'] }, decision: allow }]\n" };
const gate = await createGate({ policy, store, deadlineMs: 60_000, dispatch: ({ id }) => id });
const payload = "x".repeat(Number(characters));
let stopped = false;
onMessage(() => {
  stopped = true;
});
tell("writes");

let jobs = 0;
while (!stopped) {
  const burst = Array.from({ length: Number(together) }, () => gate.evaluateAndDispatch({ topic: "job.a", payload }));
  for (const { status, reason } of await Promise.all(burst)) {
    if (status !== "SUCCEEDED") throw new Error(`a job is ${status}: ${reason.message}`);
  }
  jobs += burst.length;
  await sleep(Number(pauseMs));
}
await gate.close();
tell({ ended: jobs });
process.disconnect();
