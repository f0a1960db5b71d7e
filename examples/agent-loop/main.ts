import { fileURLToPath } from "node:url";
import { createGate, type Gate, type Outcome, toModelText } from "dispatch-gate";
import { type Model, scriptedModel, type ToolCall } from "./model.js";
import { openShop } from "./shop.js";
import { createTools, type GatedTool } from "./tools.js";

const shop = openShop();
const gate = await createGate({
  policy: fileURLToPath(new URL("./policy.yaml", import.meta.url)),
  store: ":memory:",
});
try {
  const answer = await converse(gate, createTools(gate, shop, "conversation-1"), scriptedModel());
  console.log(`model: ${answer}`);
  const { refunds, customers } = shop.books();
  console.log(`books: refunds ${refunds.join(", ")}; customers ${customers.join(", ")}`);
} finally {
  await gate.close();
}

/** The loop that every agent has: the model calls, the host answers with text, until the model is done. */
async function converse(gate: Gate, tools: ReadonlyMap<string, GatedTool>, model: Model): Promise<string> {
  let waiting: string | null = null;
  let turn = model.next();
  while (turn.done !== true) {
    console.log(`model: ${turn.value.tool}(${JSON.stringify(turn.value.args)})`);
    const outcome = await call(tools, turn.value);
    // A person takes a moment: what one turn asked for is approved during the next.
    if (waiting !== null) await approve(gate, waiting);
    waiting = outcome?.status === "PENDING_APPROVAL" ? outcome.jobId : null;
    const text = outcome === null ? "There is no such tool." : toModelText(outcome);
    console.log(`gate:  ${text}`);
    turn = model.next(text);
  }
  return turn.value;
}

async function call(tools: ReadonlyMap<string, GatedTool>, { tool, args }: ToolCall): Promise<Outcome | null> {
  const gated = tools.get(tool);
  return gated === undefined ? null : gated(args);
}

/** In a real host this is a page or a chat message that a person answers. */
async function approve(gate: Gate, jobId: string): Promise<void> {
  const approval = await gate.approvals.approve(
    { jobId },
    { by: { id: "rosa@example.com" }, note: "the order is right" },
  );
  const { actor, topic, payload } = approval.job ?? {};
  console.log(`rosa:  approves ${topic} of ${actor?.id} with ${JSON.stringify(payload)}`);
}
