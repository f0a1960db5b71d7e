import { context, createTraceState, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import {
  type DispatchContext,
  defineStore,
  type Gate,
  type GateOptions,
  NoEffectError,
  StoreError,
} from "dispatch-gate";
import { openTelemetry } from "dispatch-gate/otel";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALLOW_ALL, ASK_ALL, DENY_ALL, held, open, rules } from "../gate/open.js";
import { registerSdk } from "./sdk.js";

const sdk = registerSdk();
const host = trace.getTracer("host");

async function gateOf(options: GateOptions): Promise<Gate> {
  return open({ store: createMemoryStore(), telemetry: await openTelemetry(), ...options });
}

/** Does something inside a span of the host's. */
async function inHost<T>(work: (span: Span) => Promise<T>): Promise<T> {
  return host.startActiveSpan("host", async (span) => {
    try {
      return await work(span);
    } finally {
      span.end();
    }
  });
}

const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const names = (): readonly string[] => sdk.spans().map(({ name }) => name);
const eventsOf = ({ events }: ReadableSpan): readonly string[] => events.map(({ name }) => name);
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("one trace", () => {
  test("leads from the host's span through the gate's and the function's to the record", async () => {
    const gate = await gateOf({
      policy: ALLOW_ALL,
      dispatch: () => host.startActiveSpan("the work", (span) => span.end()),
    });
    const outcome = await inHost(() =>
      gate.evaluateAndDispatch({
        topic: "job.mail.send",
        tenantId: "acme",
        actor: { id: "agent-1", type: "agent" },
        id: "j-1",
      }),
    );
    const [outer, call] = [sdk.span("host"), sdk.span("dispatch_gate.evaluate_and_dispatch")];
    const [attempt, work] = [sdk.span("dispatch_gate.dispatch"), sdk.span("the work")];
    expect([parentOf(call), parentOf(attempt), parentOf(work)]).toEqual([idOf(outer), idOf(call), idOf(attempt)]);
    const { traceId } = outer.spanContext();
    expect(sdk.spans().map((span) => span.spanContext().traceId)).toEqual([traceId, traceId, traceId, traceId]);
    expect(outcome.traceId).toBe(traceId);
    const { entries } = await gate.audit.timeline(traceId);
    expect(entries.map(({ type }) => type)).toEqual(["job.dispatching", "job.settled"]);

    expect(call.attributes).toEqual({
      "dispatch_gate.operation": "evaluate_and_dispatch",
      "dispatch_gate.job.id": "j-1",
      "dispatch_gate.trace.id": traceId,
      "dispatch_gate.tenant.id": "acme",
      "dispatch_gate.topic": "job.mail.send",
      "dispatch_gate.actor.id": "agent-1",
      "dispatch_gate.actor.type": "agent",
      "dispatch_gate.dispatcher": "default",
      "dispatch_gate.decision.type": "ALLOW",
      "dispatch_gate.rule.id": "all",
      "dispatch_gate.policy.snapshot": gate.policy.snapshot,
      "dispatch_gate.status": "SUCCEEDED",
      "dispatch_gate.reason.code": "completed",
      "dispatch_gate.dispatched": true,
      "dispatch_gate.replayed": false,
      "dispatch_gate.attempts": 1,
    });
    expect([call.status.code, eventsOf(call), call.kind]).toEqual([SpanStatusCode.UNSET, ["dispatch_gate.decided"], 0]);
    expect(attempt.attributes).toEqual({
      "dispatch_gate.attempt.number": 1,
      "dispatch_gate.attempt.ended": "returned",
      "dispatch_gate.dispatcher": "default",
      "dispatch_gate.job.id": "j-1",
    });
  });

  test("keeps the trace id that a job names, and tells it beside the host's", async () => {
    const gate = await gateOf({ policy: ALLOW_ALL, dispatch: () => 1 });
    const outcome = await inHost(() => gate.evaluateAndDispatch({ topic: "a", traceId: "order-7" }));
    expect(outcome.traceId).toBe("order-7");
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    expect(call.attributes["dispatch_gate.trace.id"]).toBe("order-7");
    expect(parentOf(call)).toBe(idOf(sdk.span("host")));
  });

  test("begins with the gate's span where the host is in none", async () => {
    const gate = await gateOf({ policy: ALLOW_ALL, dispatch: () => 1 });
    const outcome = await gate.evaluateAndDispatch({ topic: "a" });
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    expect([parentOf(call), outcome.traceId]).toEqual([undefined, call.spanContext().traceId]);
  });

  test("is that of the first submission for who resumes in another one", async () => {
    const gate = await gateOf({ policy: ASK_ALL, dispatch: () => 1 });
    const first = await inHost(() => gate.evaluateAndDispatch({ topic: "a", id: "j" }));
    await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann" } });
    const second = await inHost(() => gate.resume("j"));
    expect(second.traceId).toBe(first.traceId);
    const call = sdk.span("dispatch_gate.resume");
    expect(call.attributes["dispatch_gate.trace.id"]).toBe(first.traceId);
    expect(call.spanContext().traceId).not.toBe(first.traceId);
    expect(call.attributes).toMatchObject({
      "dispatch_gate.approval.id": first.approval?.id,
      "dispatch_gate.approval.state": "consumed",
    });
  });

  test("goes on in a worker by the headers that the function is given", async () => {
    let given: DispatchContext["trace"] | undefined;
    const gate = await gateOf({
      policy: ALLOW_ALL,
      dispatch: (_job, { trace }) => {
        given = trace;
      },
    });
    const traceState = createTraceState("vendor=a");
    const remote = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
      traceState,
    };
    const outcome = await context.with(trace.setSpanContext(context.active(), remote), () =>
      gate.evaluateAndDispatch({ topic: "a" }),
    );
    expect(outcome.traceId).toBe(remote.traceId);
    const id = idOf(sdk.span("dispatch_gate.dispatch"));
    expect(given).toEqual({ traceparent: `00-${remote.traceId}-${id}-01`, tracestate: "vendor=a" });
    expect(new Headers(given).get("traceparent")).toBe(given?.traceparent);
  });

  test("reaches tags that are derived, and a stream that is read after the call was answered", async () => {
    const gate = await gateOf({
      policy: ALLOW_ALL,
      deriveTags: async () => {
        await delay(1);
        host.startSpan("tags").end();
        return [];
      },
      dispatch: async function* () {
        yield "one";
        await delay(1);
        host.startSpan("chunk").end();
        yield "two";
      },
    });
    const outcome = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }, undefined, { stream: true }), {
      status: "RUNNING",
    });
    expect(names()).not.toContain("dispatch_gate.evaluate_and_dispatch");
    const chunks: unknown[] = [];
    for await (const chunk of outcome.stream ?? []) chunks.push(chunk);
    expect([chunks.join(), (await outcome.stream?.outcome)?.status]).toEqual(["one,two", "SUCCEEDED"]);
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    expect(call.attributes["dispatch_gate.status"]).toBe("SUCCEEDED");
    expect(parentOf(sdk.span("tags"))).toBe(idOf(call));
    expect(parentOf(sdk.span("chunk"))).toBe(idOf(sdk.span("dispatch_gate.dispatch")));
  });
});

describe("a span", () => {
  const errorOf = ({ status, attributes }: ReadableSpan): readonly unknown[] => [
    status.code === SpanStatusCode.ERROR,
    status.message,
    attributes["error.type"],
  ];
  const FINE = [false, undefined, undefined];

  test("of a job that is denied is no error, and has no attempt", async () => {
    const gate = await gateOf({ policy: DENY_ALL, dispatch: () => 1 });
    await gate.evaluateAndDispatch({ topic: "a" });
    expect(names()).toEqual(["dispatch_gate.evaluate_and_dispatch"]);
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    expect(errorOf(call)).toEqual(FINE);
    expect(call.attributes).toMatchObject({
      "dispatch_gate.status": "DENIED",
      "dispatch_gate.decision.type": "DENY",
      "dispatch_gate.rule.id": "none",
      "dispatch_gate.reason.code": "rule_matched",
      "dispatch_gate.reason.rule.id": "none",
      "dispatch_gate.dispatched": false,
    });
  });

  test("of what is no job says so, and of whom it was not", async () => {
    const gate = await gateOf({ policy: ALLOW_ALL, dispatch: () => 1 });
    await gate.evaluateAndDispatch({ topic: "a", secret: "hidden" } as never);
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    expect(errorOf(call)).toEqual(FINE);
    expect(call.attributes).toEqual({
      "dispatch_gate.operation": "evaluate_and_dispatch",
      "dispatch_gate.trace.id": call.spanContext().traceId,
      "dispatch_gate.status": "DENIED",
      "dispatch_gate.reason.code": "job_invalid",
      "dispatch_gate.dispatched": false,
      "dispatch_gate.replayed": false,
      "dispatch_gate.attempts": 0,
    });
  });

  test("of a job that waits names its request, and whether it asked for it or joined", async () => {
    const gate = await gateOf({ policy: ASK_ALL, dispatch: () => 1 });
    const first = await gate.evaluateAndDispatch({ topic: "a", id: "1" });
    await gate.evaluateAndDispatch({ topic: "a", id: "2" });
    const calls = sdk.spans();
    expect(calls.map(eventsOf)).toEqual([
      ["dispatch_gate.decided", "dispatch_gate.approval.requested"],
      ["dispatch_gate.decided", "dispatch_gate.approval.joined"],
    ]);
    for (const call of calls) {
      expect(errorOf(call)).toEqual(FINE);
      expect(call.events[1]?.attributes).toEqual({ "dispatch_gate.approval.id": first.approval?.id });
      expect(call.attributes).toMatchObject({
        "dispatch_gate.status": "PENDING_APPROVAL",
        "dispatch_gate.approval.state": "pending",
      });
    }
  });

  test("stands for each time that a job which waits in place goes through the gate", async () => {
    const gate = await gateOf({ policy: ASK_ALL, dispatch: () => 1 });
    const outcome = inHost(() =>
      gate.evaluateAndDispatch({ topic: "a", id: "j" }, undefined, { waitForApprovalMs: 5_000 }),
    );
    await expect.poll(names).toEqual(["dispatch_gate.evaluate_and_dispatch"]);
    await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann" } });
    expectOutcome(await outcome, { status: "SUCCEEDED" });
    const outer = idOf(sdk.span("host"));
    expect(parentOf(sdk.span("dispatch_gate.evaluate_and_dispatch"))).toBe(outer);
    expect(parentOf(sdk.span("dispatch_gate.resume"))).toBe(outer);
  });

  test("of a function that throws is an error of a kind, without its words", async () => {
    const gate = await gateOf({
      policy: ALLOW_ALL,
      dispatch: () => {
        throw new Error("the words");
      },
    });
    await gate.evaluateAndDispatch({ topic: "a" });
    const error = (type: string): readonly unknown[] => [true, undefined, type];
    expect(errorOf(sdk.span("dispatch_gate.evaluate_and_dispatch"))).toEqual(error("dispatch_failed"));
    expect(errorOf(sdk.span("dispatch_gate.dispatch"))).toEqual(error("threw"));
    expect(sdk.spans().flatMap(eventsOf)).toEqual(["dispatch_gate.decided"]);
  });

  test("stands for each attempt, each in its place", async () => {
    const gate = await gateOf({
      policy: held("max_retries: 1"),
      dispatch: (_job, { attempt }) => {
        if (attempt === 1) throw new NoEffectError("not yet");
      },
    });
    await gate.evaluateAndDispatch({ topic: "a" });
    const attempts = sdk.spans().filter(({ name }) => name === "dispatch_gate.dispatch");
    expect(attempts.map((span) => [span.attributes["dispatch_gate.attempt.number"], ...errorOf(span)])).toEqual([
      [1, true, undefined, "no_effect"],
      [2, ...FINE],
    ]);
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    expect([errorOf(call), call.attributes["dispatch_gate.attempts"]]).toEqual([FINE, 2]);
  });

  test("of a function that is late ends with the run time; another lasts until it had really ended", async () => {
    const gate = await gateOf({ policy: held("max_runtime_sec: 0.03"), dispatch: () => delay(80) });
    await gate.evaluateAndDispatch({ topic: "a", id: "j" });
    const [call, attempt] = [sdk.span("dispatch_gate.evaluate_and_dispatch"), sdk.span("dispatch_gate.dispatch")];
    expect(errorOf(call)).toEqual([true, undefined, "runtime_exceeded"]);
    expect(errorOf(attempt)).toEqual([true, undefined, "timed_out"]);
    await expect.poll(names).toContain("dispatch_gate.late");
    const late = sdk.span("dispatch_gate.late");
    expect(parentOf(late)).toBe(idOf(attempt));
    expect(late.attributes).toEqual({
      "dispatch_gate.attempt.number": 1,
      "dispatch_gate.dispatcher": "default",
      "dispatch_gate.job.id": "j",
      "dispatch_gate.late.ended": "SUCCEEDED",
    });
    expect(late.duration[1]).toBeGreaterThan(10_000_000);
  });

  test("of an output that is withheld tells what kind was found, and is no error", async () => {
    const yaml = `${ALLOW_ALL.yaml}\noutputs:\n  - { id: hold, match: { topics: ["**"] }, detect: [{ name: order, pattern: "order-[0-9]+" }], action: quarantine }`;
    const gate = await gateOf({ policy: { yaml }, dispatch: () => "order-7, order-8" });
    const outcome = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
    const call = sdk.span("dispatch_gate.evaluate_and_dispatch");
    const found = { "dispatch_gate.findings.count": 2, "dispatch_gate.findings.kinds": ["order"] };
    expect(errorOf(call)).toEqual(FINE);
    expect(call.attributes).toMatchObject({ ...found, "dispatch_gate.quarantine.id": outcome.quarantineId });
    expect(call.events.at(-1)).toMatchObject({ name: "dispatch_gate.findings", attributes: found });
  });

  test("of a limit that has no room tells the decision and the rule of the limit, each in its place", async () => {
    const policy = rules(`
- { id: all, match: { topics: ["**"] }, decision: allow }
- { id: slow, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 1, window_sec: 60 } }`);
    const gate = await gateOf({ policy, dispatch: () => 1 });
    for (const id of ["1", "2"]) await gate.evaluateAndDispatch({ topic: "a", id });
    const call = sdk.spans().at(-1);
    expect(call?.attributes).toMatchObject({
      "dispatch_gate.status": "THROTTLED",
      "dispatch_gate.decision.type": "ALLOW",
      "dispatch_gate.rule.id": "all",
      "dispatch_gate.reason.code": "rate_limited",
      "dispatch_gate.reason.rule.id": "slow",
    });
  });

  test("of a refusal that is the gate's own trouble is an error", async () => {
    const memory = createMemoryStore();
    const claim = async (): Promise<never> => {
      throw new StoreError("store_io", "the disk failed");
    };
    const gate = await gateOf({ policy: ALLOW_ALL, store: defineStore({ ...memory, claim }), dispatch: () => 1 });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", code: "store_unavailable" });
    expect(errorOf(sdk.span("dispatch_gate.evaluate_and_dispatch"))).toEqual([true, undefined, "store_unavailable"]);
  });

  test("of an end that could not be recorded is an error", async () => {
    const memory = createMemoryStore();
    const settle = async (): Promise<never> => {
      throw new StoreError("store_io", "the disk failed");
    };
    const gate = await gateOf({ policy: ALLOW_ALL, store: defineStore({ ...memory, settle }), dispatch: () => 1 });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "UNKNOWN" });
    expect(errorOf(sdk.span("dispatch_gate.evaluate_and_dispatch"))).toEqual([true, undefined, "settle_failed"]);
  });

  test("of an evaluation has no status where the job may be dispatched", async () => {
    const gate = await gateOf({ policy: ALLOW_ALL, dispatch: () => 1 });
    expect((await gate.evaluate({ topic: "a" })).next).toBe("dispatch");
    const { attributes } = sdk.span("dispatch_gate.evaluate");
    expect([attributes["dispatch_gate.status"], attributes["dispatch_gate.decision.type"]]).toEqual([
      undefined,
      "ALLOW",
    ]);
  });
});

test("metrics count outcomes and time decisions and attempts in seconds, under values that have a bound", async () => {
  const gate = await gateOf({
    policy: rules(`
- { id: yes, match: { topics: ["yes.*"] }, decision: allow }
- { id: no, match: { topics: ["no.*"] }, decision: deny }`),
    dispatch: () => delay(20),
  });
  for (const id of ["1", "2"]) await gate.evaluateAndDispatch({ topic: "yes.a", id, tenantId: `t-${id}` });
  await gate.evaluateAndDispatch({ topic: "yes.a", id: "1", tenantId: "t-1" });
  await gate.evaluateAndDispatch({ topic: "no.a" });
  await gate.evaluate({ topic: "yes.b" });
  const measured = await sdk.measured();
  const ofName = (name: string) => measured.filter((each) => each.name === name);
  const allowed = { "dispatch_gate.status": "SUCCEEDED", "dispatch_gate.decision.type": "ALLOW" };
  const completed = { ...allowed, "dispatch_gate.reason.code": "completed" };
  const denied = { "dispatch_gate.status": "DENIED", "dispatch_gate.decision.type": "DENY" };
  expect(ofName("dispatch_gate.outcomes").map(({ attributes, value }) => [attributes, value])).toEqual([
    [{ ...completed, "dispatch_gate.replayed": false }, 2],
    [{ ...completed, "dispatch_gate.replayed": true }, 1],
    [{ ...denied, "dispatch_gate.reason.code": "rule_matched", "dispatch_gate.replayed": false }, 1],
  ]);
  const decisions = ofName("dispatch_gate.decision.duration");
  expect(
    decisions.map(({ attributes, value, unit }) => [attributes, (value as { count: number }).count, unit]),
  ).toEqual([
    [{ "dispatch_gate.decision.type": "ALLOW" }, 4, "s"],
    [{ "dispatch_gate.decision.type": "DENY" }, 1, "s"],
  ]);
  const [dispatches] = ofName("dispatch_gate.dispatch.duration");
  expect(dispatches?.attributes).toEqual({
    "dispatch_gate.attempt.ended": "returned",
    "dispatch_gate.dispatcher": "default",
  });
  const timed = dispatches?.value as { readonly count: number; readonly sum: number } | undefined;
  expect(timed?.count).toBe(2);
  expect(timed?.sum).toBeGreaterThan(0.03);
  expect(timed?.sum).toBeLessThan(5);
});

test("nothing private is in any span or metric, however a job ends", async () => {
  const PRIVATE = ["payload-value", "payload-key", "label-value", "annotation-value", "output-value", "error-value"];
  PRIVATE.push("note-value", "order-4711", "path-value", "reason-value", "tag-value");
  const yaml = `${
    rules(`
- { id: no, match: { topics: ["no.*"] }, decision: deny, reason: "reason-value" }
- { id: ask, match: { topics: ["ask.*"] }, decision: require_approval, reason: "reason-value" }
- { id: yes, match: { topics: ["yes.*"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 0.05 } }`)
      .yaml
  }
outputs:
  - { id: cut, match: { topics: ["**"] }, detect: [{ name: order, pattern: "order-[0-9]+" }], action: redact }`;
  const gate = await gateOf({
    policy: { yaml },
    dispatch: async ({ topic }) => {
      if (topic === "yes.late") await delay(100);
      if (topic === "yes.fail") throw Object.assign(new TypeError("error-value order-4711"), { code: "error-value" });
      return { "output-value": "output-value order-4711" };
    },
  });
  const hashes: string[] = [];
  const outcomes: unknown[] = [];
  for (const topic of ["no.a", "ask.a", "yes.a", "yes.fail", "yes.late", "bad topic"]) {
    const job = {
      topic,
      id: topic.replace(" ", "-"),
      payload: { "payload-key": "payload-value" },
      labels: { kind: "label-value" },
      annotations: { seen: "annotation-value" },
      riskTags: ["tag-value"],
      resources: { paths: ["/path-value"] },
    };
    const outcome = await gate.evaluateAndDispatch(job);
    outcomes.push(outcome);
    if (outcome.jobHash !== null) hashes.push(outcome.jobHash);
  }
  await gate.approvals.approve({ jobId: "ask.a" }, { by: { id: "ann" }, note: "note-value" });
  outcomes.push(await gate.resume("ask.a"));
  await expect.poll(names).toContain("dispatch_gate.late");
  const spans = sdk
    .spans()
    .map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links }));
  const exported = JSON.stringify([spans, await sdk.measured()]);
  for (const value of [...PRIVATE, ...hashes]) expect(exported).not.toContain(value);
  // The control: the same look finds what may be there, and what a view of whole outcomes would have told.
  expect(hashes).toHaveLength(5);
  for (const value of ["ask.a", "order", "dispatch_failed"]) expect(exported).toContain(value);
  for (const value of ["reason-value", "error-value", "output-value", ...hashes]) {
    expect(JSON.stringify(outcomes)).toContain(value);
  }
});
