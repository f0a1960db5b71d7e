import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRight } from "../../examples/drill/check.js";
import { readDesk } from "../../examples/drill/desk.js";
import { checkEvidence } from "../../examples/drill/evidence.js";
import { openDatabase } from "../../examples/drill/sqlite.js";
import { ticketIs } from "../../examples/drill/steps/update-ticket.js";
import { HAS_TERMINAL, type Run, runExample, runInTerminal } from "./run-example.js";

const DRILL = "examples/drill/main.ts";
/** Everything but a newline that a terminal could take for more than a letter. */
const ACTS_ON_TERMINALS = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;
const A_KEY = /AKIA[0-9A-Z]{16}/;

const ALLOW_ALL = `version: v1
rules:
  - { id: allow-everything, match: { topics: ["**"] }, decision: allow }
outputs:
  - { id: pii-only, match: { topics: ["**"] }, detect: [pii], action: redact }
`;

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function folderOf({ stdout }: Run): string {
  return /A controlled drill in (\S+)/.exec(stdout)?.[1] ?? "";
}

function rowOf({ stdout }: Run, step: string): string {
  const summary = stdout.slice(stdout.indexOf("checked on disk"));
  return summary.split("\n").find((line) => line.startsWith(step)) ?? "";
}

function writePolicy(name: string, yaml: string): string {
  const path = join(folder, name);
  writeFileSync(path, yaml);
  return path;
}

let drill: Run;
let sabotaged: Run;
let kept: Run;
beforeAll(async () => {
  const allowAll = writePolicy("allow-all.yaml", ALLOW_ALL);
  const runs = [[], ["--policy", allowAll], ["--keep"]].map((args) => runExample(DRILL, args));
  [drill, sabotaged, kept] = (await Promise.all(runs)) as [Run, Run, Run];
}, 60_000);
afterAll(() => rmSync(folderOf(kept), { recursive: true, force: true }));

describe("the drill", () => {
  it("goes as expected, and says so with code 0", () => {
    expect(drill.stderr).toBe("");
    expect(drill.stdout).toContain("The drill went as expected: all 11 checks hold.");
    expect(drill.code).toBe(0);
  });

  it.each([
    "ALLOW → SUCCEEDED (allow-low-risk-read)",
    "REQUIRE_APPROVAL → PENDING_APPROVAL (require-approval-prod-write)",
    "on disk: T-1002 is open, version 1",
    "on disk: T-1002 is resolved, version 2; the note is kept",
    "ALLOW_WITH_CONSTRAINTS → TIMED_OUT (constrain-medium-risk)",
    "on disk: exit codes 75, 0; one import",
    "DENY → DENIED (deny-destructive)",
    "5 × ALLOW → THROTTLED (limit-ticket-search)",
    "on disk: 3 searches reached the desk; room again in 60 s",
    "redacted (aws_access_key_id); not in the answer; not in gate.db",
  ])("prints %s", (line) => {
    expect(drill.stdout).toContain(line);
  });

  it("shows the reviewer who asks for what, under which policy", () => {
    expect(drill.stdout).toMatch(/asked by +support-agent for ana@example\.com/);
    expect(drill.stdout).toMatch(/to do +job\.mcp-bridge\.write\.update_ticket with update-ticket/);
    expect(drill.stdout).toMatch(/job hash +[0-9a-f]{64}/);
    expect(drill.stdout).toMatch(/policy +[0-9a-f]{64}/);
  });

  it("tells in one timeline who approved what and why, and what was constrained", () => {
    const timeline = drill.stdout.slice(drill.stdout.indexOf("Timeline of trace"));
    expect(timeline).toMatch(/^Timeline of trace [0-9a-f]{32}\n/);
    expect(timeline).toMatch(/approval\.voted +update-ticket +rosa@example\.com voted to approve/);
    expect(timeline).toMatch(/note approved after policy review/);
    expect(timeline).toMatch(/job\.dispatching +build-report .*max_runtime_sec 1/);
    expect(timeline).toMatch(/job\.settled +build-report +TIMED_OUT after 1 attempt/);
    expect(timeline).toMatch(/job\.settled +import-customers +SUCCEEDED after 2 attempts/);
    expect(timeline).toMatch(/job\.refused +delete-workspace +DENY by deny-destructive; refused/);
  });

  it("prints nothing that acts on a terminal, though a customer tried", () => {
    expect(drill.stdout).not.toMatch(ACTS_ON_TERMINALS);
    expect(drill.stdout).toContain("\\u{202e}");
  });

  it("prints the planted key nowhere", () => {
    expect(drill.stdout).not.toMatch(A_KEY);
  });

  it("leaves nothing behind", () => {
    expect(folderOf(drill)).not.toBe("");
    expect(existsSync(folderOf(drill))).toBe(false);
  });
});

describe("a drill under a policy that allows everything (the control)", () => {
  it("ends with code 1", () => {
    expect(sabotaged.stdout).toMatch(/The drill differs: \d+ of \d+ checks do not hold\./);
    expect(sabotaged.code).toBe(1);
  });

  it.each([
    "update a ticket",
    "reviewed",
    "a command over its time",
    "a command tried again",
    "delete the workspace",
    "8 searches at once",
    "fetch a file with a key",
    "evidence: one trace",
    "evidence: who and why",
    "evidence: constrained run",
  ])("finds that `%s` differs", (step) => {
    expect(rowOf(sabotaged, step)).toMatch(/NO$/);
  });
});

describe("a drill that is kept", () => {
  it("leaves what it did on disk", async () => {
    expect(kept.code).toBe(0);
    const { tickets, searches } = await readDesk(join(folderOf(kept), "tickets.db"));
    expect(tickets.map(({ id, status, version }) => [id, status, version])).toEqual([
      ["T-1001", "open", 1],
      ["T-1002", "resolved", 2],
      ["T-1003", "open", 1],
    ]);
    expect(searches).toBe(3);
  });

  it("leaves evidence that another process reads, and notices when an event is missing from what is told", async () => {
    const gatePath = join(folderOf(kept), "gate.db");
    const traceId = /Timeline of trace (\S+)/.exec(kept.stdout)?.[1] ?? "";
    const gate = await createGate({ store: gatePath, activate: "never" });
    const timeline = await gate.audit.timeline(traceId);
    await gate.close();
    expect((await checkEvidence({ gatePath, traceId }, timeline)).map(isRight)).toEqual([true, true, true]);
    const told = timeline.entries.filter(({ type }) => type !== "approval.voted");
    const results = await checkEvidence({ gatePath, traceId }, { ...timeline, entries: told });
    expect(results.map(isRight)).toEqual([false, false, true]);
  });

  it("notices a ticket that was changed past the gate", async () => {
    const desk = join(folderOf(kept), "tickets.db");
    expect((await ticketIs(desk, "resolved", 2)).ok).toBe(true);
    const database = await openDatabase(desk);
    database.exec("UPDATE tickets SET version = version + 1 WHERE id = 'T-1002'");
    database.close();
    expect(await ticketIs(desk, "resolved", 2)).toEqual({ found: "T-1002 is resolved, version 3", ok: false });
  });
});

describe.concurrent("a drill that cannot be held", () => {
  it.each([
    ["an unknown argument", ["--interactiv"], "--interactiv"],
    ["--interactive without a terminal", ["--interactive"], "--interactive needs a terminal"],
    ["a policy that is not there", ["--policy", join(folder, "none.yaml")], "none.yaml"],
    ["a policy that is not valid", ["--policy", writePolicy("bad.yaml", "version: v1\nrulez: []\n")], "rulez"],
  ])("ends with code 2 on %s, and says why", async (_what, args, words) => {
    const { code, stdout, stderr } = await runExample(DRILL, args);
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});

if (!HAS_TERMINAL) console.warn("no python3 to lend a pseudo-terminal: 3 tests of --interactive are skipped");

describe.skipIf(!HAS_TERMINAL).concurrent("the drill in a terminal", () => {
  it("runs what the person approves, and keeps the note", async () => {
    const { code, stdout } = await runInTerminal("approve looks right to me", DRILL, ["--interactive"]);
    expect(stdout).toContain("T-1002 is resolved, version 2; the note is kept");
    expect(stdout).toContain("note \u001b[0mlooks right to me");
    expect(code).toBe(0);
  });

  it("changes nothing when the person rejects, and that is as expected", async () => {
    const { code, stdout } = await runInTerminal("reject", DRILL, ["--interactive"]);
    expect(stdout).toContain("REQUIRE_APPROVAL → DENIED (require-approval-prod-write)");
    expect(stdout).toContain("T-1002 is open, version 1; the note is kept");
    expect(stdout).toContain("The drill went as expected");
    expect(code).toBe(0);
  });

  it("takes an end of input for a rejection", async () => {
    const { code, stdout } = await runInTerminal("\u0004", DRILL, ["--interactive"]);
    expect(stdout).toContain("T-1002 is open, version 1; the note is kept");
    expect(code).toBe(0);
  });
});
