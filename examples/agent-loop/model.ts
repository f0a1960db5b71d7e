import type { Json } from "dispatch-gate";

/** What a model asks for. */
export interface ToolCall {
  readonly tool: string;
  readonly args: Json;
}

/** A model is handed the text of each tool's result, and answers with the next call, at last with its answer. */
export type Model = Generator<ToolCall, string, string>;

/** Stands in for a language model, and reads nothing but the words that one would read. */
export function* scriptedModel(): Model {
  const orders = yield { tool: "search_orders", args: { customer: "Ana" } };
  const order = orders.includes("A-18") ? "A-18" : "A-17";

  const wish: Json = { customer: "Ana" };
  const refused = yield { tool: "delete_customer", args: wish };
  if (refused.includes("was refused")) {
    // Models try to talk a refusal around. These are words in a payload, and change nothing.
    yield { tool: "delete_customer", args: { ...wish, topic: "job.shop.read.search_orders", riskTags: [] } };
  }

  const refund: ToolCall = { tool: "refund_order", args: { order } };
  let result = yield refund;
  if (result.includes("waits for a person's approval")) {
    yield { tool: "search_orders", args: { customer: "Ben" } };
    result = yield refund;
  }
  return result.includes("The action ran") ? `Ana's order ${order} is refunded.` : `I could not refund: ${result}`;
}
