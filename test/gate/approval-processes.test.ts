import { once } from "node:events";
import { join } from "node:path";
import { expectOutcome } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { cases, FULL_TIME } from "../scale.js";
import { freshFolder, open } from "./open.js";
import { asking, place, start, typesOf, type Worker } from "./workers.js";

const PROCESSES = cases("processes that race", 4, 16);

test(
  "processes that race for approvals on one file dispatch each exactly once, and a naive store does not",
  async () => {
    const count = cases(`approvals raced for by ${PROCESSES} processes`, 200, 10_000);
    const { store, setup, lines } = place();
    const gate = await open({ policy: { yaml: asking() }, store, deadlineMs: 60_000 });
    const ids = Array.from({ length: count }, (_, n) => `j-${n}`);
    for (let from = 0; from < count; from += 250) {
      await Promise.all(
        ids.slice(from, from + 250).map(async (id) => {
          await gate.evaluate({ id, topic: "job.a", payload: id });
          await gate.approvals.approve({ jobId: id }, { by: { id: "ann" } });
        }),
      );
    }
    const workers = await Promise.all(Array.from({ length: PROCESSES }, () => start(setup({ policy: null }))));
    const begun = performance.now();
    const answers = await Promise.all(
      workers.map(({ ask }) => ask<readonly { id: string; ran: boolean }[]>({ do: "resume", ids, window: 32 })),
    );
    console.info(`raced in ${Math.round(performance.now() - begun)} ms`);
    const ran = answers.flat().flatMap((each) => (each.ran ? [each.id] : []));
    expect([ran.length, new Set(ran).size]).toEqual([count, count]);
    expect([lines().length, new Set(lines()).size]).toEqual([count, count]);
    const dispatching = (await typesOf(gate)).filter((type) => type === "job.dispatching").length;
    expect(dispatching).toBe(count);

    // The control: the same race, reading first and writing then.
    const table = join(freshFolder(), "naive.db");
    const Database = await loadDriver();
    const connection: Connection = new Database(table, { timeout: 5_000, fileMustExist: false });
    connection.exec("PRAGMA journal_mode = WAL; CREATE TABLE approvals (id TEXT PRIMARY KEY, used INTEGER NOT NULL)");
    const insert = connection.prepare("INSERT INTO approvals VALUES (?, 0)");
    const few = ids.slice(0, 500);
    for (const id of few) insert.run(id);
    connection.close();
    const careless = await Promise.all([1, 2].map(() => start(setup({ policy: null, witness: table }))));
    const used = await Promise.all(
      careless.map(({ ask }) => ask<readonly string[]>({ do: "naive", ids: few, window: 32 })),
    );
    expect(used.flat().length).toBeGreaterThan(few.length);
  },
  FULL_TIME,
);

test.each(["resume", "drain"] as const)(
  "a job approved by two, whose process was killed, is run once by the next one (%s), and its trace tells one story",
  async (way) => {
    const { store, setup, lines } = place();
    const policy = asking(", approval: { quorum: 2 }");
    const first = await start(setup({ policy }));
    const job = { id: "j", traceId: "t", topic: "job.pay", actor: { id: "bot", type: "agent" } as const, payload: 7 };
    const [held] = await first.ask<readonly { status: string }[]>({ do: "submit", jobs: [job] });
    expect(held?.status).toBe("PENDING_APPROVAL");
    await first.ask({ do: "approve", jobId: "j", by: "ann", note: "checked the amount" });
    await first.ask({ do: "approve", jobId: "j", by: "bob", note: "checked the account" });
    first.child.kill("SIGKILL");
    await once(first.child, "exit");

    const next = await start(setup({ policy: null }));
    if (way === "drain") expect(await next.ask({ do: "drain", concurrency: 4 })).toEqual(["j SUCCEEDED"]);
    else
      expect(await next.ask({ do: "resume", ids: ["j"], window: 1 })).toMatchObject([
        { status: "SUCCEEDED", ran: true },
      ]);
    expect(await next.ask({ do: "drain", concurrency: 4 })).toEqual([]);
    expect(lines()).toEqual(["j default default"]);
    const gate = await open({ activate: "never", store });
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED", replayed: true });
    const { entries } = await gate.audit.timeline("t");
    expect(entries.map(({ type }) => type)).toEqual([
      "approval.requested",
      "approval.voted",
      "approval.voted",
      "job.dispatching",
      "job.settled",
    ]);
    expect(entries.map(({ note }) => note)).toEqual([null, "checked the amount", "checked the account", null, null]);
    const { snapshot } = gate.policy;
    expect(entries[0]?.body).toMatchObject({ decision: { rule_id: "ask", reason: "a person looks", snapshot } });
    expect(entries.slice(1, 3).map(({ body }) => body)).toMatchObject([
      { approver: { id: "ann" }, state: "pending", snapshot },
      { approver: { id: "bob" }, state: "approved", snapshot },
    ]);
    expect(entries[3]?.body).toMatchObject({ approval_id: entries[0]?.approvalId, decision: { snapshot } });
  },
);

test("a process that waits in place is woken within 250 ms of an approval in another", async () => {
  const { setup } = place();
  const waiter = await start(setup());
  const desk = await start(setup({ policy: null }));
  const took: number[] = [];
  for (let n = 0; n < 9; n += 1) {
    const id = `j-${n}`;
    const waiting = waiter.ask<readonly { output: number }[]>({
      do: "submit",
      jobs: [{ id, topic: "job.a", payload: n }],
      waitMs: 20_000,
    });
    let voted = 0;
    // The request is there once the other process has committed it.
    while (voted === 0) voted = await desk.ask<number>({ do: "approve", jobId: id, by: "ann" }).catch(() => 0);
    const [done] = await waiting;
    took.push((done?.output ?? Number.NaN) - voted);
  }
  took.sort((a, b) => a - b);
  console.info(`woken after ${took.join(", ")} ms`);
  expect(took[4]).toBeLessThan(250);
});

test(
  "two gates with two policies on one file: nothing is superseded twice under one policy, and every job ends",
  async () => {
    const count = cases("jobs under two policies that take turns", 100, 1_000);
    const { store, setup, lines } = place();
    const policies = [asking(), asking(", approval: { expires_in_sec: 3600 }")];
    const workers = await Promise.all(policies.map((policy) => start(setup({ policy }))));
    const [one, two] = workers as [Worker, Worker];
    const ids = Array.from({ length: count }, (_, n) => `j-${n}`);
    const jobs = ids.map((id, n) => ({ id, traceId: `t-${n}`, topic: "job.a", payload: n }));
    const half = Math.ceil(count / 2);
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < 6; turn += 1) {
        await (workers[turn % 2] as Worker).ask({ do: "reload", policy: policies[turn % 2] ?? "" });
        await Promise.all(workers.map(({ ask }) => ask({ do: "resume", ids, window: 16 })));
      }
    };
    const submitting = [
      one.ask({ do: "submit", jobs: jobs.slice(0, half) }),
      two.ask({ do: "submit", jobs: jobs.slice(half) }),
    ];
    await Promise.all([...submitting, turns()]);
    await Promise.all(workers.map(({ ask }) => ask({ do: "resume", ids, window: 16 })));
    for (let from = 0; from < count; from += 50) {
      await Promise.all(ids.slice(from, from + 50).map((jobId) => two.ask({ do: "approve", jobId, by: "ann" })));
    }
    await Promise.all(workers.map(({ ask }) => ask({ do: "drain", concurrency: 16 })));

    const gate = await open({ activate: "never", store });
    let ended = 0;
    let superseded = 0;
    for (const { id, traceId } of jobs) {
      const outcome = await gate.jobs.get(id);
      if (outcome?.status === "SUCCEEDED") ended += 1;
      const { entries } = await gate.audit.timeline(traceId);
      const epochs = entries.filter(({ type }) => type === "approval.requested").map(({ body }) => body.epoch);
      // One request an epoch at most: what one gate asked, the other does not ask again under the same policy.
      expect([id, new Set(epochs).size]).toEqual([id, epochs.length]);
      superseded += epochs.length - 1;
    }
    expect(ended).toBe(count);
    expect(superseded).toBeGreaterThan(count);
    expect(new Set(lines()).size).toBe(count);
    expect(lines()).toHaveLength(count);
    expect((await typesOf(gate)).filter((type) => type === "policy.activated").length).toBeGreaterThan(5);
  },
  FULL_TIME,
);

test("a job meant for one dispatcher never runs under another, in any process and by any way", async () => {
  const { setup, lines } = place();
  const asker = await start(setup({ dispatchers: ["default", "refund"] }));
  const [server, refunder] = (await Promise.all([
    start(setup({ policy: null, dispatchers: ["default"] })),
    start(setup({ policy: null, dispatchers: ["refund"] })),
  ])) as [Worker, Worker];
  const jobs = ["a", "b"].map((id) => ({ id, topic: "job.refund", payload: id }));
  await asker.ask({ do: "submit", jobs, dispatcher: "refund" });
  for (const jobId of ["a", "b"]) await asker.ask({ do: "approve", jobId, by: "ann" });
  const resumed = await server.ask<readonly { code: string }[]>({ do: "resume", ids: ["a", "b"], window: 2 });
  expect(resumed.map(({ code }) => code)).toEqual(["dispatcher_missing", "dispatcher_missing"]);
  expect(await server.ask({ do: "drain", concurrency: 2 })).toEqual([]);
  const other = await server.ask<readonly { code: string }[]>({ do: "submit", jobs });
  expect(other.map(({ code }) => code)).toEqual(["job_id_reused", "job_id_reused"]);
  const named = await asker.ask<readonly { code: string }[]>({
    do: "resume",
    ids: ["a"],
    window: 1,
    dispatcher: "default",
  });
  expect(named[0]?.code).toBe("dispatcher_missing");
  expect(lines()).toEqual([]);
  // Which of two requests of one moment is first is for their ids to say.
  const drained = await refunder.ask<readonly string[]>({ do: "drain", concurrency: 1 });
  expect([...drained].sort()).toEqual(["a SUCCEEDED", "b SUCCEEDED"]);
  expect([...lines()].sort()).toEqual(["a refund refund", "b refund refund"]);
});

test("whoever has not the host's configuration records votes, and the gate that claims decides anew", async () => {
  const { store, setup, lines } = place();
  const policy = `${asking()}`.replace(
    "rules: [",
    `rules: [{ id: two, match: { topics: ["**"], risk_tags: [pii] }, decision: require_approval, approval: { quorum: 2 } }, `,
  );
  const plain = await start(setup({ policy }));
  await plain.ask({ do: "submit", jobs: [{ id: "j", traceId: "t", topic: "job.a" }] });
  expect(await plain.ask({ do: "record", jobId: "j", by: "ann" })).toBe("approved");
  // The host's own gate derives what the recorder could not know: the approval does not cover it.
  const host = await open({ activate: "never", store, deriveTags: () => ["pii"], dispatch: () => 1 });
  expectOutcome(await host.resume("j"), { status: "PENDING_APPROVAL", dispatched: false });
  const fresh = await host.approvals.get({ jobId: "j" });
  expect(fresh).toMatchObject({ state: "pending", derivedTags: ["pii"] });
  expect(fresh?.changes.map(({ field }) => field)).toContain("derivedTags");
  for (const by of ["ann", "bob"]) await plain.ask({ do: "record", jobId: "j", by });
  await host.reload({ yaml: policy.replace("a person looks", "two look") });
  await expect(plain.ask({ do: "record", jobId: "j", by: "cid" })).rejects.toThrow("approval_resolved");
  expectOutcome(await host.resume("j"), { status: "PENDING_APPROVAL" });
  await host.reload({ yaml: policy });
  // Asked under another policy than the one in force: who cannot decide the job anew is refused.
  await expect(plain.ask({ do: "record", jobId: "j", by: "ann" })).rejects.toThrow("approval_policy_changed");
  expect(lines()).toEqual([]);
});
