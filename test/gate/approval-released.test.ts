import type { Gate, Job } from "dispatch-gate";
import { createFakeClock, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test, vi } from "vitest";
import { ALLOW_ALL, ASK_ALL, codeOf, DENY_ALL, open, STORES } from "./open.js";

const ann = { id: "ann" };
const JOB = { topic: "a", payload: 7, actor: { id: "bot", type: "agent" } } as const satisfies Job;

/** A gate with one job that waits for nothing: its request ended when, for a while, the policy asked for none. */
async function released(openStore: (typeof STORES)[number][1], id: string | undefined = "j") {
  const ran: string[] = [];
  const clock = createFakeClock();
  const store = await openStore();
  const gate: Gate = await open({ policy: ASK_ALL, store, now: clock.now, dispatch: (job) => ran.push(job.id) });
  const held = await gate.evaluateAndDispatch({ ...JOB, ...(id === undefined ? {} : { id }) });
  await gate.reload(ALLOW_ALL);
  expect(await codeOf(gate.approvals.approve(held.approval?.id ?? "", { by: ann }))).toBe("approval_superseded");
  expect((await gate.approvals.get(held.approval?.id ?? ""))?.supersededBy).toBe(null);
  return { gate, store, clock, ran, held, jobId: held.jobId ?? "" };
}

describe.each(STORES)("a job that is left waiting, %s", (_name, openStore) => {
  test("asks anew in its old place, also after an equal job asked and was done", async () => {
    const { gate, ran, clock, held } = await released(openStore);
    await gate.reload(ASK_ALL);
    clock.advance(1_000);
    await gate.evaluateAndDispatch({ ...JOB, id: "k" });
    await gate.approvals.approve({ jobId: "k" }, { by: ann });
    expectOutcome(await gate.resume("k"), { status: "SUCCEEDED" });
    expectOutcome(await gate.resume("j"), { status: "PENDING_APPROVAL" });
    const fresh = await gate.approvals.get({ jobId: "j" });
    expect(fresh).toMatchObject({
      state: "pending",
      supersedes: held.approval?.id,
      queuedSince: held.approval?.requestedAt,
    });
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
    expect(ran).toEqual(["k", "j"]);
    expect(await gate.drain()).toEqual([]);
  });

  test("is withdrawn by who asked for it, and then run by nobody", async () => {
    const { gate, ran } = await released(openStore);
    expect(await codeOf(gate.approvals.cancel({ jobId: "j" }, { by: ann }))).toBe("canceller_not_requester");
    await gate.approvals.cancel({ jobId: "j" }, { by: { id: "bot" }, note: "not needed" });
    expect((await gate.jobs.get("j"))?.reason.code).toBe("approval_cancelled");
    expect(await gate.drain()).toEqual([]);
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "approval_cancelled" });
    expect(ran).toEqual([]);
  });

  test("without an id of its own it is what an equal submission is, and runs once", async () => {
    const { gate, ran, jobId } = await released(openStore, undefined);
    const again = await gate.evaluateAndDispatch(JOB);
    expect([again.status, again.jobId]).toEqual(["SUCCEEDED", jobId]);
    expect(await gate.drain()).toEqual([]);
    expect(ran).toEqual([jobId]);
    // What ran is done: the next submission is a job of its own.
    expect((await gate.evaluateAndDispatch(JOB)).jobId).not.toBe(jobId);
  });

  test("goes on waiting through a fault, and ends when the policy or a reviewer says no", async () => {
    const { gate, ran } = await released(openStore);
    const given = new AbortController();
    given.abort();
    const { signal } = given;
    expectOutcome(await gate.resume("j", undefined, { signal }), { status: "DENIED", code: "aborted" });
    expect((await gate.jobs.get("j"))?.status).toBe("PENDING_APPROVAL");
    expectOutcome((await gate.drain())[0] ?? (await gate.resume("j")), { status: "SUCCEEDED" });
    expect(ran).toEqual(["j"]);

    const denied = await released(openStore);
    await denied.gate.reload(DENY_ALL);
    expectOutcome(await denied.gate.resume("j"), { status: "DENIED", code: "rule_matched" });
    await denied.gate.reload(ALLOW_ALL);
    expect(await denied.gate.drain()).toEqual([]);

    const rejected = await released(openStore);
    await rejected.gate.reload(ASK_ALL);
    await rejected.gate.evaluateAndDispatch({ ...JOB, id: "k" });
    await rejected.gate.approvals.reject({ jobId: "k" }, { by: ann });
    expectOutcome(await rejected.gate.resume("j"), { status: "DENIED", code: "approval_rejected" });
    expect((await rejected.gate.jobs.get("j"))?.reason.code).toBe("approval_rejected");
  });

  test("needs room in the queue to ask anew, and waits on where there is none", async () => {
    const { gate } = await released(openStore);
    await gate.reload({ yaml: ASK_ALL.yaml.replace("rules:", "queue: { max_pending: 1 }\nrules:") });
    await gate.evaluateAndDispatch({ ...JOB, id: "other", payload: 8 });
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "approval_queue_full" });
    expect((await gate.jobs.get("j"))?.status).toBe("PENDING_APPROVAL");
    await gate.approvals.reject({ jobId: "other" }, { by: ann });
    expectOutcome(await gate.resume("j"), { status: "PENDING_APPROVAL" });
    expect((await gate.approvals.get({ jobId: "j" }))?.state).toBe("pending");
    expect((await gate.approvals.stats()).depth).toBe(1);
  });

  test("a wait ends with the answer when there is no request to wait for, and when the store fails", async () => {
    const { gate, store } = await released(openStore);
    const claim = vi.spyOn(store, "claim");
    const missing = gate.resume("j", "elsewhere", { waitForApprovalMs: 60_000 });
    expectOutcome(await missing, { status: "DENIED", code: "dispatcher_missing" });
    expect(claim.mock.calls.length).toBeLessThan(3);
    await gate.reload(ASK_ALL);
    const { read } = store;
    const failing = vi
      .spyOn(store, "read")
      .mockImplementation((query) =>
        query.kind === "approval_marks" ? Promise.reject(new Error("a hiccup")) : read(query),
      );
    const waited = gate.evaluateAndDispatch({ ...JOB, id: "w", payload: 9 }, undefined, { waitForApprovalMs: 60_000 });
    expectOutcome(await waited, { status: "PENDING_APPROVAL" });
    failing.mockRestore();
  });

  test("drain finds it behind any number that this process cannot run, and ends what runs before it says that a look failed", async () => {
    const ran: string[] = [];
    const store = await openStore();
    const wide =
      "queue: { max_pending: 5000, max_pending_per_actor: 5000, max_requests_per_actor: { limit: 9000, window_sec: 1 } }\n";
    const asking = { yaml: ASK_ALL.yaml.replace("rules:", `${wide}rules:`) };
    const gate = await open({ policy: asking, store, dispatch: ({ id }) => ran.push(id) });
    await Promise.all(
      Array.from({ length: 1_100 }, (_, n) =>
        gate.evaluateAndDispatch({ id: `o-${n}`, topic: "a", payload: n }, { name: "other", dispatch: () => 1 }),
      ),
    );
    await gate.evaluateAndDispatch({ id: "mine", topic: "a", payload: "mine" });
    await gate.reload({ yaml: ALLOW_ALL.yaml.replace("rules:", `${wide}rules:`) });
    const { items } = await gate.approvals.list({ limit: 1_000 });
    const rest = await gate.approvals.list({
      limit: 1_000,
      after: (await gate.approvals.list({ limit: 1_000 })).next ?? "",
    });
    for (const { id } of [...items, ...rest.items]) await codeOf(gate.approvals.approve(id, { by: ann }));
    expect((await gate.drain()).map(({ jobId }) => jobId)).toEqual(["mine"]);
    expect(ran).toEqual(["mine"]);
  });
});

test("a drain whose look at the store fails lets what runs end first, and then says so", async () => {
  let ended = false;
  const [, openStore] = STORES[0] as (typeof STORES)[number];
  const store = await openStore();
  const gate = await open({
    policy: ASK_ALL,
    store,
    dispatch: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ended = true;
    },
  });
  await gate.evaluateAndDispatch({ ...JOB, id: "j" });
  await gate.approvals.approve({ jobId: "j" }, { by: ann });
  const { page } = store;
  vi.spyOn(store, "page").mockImplementation((query) =>
    query.kind === "released" ? Promise.reject(new Error("a hiccup")) : page(query),
  );
  await expect(gate.drain({ concurrency: 2 })).rejects.toThrow("a hiccup");
  expect(ended).toBe(true);
});
