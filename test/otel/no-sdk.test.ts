import { trace } from "@opentelemetry/api";
import type { DispatchContext } from "dispatch-gate";
import { openTelemetry } from "dispatch-gate/otel";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { ALLOW_ALL, open } from "../gate/open.js";

test("where no SDK is registered all of it does nothing, and jobs have traces of their own", async () => {
  const given: DispatchContext["trace"][] = [];
  const gate = await open({
    policy: ALLOW_ALL,
    store: createMemoryStore(),
    telemetry: await openTelemetry(),
    dispatch: (_job, { trace }) => void given.push(trace),
  });
  const outcomes = [await gate.evaluateAndDispatch({ topic: "a" }), await gate.evaluateAndDispatch({ topic: "b" })];
  for (const outcome of outcomes) expectOutcome(outcome, { status: "SUCCEEDED" });
  const ids = outcomes.map(({ traceId }) => traceId ?? "");
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) expect(id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  expect(given).toEqual([{}, {}]);
  expect(trace.getActiveSpan()).toBeUndefined();
});
