import { createGate } from "dispatch-gate";
import { tell } from "./tell.js";

// Submits jobs as fast as it can, and says which ran.
const [store = "", policy = ""] = process.argv.slice(2);
const ran: number[] = [];
const gate = await createGate({ policy: { yaml: policy }, store, dispatch: () => ran.push(Date.now()) });
tell("ready");
// Until it has been refused often enough to show that the new policy holds.
let denied = 0;
while (denied < 50) {
  const before = ran.length;
  const outcome = await gate.evaluateAndDispatch({ topic: "job.a" });
  if (outcome.status === "DENIED") denied += 1;
  if (ran.length > before) tell({ ran: ran.length, at: ran.at(-1) });
  await new Promise((resolve) => setImmediate(resolve));
}
tell({ denied });
await gate.close();
process.disconnect();
