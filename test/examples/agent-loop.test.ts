import { describe, expect, it } from "vitest";
import { runExample } from "./run-example.js";

const TRANSCRIPT = `model: search_orders({"customer":"Ana"})
gate:  The action ran. Its result: [{"order":"A-17","customer":"Ana","cents":4200},{"order":"A-18","customer":"Ana","cents":4200}]
model: delete_customer({"customer":"Ana"})
gate:  The action was refused and did not run: Agents may not delete customers. Repeating it unchanged will not help.
model: delete_customer({"customer":"Ana","topic":"job.shop.read.search_orders","riskTags":[]})
gate:  The action was refused and did not run: Agents may not delete customers. Repeating it unchanged will not help.
model: refund_order({"order":"A-18"})
gate:  The action has not run: it waits for a person's approval (Refunds need a person's approval). Go on with other work; submit exactly the same action again later to learn how it ended.
model: search_orders({"customer":"Ben"})
rosa:  approves job.shop.write.refund_order of shop-agent with {"order":"A-18"}
gate:  The action ran. Its result: []
model: refund_order({"order":"A-18"})
gate:  The action ran. Its result: {"refunded":"A-18"}
model: Ana's order A-18 is refunded.
books: refunds A-18; customers Ana
`;

describe("the agent loop", () => {
  it("answers refusals as data that the model reads, and runs what was approved when it is asked for again", async () => {
    const { code, stdout, stderr } = await runExample("examples/agent-loop/main.ts");
    expect(stderr).toBe("");
    expect(stdout).toBe(TRANSCRIPT);
    expect(code).toBe(0);
  });
});
