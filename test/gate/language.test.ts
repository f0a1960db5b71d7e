import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Job, toModelText } from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { codeOf, freshFolder, open, rules, STORES } from "./open.js";

const PAYMENTS = rules(`
- id: small
  match: { topics: ["job.pay.*"], when: 'job.payload.amount <= 1000.0' }
  decision: allow
- id: large
  match: { topics: ["job.pay.*"], when: 'job.payload.amount > 1000.0' }
  decision: require_approval
  reason: large payments need two people
  approval: { quorum: 2, roles: [finance], expires_in_sec: 3600 }
  remediations: [{ title: pay in parts, summary: at most 1000 each, replacement_topic: job.pay.part }]
- id: not-abroad
  match: { topics: ["job.pay.*"], labels: { country: ["*"] }, unless: { labels: { country: [de, fr] } } }
  decision: deny
  remediations: [{ title: ask the treasury }]
`);

const pay = (amount: unknown, more: Partial<Job> = {}): Job =>
  ({ topic: "job.pay.out", payload: amount === undefined ? {} : { amount }, ...more }) as Job;

describe.each(STORES)("a policy with conditions, %s", (_name, openStore) => {
  test("decides by the payload, refuses what cannot be told, and the record says which rule erred", async () => {
    const gate = await open({ policy: PAYMENTS, store: await openStore(), dispatch: () => "paid" });
    expectOutcome(await gate.evaluateAndDispatch(pay(10)), { status: "SUCCEEDED" });
    expectOutcome(await gate.evaluateAndDispatch(pay(5_000)), { status: "PENDING_APPROVAL" });

    // Neither permission counts, and nothing else permits: the hostile payload is refused by the default.
    for (const amount of ["5000", undefined, null, [1]]) {
      const refused = await gate.evaluateAndDispatch(pay(amount));
      expectOutcome(refused, { status: "DENIED", code: "no_rule_matched", dispatched: false });
      expect(refused.decision?.erred).toEqual(["small", "large"]);
    }
    const { items } = await gate.audit.events();
    const last = items.findLast(({ type }) => type === "job.refused");
    expect(last?.body.decision).toMatchObject({ type: "DENY", rule_id: "@default", erred: ["small", "large"] });
  });

  test("a deny whose condition cannot be told is a denial with a reason of its own", async () => {
    const policy = rules(`
- { id: all, match: { topics: ["**"] }, decision: allow }
- { id: stop, match: { topics: ["**"], when: 'job.payload.risk > 0.5' }, decision: deny, reason: too risky }
`);
    const gate = await open({ policy, store: await openStore(), dispatch: () => "done" });
    const refused = await gate.evaluateAndDispatch({ topic: "a" });
    expectOutcome(refused, { status: "DENIED", code: "condition_error", dispatched: false });
    expect(refused.reason).toEqual({
      code: "condition_error",
      message: "a condition could not be told: too risky",
      ruleId: "stop",
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a", payload: { risk: 0.1 } }), { status: "SUCCEEDED" });
  });

  test("an exception lifts a denial only where it matches", async () => {
    const gate = await open({ policy: PAYMENTS, store: await openStore(), dispatch: () => "paid" });
    expectOutcome(await gate.evaluateAndDispatch(pay(1, { labels: { country: "fr" } })), { status: "SUCCEEDED" });
    const refused = await gate.evaluateAndDispatch(pay(1, { labels: { country: "xx" } }));
    expectOutcome(refused, { status: "DENIED", code: "rule_matched" });
    expect(toModelText(refused)).toContain("What could be done instead: ask the treasury.");
  });

  test("a quorum of roles: others do not count, one alone is not enough, and the second opens the way", async () => {
    const clock = createFakeClock();
    const gate = await open({ policy: PAYMENTS, store: await openStore(), now: clock.now, dispatch: () => "paid" });
    const held = await gate.evaluateAndDispatch(pay(5_000, { id: "p" }));
    expect(held.approval?.expiresAt).toBe((held.approval?.requestedAt ?? 0) + 3_600_000);
    expect(toModelText(held)).toContain(
      "What could be done instead: pay in parts: at most 1000 each (topic job.pay.part).",
    );

    const vote = (id: string, roles: string[], kind: "human" | "service" = "human"): Promise<unknown> =>
      gate.approvals.approve({ jobId: "p" }, { by: { id, roles, kind } });
    expect(await codeOf(vote("ops", ["oncall"]))).toBe("approver_not_eligible");
    expect(await codeOf(vote("robot", ["finance"], "service"))).toBe("approver_not_eligible");
    expect(await codeOf(gate.approvals.reject({ jobId: "p" }, { by: { id: "ops", roles: ["oncall"] } }))).toBe(
      "approver_not_eligible",
    );
    expect(await codeOf(vote("ann", ["finance"]))).toBe("no error");
    expectOutcome(await gate.resume("p"), { status: "PENDING_APPROVAL" });
    expect(await codeOf(vote("Ann ", ["finance"]))).toBe("approver_already_voted");
    expect(await codeOf(vote("bob", ["finance"]))).toBe("no error");
    expectOutcome(await gate.resume("p"), { status: "SUCCEEDED" });
  });

  test("a requester may vote where every requirement says so, and nowhere else", async () => {
    const ask = (second: string): { readonly yaml: string } =>
      rules(`
- { id: a, match: { topics: ["**"] }, decision: require_approval, approval: { allow_self: true } }
- { id: b, match: { topics: ["**"] }, decision: require_approval, approval: { allow_self: ${second} } }
`);
    for (const [second, code] of [
      ["true", "no error"],
      ["false", "approver_is_requester"],
    ] as const) {
      const gate = await open({ policy: ask(second), store: await openStore(), dispatch: () => "done" });
      await gate.evaluateAndDispatch({ id: "s", topic: "a", actor: { id: "me", type: "human" } });
      expect(await codeOf(gate.approvals.approve({ jobId: "s" }, { by: { id: "me", roles: [] } }))).toBe(code);
    }
  });

  test("a vote that would have to be confirmed or proved counts only when it is", async () => {
    for (const [needed, code] of [
      ["confirm_view: true", "approver_view_required"],
      ["assurance: token", "approver_not_eligible"],
    ] as const) {
      const policy = rules(
        `- { id: a, match: { topics: ["**"] }, decision: require_approval, approval: { ${needed} } }`,
      );
      const gate = await open({ policy, store: await openStore(), dispatch: () => "done" });
      await gate.evaluateAndDispatch({ id: "s", topic: "a" });
      const { view = "" } = (await gate.approvals.get({ jobId: "s" })) ?? {};
      const vote = gate.approvals.approve({ jobId: "s" }, { by: { id: "ann", roles: [] } });
      expect(await codeOf(vote)).toBe(code);
      const proved = await gate.approvals.approve({ jobId: "s" }, { by: { id: "ann", assurance: "token" }, view });
      expect(proved.state).toBe("approved");
    }
  });

  test("the policy's spans bound the life of a request and of an approval", async () => {
    const clock = createFakeClock();
    const policy = {
      yaml: `version: v1
approvals: { expires_in_sec: 60, use_within_sec: 10, rejection_stands_sec: 0 }
rules: [{ id: a, match: { topics: ["**"] }, decision: require_approval }]
`,
    };
    const gate = await open({ policy, store: await openStore(), now: clock.now, dispatch: () => "done" });
    const by = { id: "ann", roles: [] };
    const held = await gate.evaluateAndDispatch({ id: "one", topic: "a" });
    expect(held.approval?.expiresAt).toBe((held.approval?.requestedAt ?? 0) + 60_000);
    clock.advance(60_000);
    expect(await codeOf(gate.approvals.approve({ jobId: "one" }, { by }))).toBe("approval_expired");

    await gate.evaluateAndDispatch({ id: "two", topic: "b" });
    await gate.approvals.approve({ jobId: "two" }, { by });
    clock.advance(10_000);
    const late = await gate.resume("two");
    expect(late.dispatched).toBe(false);

    // A rejection that stands for no time: an equal job asks anew.
    await gate.evaluateAndDispatch({ id: "three", topic: "c" });
    await gate.approvals.reject({ jobId: "three" }, { by });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "c" }), { status: "PENDING_APPROVAL" });
  });

  test("tags outside the vocabulary and jobs without a tier are refused, declared or derived", async () => {
    const policy = {
      yaml: `version: v1
tags: { prod: what customers use }
tiers: [low, high]
rules: [{ id: all, match: { topics: ["**"] }, decision: allow }]
`,
    };
    const gate = await open({
      policy,
      store: await openStore(),
      dispatch: () => "done",
      deriveTags: ({ topic }) => (topic === "derives" ? ["prd"] : []),
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a", riskTags: ["low", "prod"] }), { status: "SUCCEEDED" });
    const stray = await gate.evaluateAndDispatch({ topic: "derives", riskTags: ["low"] });
    expectOutcome(stray, { status: "DENIED", code: "tags_refused" });
    expect(stray.reason).toEqual({
      code: "tags_refused",
      message: "the tag `prd` is not in the policy's vocabulary (did you mean `prod`?)",
      ruleId: "@tags",
    });
    const both = await gate.evaluateAndDispatch({ topic: "a", riskTags: ["low", "high"] });
    expect(both.reason).toMatchObject({ code: "tags_refused", ruleId: "@tiers" });
  });

  test("an open request ends when the policy now refuses the job, whatever the reason's code", async () => {
    const held = `rules: [{ id: all, match: { topics: ["**"] }, decision: require_approval }]\n`;
    const refusing: readonly (readonly [string, string])[] = [
      ["tags_refused", `version: v1\ntags: { known: "" }\n${held}`],
      ["tags_refused", `version: v1\ntiers: [low]\n${held}`],
      [
        "condition_error",
        `version: v1\nrules: [{ id: d, match: { topics: ["**"], when: job.payload.x }, decision: deny }]\n`,
      ],
    ];
    for (const [code, yaml] of refusing) {
      const first = { yaml: `version: v1\n${held}` };
      const gate = await open({ policy: first, store: await openStore(), dispatch: () => "done" });
      await gate.evaluateAndDispatch({ id: "j", topic: "a", riskTags: ["stray"] });
      await gate.approvals.approve({ jobId: "j" }, { by: { id: "ann", roles: [] } });
      await gate.reload({ yaml });
      expectOutcome(await gate.resume("j"), { status: "DENIED", code: code as "tags_refused" });
      await gate.reload(first);
      // The approval that was given before does not come back with the policy.
      expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a", riskTags: ["stray"] }), {
        status: "PENDING_APPROVAL",
      });
    }
  });

  test("a pattern of the policy's own redacts, under its name, in texts, keys, errors and bytes", async () => {
    const policy = {
      yaml: `version: v1
rules: [{ id: all, match: { topics: ["**"] }, decision: allow }]
outputs:
  - { id: ids, match: { topics: ["**"] }, detect: [secrets, { name: acme_id, pattern: "ÄCME-[0-9]{6}" }], action: redact }
`,
    };
    const outputs: unknown[] = [{ "ÄCME-123456": ["see ÄCME-654321."] }, Buffer.from("is ÄCME-123456")];
    const gate = await open({
      policy,
      store: await openStore(),
      dispatch: () => {
        if (outputs.length === 0) throw new Error("no ÄCME-111111 here");
        return outputs.shift();
      },
    });
    const done = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "SUCCEEDED" });
    expect(done.output).toEqual({ "[REDACTED:acme_id]": ["see [REDACTED:acme_id]."] });
    expect(done.findings.map(({ kind, ruleId }) => [kind, ruleId])).toEqual([
      ["acme_id", "ids"],
      ["acme_id", "ids"],
    ]);
    expectOutcome(await gate.evaluateAndDispatch({ topic: "b" }), { status: "QUARANTINED" });
    const failed = expectOutcome(await gate.evaluateAndDispatch({ topic: "c" }), { status: "FAILED" });
    expect(failed.error.message).toBe("no [REDACTED:acme_id] here");
  });

  test("an output on which a pattern could take too long is withheld", async () => {
    const policy = {
      yaml: `version: v1
rules: [{ id: all, match: { topics: ["**"] }, decision: allow }]
outputs: [{ id: slow, match: { topics: ["**"] }, detect: [{ name: slow, pattern: "a.*b|a" }], action: redact }]
`,
    };
    const gate = await open({ policy, store: await openStore(), dispatch: () => "a".repeat(20_000) });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
  });
});

describe("policies and gates", () => {
  test("a gate opened with a path follows imports, and another on the store takes the whole policy over", async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, "teams"));
    writeFileSync(join(folder, "main.yaml"), "version: v1\nimports: [./teams/a.yaml]\n");
    writeFileSync(
      join(folder, "teams", "a.yaml"),
      'version: v1\nrules: [{ id: a, match: { topics: ["a.*"], when: "job.payload.n == 1" }, decision: allow }]\n',
    );
    const store = createMemoryStore();
    const first = await open({ policy: join(folder, "main.yaml"), store, dispatch: () => "done" });
    const second = await open({ store, activate: "never", dispatch: () => "done" });
    expect(second.policy.snapshot).toBe(first.policy.snapshot);
    expectOutcome(await second.evaluateAndDispatch({ topic: "a.b", payload: { n: 1 } }), { status: "SUCCEEDED" });
    expectOutcome(await second.evaluateAndDispatch({ topic: "a.b", payload: { n: 2 } }), { status: "DENIED" });
  });

  test("a policy with `queue` comes into force, and its bound is kept", async () => {
    const policy = {
      yaml: 'version: v1\nqueue: { max_pending: 1 }\nrules: [{ id: a, match: { topics: ["**"] }, decision: require_approval }]\n',
    };
    const gate = await open({ policy, store: createMemoryStore(), dispatch: () => "ran" });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "PENDING_APPROVAL" });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "b" }), { status: "DENIED", code: "approval_queue_full" });
  });

  test("gate.explain tells what gate.decide decides, under the gate's own way with declared tags", async () => {
    const policy = rules(`
- { id: all, match: { topics: ["**"], risk_tags: [safe] }, decision: allow }
- { id: hold, match: { topics: ["a.*"] }, decision: require_approval, approval: { quorum: 2, roles: [finance] } }
`);
    const gate = await open({ policy, store: createMemoryStore(), declaredTags: "restrict_only" });
    const job = { topic: "a.b", riskTags: ["safe"] };
    const explanation = gate.explain(job);
    expect(explanation.decision).toBe(gate.decide(job));
    expect(explanation.matched.map(({ id, reached }) => [id, reached])).toEqual([
      ["all", "restricts"],
      ["hold", "permits"],
    ]);
    expect(() => gate.explain({ topic: "" })).toThrow(TypeError);
  });
});
