import { execFileSync } from "node:child_process";
import { createGate, type Outcome } from "dispatch-gate";
import { onMessage, tell } from "./tell.js";

// Runs jobs in fail mode `open`, on a disk that fails and works again as the parent says: the system refuses every write behind the
// first so many bytes of a file, which the write-ahead log has passed and the spool has not.
const [store = "", policy = ""] = process.argv.slice(2);
const limit = (bytes: string): void => {
  execFileSync("prlimit", [`--fsize=${bytes}:unlimited`, `--pid=${process.pid}`]);
};
// Without a listener the signal that comes with the refusal ends the process.
process.on("SIGXFSZ", () => undefined);

const gate = await createGate({
  policy: { yaml: policy },
  store,
  failMode: "open",
  dispatch: ({ payload }) => payload,
});
const said = ({ status, degraded, reason, jobId }: Outcome): unknown => ({
  status,
  degraded,
  code: reason.code,
  jobId,
});

onMessage((message) => {
  const { step, payload = null } = message as { readonly step: string; readonly payload?: string | null };
  void (async () => {
    if (step === "break") limit("65536");
    if (step === "mend") limit("unlimited");
    if (step === "close") await gate.close();
    tell(step === "run" ? said(await gate.evaluateAndDispatch({ topic: "job.a", payload })) : step);
    if (step === "close") process.disconnect();
  })();
});
tell("ready");
