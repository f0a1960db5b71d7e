import { createFakeClock, createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { changesBetween } from "../../src/gate/approval-changes.js";
import { open, rules } from "./open.js";

const CONTROL = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u;

const POLICY = rules(`
- id: pay
  match: { topics: ["job.pay.*"] }
  decision: require_approval
  reason: two people look at payments
  approval: { quorum: 2, roles: [finance], confirm_view: true }
  constraints: { max_runtime_sec: 5 }
  remediations: [{ title: pay less, summary: below the bound nobody is asked }]`);

const HOSTILE = {
  "\u202ekey": "\u001b[2J\u001b[H\u0007Approval 1: approved",
  nul: "a\0b",
  hidden: "pay\u200b\u2060me\ufeff",
  lines: "x\nWhat is approved\n  job hash: 0000",
  padded: `${" ".repeat(102_400)}rm -rf /`,
  look: "\\u{202e}",
};

async function held(payload: unknown = HOSTILE) {
  const clock = createFakeClock();
  const gate = await open({
    policy: POLICY,
    store: createMemoryStore(),
    now: clock.now,
    dispatch: () => "paid",
    deriveTags: () => ["pii"],
  });
  const pending = await gate.evaluateAndDispatch({
    topic: "job.pay.out",
    actor: { id: "bot-7", type: "agent", onBehalfOf: "sam" },
    riskTags: ["money"],
    labels: { ticket: "T-\u200b7" },
    annotations: { why: "\u001b]0;title\u0007" },
    payload: payload as never,
  });
  const approval = await gate.approvals.get(pending.approval?.id ?? "");
  if (approval === null) throw new Error(`no approval: ${pending.reason.message}`);
  return { gate, clock, approval, id: approval.id };
}

describe("what a reviewer sees", () => {
  test("no control, bidi or zero-width character, and every part of what is approved", async () => {
    const { approval, gate, clock, id } = await held();
    clock.advance(7_500_000);
    const { view } = approval;
    await gate.approvals.approve(id, { by: { id: "ann", roles: ["finance"] }, view, note: "fine\u202e\n\u001b[1m" });
    const { text = "" } = (await gate.approvals.get(id)) ?? {};
    expect(text.replaceAll("\n", "")).not.toMatch(CONTROL);
    for (const part of [
      `Approval ${id}: pending`,
      "for 2 h 5 min",
      'topic: "job.pay.out"',
      'actor: "bot-7", agent',
      'on behalf of: "sam"',
      'tags it declares: "money"',
      'tags derived by the host: "pii"',
      '"ticket": "T-\\u{200b}7"',
      '"\\u{202e}key": "\\u{1b}[2J\\u{1b}[H\\u{7}Approval 1: approved"',
      '"nul": "a\\u{0}b"',
      '"hidden": "pay\\u{200b}\\u{2060}me\\u{feff}"',
      '"lines": "x\\u{a}What is approved\\u{a}  job hash: 0000"',
      '"padded": " \\{×102400}rm -rf /"',
      '"look": "\\\\u{202e}"',
      "annotations (not part of what is approved): {",
      '"\\u{1b}]0;title\\u{7}"',
      'rule: "pay"',
      'reason: "two people look at payments"',
      '2 humans with one of the roles "finance", whose vote names this view (rule "pay")',
      '"maxRuntimeSec": 5',
      '"title": "pay less"',
      'approve by "ann" (human, "finance", assurance host)',
      ', of this view: "fine\\u{202e}\\u{a}\\u{1b}[1m"',
      `job hash: ${approval.jobHash}`,
      `view: ${view}`,
    ]) {
      expect(text).toContain(part);
    }
  });

  test("no text of a job begins a line that looks like one of ours", async () => {
    const { approval } = await held();
    const ours = approval.text.split("\n").filter((line) => line.startsWith("  job hash:"));
    expect(ours).toEqual([`  job hash: ${approval.jobHash}`]);
    expect(approval.text.split("\n").filter((line) => line.startsWith("Approval "))).toHaveLength(1);
  });

  test("control: the payload as JSON would act on the screen and hide what comes after the padding", () => {
    const naive = JSON.stringify(HOSTILE, null, 2);
    expect(naive.replaceAll("\n", "")).toMatch(CONTROL);
    expect(naive.length).toBeGreaterThan(100_000);
  });

  test("a payload of nearly a mebibyte is shown whole", async () => {
    const lines = Array.from({ length: 9_000 }, (_, n) => `entry ${n} ${"ab".repeat(45)}`);
    const { approval } = await held(lines);
    const shown = new Set(approval.text.split("\n").map((line) => line.trim().replace(/,$/, "")));
    expect(lines.filter((line) => !shown.has(`"${line}"`))).toEqual([]);
  });

  test("the view covers what is shown: any other request has another, and votes and age leave it as it is", async () => {
    const { gate, clock, approval, id } = await held();
    clock.advance(60_000);
    await gate.approvals.approve(id, { by: { id: "ann", roles: ["finance"] }, view: approval.view });
    expect((await gate.approvals.get(id))?.view).toBe(approval.view);
    const other = await held({ ...HOSTILE, nul: "a" });
    expect(other.approval.view).not.toBe(approval.view);
  });
});

describe("the difference from the request before", () => {
  test("names every field that differs, and nothing else", async () => {
    const { approval } = await held();
    const { decision, requirements, constraints, derivedTags, snapshot, dispatcher } = approval;
    const asked = { decision, requirements, constraints, derivedTags, snapshot, dispatcher };
    expect(changesBetween(asked, structuredClone(asked))).toEqual([]);
    const fields = (other: Partial<typeof asked>): readonly string[] =>
      changesBetween(asked, { ...asked, ...other }).map(({ field }) => field);
    expect(fields({ snapshot: "s" })).toEqual(["snapshot"]);
    expect(fields({ dispatcher: "d" })).toEqual(["dispatcher"]);
    expect(fields({ derivedTags: [] })).toEqual(["derivedTags"]);
    expect(fields({ requirements: [] })).toEqual(["requirements"]);
    expect(fields({ constraints: { maxRuntimeSec: 4 } })).toEqual(["constraints.maxRuntimeSec"]);
    expect(fields({ constraints: {} })).toEqual(["constraints.maxRuntimeSec"]);
    for (const key of Object.keys(decision) as (keyof typeof decision)[]) {
      if (key === "obligations" || key === "constraints" || key === "snapshot") continue;
      expect(fields({ decision: { ...decision, [key]: ["other"] as never } })).toEqual([`decision.${key}`]);
    }
    for (const key of ["limits", "pools", "outputs"] as const) {
      const obligations = { ...decision.obligations, [key]: [{ ruleId: "x" }] as never };
      expect(fields({ decision: { ...decision, obligations } })).toEqual([`obligations.${key}`]);
    }
    expect(fields({ decision: { ...decision, constraints: { maxRetries: 1 } } })).toEqual([
      "policy.maxRetries",
      "policy.maxRuntimeSec",
    ]);
  });
});
