import { trace } from "@opentelemetry/api";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import type { TraceHeaders } from "dispatch-gate";
import { openTelemetry } from "dispatch-gate/otel";
import { createMemoryStore } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { ALLOW_ALL, open } from "../gate/open.js";
import { registerSdk } from "./sdk.js";

const sdk = registerSdk(new AlwaysOffSampler());

test("a trace that is not sampled still gives the job its id, and workers are told that it is not", async () => {
  let given: TraceHeaders = {};
  const gate = await open({
    policy: ALLOW_ALL,
    store: createMemoryStore(),
    telemetry: await openTelemetry(),
    dispatch: (_job, context) => {
      given = context.trace;
    },
  });
  const [hostId, outcome] = await trace.getTracer("host").startActiveSpan("host", async (span) => {
    const answered = await gate.evaluateAndDispatch({ topic: "a" });
    return [span.spanContext().traceId, answered] as const;
  });
  expect(outcome.traceId).toBe(hostId);
  expect(given.traceparent).toMatch(new RegExp(`^00-${hostId}-[0-9a-f]{16}-00$`));
  expect(sdk.spans()).toEqual([]);
  expect((await sdk.measured()).map(({ name }) => name)).toContain("dispatch_gate.outcomes");
});
