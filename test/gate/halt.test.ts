import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Dispatch, type Gate, StoreError } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/store/port.js";
import { defineStore } from "../../src/store/port.js";
import { ALLOW_ALL, ASK_ALL, freshFolder, open, STORES } from "./open.js";
import { typesOf } from "./workers.js";

const JOB = { topic: "job.a" } as const;
const WHY = { by: "ann", reason: "the agents run wild" } as const;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A dispatch function that runs until it is told to stop. */
const untilStopped: Dispatch = (_job, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });

describe.each(STORES)("halting a gate %s", (_name, openStore) => {
  test("stops every claim of every gate on the store until it is let go on", async () => {
    const store = await openStore();
    let calls = 0;
    const options = { store, policy: ALLOW_ALL, dispatch: () => ++calls };
    const [one, other] = [await open(options), await open(options)];
    const halt = await one.halt(WHY);
    expect(halt).toMatchObject({ ...WHY, abort: "none" });
    expect(await other.halted()).toEqual(halt);
    for (const gate of [one, other]) {
      const outcome = await gate.evaluateAndDispatch(JOB);
      expectOutcome(outcome, { status: "DENIED", code: "gate_halted", dispatched: false });
      expect(outcome.reason.message).not.toContain("wild");
      expect((await gate.evaluate(JOB)).next).toBe("refused");
    }
    await other.unhalt({ by: "bob", reason: "found the cause" });
    expect(await one.halted()).toBeNull();
    expectOutcome(await one.evaluateAndDispatch(JOB), { status: "SUCCEEDED" });
    expect(calls).toBe(1);
    expect((await typesOf(one)).filter((type) => type.includes("halted"))).toEqual(["gate.halted", "gate.unhalted"]);
    expect(await one.audit.verify()).toMatchObject({ problems: [] });
  });

  test("leaves an approval unused, and the job waits on with it", async () => {
    const gate = await open({ store: await openStore(), policy: ASK_ALL, dispatch: () => "done" });
    const { jobId } = await gate.evaluateAndDispatch(JOB);
    await gate.halt(WHY);
    await gate.approvals.approve({ jobId: jobId ?? "" }, { by: { id: "bob" } });
    expectOutcome(await gate.resume(jobId ?? ""), { status: "DENIED", code: "gate_halted" });
    expect((await gate.drain()).map(({ reason }) => reason.code)).toEqual(["gate_halted"]);
    await gate.unhalt(WHY);
    expectOutcome(await gate.resume(jobId ?? ""), { status: "SUCCEEDED" });
  });

  test("tells what runs to stop where that is asked for, and lets it run on where it is not", async () => {
    const gate = await open({ store: await openStore(), policy: ALLOW_ALL, dispatch: untilStopped });
    const running = gate.evaluateAndDispatch({ ...JOB, id: "j-1" });
    await expect.poll(() => gate.jobs.get("j-1").then((outcome) => outcome?.status)).toBe("RUNNING");
    await gate.halt(WHY);
    expectOutcome((await gate.jobs.get("j-1")) as never, { status: "RUNNING" });
    await gate.halt({ ...WHY, abort: "running" });
    const outcome = await running;
    expectOutcome(outcome, { status: "FAILED", code: "dispatch_failed", dispatched: true });
    expect(outcome).toMatchObject({ error: { name: "AbortError", message: "the gate is halted" } });
  });

  test("ends retrying", async () => {
    const { NoEffectError } = await import("dispatch-gate");
    const policy = {
      yaml: `version: v1\nrules: [{ id: all, match: { topics: ["**"] }, decision: allow_with_constraints, constraints: { max_retries: 9 } }]\n`,
    };
    let attempts = 0;
    const gate: Gate = await open({
      store: await openStore(),
      policy,
      dispatch: async () => {
        attempts += 1;
        await gate.halt(WHY);
        throw new NoEffectError("busy");
      },
    });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "FAILED" });
    expect(attempts).toBe(1);
  });
});

test("a halt stands after a restart", async () => {
  const path = join(freshFolder(), "gate.db");
  const before = await open({ store: path, policy: ALLOW_ALL, dispatch: () => "done" });
  await before.halt(WHY);
  await before.close();
  const after = await open({ store: path, policy: ALLOW_ALL, dispatch: () => "done" });
  expectOutcome(await after.evaluateAndDispatch(JOB), { status: "DENIED", code: "gate_halted" });
  expect(await after.halted()).toMatchObject(WHY);
});

test("another process is halted as well, and what it runs is told to stop", async () => {
  const store = join(freshFolder(), "gate.db");
  const file = fileURLToPath(new URL("../children/halted.ts", import.meta.url));
  const child = fork(file, [store, ALLOW_ALL.yaml], { execArgv: ["--import", "tsx"] });
  children.push(child);
  const [inside] = (await once(child, "message")) as [unknown];
  expect(inside).toBe("inside");
  const gate = await open({ store, policy: ALLOW_ALL, dispatch: () => "done" });
  const told = once(child, "message") as Promise<[{ first: string; second: string }]>;
  await gate.halt({ ...WHY, abort: "running" });
  const [{ first, second }] = await told;
  expect(first).toBe("FAILED dispatch_failed");
  expect(second).toBe("DENIED gate_halted");
});

test("one job of this process can be told to stop", async () => {
  const gate = await open({ store: createMemoryStore(), policy: ALLOW_ALL, dispatch: untilStopped });
  const running = gate.evaluateAndDispatch({ ...JOB, id: "j-1" });
  await expect.poll(() => gate.abort("j-1")).toBe(true);
  expectOutcome(await running, { status: "FAILED" });
  expect(gate.abort("j-1")).toBe(false);
  expect(gate.abort("j-2")).toBe(false);
});

/** A store that refuses every step while `away` says so. */
function leaving(inner: Store, away: () => boolean): Store {
  return defineStore({
    ...inner,
    change: (change) =>
      away() && change.kind === "halt" ? Promise.reject(new StoreError("store_busy", "away")) : inner.change(change),
  });
}

test("where the store cannot be told the process halts itself, says so, and tells the store later", async () => {
  let away = true;
  const inner = await openSqliteStore(join(freshFolder(), "gate.db"));
  const store = leaving(inner, () => away);
  const gate = await open({ store, policy: ALLOW_ALL, dispatch: () => "done" });
  await expect(gate.halt(WHY)).rejects.toMatchObject({
    code: "store_busy",
    message: "this process is halted, and no other on the store: away",
  });
  expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "DENIED", code: "gate_halted" });
  const other = await open({ store: inner, policy: ALLOW_ALL, dispatch: () => "done" });
  expect(await other.halted()).toBeNull();
  away = false;
  expect(await gate.halted()).toMatchObject(WHY);
  expect(await other.halted()).toMatchObject(WHY);
});

test("what cannot be a halt is a TypeError, and halts nothing", async () => {
  const gate = await open({ store: createMemoryStore(), policy: ALLOW_ALL, dispatch: () => "done" });
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ by: " ", reason: "x" }, "`by` must be 1 to 256 characters that can be seen"],
    [{ by: "ann", reason: "" }, "`reason` must be 1 to 2000 characters that can be seen"],
    [{ ...WHY, abort: "all" }, '`abort` must be one of "none", "running"'],
    [null, "`halt` takes an object of options"],
  ];
  for (const [options, message] of wrong) {
    await expect(gate.halt(options as never)).rejects.toThrow(new TypeError(message));
  }
  await expect(gate.halt({ ...WHY, aborts: "all" } as never)).rejects.toThrow(TypeError);
  expect(await gate.halted()).toBeNull();
});
