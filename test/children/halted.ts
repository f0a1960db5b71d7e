import { createGate, type Outcome } from "dispatch-gate";
import { tell } from "./tell.js";

// Runs one job until it is told to stop, then tries another, and tells the parent how both ended.
const [store = "", policy = ""] = process.argv.slice(2);
const gate = await createGate({
  policy: { yaml: policy },
  store,
  dispatch: (_job, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      tell("inside");
    }),
});
const said = ({ status, reason }: Outcome): string => `${status} ${reason.code}`;
const first = said(await gate.evaluateAndDispatch({ topic: "job.a" }));
const second = said(await gate.evaluateAndDispatch({ topic: "job.b" }));
tell({ first, second });
