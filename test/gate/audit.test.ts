import { EvidenceError, type Gate } from "dispatch-gate";
import { createFakeClock, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { open, rules, STORES } from "./open.js";

const POLICY = rules(`- id: deny-drops
  match: { topics: ["db.drop"] }
  decision: deny
  reason: nothing is dropped
- id: ask-writes
  match: { topics: ["db.write"] }
  decision: require_approval
  reason: writes are looked at
- id: reads
  match: { topics: ["db.*"] }
  decision: allow`);

async function evidenceCodeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof EvidenceError ? error.code : String(error)),
  );
}

/** What stands in a log of several tenants, actors and decisions. */
async function fill(gate: Gate): Promise<{ readonly approvalId: string; readonly jobId: string }> {
  await gate.evaluateAndDispatch({
    topic: "db.read",
    tenantId: "acme",
    id: "j-1",
    actor: { id: "bot", type: "agent" },
  });
  await gate.evaluateAndDispatch({
    topic: "db.read",
    tenantId: "other",
    id: "j-1",
    actor: { id: "bob", type: "human" },
  });
  await gate.evaluateAndDispatch({ topic: "db.drop", tenantId: "acme", actor: { id: "bot", type: "agent" } });
  const job = {
    topic: "db.write",
    tenantId: "acme",
    traceId: "t-w",
    actor: { id: "bot", type: "agent", onBehalfOf: "eve" },
  };
  const held = await gate.evaluateAndDispatch({ ...job, payload: { secret: "kept apart" } } as never);
  const approvalId = held.approval?.id ?? "";
  await gate.approvals.approve(approvalId, { by: { id: "ann" }, note: "looked at" });
  await gate.resume(held.jobId ?? "");
  return { approvalId, jobId: held.jobId ?? "" };
}

describe.each(STORES)("the evidence of a gate, %s", (_name, openStore) => {
  test("finds a timeline by its trace, by a job in it and by a request in it", async () => {
    const gate = await open({ policy: POLICY, store: await openStore(), dispatch: () => "done" });
    const { approvalId, jobId } = await fill(gate);
    const byTrace = await gate.audit.timeline("t-w");
    expect(byTrace.entries.map(({ type }) => type)).toEqual([
      "approval.requested",
      "approval.voted",
      "job.dispatching",
      "job.settled",
    ]);
    expect(byTrace.entries[1]?.note).toBe("looked at");
    for (const of of [{ traceId: "t-w" }, { jobId }, { jobId, tenantId: "acme" }, { approvalId }]) {
      expect(await gate.audit.timeline(of)).toEqual(byTrace);
    }
    expect((await gate.audit.timeline({ jobId: "nobody's" })).entries).toEqual([]);
    expect((await gate.audit.timeline({ approvalId: "nobody's" })).entries).toEqual([]);
    expect(await evidenceCodeOf(gate.audit.timeline({ jobId: "j-1" }))).toBe("job_id_ambiguous");
    expect((await gate.audit.timeline({ jobId: "j-1", tenantId: "other" })).entries).toHaveLength(2);
    for (const wrong of [
      "",
      {},
      { jobId: "a", approvalId: "b" },
      { traceId: "a", tenantId: "b" },
      { jobId: 7 },
      null,
    ]) {
      await expect(gate.audit.timeline(wrong as never)).rejects.toThrow("a timeline needs a trace id");
    }
    await expect(gate.audit.timeline({ job: "a" } as never)).rejects.toThrow("a timeline has no option `job`");
  });

  test("finds events by what they say, all of them and no other, in pages of any size", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: POLICY, store: await openStore(), now: clock.now, dispatch: () => "done" });
    clock.advance(10_000);
    const from = clock.now();
    const { approvalId, jobId } = await fill(gate);
    clock.advance(10_000);
    const to = clock.now();
    await gate.evaluateAndDispatch({ topic: "db.read", tenantId: "acme" });
    const all = (await gate.audit.events({ limit: 1_000 })).items;
    for (const [filter, is] of [
      [{ types: ["job.refused"] }, ({ type }) => type === "job.refused"],
      [{ tenantId: "acme" }, ({ body }) => body.tenant_id === "acme"],
      [{ actorId: "eve" }, ({ body }) => (body.actor as { on_behalf_of?: string } | null)?.on_behalf_of === "eve"],
      [{ actorId: "ann" }, ({ body }) => (body.approver as { id?: string } | undefined)?.id === "ann"],
      [{ topic: "db.read" }, ({ body }) => body.topic === "db.read"],
      [
        { ruleId: "deny-drops" },
        ({ body }) => (body.decision as { rule_id?: string } | null)?.rule_id === "deny-drops",
      ],
      [{ status: "SUCCEEDED" }, ({ body }) => body.status === "SUCCEEDED"],
      [{ traceId: "t-w" }, ({ traceId }) => traceId === "t-w"],
      [{ approvalId }, (event) => event.approvalId === approvalId],
      [{ jobId }, ({ body }) => body.job_id === jobId],
      [{ from }, ({ at }) => at >= from],
      [{ to }, ({ at }) => at < to],
      [{ from, to, topic: "db.read" }, ({ at, body }) => at >= from && at < to && body.topic === "db.read"],
    ] as readonly (readonly [object, (event: (typeof all)[number]) => boolean])[]) {
      const wanted = all.filter(is).map(({ seq }) => seq);
      expect(wanted.length, JSON.stringify(filter)).toBeGreaterThan(0);
      for (const limit of [1, 2, 1_000]) {
        const found: number[] = [];
        let after: string | null = null;
        do {
          const page = await gate.audit.events({ ...filter, limit, ...(after === null ? {} : { after }) });
          found.push(...page.items.map(({ seq }) => seq));
          after = page.next;
        } while (after !== null);
        expect([filter, limit, found]).toEqual([filter, limit, wanted]);
      }
    }
    await expect(gate.audit.events({ tenant: "acme" } as never)).rejects.toThrow("tenantId");
    await expect(gate.audit.events({ types: "job.refused" } as never)).rejects.toThrow("`types` must be a list");
    await expect(gate.audit.events({ from: "today" } as never)).rejects.toThrow("`from` must be a time");
    await expect(gate.audit.events({ topic: 7 } as never)).rejects.toThrow("`topic` must be a string");
  });

  test("outlives what it is about: erased, a job keeps its story and says nothing any more", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: POLICY, store: await openStore(), now: clock.now, dispatch: () => "done" });
    const { jobId } = await fill(gate);
    const before = await gate.audit.timeline("t-w");
    const erased = await gate.erase(jobId, { by: "the controller" });
    expect(erased).toEqual({ values: 3, cleared: true });
    expect(await gate.erase(jobId)).toEqual({ values: 0, cleared: true });
    const after = await gate.audit.timeline("t-w");
    expect(after.entries.slice(0, -1).map(({ text }) => text)).toEqual(before.entries.map(({ text }) => text));
    expect(after.entries.map(({ note }) => note)).toEqual([null, null, null, null, null]);
    expect(after.entries.at(-1)?.summary).toBe('3 private values of the job erased by "the controller"');
    const outcome = await gate.jobs.get(jobId);
    expect(outcome).toMatchObject({ status: "SUCCEEDED", jobHash: null });
    // The id stays spent, whatever comes under it.
    const again = { topic: "db.write", tenantId: "acme", id: jobId, payload: { secret: "kept apart" } };
    expectOutcome(await gate.evaluateAndDispatch(again), { status: "DENIED", code: "job_id_reused" });
    expect(await evidenceCodeOf(gate.erase("nobody's"))).toBe("job_unknown");
    expect(await evidenceCodeOf(gate.erase("j-1"))).toBe("job_id_ambiguous");
    await expect(gate.erase("")).rejects.toThrow("`erase` needs a job id");
  });

  test("is not erased while it is needed: a job that waits, and one whose rejection stands, keep their content", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: POLICY, store: await openStore(), now: clock.now, dispatch: () => "done" });
    const held = await gate.evaluateAndDispatch({ topic: "db.write" });
    const jobId = held.jobId ?? "";
    expect(await evidenceCodeOf(gate.erase(jobId))).toBe("job_open");
    await gate.approvals.reject({ jobId }, { by: { id: "ann" } });
    expect(await evidenceCodeOf(gate.erase(jobId))).toBe("job_rejected");
    await gate.approvals.lift({ jobId }, { by: { id: "ann" } });
    expect((await gate.erase(jobId)).values).toBeGreaterThan(0);
  });

  test("is erased by age: what is older goes, what is open or younger stays", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: POLICY, store: await openStore(), now: clock.now, dispatch: () => "done" });
    const { jobId } = await fill(gate);
    const held = await gate.evaluateAndDispatch({ topic: "db.write", payload: 1 });
    clock.advance(1_000);
    const cut = clock.now();
    const young = await gate.evaluateAndDispatch({ topic: "db.read", payload: "young" });
    const done = await gate.eraseBefore(cut, { by: "retention" });
    expect(done).toMatchObject({ jobs: 4, kept: 1, cleared: true });
    expect((await gate.jobs.get(jobId))?.jobHash).toBeNull();
    expect((await gate.jobs.get(held.jobId ?? ""))?.jobHash).not.toBeNull();
    expect((await gate.jobs.get(young.jobId ?? ""))?.jobHash).not.toBeNull();
    expect(await gate.eraseBefore(cut)).toEqual({ jobs: 0, values: 0, kept: 1, cleared: true });
    await expect(gate.eraseBefore(Number.NaN)).rejects.toThrow("`eraseBefore` needs a time");
  });
});
