import { expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { open, SEED_POLICY, STORES } from "./open.js";

describe.each(STORES)("the seed's own policy, %s", (_name, openStore) => {
  const rows = [
    ["job.mcp-bridge.read.ticket", [], "ALLOW", "allow-low-risk-read", "SUCCEEDED"],
    ["job.mcp-bridge.read.ticket", ["destructive"], "DENY", "deny-destructive", "DENIED"],
    [
      "job.mcp-bridge.write.update_ticket",
      ["prod"],
      "REQUIRE_APPROVAL",
      "require-approval-prod-write",
      "PENDING_APPROVAL",
    ],
    ["job.mcp-bridge.write.update_ticket", ["prod", "destructive"], "DENY", "deny-destructive", "DENIED"],
    ["job.agent.exec.run", ["medium"], "ALLOW_WITH_CONSTRAINTS", "constrain-medium-risk", "SUCCEEDED"],
    ["job.agent.exec.run", ["medium", "destructive"], "DENY", "deny-destructive", "DENIED"],
    ["job.mcp-bridge.write.update_ticket", [], "DENY", "@default", "DENIED"],
    ["job.mcp-bridge.read.ticket", ["prod"], "DENY", "@default", "DENIED"],
  ] as const;

  for (const [topic, riskTags, type, ruleId, status] of rows) {
    test(`${topic} with [${riskTags.join(", ")}] is ${type} by ${ruleId}`, async () => {
      let calls = 0;
      const gate = await open({
        policy: { yaml: SEED_POLICY },
        store: await openStore(),
        dispatch: () => ({ n: ++calls }),
      });
      expect(gate.decide({ topic, riskTags })).toMatchObject({ type, ruleId });
      const outcome = await gate.evaluateAndDispatch({ topic, riskTags });
      expectOutcome(outcome, { status, ruleId, dispatched: status === "SUCCEEDED" });
      expect(calls).toBe(status === "SUCCEEDED" ? 1 : 0);
      expect(outcome.decision?.snapshot).toBe(gate.policy.snapshot);
    });
  }

  test("the constraints of the medium-risk rule reach the function, the job's record and its events", async () => {
    let seen: unknown;
    const store = await openStore();
    const gate = await open({
      policy: { yaml: SEED_POLICY },
      store,
      dispatch: (_job, { constraints }) => {
        seen = constraints;
      },
    });
    const outcome = await gate.evaluateAndDispatch({ topic: "job.agent.exec.run", riskTags: ["medium"] });
    expect(seen).toEqual({ maxRuntimeSec: 45, maxRetries: 1 });
    expect(outcome.decision?.constraints).toEqual({ maxRuntimeSec: 45, maxRetries: 1 });
    expect(outcome.constraints).toEqual({ maxRuntimeSec: 45, maxRetries: 1 });
    expect((await gate.jobs.get(outcome.jobId ?? ""))?.constraints).toEqual({ maxRuntimeSec: 45, maxRetries: 1 });
    const { entries } = await gate.audit.timeline(outcome.traceId ?? "");
    expect(entries.map(({ type }) => type)).toEqual(["job.dispatching", "job.settled"]);
    for (const { body } of entries) expect(body.constraints).toEqual({ max_runtime_sec: 45, max_retries: 1 });
  });
});
