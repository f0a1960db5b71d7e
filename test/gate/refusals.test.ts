import { join } from "node:path";
import type { Gate, Job, Outcome } from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { defineStore } from "../../src/store/port.js";
import { logSigner } from "../store/verify-worlds.js";
import { ASK_ALL, DENY_ALL, freshFolder, open, rules, STORES } from "./open.js";
import { eventsOf } from "./workers.js";

const by = (id: string): Job => ({ topic: "job.a", actor: { id, type: "agent" } });

async function times(count: number, step: (n: number) => Promise<Outcome>): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let n = 0; n < count; n += 1) outcomes.push(await step(n));
  return outcomes;
}

async function written(gate: Gate): Promise<readonly (readonly [type: string, about: unknown])[]> {
  return (await eventsOf(gate)).flatMap(({ type, body }): readonly (readonly [string, unknown])[] => {
    if (type === "job.refused") return [[type, (body.reason as { code: string }).code] as const];
    if (type === "refusals.counted")
      return [[type, [body.actor, body.count, (body.reason as { code: string }).code]] as const];
    return [];
  });
}

const whole = (events: Awaited<ReturnType<typeof written>>): number =>
  events.filter(([type]) => type === "job.refused").length;

describe.each(STORES)("refusals of one actor and reason, %s", (_name, openStore) => {
  test("beyond the first of a minute are answered like them, and counted in one event", async () => {
    const clock = createFakeClock();
    const store = await openStore();
    const { signer } = logSigner();
    const gate = await open({ store, signer, policy: DENY_ALL, now: clock.now, refusals: { perMinute: 3 } });
    const outcomes = await times(8, () => gate.evaluateAndDispatch(by("bot")));
    for (const { decision, reason, status, dispatched } of outcomes) {
      expect({ status, dispatched, code: reason.code, message: reason.message, type: decision?.type }).toEqual({
        ...{ status: "DENIED", dispatched: false, code: "rule_matched" },
        ...{ message: "closed for the day", type: "DENY" },
      });
    }
    expect(whole(await written(gate))).toBe(3);
    expect((await gate.jobs.list({ limit: 100 })).items).toHaveLength(3);
    clock.advance(60_000);
    await gate.evaluateAndDispatch(by("bot"));
    await gate.close();
    const later = await open({ store, signer, policy: DENY_ALL, now: clock.now });
    const events = await written(later);
    expect(events.filter(([type]) => type === "refusals.counted")).toEqual([
      ["refusals.counted", ["bot", 5, "rule_matched"]],
    ]);
    expect((await later.audit.verify()).problems).toEqual([]);
  });

  test("count for themselves: another actor, and another reason, are written", async () => {
    const policy = rules(`
- { id: slow, match: { topics: ["job.*"] }, decision: throttle }
- { id: none, match: { topics: ["other.*"] }, decision: deny }
`);
    const gate = await open({ store: await openStore(), policy, refusals: { perMinute: 1 } });
    await times(3, () => gate.evaluateAndDispatch(by("bot")));
    await times(3, () => gate.evaluateAndDispatch(by("cy")));
    await times(3, () => gate.evaluateAndDispatch({ ...by("bot"), topic: "other.a" }));
    await times(3, () => gate.evaluateAndDispatch({ topic: "" }));
    expect(whole(await written(gate))).toBe(4);
  });

  test("are written where something else changes with them", async () => {
    const store = await openStore();
    const gate = await open({ store, policy: ASK_ALL, refusals: { perMinute: 1 }, dispatch: () => "ran" });
    const waits = await gate.evaluateAndDispatch({ ...by("bot"), id: "j-1", payload: 1 });
    expectOutcome(waits, { status: "PENDING_APPROVAL" });
    await gate.reload(DENY_ALL);
    await times(3, (n) => gate.evaluateAndDispatch({ ...by("bot"), payload: `other ${n}` }));
    expectOutcome(await gate.evaluateAndDispatch({ ...by("bot"), id: "j-1", payload: 1 }), { status: "DENIED" });
    expect((await gate.jobs.get("j-1"))?.status).toBe("DENIED");
    expect((await gate.approvals.get({ jobId: "j-1" }))?.state).toBe("superseded");
    expect((await gate.audit.verify()).problems).toEqual([]);
  });
});

test("on a disk that is nearly full no refusal is written, and claims and their ends are", async () => {
  let free: number | null = 1_000_000;
  const policy = rules(`
- { id: some, match: { topics: ["job.*"] }, decision: allow }
- { id: none, match: { topics: ["other.*"] }, decision: deny }
`);
  const store = defineStore({ ...createMemoryStore(), freeBytes: () => free });
  const options = { store, policy, dispatch: () => "ran", refusals: { minFreeBytes: 999_999 } };
  const roomy = await open(options);
  await times(2, () => roomy.evaluateAndDispatch({ topic: "other.a" }));
  expect(whole(await written(roomy))).toBe(2);
  free = 999_998;
  const tight = await open(options);
  expectOutcome(await tight.evaluateAndDispatch({ topic: "other.a" }), { status: "DENIED", code: "rule_matched" });
  expectOutcome(await tight.evaluateAndDispatch({ topic: "" }), { status: "DENIED", code: "job_invalid" });
  expectOutcome(await tight.evaluateAndDispatch({ id: "j-1", topic: "job.a" }), { status: "SUCCEEDED" });
  expect(whole(await written(tight))).toBe(2);
  expect((await tight.jobs.get("j-1"))?.status).toBe("SUCCEEDED");
  free = null;
  const unknown = await open(options);
  await unknown.evaluateAndDispatch({ topic: "other.a" });
  expect(whole(await written(unknown))).toBe(3);
});

test("an SQLite store says how much is free on its disk", async () => {
  const { openSqliteStore } = await import("dispatch-gate/sqlite");
  const store = await openSqliteStore(join(freshFolder(), "gate.db"));
  expect(store.freeBytes?.()).toBeGreaterThan(1_048_576);
  await store.close();
});

test("control: without a bound every refusal is a record", async () => {
  const gate = await open({ store: createMemoryStore(), policy: DENY_ALL, refusals: { perMinute: 1_000_000 } });
  await times(200, () => gate.evaluateAndDispatch(by("bot")));
  expect(whole(await written(gate))).toBe(200);
});
