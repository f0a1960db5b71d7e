import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate, type GateOptions, PolicyError, StoreError } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { createClock } from "../../src/gate/clock.js";
import { ALLOW_ALL, DENY_ALL, freshFolder, open, SEED_POLICY } from "./open.js";

describe("making a gate", () => {
  test.each([
    [{ policy: ALLOW_ALL, storre: "x" }, "createGate has no option `storre`: did you mean `store`?"],
    [{ policy: ALLOW_ALL, failmode: "open" }, "createGate has no option `failmode`: did you mean `failMode`?"],
    [{}, "createGate needs a `policy`"],
    [{ policy: ALLOW_ALL, deadlineMs: 0 }, "`deadlineMs` must be a number from 1 to 600000"],
    [{ policy: ALLOW_ALL, maxRuntimeSec: -1 }, "`maxRuntimeSec` must be a number from over 0 to 31536000"],
    [{ policy: ALLOW_ALL, dispatch: "shell" }, "`dispatch` must be a function"],
    [{ policy: ALLOW_ALL, declaredTags: "yes" }, '`declaredTags` must be one of "trusted", "restrict_only"'],
    [{ policy: ALLOW_ALL, store: {} }, "`store` must be the path of an SQLite file, or a store made by `defineStore`"],
    [
      { policy: ALLOW_ALL, store: ":memory:", dispatchers: { call: () => 1 } },
      "the name `call` is for functions passed with a call; choose another",
    ],
  ])("with wrong options %j throws a TypeError that says what to change", async (options, message) => {
    await expect(createGate(options as GateOptions)).rejects.toThrow(new TypeError(message));
  });

  test("from a file loads it, and a file that is not there is a PolicyError", async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, "policy.yaml"), SEED_POLICY);
    const gate = await open({ policy: join(folder, "policy.yaml"), store: join(folder, "gate.db") });
    expect(gate.policy.ruleIds).toContain("deny-destructive");
    await expect(createGate({ policy: join(folder, "none.yaml") })).rejects.toThrow(PolicyError);
  });

  test("on a path that cannot hold a store is a StoreError, and no gate is there", async () => {
    const folder = freshFolder();
    await expect(createGate({ policy: ALLOW_ALL, store: folder })).rejects.toMatchObject({
      code: "store_path_invalid",
    });
    await expect(createGate({ policy: ALLOW_ALL, store: folder })).rejects.toThrow(StoreError);
  });

  test("without a policy uses the one that is active on the store, and fails where none is", async () => {
    const store = createMemoryStore();
    await expect(createGate({ store, activate: "never" })).rejects.toMatchObject({ code: "policy_invalid" });
    await open({ policy: DENY_ALL, store });
    const worker = await open({ store, activate: "never", dispatch: () => "ran" });
    expectOutcome(await worker.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", ruleId: "none" });
  });

  test("again with the active policy raises no epoch; two gates with two policies agree on the later one", async () => {
    const store = createMemoryStore();
    const first = await open({ policy: ALLOW_ALL, store, dispatch: () => "ran" });
    await open({ policy: ALLOW_ALL, store });
    expect((await store.read({ kind: "policy_head" })).head?.epoch).toBe(1);
    await open({ policy: DENY_ALL, store });
    expectOutcome(await first.evaluateAndDispatch({ topic: "a" }), { status: "DENIED", ruleId: "none" });
    expect(first.policy.ruleIds).toEqual(["none"]);
  });

  test("and closing it refuses what comes later, twice is once, and a store of the host's own stays open", async () => {
    const store = createMemoryStore();
    const gate = await createGate({ policy: ALLOW_ALL, store, dispatch: () => "ran" });
    await gate.close();
    await gate.close();
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), {
      status: "DENIED",
      code: "gate_closed",
      dispatched: false,
    });
    const types = (await store.page({ kind: "events", after: null, limit: 10 })).events?.map(({ type }) => type);
    expect(types).toEqual(["gate.opened", "policy.activated", "gate.closed"]);
  });

  test("closing waits for a job that runs, and records how it ended", async () => {
    const path = join(freshFolder(), "gate.db");
    let finish = (_value: string): void => undefined;
    const started = new Promise<void>((begun) => {
      void createGate({
        policy: ALLOW_ALL,
        store: path,
        dispatch: () =>
          new Promise((resolve) => {
            finish = resolve;
            begun();
          }),
      }).then(async (gate) => {
        const running = gate.evaluateAndDispatch({ id: "j", topic: "a" });
        await started;
        const closing = gate.close();
        finish("done");
        expectOutcome(await running, { status: "SUCCEEDED" });
        await closing;
        ended();
      });
    });
    let ended = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    await over;
    const store = await openSqliteStore(path);
    expect((await store.read({ kind: "job", id: "j", tenantId: null })).jobs?.[0]?.row.status).toBe("SUCCEEDED");
    await store.close();
  });
});

describe("reloading", () => {
  test("a bad policy changes nothing, says every problem, and is recorded", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch: () => "ran" });
    const before = gate.policy.snapshot;
    await expect(gate.reload({ yaml: "version: v1\nrulez: []\n" })).rejects.toThrow(PolicyError);
    expect(gate.policy.snapshot).toBe(before);
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "SUCCEEDED" });
    const { items } = await gate.audit.events();
    expect(items.map(({ type }) => type)).toContain("policy.rejected");
  });
});

describe("time", () => {
  test("never goes back, and never stands behind what is logged", () => {
    const clock = createFakeClock(1_000);
    const { wall } = createClock(clock.now, 5_000);
    expect(wall()).toBe(5_000);
    clock.advance(9_000);
    expect(wall()).toBe(10_000);
    clock.advance(-8_000);
    expect(wall()).toBe(10_000);
    const real = createClock(undefined, Date.now() + 3_600_000);
    expect(real.wall()).toBeGreaterThanOrEqual(Date.now() + 3_599_000);
  });
});
