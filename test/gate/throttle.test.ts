import { type Gate, openApprovals } from "dispatch-gate";
import { createFakeClock, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { open, rules, STORES } from "./open.js";

const bot = { id: "bot", type: "agent" } as const;
const throttled = (limit: number, windowSec: number, more = "", per = "[]"): { readonly yaml: string } =>
  rules(`
- { id: all, match: { topics: ["**"] }, decision: allow }
- { id: rate, match: { topics: ["**"] }, decision: throttle, throttle: { limit: ${limit}, window_sec: ${windowSec}${per === "[]" ? "" : `, per: ${per}`} } }
${more}`);

afterEach(() => {
  vi.useRealTimers();
});

const tally = async (gates: readonly Gate[], count: number): Promise<number> => {
  const outcomes = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      (gates[n % gates.length] as Gate).evaluateAndDispatch({ topic: "a", payload: n }),
    ),
  );
  return outcomes.filter(({ status }) => status === "SUCCEEDED").length;
};

describe.each(STORES)("rate limits, %s", (_name, openStore) => {
  test("fifty claims at once by three gates take what there is and no more, in every window", async () => {
    const clock = createFakeClock();
    const store = await openStore();
    const first = await open({ policy: throttled(7, 60), store, now: clock.now, dispatch: () => 1 });
    const others = await Promise.all(
      [1, 2].map(() => open({ activate: "never", store, now: clock.now, dispatch: () => 1 })),
    );
    for (let window = 0; window < 4; window += 1) {
      expect(await tally([first, ...others], 50)).toBe(7);
      clock.advance(59_999);
      expect(await tally([first, ...others], 50)).toBe(0);
      clock.advance(1);
    }
  });

  test("a sliding window: any interval of its length holds no more, wherever it begins", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: throttled(5, 10), store: await openStore(), now: clock.now, dispatch: () => 1 });
    const taken: number[] = [];
    let seed = Number(process.env.SEED) || 1;
    for (let n = 0; n < 300; n += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      clock.advance(seed % 1_500);
      const { status } = await gate.evaluateAndDispatch({ topic: "a", payload: n });
      if (status === "SUCCEEDED") taken.push(clock.now());
    }
    expect(taken.length).toBeGreaterThan(50);
    for (const [index, at] of taken.entries())
      expect((taken[index + 5] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(10_000);
    // The control: counting from the full minute, as simple counters do, lets twice as many into one interval.
    const naive = [9_000, 9_100, 9_200, 9_300, 9_400, 10_000, 10_100, 10_200, 10_300, 10_400];
    const perBucket = new Map<number, number>();
    for (const at of naive) perBucket.set(Math.floor(at / 10_000), (perBucket.get(Math.floor(at / 10_000)) ?? 0) + 1);
    expect([Math.max(...perBucket.values()), naive.length]).toEqual([5, 10]);
  });

  test("refusals, dry runs and evaluations take nothing, and the next job passes exactly when it was told to come", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: throttled(2, 60), store: await openStore(), now: clock.now, dispatch: () => 1 });
    await tally([gate], 1);
    clock.advance(12_345);
    await tally([gate], 1);
    clock.advance(5_000);
    for (let n = 0; n < 500; n += 1) {
      expectOutcome(await gate.evaluateAndDispatch({ topic: "a", payload: n }), {
        status: "THROTTLED",
        code: "rate_limited",
      });
      gate.decide({ topic: "a" });
    }
    expect((await gate.evaluate({ topic: "a" })).next).toBe("retry");
    const told = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "THROTTLED" });
    expect(told.retryAfterMs).toBe(60_000 - 17_345);
    clock.advance((told.retryAfterMs ?? 0) - 1);
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "THROTTLED" });
    clock.advance(1);
    expect((await gate.evaluate({ topic: "a" })).next).toBe("dispatch");
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "SUCCEEDED" });
  });

  test("all limits are taken together, or none is", async () => {
    const clock = createFakeClock();
    const wide = `- { id: wide, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 3, window_sec: 600 } }`;
    const gate = await open({
      policy: throttled(1, 60, wide, '["label:team"]'),
      store: await openStore(),
      now: clock.now,
      dispatch: () => 1,
    });
    const submit = (team?: string) =>
      gate.evaluateAndDispatch({ topic: "a", ...(team === undefined ? {} : { labels: { team } }) });
    expectOutcome(await submit("a"), { status: "SUCCEEDED" });
    // Refused by the one, it took no place in the other.
    for (let n = 0; n < 10; n += 1) expect((await submit("a")).reason.ruleId).toBe("rate");
    expectOutcome(await submit("b"), { status: "SUCCEEDED" });
    // Without the label it shares one place with all that have none: it never escapes.
    expectOutcome(await submit(), { status: "SUCCEEDED" });
    const full = expectOutcome(await submit("c"), { status: "THROTTLED" });
    expect([full.reason.ruleId, full.retryAfterMs]).toEqual(["wide", 600_000]);
  });

  test("a job that waits for approval takes its place when it runs", async () => {
    const clock = createFakeClock();
    const policy = rules(`
- { id: ask, match: { topics: ["**"] }, decision: require_approval }
- { id: rate, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 1, window_sec: 60 } }`);
    const store = await openStore();
    const gate = await open({ policy, store, now: clock.now, dispatch: () => 1 });
    for (const id of ["j", "k"]) await gate.evaluateAndDispatch({ id, topic: "a", payload: id, actor: bot });
    const desk = await openApprovals({ store, now: clock.now });
    for (const jobId of ["j", "k"]) await desk.approve({ jobId }, { by: { id: "ann" } });
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
    expectOutcome(await gate.resume("k"), { status: "THROTTLED", code: "rate_limited" });
    clock.advance(60_000);
    expectOutcome(await gate.resume("k"), { status: "SUCCEEDED" });
  });

  test("gates on one machine tell windows alike, whatever the system's clock said when each was opened", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const store = await openStore();
    const options = { policy: throttled(2, 1), store, dispatch: () => 1 };
    const first = await open(options);
    vi.setSystemTime(Date.now() + 3_600_000);
    const ahead = await open(options);
    vi.setSystemTime(Date.now() - 7_200_000);
    const behind = await open(options);
    const passed: { readonly from: number; readonly to: number }[] = [];
    const turns: readonly (readonly [gate: Gate, afterMs: number])[] = [
      [ahead, 0],
      [first, 900],
      [ahead, 110],
      [ahead, 5],
      [behind, 5],
      [behind, 900],
      [first, 120],
      [first, 5],
      [ahead, 1_010],
    ];
    for (const [gate, afterMs] of turns) {
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const from = performance.now();
      const outcome = await gate.evaluateAndDispatch({ topic: "a" });
      if (outcome.status === "SUCCEEDED") passed.push({ from, to: performance.now() });
      else expect((outcome as { retryAfterMs?: number }).retryAfterMs).toBeLessThanOrEqual(1_000);
    }
    // Nobody is shut out, and never is there a third within a second: a claim lies between the call and its answer.
    expect(passed.length).toBeGreaterThanOrEqual(5);
    for (const [index, { to }] of passed.entries()) {
      expect(to - (passed[index - 2]?.from ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(998);
    }
  });

  test("setting the system's clock opens no window early", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const gate = await open({ policy: throttled(3, 600), store: await openStore(), dispatch: () => 1 });
    expect(await tally([gate], 10)).toBe(3);
    const now = Date.now();
    for (const to of [now + 3_600_000, now - 3_600_000, now + 86_400_000, now]) {
      vi.setSystemTime(to);
      expect(await tally([gate], 5)).toBe(0);
    }
  });
});
