import { createGate } from "dispatch-gate";
import { tell } from "./tell.js";

// Enters the dispatch function and stays there: the parent kills this process with SIGKILL.
const [store = "", policy = ""] = process.argv.slice(2);
const gate = await createGate({
  policy: { yaml: policy },
  store,
  dispatch: async () => {
    tell("inside");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  },
});
await gate.evaluateAndDispatch({ id: "j-1", traceId: "t-1", topic: "job.a", payload: { amount: 5 } });
