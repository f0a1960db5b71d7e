import { fileURLToPath } from "node:url";
import { type Approvals, createGate, type Gate } from "dispatch-gate";
import { openChat } from "./chat.js";
import { createNotifier } from "./notify.js";

const chat = await openChat();
const notifier = createNotifier(chat.url, (): Approvals => gate.approvals);
const gate: Gate = await createGate({
  policy: fileURLToPath(new URL("./policy.yaml", import.meta.url)),
  store: ":memory:",
  dispatch: (job) => ({ refunded: job.payload }),
  onEvent: notifier.onEvent,
});
try {
  // The agent's call waits in place: it ends when somebody has decided.
  const refund = gate.evaluateAndDispatch(
    {
      topic: "job.shop.write.refund",
      actor: { id: "shop-agent", type: "agent" },
      payload: { order: "A-18", note: "\u001b[2Jharmless" },
    },
    undefined,
    { waitForApprovalMs: 60_000 },
  );

  const asked = await chat.read();
  console.log(asked.text);
  // In a host this is a page behind a login, reached by POST: who decides comes from the session, the view from the form.
  await gate.approvals.approve(asked.approvalId, {
    by: { id: "rosa@example.com", roles: ["support-lead"] },
    view: asked.view ?? "",
    note: "the order was paid twice",
  });

  const outcome = await refund;
  console.log(
    `\noutcome: ${outcome.status}${outcome.status === "SUCCEEDED" ? ` ${JSON.stringify(outcome.output)}` : ""}`,
  );
  for (let told = 0; told < 2; told += 1) console.log(`chat:    ${(await chat.read()).text}`);
  await notifier.idle();
} finally {
  await gate.close();
  await chat.close();
}
