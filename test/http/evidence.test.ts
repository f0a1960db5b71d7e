import type { Gate } from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { open, rules } from "../gate/open.js";
import { ask, handlerFor } from "./ask.js";

const POLICY = rules(`
- { id: read, match: { topics: ["read.*"] }, decision: allow }
- { id: pay, match: { topics: ["pay.*"] }, decision: require_approval, reason: a person looks }
`);

const openGate = (): Promise<Gate> => open({ policy: POLICY, store: createMemoryStore(), dispatch: () => "ran" });

describe("a trace", () => {
  test("tells who asked, who approved and why, and what came of it", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id: "j", trace_id: "t-1", topic: "pay.out" } });
    await ask(handler, "POST /api/v1/approvals/j/approve", { body: { note: "the invoice is right" } });
    await gate.resume("j");
    const { status, json } = await ask(handler, "GET /api/v1/traces/t-1");
    expect([status, json.trace_id]).toEqual([200, "t-1"]);
    expect(json.entries.map(({ type }: { type: string }) => type)).toEqual([
      ...["approval.requested", "approval.voted"],
      ...["job.dispatching", "job.settled"],
    ]);
    expect(json.entries[1]).toMatchObject({
      note: "the invoice is right",
      body: { approver: { id: "ann@example.com" } },
    });
    expect(json.entries[0].body.actor.id).toBe("agent-7");
  });

  test("is 404 where nothing is under it", async () => {
    const { status, json } = await ask(handlerFor(await openGate()), "GET /api/v1/traces/none");
    expect([status, json.code]).toEqual([404, "trace_unknown"]);
  });

  test("shows each tenant what is theirs, however others name their traces", async () => {
    const handler = handlerFor(await openGate());
    for (const as of ["agent", "other"]) {
      await ask(handler, "POST /api/v1/jobs", { as, body: { trace_id: "shared", topic: "read.a" } });
    }
    const tenants = async (as: string): Promise<readonly string[]> => {
      const { json } = await ask(handler, "GET /api/v1/traces/shared", { as });
      return [...new Set<string>(json.entries.map(({ body }: { body: { tenant_id: string } }) => body.tenant_id))];
    };
    expect(await tenants("ann")).toEqual(["default"]);
    expect(await tenants("eve")).toEqual(["other"]);
    expect(await tenants("all")).toEqual(["default", "other"]);
  });
});

describe("the policy", () => {
  test("is told as it is in force", async () => {
    const gate = await openGate();
    const { json } = await ask(handlerFor(gate), "GET /api/v1/policy");
    expect(json).toMatchObject({
      snapshot: gate.policy.snapshot,
      rule_ids: ["read", "pay"],
      document: gate.policy.document,
    });
  });

  test("explains a job that nobody submitted, of whatever tenant and actor, and records nothing", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const before = (await gate.audit.events()).items.length;
    const body = { topic: "pay.out", tenant_id: "other", actor: { id: "x", type: "agent", on_behalf_of: "y" } };
    const { json } = await ask(handler, "POST /api/v1/policy/simulate", { body });
    expect(json).toMatchObject({
      decision: { type: "REQUIRE_APPROVAL", rule_id: "pay" },
      matched: [{ id: "pay", decided: true }],
    });
    expect((await gate.audit.events()).items.length).toBe(before);
    const wrong = await ask(handler, "POST /api/v1/policy/simulate", { body: { topic: "" } });
    expect([wrong.status, wrong.json.code]).toEqual([400, "job_invalid"]);
  });
});

describe("the checkpoint", () => {
  test("is what was signed last, and asking signs nothing", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    const signed = await gate.audit.checkpoint();
    const { json } = await ask(handler, "GET /api/v1/audit/checkpoint");
    expect(json).toEqual({ ...signed, key: gate.audit.key });
    expect(json.note).toContain(`\n${signed?.size}\n`);
  });
});

describe("health and metrics", () => {
  test("health needs no identity, and says no more than how the gate stands", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    expect((await ask(handler, "GET /healthz", { as: null })).json).toEqual({ status: "ok", fail_mode: "closed" });
    await gate.halt({ by: "ann", reason: "an incident" });
    const halted = await ask(handler, "GET /healthz", { as: null });
    expect([halted.status, halted.json.status]).toEqual([200, "halted"]);
    await gate.close();
    const closed = await ask(handler, "GET /healthz", { as: null });
    expect([closed.status, closed.json.status]).toEqual([503, "closed"]);
  });

  test("metrics count decisions by type and rule, and tell the queue", async () => {
    const gate = await openGate();
    const handler = handlerFor(gate);
    for (const topic of ["read.a", "read.b", "pay.a", "nothing.a"]) {
      await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { topic } });
    }
    const { status, headers, text } = await ask(handler, "GET /metrics");
    expect([status, headers.get("content-type")]).toEqual([
      200,
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ]);
    const samples = new Map(
      text
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
    );
    expect(Object.fromEntries(samples)).toMatchObject({
      'dispatch_gate_decisions_total{type="ALLOW",rule="read"}': 2,
      'dispatch_gate_decisions_total{type="REQUIRE_APPROVAL",rule="pay"}': 1,
      'dispatch_gate_decisions_total{type="DENY",rule="@default"}': 1,
      'dispatch_gate_outcomes_total{status="SUCCEEDED",code="completed"}': 2,
      'dispatch_gate_outcomes_total{status="PENDING_APPROVAL",code="approval_required"}': 1,
      dispatch_gate_decided_seconds_count: 4,
      'dispatch_gate_decided_seconds_bucket{le="+Inf"}': 4,
      dispatch_gate_approvals_pending: 1,
      'dispatch_gate_state{dispatch_gate_state="ok"}': 1,
      dispatch_gate_store_up: 1,
    });
    expect(samples.get("dispatch_gate_approvals_oldest_age_seconds")).toBeGreaterThanOrEqual(0);
    expect(faultsOf(text)).toEqual([]);
  });
});

/** What a text is not as OpenMetrics 1.0 has it: families whole and once, each with its type first, and `# EOF` at the end. */
function faultsOf(text: string): readonly string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  let family = "";
  if (!text.endsWith("# EOF\n")) faults.push("no EOF");
  for (const line of text.slice(0, -"# EOF\n".length).trimEnd().split("\n")) {
    const [, name] = /^# TYPE ([a-z_]+) (?:counter|gauge|histogram|stateset|info)$/.exec(line) ?? [];
    if (name !== undefined) {
      if (seen.has(name)) faults.push(`${name} stands twice`);
      seen.add(name);
      family = name;
    } else if (line.startsWith("# ")) {
      if (!new RegExp(`^# (?:HELP|UNIT) ${family} .+$`).test(line)) faults.push(line);
    } else if (
      !new RegExp(`^${family}(?:_total|_info|_bucket|_sum|_count|_created)?(?:\\{.+\\})? [0-9.e+-]+$`).test(line)
    ) {
      faults.push(line);
    }
  }
  return faults;
}
