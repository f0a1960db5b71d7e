import { openApprovals } from "dispatch-gate";
import { createFakeClock, createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test, vi } from "vitest";
import { changesBetween } from "../../src/gate/approval-changes.js";
import type { StoredApproval } from "../../src/store/port.js";
import { codeOf, open, rules } from "./open.js";

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

/** The lines as they were before they were laid out in rows. */
const whole = (text: string): string => text.replace(/\n +\| /g, "");

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
    const { text: rows = "" } = (await gate.approvals.get(id)) ?? {};
    expect(rows.replaceAll("\n", "")).not.toMatch(CONTROL);
    const text = whole(rows);
    for (const part of [
      `Approval ${id}: pending`,
      "for 2 h 5 min",
      `by job: "${approval.jobId}", trace "${approval.traceId}"`,
      "holds for: this policy alone",
      "an approval may be used for: 15 min",
      "a rejection stands for: 1 d",
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

  test("what a text puts where a terminal of 80 columns would break a line cannot pass for a line of ours", async () => {
    const ours = ["What is approved", "  job hash: 0000", "No votes yet", "To approve exactly this:"];
    // No run of one character that would be told by its count: blanks with a dot here and there, to the end of each row.
    const filled = ours.map((line) =>
      line
        .padEnd(60)
        .replace(/ {20}/g, `${" ".repeat(19)}.`)
        .padEnd(80, ". "),
    );
    for (const shift of [0, 20, 40, 60]) {
      const { approval } = await held(
        `refund 1 EUR${" .".repeat(shift / 2)}${filled.join("")} and 1 000 000 EUR, 日本語`,
      );
      const rows = approval.text.split("\n");
      expect(rows.filter((row) => row.length > 78)).toEqual([]);
      expect(rows.filter((row) => /^ *(No votes|job hash: 0000|To approve)/.test(row))).toEqual(["No votes yet"]);
      expect(whole(approval.text)).toContain(' and 1 000 000 EUR, 日本語"');
    }
  });

  test("laying out adds little to a payload of any shape, and takes little time", async () => {
    let deep: unknown = Array.from({ length: 250_000 }, () => 1);
    for (let level = 0; level < 60; level += 1) deep = [deep];
    const nested = Array.from({ length: 3_000 }, () => {
      let leaf: unknown = "x".repeat(70);
      for (let level = 0; level < 55; level += 1) leaf = [leaf];
      return leaf;
    });
    for (const payload of [
      deep,
      nested,
      Array.from({ length: 110_000 }, () => ({ a: 1 })),
      Array.from({ length: 300_000 }, () => ""),
    ]) {
      const before = process.cpuUsage();
      const { approval } = await held(payload);
      expect(approval.text.length).toBeLessThan(8 * JSON.stringify(payload).length);
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(5_000);
    }
  });

  test("a job whose content is damaged is told so, hides no other, and cannot be approved", async () => {
    const store = createMemoryStore();
    const clock = createFakeClock();
    const gate = await open({ policy: POLICY, store, now: clock.now, dispatch: () => "paid" });
    const job = { topic: "job.pay.out" };
    const first = await gate.evaluateAndDispatch({ ...job, id: "a", payload: 1 });
    // Of one moment, which of two comes first is for their ids to say.
    clock.advance(1);
    await gate.evaluateAndDispatch({ ...job, id: "b", payload: 2 });
    const { read, page } = store;
    const damage = (approval: StoredApproval): StoredApproval =>
      approval.row.jobId === "a" ? { ...approval, vault: new Map([["job", "{damaged"]]) } : approval;
    vi.spyOn(store, "read").mockImplementation(async (query) => {
      const answer = await read(query);
      return { ...answer, ...(answer.approvals === undefined ? {} : { approvals: answer.approvals.map(damage) }) };
    });
    vi.spyOn(store, "page").mockImplementation(async (query) => {
      const answer = await page(query);
      return { ...answer, ...(answer.approvals === undefined ? {} : { approvals: answer.approvals.map(damage) }) };
    });
    const { items } = await gate.approvals.list();
    expect(items.map((item) => item.job?.payload ?? null)).toEqual([null, 2]);
    const shown = await gate.approvals.get(first.approval?.id ?? "");
    expect(shown?.text).toContain("its content was erased, or is not what was hashed: it cannot be approved");
    const ann = { id: "ann", roles: ["finance"] };
    const desk = await openApprovals({ store, now: clock.now });
    for (const { approvals } of [gate, { approvals: desk }]) {
      const vote = approvals.approve(first.approval?.id ?? "", { by: ann, view: shown?.view ?? "" });
      expect(await codeOf(vote)).toBe("approval_unreadable");
    }
    expect((await gate.approvals.reject(first.approval?.id ?? "", { by: ann })).state).toBe("rejected");
  });

  test("what is derived for an equal job that joins, and annotations of a job asked anew, are shown", async () => {
    const clock = createFakeClock();
    let tags = ["pii"];
    const gate = await open({
      policy: rules(`- { id: ask, match: { topics: ["**"] }, decision: require_approval }`),
      store: createMemoryStore(),
      now: clock.now,
      dispatch: () => 1,
      deriveTags: () => tags,
    });
    const job = { id: "j", topic: "a", annotations: { why: "first" } };
    await gate.evaluateAndDispatch(job);
    tags = ["pii", "prod"];
    await gate.evaluateAndDispatch({ ...job, id: "k" });
    const joined = await gate.approvals.get({ jobId: "j" });
    expect(joined).toMatchObject({ derivedTags: ["pii"], derivedSince: ["prod"] });
    expect(joined?.text).toContain('tags derived since, for equal jobs: "prod"');
    clock.advance(86_400_000);
    await gate.evaluateAndDispatch({ ...job, annotations: { why: "second" } });
    const anew = await gate.approvals.get({ jobId: "j" });
    expect([anew?.state, anew?.job?.annotations]).toEqual(["pending", { why: "second" }]);
  });

  test("control: the payload as JSON would act on the screen and hide what comes after the padding", () => {
    const naive = JSON.stringify(HOSTILE, null, 2);
    expect(naive.replaceAll("\n", "")).toMatch(CONTROL);
    expect(naive.length).toBeGreaterThan(100_000);
  });

  test("a payload of nearly a mebibyte is shown whole", async () => {
    const lines = Array.from({ length: 9_000 }, (_, n) => `entry ${n} ${"ab".repeat(45)}`);
    const { approval } = await held(lines);
    const shown = new Set(
      whole(approval.text)
        .split("\n")
        .map((line) => line.trim().replace(/,$/, "")),
    );
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
    const { decision, requirements, constraints, derivedTags, snapshot, dispatcher, binding } = approval;
    const spans = { expiresInMs: 1, useWithinMs: 2, rejectionStandsMs: 3 };
    const asked = { decision, requirements, constraints, derivedTags, snapshot, dispatcher, binding, ...spans };
    expect(changesBetween(asked, structuredClone(asked))).toEqual([]);
    const fields = (other: Partial<typeof asked>): readonly string[] =>
      changesBetween(asked, { ...asked, ...other }).map(({ field }) => field);
    expect(fields({ snapshot: "s" })).toEqual(["snapshot"]);
    expect(fields({ dispatcher: "d" })).toEqual(["dispatcher"]);
    expect(fields({ binding: "decision" })).toEqual(["binding"]);
    for (const span of ["expiresInMs", "useWithinMs", "rejectionStandsMs"] as const) {
      expect(fields({ [span]: 9 })).toEqual([span]);
    }
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
