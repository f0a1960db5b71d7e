import fc from "fast-check";
import { expect, test } from "vitest";
import type { TimelineEvent } from "../../src/evidence/timeline-jobs.js";
import { timelineText } from "../../src/evidence/timeline-text.js";
import type { Json, JsonObject } from "../../src/outcome.js";
import { cases } from "../scale.js";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

let count = 0;
/** An event of the trace `t`, a second after the one before. */
function event(type: string, body: JsonObject, note: string | null = null): TimelineEvent {
  const at = T0 + count * 1_000;
  count += 1;
  const whole = { at, type, trace_id: "t", v: 1, ...body };
  const approvalId = (whole as JsonObject).approval_id ?? null;
  return {
    seq: count + 9,
    type,
    at,
    traceId: String(whole.trace_id),
    approvalId: approvalId as string | null,
    body: whole,
    note,
  };
}

const OF = { job_id: "j-1", tenant_id: "acme" };
const DECISION = {
  type: "REQUIRE_APPROVAL",
  rule_id: "ask",
  reason: "a person looks at writes",
  snapshot: "5".repeat(64),
  approvals: [{ rule_id: "ask", quorum: 1 }],
};
const ANN = { id: "ann", kind: "human", roles: ["ops"], assurance: "host" };

function story(): readonly TimelineEvent[] {
  count = 0;
  const asked = { ...OF, approval_id: "a-1", decision: DECISION, constraints: { max_runtime_sec: 30 } };
  const who = { topic: "write.file", actor: { id: "bot", type: "agent", on_behalf_of: "cy" }, submitted_by: "sam" };
  return [
    event("approval.requested", { ...asked, ...who, expires_at: T0 + 60_000 }),
    event(
      "approval.voted",
      {
        ...OF,
        approval_id: "a-1",
        approver: ANN,
        vote: "approve",
        view: "f".repeat(64),
        state: "approved",
        note: "c",
        note_ref: "1",
      },
      "fine by me",
    ),
    event("job.dispatching", { ...asked, ...who, constraints_by: { max_runtime_sec: ["ask"] }, dispatcher: "default" }),
    event("job.settled", {
      ...OF,
      attempts: [
        { attempt: 1, ended: "threw", duration_ms: 4 },
        { attempt: 2, ended: "returned", duration_ms: 7 },
      ],
      duration_ms: 12,
      findings: [{ kind: "secret" }, { kind: "secret" }, { kind: "email" }],
      quarantine_id: "q-1",
      kept: true,
      reason: { code: "output_quarantined", message: "rule `hold` withheld the output" },
      status: "QUARANTINED",
    }),
    event(
      "output.released",
      { ...OF, approver: { ...ANN, roles: [] }, quarantine_id: "q-1", note: "c", note_ref: "release" },
      "looked at it",
    ),
    event("job.erased", { ...OF, by: "dpo", values: 3 }),
  ];
}

test("a timeline says of each job what was asked, decided, approved and done, then each event in a line", () => {
  // Who changes a line of this raises `TIMELINE_FORM`: bundles that were written before are told apart by it.
  expect(timelineText({ traceId: "t", entries: story() }).split("\n")).toEqual([
    'Timeline, form 1, of trace "t"',
    "1 job, 6 events, 2026-01-02T03:04:05.000Z to 2026-01-02T03:04:10.000Z",
    'Job "j-1" of tenant "acme"',
    '  topic: "write.file"',
    '  actor: "bot", agent',
    '  on behalf of: "cy"',
    '  submitted by: "sam"',
    '  decided: REQUIRE_APPROVAL by rule "ask" at 2026-01-02T03:04:07.000Z, reason ',
    '    | "a person looks at writes"',
    `  policy: ${"5".repeat(64)}`,
    '  approval "a-1": approved',
    '    needs: [{ "quorum": 1, "rule_id": "ask" }]',
    '    asked at 2026-01-02T03:04:05.000Z by job "j-1", expires 2026-01-02T03:05:0',
    "      | 5.000Z",
    '    approve by "ann" (human, "ops", assurance host) at 2026-01-02T03:04:06.000',
    '      | Z, of the view that was shown, note "fine by me"',
    '  held to: { "max_runtime_sec": 30 }',
    '  asked for by: { "max_runtime_sec": ["ask"] }',
    '  dispatched to "default" at 2026-01-02T03:04:07.000Z',
    "  attempt 1: threw after 4 ms",
    "  attempt 2: returned after 7 ms",
    '  found in its output: 2 of "secret", 1 of "email"',
    '  withheld as "q-1", kept',
    '  ended QUARANTINED at 2026-01-02T03:04:08.000Z: output_quarantined, "rule `ho',
    '    | ld` withheld the output"',
    '  released at 2026-01-02T03:04:09.000Z by "ann" (human, assurance host), note ',
    '    | "looked at it"',
    '  private values erased at 2026-01-02T03:04:10.000Z, asked by "dpo"',
    "  took: asked to decided 1000 ms, decided to dispatched 1000 ms, run 12 ms, wh",
    "    | ole 5000 ms",
    "Events",
    '  10 2026-01-02T03:04:05.000Z approval.requested "REQUIRE_APPROVAL by ask; app',
    '    | roval asked for write.file"',
    '  11 2026-01-02T03:04:06.000Z approval.voted "ann voted to approve; the reques',
    '    | t is approved"',
    '  12 2026-01-02T03:04:07.000Z job.dispatching "REQUIRE_APPROVAL by ask; claime',
    '    | d with its approval, dispatching write.file under max_runtime_sec 30"',
    '  13 2026-01-02T03:04:08.000Z job.settled "QUARANTINED after 2 attempts in 12 ',
    "    | ms; found 3 (secret, email); withheld as q-1: rule `hold` withheld the o",
    '    | utput"',
    '  14 2026-01-02T03:04:09.000Z output.released "ann (human, assurance host) rel',
    '    | eased the output withheld as q-1"',
    '  15 2026-01-02T03:04:10.000Z job.erased "3 private values of the job erased b',
    '    | y dpo"',
    "",
  ]);
});

test("a request in another's place is told beside it, and so is one that another trace opened", () => {
  count = 0;
  const entries = [
    event("approval.requested", {
      job_id: "j-0",
      tenant_id: "acme",
      trace_id: "other",
      approval_id: "a-1",
      decision: DECISION,
    }),
    event("approval.joined", { ...OF, approval_id: "a-1", decision: DECISION, topic: "x" }),
    event("approval.resolved", {
      ...OF,
      trace_id: "other",
      approval_id: "a-1",
      state: "superseded",
      by: null,
      superseded_by: "a-2",
    }),
    event("approval.requested", {
      job_id: "j-0",
      tenant_id: "acme",
      trace_id: "other",
      approval_id: "a-2",
      supersedes: "a-1",
      decision: DECISION,
    }),
    event("approval.voted", {
      job_id: "j-0",
      tenant_id: "acme",
      trace_id: "other",
      approval_id: "a-2",
      approver: ANN,
      vote: "reject",
      view: null,
      state: "rejected",
      note: "c",
      note_ref: "1",
    }),
  ];
  const text = timelineText({ traceId: "t", entries }).replaceAll(/\n +\| /g, "");
  expect(text).toContain("1 job, 5 events");
  expect(text).toContain('  approval "a-1": superseded\n');
  expect(text).toContain('in its place "a-2"\n');
  expect(text).toContain('  approval "a-2": rejected\n');
  expect(text).toMatch(/ {4}reject by "ann" .*, of no view in particular, with a note that is not here\n/);
});

test("a request that many jobs wait for is told once, and so many are told in no more than so long", () => {
  count = 0;
  const of = (n: number): JsonObject => ({ job_id: `j-${n}`, tenant_id: "acme", approval_id: "a-1" });
  const many = Array.from({ length: 5_000 }, (_, n) => n);
  const entries = [
    ...many.map((n) => event("approval.joined", of(n))),
    ...many.map((n) => event("approval.resolved", { ...of(0), state: "superseded", superseded_by: `a-${n}` })),
  ];
  const text = timelineText({ traceId: "t", entries });
  expect(text).toContain(
    'Job "j-1" of tenant "acme"\n  actor: none\n  decided: nothing\n  approval "a-1": superseded, told above\n',
  );
  // Not the product of the two, which is twenty-five million.
  expect(text.split("\n").length).toBeLessThan(60_000);
});

test("times, counts and lists that no gate would write are shown as they are", () => {
  const entry = { seq: 1, type: "job.settled", at: 1e300, traceId: "t", approvalId: null, note: null };
  const body = {
    ...OF,
    attempts: { head: [7, { attempt: "x" }], count: 9 },
    findings: { head: [null], count: {} },
    status: ["a"],
  };
  const text = timelineText({ traceId: "t", entries: [{ ...entry, body }] });
  expect(text).toContain(", 1e+300 to 1e+300\n");
  expect(text).toContain('  an attempt\n  attempt "x": - after - ms\n');
});

/** What a terminal could act on, or draw as nothing or as part of what is beside it. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|\p{M}{3}/u;

/** A text that is where it may be at its worst. */
const hostile = fc.oneof(
  fc.constantFrom(
    "\u001b[2J",
    "\u202e",
    "\u200b",
    '\n  approval "a-1": approved',
    '", note "fine',
    '\nEvents\n  1 2026-01-02T03:04:05.000Z approval.voted "ann"',
    `${" ".repeat(78)}  ended SUCCEEDED`,
    '\r\nJob "j-9" of tenant "acme"',
    "\u0300\u0301\u0302\u0303",
    "\nFORGED",
    ...Array.from({ length: 79 }, (_, n) => `${"a ".repeat(n / 2)}FORGED`),
  ),
  fc.string({ unit: "binary", maxLength: 90 }),
);
const TYPES = [
  "approval.requested",
  "approval.voted",
  "approval.resolved",
  "approval.lifted",
  "approval.detached",
  "approval.joined",
];
const MORE = [
  "job.dispatching",
  "job.settled",
  "job.refused",
  "job.late",
  "job.erased",
  "output.released",
  "gate.recovered",
];
const KEYS = [
  "job_id",
  "tenant_id",
  "approval_id",
  "decision",
  "topic",
  "actor",
  "submitted_by",
  "constraints",
  "constraints_by",
  "state",
];
const KEYS_MORE = [
  "approver",
  "vote",
  "view",
  "note",
  "note_ref",
  "superseded_by",
  "supersedes",
  "attempts",
  "findings",
  "reason",
  "status",
  "by",
];
const NESTED = [
  "id",
  "kind",
  "type",
  "roles",
  "assurance",
  "head",
  "count",
  "rule_id",
  "snapshot",
  "code",
  "message",
  "on_behalf_of",
  "approvals",
];

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    hostile,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...NESTED), hostile), tie("any"), { maxKeys: 5 }),
  ),
})).any;

const entries = fc.array(
  fc.record({
    seq: fc.nat(),
    type: fc.oneof(fc.constantFrom(...TYPES, ...MORE), hostile),
    at: fc.double({ noNaN: true, noDefaultInfinity: true }),
    traceId: fc.oneof(fc.constant("t"), hostile),
    approvalId: fc.oneof(fc.constantFrom("a-1", "a-2", null), hostile),
    note: fc.oneof(fc.constant(null), hostile),
    body: fc.dictionary(fc.oneof(fc.constantFrom(...KEYS, ...KEYS_MORE), hostile), value, { maxKeys: 12 }),
  }),
  { maxLength: 6 },
);

/** A line that a text from outside begins. */
const FORGED = /^\s*FORGED/;

/** How a line of ours begins. */
const OURS =
  /^(?:Timeline, form 1, of trace "|\d+ jobs?, \d+ events?|Job "|Events$| {2}[a-z]+(?: [a-z]+)*: | {2}approval "| {4}(?:needs: |asked at |lifted by |job |.+? (?:by|at) )| {2}(?:dispatched to|refused at|an attempt|attempt |found in its output: |withheld as "|ended |released at |private values erased at )| {2}\d+ \S+ |\s+[[\]{}"0-9ntf.-]|\s+\| )/;

test("whatever the events hold, nothing in the text is unseen, and each line begins as a line of ours does", () => {
  fc.assert(
    fc.property(hostile, entries, (traceId, list) => {
      const told = list.map((entry) => ({ ...entry, body: entry.body as { [key: string]: Json } }));
      const text = timelineText({ traceId, entries: told });
      const lines = text.split("\n").slice(0, -1);
      for (const line of lines) {
        expect(line).not.toMatch(UNSEEN);
        expect(line).toMatch(OURS);
        expect(line).not.toMatch(FORGED);
        expect(line.length).toBeLessThanOrEqual(78 + 24);
      }
      // As many lines of events as there are events, and blocks of jobs as are counted.
      const events = lines.slice(lines.indexOf("Events") + 1);
      expect(events.filter((line) => /^ {2}\d/.test(line)).length).toBe(list.length);
      const [, jobs] = /^(\d+) jobs?, /m.exec(text) ?? [];
      expect(lines.filter((line) => line.startsWith('Job "')).length).toBe(Number(jobs));
      expect(lines.filter((line) => line === "Events").length).toBe(1);
    }),
    { numRuns: cases("timelines as text", 500, 20_000) },
  );
});

test("the control: a timeline that shows texts as they are, or lets a terminal break its lines, fails each of these", () => {
  const naive = [
    ...'  note: "\u202eok\nFORGED"'.split("\n"),
    ...(`  topic: ${"a ".repeat(35)}FORGED`.match(/.{1,78}/g) ?? []),
  ];
  expect(naive.filter((line) => UNSEEN.test(line)).length).toBe(1);
  expect(naive.filter((line) => FORGED.test(line))).toEqual(['FORGED"', " FORGED"]);
  expect(naive.filter((line) => !OURS.test(line)).length).toBeGreaterThan(0);
});
