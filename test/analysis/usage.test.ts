import type { Gate, GateOptions } from "dispatch-gate";
import { createFakeClock, createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { createUsage, type UsageReport } from "../../src/analysis/usage.js";
import type { JsonObject } from "../../src/outcome.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { open } from "../gate/open.js";

type Event = { readonly type: string; readonly body: JsonObject };

/** An event whose decision matched more rules than the log shows. */
interface Recorded {
  readonly decision: { readonly matched: { readonly head: readonly string[] } };
}

/** The whole log of a gate, read in small pages. */
async function eventsOf(gate: Gate): Promise<readonly Event[]> {
  const events: Event[] = [];
  let after: string | null = null;
  do {
    const page = await gate.audit.events({ limit: 3, ...(after === null ? {} : { after }) });
    events.push(...page.items.map(({ type, body }) => ({ type, body })));
    after = page.next;
  } while (after !== null);
  return events;
}

function reportOf(policy: Policy, events: readonly Event[]): UsageReport {
  const usage = createUsage(policy);
  for (const event of events) usage.take(event);
  return usage.report();
}

const clock = createFakeClock();
const gateOf = (policy: Policy, options: Partial<GateOptions> = {}): Promise<Gate> =>
  open({ policy, store: createMemoryStore(), now: clock.now, dispatch: () => "done", ...options });

/** Numbered names that sort as they count. */
const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(2, "0")}`);

const POLICY = compilePolicy({
  yaml: `version: v1
tags: { prod: the live system, money: moves money, unused: nobody has it }
rules:
  - { id: reads, match: { topics: ["*.read"] }, decision: allow }
  - { id: paced, match: { topics: ["*.read"] }, decision: throttle, throttle: { limit: 1, window_sec: 60 } }
  - { id: always-yes, match: { topics: ["*.write"], risk_tags: [prod] }, decision: require_approval }
  - { id: always-no, match: { topics: ["*.pay"], risk_tags: { all: [money] } }, decision: require_approval }
  - { id: both, match: { topics: ["*.move"] }, decision: require_approval }
  - { id: nobody-looks, match: { topics: ["*.ask"] }, decision: require_approval }
  - { id: never-asked, match: { topics: ["*.never"] }, decision: require_approval }
  - { id: unclear, match: { topics: ["*.odd"], when: "job.payload.bad" }, decision: deny }
  - { id: dead, match: { topics: [nowhere], unless: { risk_tags: [unused] } }, decision: deny }
outputs:
  - { id: looked-at, match: { topics: ["*.read"] }, detect: [pii], action: redact }
  - { id: not-looked-at, match: { topics: [nowhere] }, detect: [pii], action: redact }
`,
});
const ann = { id: "ann@example.com" };

/** A day of a gate under that policy. */
async function aDay(): Promise<readonly Event[]> {
  const gate = await gateOf(POLICY);
  const ask = (topic: string, riskTags: readonly string[] = [], n = 0): ReturnType<Gate["evaluateAndDispatch"]> =>
    gate.evaluateAndDispatch({ topic, riskTags, payload: { n } });
  await ask("a.read");
  await ask("a.read", [], 1);
  for (const n of [1, 2]) {
    const { jobId } = await ask("a.write", ["prod"], n);
    await gate.approvals.approve({ jobId: jobId ?? "" }, { by: ann });
    await gate.resume(jobId ?? "");
  }
  const paid = await ask("a.pay", ["money"]);
  await gate.approvals.reject({ jobId: paid.jobId ?? "" }, { by: ann });
  for (const [n, vote] of ["approve", "reject"].entries()) {
    const { jobId } = await ask("a.move", [], n);
    await gate.approvals[vote as "approve" | "reject"]({ jobId: jobId ?? "" }, { by: ann });
  }
  await gate.evaluate({ topic: "a.ask", payload: 1 });
  // Asked once more after a day: the first request has lapsed, and a second one opens.
  clock.advance(2 * 86_400_000);
  await gate.evaluate({ topic: "a.ask", payload: 1 });
  await ask("a.odd");
  await ask("a..b");
  return eventsOf(gate);
}

describe("usage of a policy, from the log of a gate", () => {
  test("says of each rule how often it matched, named the decision and erred", async () => {
    const report = reportOf(POLICY, await aDay());
    expect(report.rules).toEqual([
      { id: "reads", matched: 2, decided: 2, erred: 0, exact: true },
      { id: "paced", matched: 2, decided: 0, erred: 0, exact: true },
      // Each decided once to be asked for, and once more to run.
      { id: "always-yes", matched: 4, decided: 4, erred: 0, exact: true },
      { id: "always-no", matched: 1, decided: 1, erred: 0, exact: true },
      { id: "both", matched: 2, decided: 2, erred: 0, exact: true },
      { id: "nobody-looks", matched: 2, decided: 2, erred: 0, exact: true },
      { id: "never-asked", matched: 0, decided: 0, erred: 0, exact: true },
      { id: "unclear", matched: 1, decided: 1, erred: 1, exact: true },
      { id: "dead", matched: 0, decided: 0, erred: 0, exact: true },
    ]);
    expect(report.outputs).toEqual([
      { id: "looked-at", matched: 2, exact: true },
      { id: "not-looked-at", matched: 0, exact: true },
    ]);
    expect(report.neverMatched).toEqual(["never-asked", "dead", "not-looked-at"]);
    expect(report.notKnown).toEqual([]);
    expect(report.tags).toEqual({ neverCarried: ["unused"], notKnown: [] });
    expect(report.decisions).toEqual({ all: 12, underPolicy: 12 });
    expect(report.events).toMatchObject({ undecided: 1, cut: 0, unusable: 0 });
  });

  test("says of each rule that asks for approval what became of it", async () => {
    expect(reportOf(POLICY, await aDay()).approvals).toEqual([
      { id: "always-yes", requested: 2, granted: 2, rejected: 0, lapsed: 0, verdict: "always_granted" },
      { id: "always-no", requested: 1, granted: 0, rejected: 1, lapsed: 0, verdict: "always_rejected" },
      { id: "both", requested: 2, granted: 1, rejected: 1, lapsed: 0, verdict: "mixed" },
      { id: "nobody-looks", requested: 2, granted: 0, rejected: 0, lapsed: 1, verdict: "never_decided" },
      { id: "never-asked", requested: 0, granted: 0, rejected: 0, lapsed: 0, verdict: "never_requested" },
    ]);
  });

  test("a log that starts late says less, and nothing false", async () => {
    const events = await aDay();
    const late = events.slice(events.findIndex(({ type }) => type === "approval.voted"));
    const report = reportOf(POLICY, late);
    const verdicts = Object.fromEntries(report.approvals.map(({ id, verdict }) => [id, verdict]));
    // One approval is of nobody knows which rule: of a rejected one it may have been the other vote.
    expect(report.events.unusable).toBe(1);
    expect(verdicts).toEqual({
      "always-yes": "always_granted",
      "always-no": "not_known",
      both: "mixed",
      "nobody-looks": "not_known",
      "never-asked": "not_known",
    });
  });

  test("an approval that was granted and never used was granted", async () => {
    const gate = await gateOf(POLICY);
    const { jobId } = await gate.evaluateAndDispatch({ topic: "a.move" });
    await gate.approvals.approve({ jobId: jobId ?? "" }, { by: ann });
    clock.advance(86_400_000);
    await gate.evaluateAndDispatch({ topic: "a.move" });
    const report = reportOf(POLICY, await eventsOf(gate));
    expect(report.approvals.find(({ id }) => id === "both")).toMatchObject({ requested: 2, granted: 1, lapsed: 0 });
  });

  test("decisions under another policy are counted apart, and their jobs' tags are seen all the same", async () => {
    const store = createMemoryStore();
    const other = compilePolicy({
      yaml: 'version: v1\nrules: [{ id: reads, match: { topics: ["**"] }, decision: require_approval }]\n',
    });
    const before = await gateOf(other, { store });
    const { jobId } = await before.evaluateAndDispatch({ topic: "a.x", riskTags: ["unused"] });
    await before.approvals.approve({ jobId: jobId ?? "" }, { by: ann });
    const gate = await gateOf(POLICY, { store });
    await gate.evaluateAndDispatch({ topic: "a.read" });
    const report = reportOf(POLICY, await eventsOf(gate));
    expect(report.decisions).toEqual({ all: 2, underPolicy: 1 });
    expect(report.rules[0]).toMatchObject({ id: "reads", matched: 1 });
    expect(report.tags.neverCarried).toEqual(["money", "prod"]);
    expect(report.events.unusable).toBe(0);
    expect(report.approvals.map(({ verdict }) => verdict)).toEqual(Array(5).fill("never_requested"));
  });

  test("the default's own requests are a line of their own", async () => {
    const policy = compilePolicy({
      yaml: "version: v1\ndefault: require_approval\nrules: [{ id: reads, match: { topics: [r] }, decision: allow }]\n",
    });
    const gate = await gateOf(policy);
    const { jobId } = await gate.evaluateAndDispatch({ topic: "x" });
    await gate.approvals.approve({ jobId: jobId ?? "" }, { by: ann });
    expect(reportOf(policy, await eventsOf(gate)).approvals).toEqual([
      { id: "@default", requested: 1, granted: 1, rejected: 0, lapsed: 0, verdict: "always_granted" },
    ]);
  });
});

describe("lists that the log cut short", () => {
  const ids = numbered("r", 40);
  const head = "version: v1\nrules:\n  - { id: first, match: { topics: [other] }, decision: allow }\n";
  const rulesOf = (decision: string): string =>
    ids.map((id) => `  - { id: ${id}, match: { topics: ["**"] }, decision: ${decision} }\n`).join("");
  const tail = "  - { id: last, match: { topics: [other] }, decision: require_approval }\n";

  test("a rule behind the cut is not known, one before it that is not there never matched", async () => {
    const policy = compilePolicy({ yaml: head + rulesOf("allow") + tail });
    const gate = await gateOf(policy);
    await gate.evaluateAndDispatch({ topic: "x" });
    const events = await eventsOf(gate);
    const report = reportOf(policy, events);
    expect(report.neverMatched).toEqual(["first"]);
    expect(report.notKnown).toEqual([...ids.slice(32), "last"]);
    expect(report.rules.find(({ id }) => id === "r31")).toMatchObject({ matched: 1, exact: true });
    expect(report.rules.find(({ id }) => id === "r32")).toMatchObject({ matched: 0, exact: false });
    expect(report.events.cut).toBe(1);

    // The control: who reads the head as if it were the list says of eight rules that they never fired, and they did.
    const recorded = events.find(({ type }) => type === "job.dispatching")?.body as unknown as Recorded;
    const shown = recorded.decision.matched.head;
    const naive = policy.ruleIds.filter((id) => !shown.includes(id));
    expect(naive.filter((id) => policy.decide({ topic: "x" }).matched.includes(id))).toEqual(ids.slice(32));
  });

  test("a rule behind the cut that named the decision is known to have matched", async () => {
    const policy = compilePolicy({
      yaml: `${head}${rulesOf("allow")}  - { id: stop, match: { topics: ["**"] }, decision: deny }\n`,
    });
    const gate = await gateOf(policy);
    await gate.evaluateAndDispatch({ topic: "x" });
    const report = reportOf(policy, await eventsOf(gate));
    expect(report.rules.at(-1)).toEqual({ id: "stop", matched: 1, decided: 1, erred: 0, exact: false });
    expect(report.notKnown).not.toContain("stop");
  });

  test("an approval behind the cut is not known to be never asked for", async () => {
    const policy = compilePolicy({ yaml: head + rulesOf("require_approval") + tail });
    const gate = await gateOf(policy);
    const { jobId } = await gate.evaluateAndDispatch({ topic: "x" });
    await gate.approvals.approve({ jobId: jobId ?? "" }, { by: ann });
    const verdicts = reportOf(policy, await eventsOf(gate)).approvals.map(({ verdict }) => verdict);
    expect(verdicts).toEqual([...Array(32).fill("always_granted"), ...Array(9).fill("not_known")]);
  });

  test("a tag behind the cut is not known to be carried by nobody", async () => {
    const policy = compilePolicy({
      yaml: `version: v1
rules:
  - { id: a, match: { topics: ["**"], risk_tags: { any: [aa, t05, t39, zz], none: [never] } }, decision: allow }
  - { id: b, match: { when: '"in-a-condition" in job.risk_tags' }, decision: deny }
`,
    });
    const gate = await gateOf(policy);
    await gate.evaluateAndDispatch({ topic: "x", riskTags: [...numbered("t", 40)] });
    const { tags, events } = reportOf(policy, await eventsOf(gate));
    expect(tags).toEqual({ neverCarried: ["aa", "in-a-condition", "never"], notKnown: ["t39", "zz"] });
    expect(events.cut).toBe(1);
  });

  test("a tag that only the host derives is carried", async () => {
    const gate = await gateOf(POLICY, { deriveTags: () => ["prod"] });
    await gate.evaluateAndDispatch({ topic: "a.read" });
    expect(reportOf(POLICY, await eventsOf(gate)).tags.neverCarried).toEqual(["money", "unused"]);
  });
});

describe("what is no record", () => {
  const decision = { type: "ALLOW", rule_id: "reads", snapshot: POLICY.snapshot, reason: "x" };
  const lists = { matched: ["reads"], erred: [], approvals: [], limits: [], outputs: [] };
  test.each<[string, unknown, number]>([
    ["a decision that is a text", { decision: "ALLOW" }, 0],
    ["no decision", {}, 0],
    ["a decision without lists", { decision }, 0],
    ["a cut list without a count", { decision: { ...decision, ...lists, matched: { head: ["reads"] } } }, 0],
    ["a rule that the policy does not have", { decision: { ...decision, ...lists, matched: ["elsewhere"] } }, 1],
    ["a list for a body", [], 0],
    ["null", null, 0],
  ])("%s is counted as unusable, and nothing is said to have never happened", (_, body, all) => {
    const report = reportOf(POLICY, [{ type: "job.dispatching", body: body as JsonObject }]);
    expect(report.events).toEqual({ taken: 1, undecided: 0, cut: 0, unusable: 1 });
    expect(report.decisions).toEqual({ all, underPolicy: 0 });
    expect(report.neverMatched).toEqual([]);
    expect(report.notKnown).toEqual([...POLICY.ruleIds, "looked-at", "not-looked-at"]);
    expect(report.tags).toEqual({ neverCarried: [], notKnown: ["money", "prod", "unused"] });
    expect(report.approvals.map(({ verdict }) => verdict)).toEqual(Array(5).fill("not_known"));
  });

  test("a vote that cannot be read leaves no approval known to be always granted", async () => {
    const events = await aDay();
    const granted = (report: UsageReport): unknown => report.approvals.find(({ id }) => id === "always-yes")?.verdict;
    expect(granted(reportOf(POLICY, events))).toBe("always_granted");
    for (const body of [{}, null, { state: "rejected", approval_id: "x" }]) {
      const report = reportOf(POLICY, [...events, { type: "approval.voted", body: body as unknown as JsonObject }]);
      expect([granted(report), report.events.unusable]).toEqual(["not_known", 1]);
    }
  });

  test("the same in the shape of a record counts: the control", () => {
    const body = { decision: { ...decision, ...lists } };
    const report = reportOf(POLICY, [{ type: "job.dispatching", body }]);
    expect([report.events.unusable, report.rules[0]?.matched]).toEqual([0, 1]);
  });

  test("events about other things say nothing of rules", () => {
    const report = reportOf(POLICY, [{ type: "gate.opened", body: {} }]);
    expect(report.events).toEqual({ taken: 1, undecided: 0, cut: 0, unusable: 0 });
  });
});
