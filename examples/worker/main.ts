import { fileURLToPath } from "node:url";
import { type AdmittedJob, createGate, type Job, NoEffectError } from "dispatch-gate";
import { type Line, openLine } from "./line.js";
import type { Answer } from "./worker.js";

/** What went over the line, as somebody who listens on it would have it. */
const overheard: { job: AdmittedJob; token: string }[] = [];

const gate = await createGate({
  policy: fileURLToPath(new URL("./policy.yaml", import.meta.url)),
  store: ":memory:",
  dispatch: async (job, { permit }) => {
    const token = await permit.token({ audience: "refund-worker" });
    overheard.push({ job, token });
    const answer = await line.send(job, token);
    // A refusal ended without effect, and says so: where the policy permits retries, the next has a permit of its own.
    if (answer.status === "refused") throw new NoEffectError(`the worker refused: ${answer.message}`);
    if (answer.status === "failed") throw new Error(`the worker failed: ${answer.message}`);
    return { refunded: answer.refunded };
  },
});
const line: Line = openLine(await gate.permits.jwk());
try {
  await submit("refund A-17", { topic: "job.shop.refund", payload: { order: "A-17" } });
  await submit("refund A-18", { topic: "job.shop.refund", payload: { order: "A-18" } });
  await submit("delete Ana", {
    topic: "job.shop.delete_customer",
    riskTags: ["destructive"],
    payload: { name: "Ana" },
  });

  // From here on somebody goes past the gate: he has the line, and all that went over it.
  const [first, second] = overheard;
  if (first === undefined || second === undefined) throw new Error("the gate dispatched nothing");
  const { job, token } = first;
  tell("a job without a permit", await line.send(job));
  tell("the same job again", await line.send(job, token));
  tell("another order under its permit", await line.send({ ...job, payload: { order: "A-19" } }, token));
  tell("its job under another's permit", await line.send(job, second.token));
  tell("a permit with other claims", await line.send({ ...job, id: "mine" }, reworded(token)));
} finally {
  await line.close();
  await gate.close();
}

async function submit(what: string, job: Job): Promise<void> {
  const outcome = await gate.evaluateAndDispatch({ actor: { id: "shop-agent", type: "agent" }, ...job });
  const shown = outcome.status === "SUCCEEDED" ? JSON.stringify(outcome.output) : outcome.reason.message;
  console.log(`gate:    ${what}: ${outcome.status}, ${shown}`);
}

function tell(what: string, answer: Answer): void {
  console.log(`worker:  ${what}: ${answer.status}${answer.status === "refused" ? `, ${answer.code}` : ""}`);
}

/** The permit with another job's id in it, under the signature it had. */
function reworded(token: string): string {
  const [head, payload = "", signature] = token.split(".");
  const claims: object = JSON.parse(Buffer.from(payload, "base64url").toString());
  return [head, Buffer.from(JSON.stringify({ ...claims, sub: "mine" })).toString("base64url"), signature].join(".");
}
