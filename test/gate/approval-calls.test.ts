import type { Gate, Job } from "dispatch-gate";
import { createFakeClock, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALLOW_ALL, codeOf, DENY_ALL, open, rules, STORES } from "./open.js";

const JOB: Job = {
  id: "j",
  traceId: "t",
  topic: "a",
  tenantId: "acme",
  actor: { id: "bot", type: "agent", onBehalfOf: "sam" },
};
const ann = { id: "ann", roles: ["finance"] };
const FINANCE = rules(
  `- { id: ask, match: { topics: ["**"] }, decision: require_approval, approval: { roles: [finance] } }`,
);
const CONFIRMED = rules(
  `- { id: ask, match: { topics: ["**"] }, decision: require_approval, approval: { roles: [finance], confirm_view: true } }`,
);
const OTHER = rules(
  `- { id: ask, match: { topics: ["**"] }, decision: require_approval, approval: { roles: [finance], quorum: 2 } }`,
);

describe.each(STORES)("calls that do not count, %s", (_name, openStore) => {
  test("have a code each, one event each, and change nothing", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: FINANCE, store: await openStore(), now: clock.now, dispatch: () => 1 });
    await gate.evaluateAndDispatch(JOB, undefined, { submitter: "portal" });
    const ref = { jobId: "j" };
    const by = (id: string, more: object = {}) => ({ by: { ...ann, id, ...more } });
    const { approve, reject, revoke, cancel, lift } = gate.approvals;
    const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["approval_unknown", () => approve("no-such-request", by("ann"))],
      ["approval_unknown", () => approve({ jobId: "no-such-job" }, by("ann"))],
      ["approver_invalid", () => approve(ref, by(""))],
      ["approver_invalid", () => approve(ref, by("  \u200b\u2060 "))],
      ["approver_invalid", () => approve(ref, by("a".repeat(257)))],
      ["approver_invalid", () => approve(ref, by(7 as never))],
      ["approver_invalid", () => approve(ref, by("ann", { kind: "agent" }))],
      ["approver_invalid", () => approve(ref, by("ann", { roles: "finance" }))],
      ["approver_invalid", () => approve(ref, by("ann", { assurance: "trust me" }))],
      ["approver_not_eligible", () => approve(ref, by("ann", { roles: [] }))],
      ["approver_not_eligible", () => reject(ref, by("ann", { roles: ["Finance"] }))],
      ["approver_not_eligible", () => approve(ref, by("ann", { kind: "service" }))],
      ["approver_is_requester", () => approve(ref, by("bot"))],
      ["approver_is_requester", () => approve(ref, by(" B\u200bOT"))],
      ["approver_is_requester", () => approve(ref, by("ｂｏｔ"))],
      ["approver_is_requester", () => approve(ref, by("sam"))],
      ["approver_is_requester", () => reject(ref, by("Portal"))],
      ["approver_tenant_mismatch", () => approve(ref, by("ann", { tenants: ["other"] }))],
      ["approver_tenant_mismatch", () => reject(ref, by("ann", { tenants: [] }))],
      ["approval_view_mismatch", () => approve(ref, { ...by("ann"), view: "0".repeat(64) })],
      ["approval_not_approved", () => revoke(ref, by("ann"))],
      ["approval_not_rejected", () => lift(ref, by("ann"))],
      ["canceller_not_requester", () => cancel(ref, { by: { id: "ann" } })],
    ];
    // A request shows the checkpoint that covers it, once there is one.
    await gate.audit.checkpoint();
    for (const [code, call] of calls) {
      const before = await gate.approvals.get(ref);
      expect([code, await codeOf(call())]).toEqual([code, code]);
      expect(await gate.approvals.get(ref)).toEqual(before);
    }
    const events = (await gate.audit.events({ limit: 1_000 })).items.filter(({ type }) => type === "approval.refused");
    expect(events.map(({ body }) => body.code)).toEqual(calls.map(([code]) => code));
    const { entries } = await gate.audit.timeline("t");
    expect(entries.filter(({ type }) => type === "approval.refused")).toHaveLength(calls.length - 2);
    expect(entries.filter(({ type }) => type !== "approval.refused").map(({ type }) => type)).toEqual([
      "approval.requested",
    ]);

    // Twice, and after each end.
    const ended: readonly (readonly [string, () => Promise<unknown>, string])[] = [
      ["approval_resolved", () => approve(ref, by("ann")), "approved"],
      ["approval_rejected", () => revoke(ref, by("ann")), "revoked"],
    ];
    for (const [code, end, state] of ended) {
      await end();
      expect(await codeOf(approve(ref, by("cid")))).toBe(code);
      expect((await gate.approvals.get(ref))?.state).toBe(state);
    }
    await lift(ref, by("bob"));
    await gate.evaluateAndDispatch(JOB);
    await approve(ref, by("ann"));
    expect(await codeOf(approve(ref, by("ANN")))).toBe("approver_already_voted");
    clock.advance(900_000);
    expect(await codeOf(approve(ref, by("cid")))).toBe("approval_expired");
    expect(await codeOf(reject(ref, by("cid")))).toBe("approval_expired");
  });

  test("a call is what it was when it was made, and nothing of it is inherited", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch(JOB);
    await gate.evaluateAndDispatch({ ...JOB, id: "k", payload: 2 });
    const by = { id: "ann", roles: ["finance"] };
    const voting = gate.approvals.approve({ jobId: "j" }, { by });
    Object.assign(by, { id: "mallory" });
    by.roles.length = 0;
    expect((await voting).votes.map(({ approver }) => [approver.id, approver.roles])).toEqual([["ann", ["finance"]]]);
    const ref = { jobId: "j" };
    const withdrawing = gate.approvals.cancel(ref, { by: { id: "bot" } });
    ref.jobId = "k";
    expect((await withdrawing).jobId).toBe("j");
    expect((await gate.jobs.get("k"))?.status).toBe("PENDING_APPROVAL");

    const inherited = Object.assign(
      {},
      JSON.parse('{"id":"ann","__proto__":{"roles":["finance"],"assurance":"token"}}'),
    );
    expect(await codeOf(gate.approvals.approve({ jobId: "k" }, { by: inherited }))).toBe("approver_not_eligible");
    let reads = 0;
    const changing = {
      roles: ["finance"],
      get id() {
        reads += 1;
        return reads === 1 ? "bot" : "innocent";
      },
    };
    expect(await codeOf(gate.approvals.approve({ jobId: "k" }, { by: changing }))).toBe("approver_invalid");
    expect(await codeOf(gate.approvals.approve({ jobId: "k" }, { by: { ...ann, roles: new Array(2) } }))).toBe(
      "approver_invalid",
    );
    expect(reads).toBe(0);
    const { items } = await gate.audit.events({ limit: 1_000 });
    expect(items.filter(({ type }) => type === "approval.refused").map(({ body }) => [body.by, body.code])).toEqual([
      ["ann", "approver_not_eligible"],
      [null, "approver_invalid"],
      ["ann", "approver_invalid"],
    ]);
  });

  test("what a refused call names takes little room, and roles of any kind fit into an event", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch(JOB);
    const by = { ...ann, id: "\u0001".repeat(256) };
    expect(await codeOf(gate.approvals.approve("\u0002".repeat(100_000), { by }))).toBe("approval_unknown");
    const { items } = await gate.audit.events({ limit: 1_000 });
    expect(items.at(-1)?.text.length).toBeLessThan(2_500);
    const roles = ["finance", ...Array.from({ length: 63 }, (_, n) => `${n}${"\u0001".repeat(250)}`)];
    expect((await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann", roles } })).state).toBe("approved");
  });

  test("nobody who ever asked for a job votes on it: held back by a limit, asked again by others, or let go and joined", async () => {
    const limited = rules(`
- { id: ask, match: { topics: ["**"] }, decision: require_approval, approval: { roles: [finance] } }
- { id: rate, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 1, window_sec: 60 } }`);
    const mallory = { by: { id: "mallory", roles: ["finance"] } };
    const by = (submitter: string) => ({ submitter });
    const job = { topic: "a", payload: 1 };

    // Equal to an approved job, and held back by a limit: one of those who asked, withdrawn by the same, told in its trace.
    const clock = createFakeClock();
    const first = await open({ policy: limited, store: await openStore(), now: clock.now, dispatch: () => 1 });
    await first.evaluateAndDispatch({ topic: "a", payload: "other", id: "o" });
    await first.approvals.approve({ jobId: "o" }, { by: ann });
    await first.resume("o");
    await first.evaluateAndDispatch({ ...job, id: "j" }, undefined, by("sam"));
    await first.approvals.approve({ jobId: "j" }, { by: ann });
    const held = await first.evaluateAndDispatch({ ...job, id: "k", traceId: "tk" }, undefined, by("mallory"));
    expectOutcome(held, { status: "THROTTLED", code: "rate_limited" });
    expect((await first.approvals.get({ jobId: "k" }))?.requesters).toEqual(["mallory", "sam"]);
    const { entries } = await first.audit.timeline("tk");
    expect(
      entries.filter(({ traceId }) => traceId === "tk").map(({ type, body }) => [type, body.submitted_by]),
    ).toEqual([
      ["approval.joined", "mallory"],
      ["job.refused", "mallory"],
    ]);
    await first.reload({
      yaml: limited.yaml.replace(
        "roles: [finance]",
        "roles: [finance], quorum: 1, confirm_view: false, expires_in_sec: 60",
      ),
    });
    await first.resume("j");
    expect(await codeOf(first.approvals.approve({ jobId: "k" }, mallory))).toBe("approver_is_requester");
    await first.approvals.cancel({ jobId: "k" }, { by: { id: "mallory" } });
    expect((await first.jobs.get("k"))?.reason.code).toBe("approval_cancelled");

    // The same id asked for again by somebody else.
    const second = await open({ policy: FINANCE, store: await openStore(), now: clock.now, dispatch: () => 1 });
    await second.evaluateAndDispatch({ ...job, id: "j" }, undefined, by("mallory"));
    clock.advance(86_400_000);
    await second.evaluateAndDispatch({ ...job, id: "j" }, undefined, by("cron"));
    expect(await codeOf(second.approvals.approve({ jobId: "j" }, mallory))).toBe("approver_is_requester");

    // Let go while the policy asked for nothing, and come to the request of an equal job.
    const third = await open({ policy: FINANCE, store: await openStore(), now: clock.now, dispatch: () => 1 });
    const left = await third.evaluateAndDispatch({ ...job, id: "j" }, undefined, by("mallory"));
    await third.reload(ALLOW_ALL);
    await codeOf(third.approvals.approve(left.approval?.id ?? "", { by: ann }));
    await third.reload(FINANCE);
    await third.evaluateAndDispatch({ ...job, id: "k" }, undefined, by("cron"));
    await third.resume("j");
    expect(await codeOf(third.approvals.approve({ jobId: "k" }, mallory))).toBe("approver_is_requester");
    expect(await codeOf(third.approvals.approve({ jobId: "k" }, { by: { ...ann, id: "b\ud800ot" } }))).toBe("no error");
  });

  test("a lone surrogate makes nobody another person", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch({ ...JOB, actor: undefined } as Job, undefined, { submitter: "m\ud800" });
    expect(await codeOf(gate.approvals.approve({ jobId: "j" }, { by: { ...ann, id: "m\ud800" } }))).toBe(
      "approver_is_requester",
    );
  });

  test("each withdrawal keeps its own note", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch({ ...JOB, id: "stays", traceId: "other" });
    for (const note of ["first", "second"]) {
      await gate.evaluateAndDispatch(JOB);
      await gate.approvals.cancel({ jobId: "j" }, { by: { id: "bot" }, note });
    }
    const { entries } = await gate.audit.timeline("t");
    expect(entries.filter(({ type }) => type === "approval.detached").map(({ note }) => note)).toEqual([
      "first",
      "second",
    ]);
  });

  test("a closed gate takes no calls, though the store goes on", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch(JOB);
    await gate.close();
    const { approve, get, list, stats, settled } = gate.approvals;
    const ref = { jobId: "j" };
    const calls = [approve(ref, { by: ann }), get(ref), list(), stats(), settled(ref)];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: "rejected", reason: { name: "StoreError", code: "store_closed" } });
    }
  });

  test("wrong arguments are a TypeError and no event", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch(JOB);
    const { approve } = gate.approvals;
    const wrong: readonly (readonly [object, string])[] = [
      [{ by: ann, note: "x".repeat(4_097) }, "a note must be a string of at most 4096 characters"],
      [{ by: ann, note: 7 }, "a note must be a string of at most 4096 characters"],
      [{ by: ann, view: 7 }, "`view` must be the `view` of the approval that was shown"],
      [{ note: "no one" }, "`approve` needs `by`: who decides"],
      [{ by: ann, vew: "x" }, "approvals.approve has no option `vew`: did you mean `view`?"],
      [{ by: { ...ann, role: "x" } }, "an approver has no option `role`: did you mean `roles`?"],
    ];
    for (const [options, message] of wrong) {
      await expect(approve({ jobId: "j" }, options as never)).rejects.toThrow(new TypeError(message));
    }
    const { get, list, stats, settled } = gate.approvals;
    const named = "a request is named by its id, or by `{ jobId, tenantId }`";
    for (const ref of [null, 7, {}, { jobId: 7 }, { jobId: "j", tenantId: true }]) {
      for (const call of [() => get(ref as never), () => settled(ref as never)]) {
        await expect(call()).rejects.toThrow(new TypeError(named));
      }
      await expect(approve(ref as never, { by: ann })).rejects.toThrow(new TypeError(named));
    }
    await expect(get({ jobId: "j", tenant: "acme" } as never)).rejects.toThrow(
      "a reference to a request has no option `tenant`: did you mean `tenantId`?",
    );
    await expect(list({ tenantId: {} } as never)).rejects.toThrow("`tenantId` must be a string");
    await expect(stats({ tenantId: true } as never)).rejects.toThrow("`tenantId` must be a string");
    await expect(list({ "\u001b[2J": 1 } as never)).rejects.toThrow("approvals.list has no option `\\u{1b}[2J`");
    expect((await gate.audit.timeline("t")).entries).toHaveLength(1);
  });

  test("a view that must be confirmed is asked for, and notes are kept and shown harmless", async () => {
    const gate = await open({ policy: CONFIRMED, store: await openStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch(JOB);
    expect(await codeOf(gate.approvals.approve({ jobId: "j" }, { by: ann }))).toBe("approver_view_required");
    const { view = "" } = (await gate.approvals.get({ jobId: "j" })) ?? {};
    const note = "ok\u001b[2J\u202e\nVotes";
    const done = await gate.approvals.approve({ jobId: "j" }, { by: ann, view, note });
    expect(done).toMatchObject({ state: "approved", votes: [{ confirmed: true, note }] });
    const { entries } = await gate.audit.timeline("t");
    expect(entries.at(-1)).toMatchObject({ type: "approval.voted", note, body: { view } });
    // The note itself stands beside the log, and not in it.
    expect(entries.every(({ text }) => !text.includes("[2J"))).toBe(true);
    expect((await gate.approvals.get({ jobId: "j" }))?.text).toContain('"ok\\u{1b}[2J\\u{202e}\\u{a}Votes"');
  });

  test("only the job that is withdrawn leaves where others wait, and the last one ends the request", async () => {
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: () => 1 });
    const held = await gate.evaluateAndDispatch(JOB);
    await gate.evaluateAndDispatch({ ...JOB, id: "k", traceId: "t2" }, undefined, { submitter: "kim" });
    const id = held.approval?.id ?? "";
    expect(await codeOf(gate.approvals.cancel({ jobId: "j" }, { by: { id: "kim" } }))).toBe("canceller_not_requester");
    const left = await gate.approvals.cancel({ jobId: "k" }, { by: { id: "KIM" }, note: "not needed" });
    expect(left).toMatchObject({ id, state: "pending" });
    expectOutcome(await gate.resume("k"), { status: "DENIED", code: "approval_cancelled" });
    const { entries } = await gate.audit.timeline("t2");
    expect(entries.at(-1)).toMatchObject({ type: "approval.detached", note: "not needed" });
    await gate.approvals.approve(id, { by: ann });
    expect((await gate.approvals.cancel({ jobId: "j" }, { by: { id: "sam" } })).state).toBe("cancelled");
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "approval_cancelled", dispatched: false });
    expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "PENDING_APPROVAL" });
  });

  test("who votes first and submits then does not use his own vote", async () => {
    const ran: string[] = [];
    const gate = await open({ policy: FINANCE, store: await openStore(), dispatch: ({ id }) => ran.push(id) });
    const held = await gate.evaluateAndDispatch(JOB);
    await gate.approvals.approve(held.approval?.id ?? "", { by: ann });
    for (const job of [{ ...JOB, id: "mine" }, { ...JOB, id: undefined }, JOB]) {
      const own = await gate.evaluateAndDispatch(job, undefined, { submitter: "Ann" });
      expectOutcome(own, { status: "DENIED", code: "approval_conflict", dispatched: false });
    }
    expect(ran).toEqual([]);
    expectOutcome(await gate.resume("j"), { status: "SUCCEEDED" });
  });

  test("tags that were derived once count for good, and a gate that decides otherwise takes no request away", async () => {
    const policy = rules(`
- { id: ask, match: { topics: ["**"] }, decision: require_approval }
- { id: two, match: { topics: ["**"], risk_tags: [pii] }, decision: require_approval, approval: { quorum: 2 } }`);
    const store = await openStore();
    let tags = ["pii"];
    const gate = await open({ policy, store, dispatch: () => 1, deriveTags: () => tags });
    const held = await gate.evaluateAndDispatch(JOB);
    const id = held.approval?.id ?? "";
    tags = [];
    await gate.approvals.approve(id, { by: ann });
    expect((await gate.approvals.get(id))?.state).toBe("pending");
    await gate.approvals.approve(id, { by: { id: "bob" } });
    expect((await gate.approvals.get(id))?.state).toBe("approved");
    // More tags ask more: the approval does not cover what it did not know.
    tags = ["prod"];
    await gate.reload({
      yaml: `${policy.yaml}  - { id: p, match: { topics: ["**"], risk_tags: [prod] }, decision: deny }\n`,
    });
    expectOutcome(await gate.resume("j"), { status: "DENIED", code: "rule_matched" });
  });

  test("two gates that decide one policy differently refuse each other instead of taking turns", async () => {
    const policy = rules(`
- { id: ask, match: { topics: ["**"] }, decision: require_approval }
- { id: ok, match: { topics: ["**"], risk_tags: [safe] }, decision: require_approval, approval: { quorum: 2 } }`);
    const store = await openStore();
    const trusting = await open({ policy, store, dispatch: () => 1 });
    const wary = await open({ store, activate: "never", declaredTags: "restrict_only", dispatch: () => 1 });
    const held = await trusting.evaluateAndDispatch({ ...JOB, riskTags: ["safe"] });
    const same = wary.decide({ ...JOB, riskTags: ["safe"] });
    const id = held.approval?.id ?? "";
    expect(JSON.stringify(same.obligations) === JSON.stringify(held.decision?.obligations)).toBe(true);
    // The same answer is no conflict; another one is, here by a gate that derives what the first does not.
    expectOutcome(await wary.resume("j"), { status: "PENDING_APPROVAL" });
    const strict = await open({
      store,
      activate: "never",
      dispatch: () => 1,
      declaredTags: "restrict_only",
      deriveTags: () => ["safe"],
    });
    expectOutcome(await strict.resume("j"), { status: "PENDING_APPROVAL" });
    expect((await trusting.approvals.get({ jobId: "j" }))?.id).toBe(id);
  });
});

/** Every state, and how a request gets there. */
const WAYS: Readonly<Record<string, (gate: Gate, lapse: () => void) => Promise<unknown>>> = {
  pending: async () => undefined,
  approved: (gate) => gate.approvals.approve({ jobId: "j" }, { by: ann }),
  rejected: (gate) => gate.approvals.reject({ jobId: "j" }, { by: ann }),
  revoked: async (gate) => {
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    await gate.approvals.reject({ jobId: "j" }, { by: { ...ann, id: "bob" } });
  },
  cancelled: (gate) => gate.approvals.cancel({ jobId: "j" }, { by: { id: "bot" } }),
  expired: async (gate, lapse) => {
    lapse();
    await codeOf(gate.approvals.approve({ jobId: "j" }, { by: ann }));
  },
  superseded: async (gate) => {
    await gate.reload(DENY_ALL);
    await gate.resume("j");
    await gate.reload(FINANCE);
  },
  consumed: async (gate) => {
    await gate.approvals.approve({ jobId: "j" }, { by: ann });
    await gate.resume("j");
  },
};

/** What each command makes of a request, by the state it is in; what is not named leaves it as it is. */
const EDGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pending: {
    approve: "approved",
    reject: "rejected",
    cancel: "cancelled",
    lapse: "expired",
    deny: "superseded",
    other: "superseded",
    permit: "superseded",
  },
  approved: {
    reject: "revoked",
    revoke: "revoked",
    cancel: "cancelled",
    lapse: "expired",
    deny: "superseded",
    other: "superseded",
    permit: "superseded",
    claim: "consumed",
  },
};

const COMMANDS: Readonly<Record<string, (gate: Gate, id: string, lapse: () => void) => Promise<unknown>>> = {
  approve: (gate, id) => gate.approvals.approve(id, { by: { ...ann, id: "cid" } }),
  reject: (gate, id) => gate.approvals.reject(id, { by: { ...ann, id: "cid" } }),
  revoke: (gate, id) => gate.approvals.revoke(id, { by: { ...ann, id: "cid" } }),
  cancel: (gate, id) => gate.approvals.cancel(id, { by: { id: "bot" } }),
  lapse: async (gate, id, lapse) => {
    lapse();
    return gate.approvals.get(id);
  },
  deny: async (gate) => {
    await gate.reload(DENY_ALL);
    return gate.resume("j");
  },
  other: async (gate) => {
    await gate.reload(OTHER);
    return gate.resume("j");
  },
  permit: async (gate) => {
    await gate.reload(ALLOW_ALL);
    return gate.evaluateAndDispatch(JOB);
  },
  claim: (gate) => gate.resume("j"),
};

describe("the table of states", () => {
  test.each(Object.keys(WAYS))("from %s, every command leads where it says, and nowhere else", async (state) => {
    for (const [command, run] of Object.entries(COMMANDS)) {
      for (const [, openStore] of STORES) {
        const clock = createFakeClock();
        const gate = await open({ policy: FINANCE, store: await openStore(), now: clock.now, dispatch: () => 1 });
        const held = await gate.evaluateAndDispatch(JOB);
        const id = held.approval?.id ?? "";
        const lapse = (): void => void clock.advance(86_400_000);
        await WAYS[state]?.(gate, lapse);
        expect((await gate.approvals.get(id))?.state).toBe(state);
        await run(gate, id, lapse).catch((error: unknown) => {
          if ((error as { name?: string }).name !== "ApprovalError") throw error;
        });
        const expected = EDGES[state]?.[command] ?? state;
        expect([state, command, (await gate.approvals.get(id))?.state]).toEqual([state, command, expected]);
      }
    }
  });
});
