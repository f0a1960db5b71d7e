import type { Gate, GateOptions, Job } from "dispatch-gate";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { codeOf, open, STORES } from "./open.js";

const ann = { id: "ann", roles: ["finance", "security"], assurance: "token" } as const;

const BASE = {
  topic: "job.pay.out",
  tenantId: "acme",
  actor: { id: "bot", type: "agent", onBehalfOf: "sam" },
  riskTags: ["money"],
  labels: { env: "prod" },
  capability: "pay",
  requires: ["ledger"],
  resources: { paths: ["/data/a"], hosts: ["a.example"] },
  constraints: { maxRuntimeSec: 5 },
  payload: { amount: 5, to: "acc-1" },
} as const satisfies Job;

type Hashed = Omit<Required<Job>, "id" | "traceId" | "annotations">;

/** Every field that is hashed, each with values that differ from the one approved. The compiler says when one is missing. */
const OTHERWISE = {
  topic: ["job.pay.in", "job.pay.out.now"],
  tenantId: ["other"],
  actor: [
    { ...BASE.actor, id: "bot2" },
    { ...BASE.actor, type: "service" },
    { ...BASE.actor, onBehalfOf: "sue" },
    { id: "bot", type: "agent" },
  ],
  riskTags: [[], ["money", "prod"], ["prod"]],
  labels: [{}, { env: "eu" }, { env: "prod", more: "x" }, { ENV: "prod" }],
  capability: ["refund"],
  requires: [[], ["ledger", "vault"]],
  resources: [
    { paths: ["/data/b"], hosts: ["a.example"] },
    { paths: ["/data/a"], hosts: [] },
    { paths: [], hosts: ["a.example"] },
  ],
  constraints: [{}, { maxRuntimeSec: 6 }, { maxRuntimeSec: 5, maxRetries: 1 }],
  payload: [
    null,
    { amount: 5 },
    { amount: 6, to: "acc-1" },
    { amount: "5", to: "acc-1" },
    { amount: 5, to: "acc-1", x: 0 },
  ],
} satisfies { readonly [Field in keyof Hashed]: readonly Hashed[Field][] };

const ASK = `version: v1\nrules: [{ id: ask, match: { topics: ["**"] }, decision: require_approval }]\n`;

async function gateOf(options: Partial<GateOptions>, ran: unknown[]): Promise<Gate> {
  return open({
    policy: { yaml: ASK },
    store: createMemoryStore(),
    dispatch: (job) => {
      ran.push(job.payload);
      return "paid";
    },
    ...options,
  });
}

describe("an approval is for one content", () => {
  test.each(STORES)("change any field of the job and it does not apply, %s", async (_name, openStore) => {
    const ran: unknown[] = [];
    const gate = await gateOf({ store: await openStore() }, ran);
    const held = await gate.evaluateAndDispatch(BASE);
    await gate.approvals.approve(held.approval?.id ?? "", { by: ann });
    for (const [field, values] of Object.entries(OTHERWISE)) {
      for (const value of values) {
        const other = await gate.evaluateAndDispatch({ ...BASE, [field]: value });
        expect([field, value, other.status]).toEqual([field, value, "PENDING_APPROVAL"]);
        expect(other.approval?.id).not.toBe(held.approval?.id);
      }
      const { [field as "payload"]: _left, ...without } = BASE as Job;
      if (field === "topic") continue;
      const other = await gate.evaluateAndDispatch(without as Job);
      expect([field, other.status]).toEqual([field, "PENDING_APPROVAL"]);
    }
    expect(ran).toEqual([]);
    // The control, and what is not hashed: another id, trace and annotations are the same content.
    const same = { ...structuredClone(BASE), id: "mine", traceId: "t-2", annotations: { note: "x" } } as Job;
    expectOutcome(await gate.evaluateAndDispatch(same), { status: "SUCCEEDED" });
    expect(ran).toEqual([BASE.payload]);
  });

  test("to another dispatcher it does not apply either", async () => {
    const ran: unknown[] = [];
    const gate = await gateOf({ dispatchers: { refund: () => ran.push("refund") } }, ran);
    const held = await gate.evaluateAndDispatch(BASE);
    await gate.approvals.approve(held.approval?.id ?? "", { by: ann });
    expectOutcome(await gate.evaluateAndDispatch(BASE, "refund"), { status: "PENDING_APPROVAL" });
    expectOutcome(await gate.evaluateAndDispatch({ ...BASE, id: held.jobId ?? "" }, "refund"), {
      status: "DENIED",
      code: "job_id_reused",
    });
    expect(ran).toEqual([]);
  });
});

/** A policy of parts: each replaces the one of the policy under which approval was asked. */
interface Parts {
  readonly head?: string;
  readonly ask?: string;
  readonly more?: string;
}

function policyOf({ head = "", ask = "", more = "" }: Parts): { readonly yaml: string } {
  const rule = ask === "" ? ASKING : ask;
  return { yaml: `version: v1\n${head}rules:\n${rule}${more}` };
}

const ASKING = `  - { id: ask, match: { topics: ["job.pay.*"] }, decision: require_approval, reason: money, approval: { quorum: 1 } }\n`;
const asking = (approval: string, rest = ""): string =>
  `  - { id: ask, match: { topics: ["job.pay.*"] }, decision: require_approval, reason: money, approval: { ${approval} }${rest} }\n`;
const rule = (text: string): string => `  - ${text}\n`;
const MORE = `match: { topics: ["job.pay.*"] }`;

/** What matters to the job: under either binding the approval is stale. */
const MATTERS: readonly (readonly [string, Parts])[] = [
  ["the quorum", { ask: asking("quorum: 2") }],
  ["roles", { ask: asking("roles: [finance]") }],
  ["kinds", { ask: asking("kinds: [human, service]") }],
  ["allow_self", { ask: asking("allow_self: true") }],
  ["confirm_view", { ask: asking("confirm_view: true") }],
  ["assurance", { ask: asking("assurance: token") }],
  ["the request's span", { ask: asking("expires_in_sec: 60") }],
  [
    "a second requirement",
    { more: rule(`{ id: too, ${MORE}, decision: require_approval, approval: { roles: [security] } }`) },
  ],
  ["expires_in_sec of all", { head: "approvals: { expires_in_sec: 3600 }\n" }],
  ["use_within_sec", { head: "approvals: { use_within_sec: 60 }\n" }],
  ["rejection_stands_sec", { head: "approvals: { rejection_stands_sec: 60 }\n" }],
  [
    "a limit of run time",
    { more: rule(`{ id: c, ${MORE}, decision: allow_with_constraints, constraints: { max_runtime_sec: 3 } }`) },
  ],
  [
    "a limit of retries",
    { more: rule(`{ id: c, ${MORE}, decision: allow_with_constraints, constraints: { max_retries: 0 } }`) },
  ],
  ["a rate limit", { more: rule(`{ id: t, ${MORE}, decision: throttle, throttle: { limit: 5, window_sec: 60 } }`) }],
  ["an output rule", { more: `outputs: [{ id: o, match: { topics: ["**"] }, detect: [pii], action: redact }]\n` }],
  ["the output default", { head: "output_default: none\n" }],
  [
    "a condition in doubt",
    {
      more: rule(
        `{ id: w, match: { topics: ["job.pay.*"], when: "job.payload.nothing == 1" }, decision: require_approval }`,
      ),
    },
  ],
  ["a denial", { more: rule(`{ id: d, ${MORE}, decision: deny }`) }],
  ["a throttle of all", { more: rule(`{ id: t, ${MORE}, decision: throttle }`) }],
  [
    "the rule gone, so the default denies",
    { ask: rule(`{ id: x, match: { topics: ["job.other"] }, decision: allow }`) },
  ],
  ["a permission in place of the question", { ask: rule(`{ id: ask, ${MORE}, decision: allow }`) }],
];

/** What does not: only a binding to the snapshot is stale. */
const MATTERS_NOT: readonly (readonly [string, Parts])[] = [
  [
    "the rule gone, and the default asks the same",
    { head: "default: require_approval\n", ask: rule(`{ id: x, match: { topics: ["job.other"] }, decision: allow }`) },
  ],
  ["a rule about other jobs", { more: rule(`{ id: o, match: { topics: ["job.other"] }, decision: deny }`) }],
  ["the reason", { ask: ASKING.replace("reason: money", "reason: other words") }],
  ["the rule's id", { ask: ASKING.replace("id: ask", "id: ask-anew") }],
  ["a remediation", { ask: asking("quorum: 1", ", remediations: [{ title: pay less }]") }],
  ["a permission that asks for less", { more: rule(`{ id: p, ${MORE}, decision: allow }`) }],
  ["the order of rules", { ask: rule(`{ id: p, match: { topics: ["job.x"] }, decision: allow }`) + ASKING }],
  ["how rules combine, where only one matches", { head: "combining: first_match\n" }],
];

async function staleAfter(parts: Parts, binding: "snapshot" | "decision"): Promise<readonly string[]> {
  const verdicts: string[] = [];
  for (const moment of ["approve", "claim"] as const) {
    const ran: unknown[] = [];
    const gate = await gateOf({ policy: policyOf({}), approvalBinding: binding }, ran);
    const held = await gate.evaluateAndDispatch(BASE);
    const id = held.approval?.id ?? "";
    if (moment === "claim") await gate.approvals.approve(id, { by: ann });
    await gate.reload(policyOf(parts));
    if (moment === "approve") {
      const { view = "" } = (await gate.approvals.get(id)) ?? {};
      const code = await codeOf(gate.approvals.approve(id, { by: ann, view }));
      verdicts.push(code === "no error" ? "holds" : code === "approval_superseded" ? "stale" : code);
    } else {
      await gate.resume(held.jobId ?? "");
      const { state } = (await gate.approvals.get(id)) ?? {};
      verdicts.push(
        state === "consumed" && ran.length === 1 ? "holds" : state === "superseded" ? "stale" : String(state),
      );
    }
  }
  return verdicts;
}

describe("an approval is for one policy", () => {
  test.each(MATTERS)("%s: changed, it is stale at approve and at claim, under both bindings", async (_what, parts) => {
    expect(await staleAfter(parts, "snapshot")).toEqual(["stale", "stale"]);
    expect(await staleAfter(parts, "decision")).toEqual(["stale", "stale"]);
  });

  test.each(MATTERS_NOT)("%s: changed, it is stale by snapshot and holds by decision", async (_what, parts) => {
    expect(await staleAfter(parts, "snapshot")).toEqual(["stale", "stale"]);
    expect(await staleAfter(parts, "decision")).toEqual(["holds", "holds"]);
  });

  test("only the queue or the words about tags changed: it holds under both", async () => {
    for (const head of ["queue: { max_pending: 7 }\n", "# a comment\n"]) {
      expect(await staleAfter({ head }, "snapshot")).toEqual(["holds", "holds"]);
      expect(await staleAfter({ head }, "decision")).toEqual(["holds", "holds"]);
    }
  });

  test("an approved job runs under no more than was shown, whatever gate runs it", async () => {
    const seen: unknown[] = [];
    const store = createMemoryStore();
    const first = await gateOf({ store, maxRuntimeSec: 2 }, []);
    const held = await first.evaluateAndDispatch({ ...BASE, constraints: {} });
    await first.approvals.approve(held.approval?.id ?? "", { by: ann });
    const wide = await open({
      store,
      activate: "never",
      maxRuntimeSec: 800,
      dispatch: (_job, { constraints }) => seen.push(constraints.maxRuntimeSec),
    });
    const done = expectOutcome(await wide.resume(held.jobId ?? ""), { status: "SUCCEEDED" });
    expect([seen, done.constraints?.maxRuntimeSec]).toEqual([[2], 2]);
  });
});
