import type { AdmittedJob, Gate, Gated, Job, Json } from "dispatch-gate";
import type { Shop } from "./shop.js";

/** A tool as the host registers it. Topic and tags are the host's word, and are the same for every call. */
interface Tool {
  readonly topic: string;
  readonly riskTags: readonly string[];
  /** Acts on the job it is handed: the frozen copy that was decided on, not the arguments of the call. */
  readonly run: (job: AdmittedJob) => Json;
}

/** A tool behind the gate: whatever happens, it answers with an outcome. */
export type GatedTool = Gated<[args: Json], Json>;

/** The tools of the shop, each behind the gate, by the names that a model knows them by. */
export function createTools(gate: Gate, shop: Shop, traceId: string): ReadonlyMap<string, GatedTool> {
  const tools: Readonly<Record<string, Tool>> = {
    search_orders: {
      topic: "job.shop.read.search_orders",
      riskTags: [],
      run: (job) => shop.search(textOf(job, "customer")),
    },
    refund_order: {
      topic: "job.shop.write.refund_order",
      riskTags: ["money"],
      run: (job) => shop.refund(textOf(job, "order")),
    },
    delete_customer: {
      topic: "job.shop.write.delete_customer",
      riskTags: ["destructive"],
      run: (job) => shop.deleteCustomer(textOf(job, "customer")),
    },
  };
  const gated = Object.entries(tools).map(([name, { topic, riskTags, run }]) => {
    // All that the model said goes into the payload, also when it calls itself `topic` or `riskTags`.
    const toJob = (args: Json): Job => ({
      traceId,
      actor: { id: "shop-agent", type: "agent" },
      topic,
      riskTags,
      payload: args,
    });
    return [name, gate.wrap(run, toJob, { name })] as const;
  });
  return new Map(gated);
}

function textOf({ payload }: AdmittedJob, key: string): string {
  const value: unknown = new Map(Object.entries(payload ?? {})).get(key);
  if (typeof value !== "string") throw new TypeError(`\`${key}\` must be a text`);
  return value;
}
