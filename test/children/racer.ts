import { createGate } from "dispatch-gate";
import { onMessage, tell } from "./tell.js";

// Resumes the job it is told, as often as it is told, and says what came of it.
const [store = "", policy = ""] = process.argv.slice(2);
const gate = await createGate({
  policy: { yaml: policy },
  store,
  dispatch: (job) => {
    tell({ ran: job.id });
  },
});
onMessage((message) => {
  const { resume } = message as { readonly resume: string | null };
  if (resume === null) {
    void gate.close().then(() => process.disconnect());
    return;
  }
  void gate
    .resume(resume)
    .then((outcome) => tell({ done: resume, status: outcome.status, replayed: outcome.replayed }));
});
tell("ready");
