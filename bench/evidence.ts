import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type SealedEvent, sealEvent } from "../src/evidence/event.js";
import type { Connection } from "../src/store/sqlite/driver.js";
import { openLedger } from "../src/store/sqlite/ledger.js";
import { openConnection } from "../src/store/sqlite/open.js";
import { createGate, openSqliteStore } from "./built.js";
import { median, quantile } from "./sample.js";
import { digits, left, right, table } from "./table.js";
import type { VerifySample } from "./verify-child.js";
import { answer } from "./workload.js";

export interface EvidenceReport {
  readonly markdown: string;
  /** What is aimed at, each at most. */
  readonly claims: readonly Claim[];
}

interface Claim {
  readonly name: string;
  readonly measured: number;
  readonly decimals: number;
  readonly unit: string;
  readonly target: number;
}

const POLICY = `version: v1
queue: { max_pending: 100000, max_pending_per_actor: 100000, max_requests_per_actor: { limit: 1000000, window_sec: 1 } }
rules:
  - { id: read, match: { topics: ["job.*.read.*"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 45 } }
  - { id: pay, match: { topics: ["job.*.pay.*"] }, decision: require_approval, reason: a person looks at every payment }
`;

/** Jobs that are under way at a time: their steps share commits. */
const CALLERS = 256;

/** What the log costs: appending to it, verifying all of it, and finding one trace in it. */
export async function measureEvidence(folder: string, short: boolean): Promise<EvidenceReport> {
  const path = join(folder, "evidence.db");
  const { traces } = await makeLog(path, short ? 50_000 : 1_000_000);
  const tree = await verifyIn(path, "tree");
  const state = await verifyIn(path, "state");
  const timelineMs = await timeTimelines(path, traces);
  for (const file of [path, `${path}.key`]) rmSync(file);
  const append = await measureAppend(folder, short ? 10_000 : 50_000);
  for (const { found, integrity } of [tree, state]) {
    if (found > 0 || integrity !== "ok") throw new Error(`the log that was made does not verify: ${found} problems`);
  }
  return {
    markdown: `${appendTable(append)}\n\n${verifyTable(tree, state)}`,
    claims: claimsOf(tree, state, timelineMs, append),
  };
}

function appendTable({ withTree, without }: Append): string {
  const columns = [left("append, grouped, durable"), right("CPU an event")];
  return table(columns, [
    ["with the tree", `${digits(withTree, 2)} µs`],
    ["the same inserts without", `${digits(without, 2)} µs`],
  ]);
}

function verifyTable(tree: VerifySample, state: VerifySample): string {
  const row = (what: string, sample: VerifySample): readonly string[] => [
    what,
    digits(sample.events),
    `${digits(sample.seconds, 1)} s`,
    `${digits(sample.cpuSeconds, 1)} s`,
    `${digits((sample.seconds * 1e6) / sample.events, 1)} µs`,
    `${digits(sample.rssMiB)} MiB`,
    `${digits(sample.longestMs)} ms`,
  ];
  const numbers = ["events", "time", "CPU", "an event", "peak RSS", "longest turn"].map(right);
  const rows = [row("tree and bytes", tree), row("and every table by replay", state)];
  return table([left("verify"), ...numbers], rows);
}

function claimsOf(tree: VerifySample, state: VerifySample, timelineMs: number, append: Append): readonly Claim[] {
  // A shorter log is held to its part of the time, with what a process needs to begin with in it.
  const part = Math.min(1, tree.events / 1_000_000);
  const events = `${digits(tree.events)} events`;
  const seconds = { decimals: 1, unit: " s" };
  return [
    {
      name: "log: CPU an event that the tree costs",
      measured: append.withTree - append.without,
      decimals: 2,
      unit: " µs",
      target: 15,
    },
    { name: `log: verify tree and bytes of ${events}`, measured: tree.seconds, target: 15 * part, ...seconds },
    { name: `log: verify with replay of ${events}`, measured: state.seconds, target: 45 * part, ...seconds },
    {
      name: `log: timeline of a trace among ${events}, p99`,
      measured: timelineMs,
      decimals: 1,
      unit: " ms",
      target: 50,
    },
  ];
}

interface Made {
  /** Traces from all over the log. */
  readonly traces: readonly string[];
}

/** Fills a file by way of a gate: one job in twenty waits for a person first, and one in fifty fails. */
async function makeLog(path: string, events: number): Promise<Made> {
  const gate = await createGate({
    policy: { yaml: POLICY },
    store: await openSqliteStore(path),
    dispatch: (job) => {
      if (Number((job.payload as { readonly n: number }).n) % 50 === 7) throw new Error("the service is down");
      return answer();
    },
  });
  const traces: string[] = [];
  let submitted = 0;
  let written = 0;
  const call = async (): Promise<void> => {
    while (written < events) {
      const n = submitted++;
      const asks = n % 20 === 3;
      const job = { ...jobOf(n), topic: asks ? "job.svc7.pay.row" : "job.svc7.read.row" };
      const { traceId, jobId, approval } = await gate.evaluateAndDispatch(job);
      if (approval !== undefined && jobId !== null) {
        await gate.approvals.approve(approval.id, { by: { id: "ann" } });
        await gate.resume(jobId);
      }
      written += asks ? 4 : 2;
      if (n % 5_000 === 3 && traceId !== null) traces.push(traceId);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  await gate.close();
  return { traces };
}

function jobOf(n: number) {
  return {
    tenantId: "acme",
    actor: { id: `agent-${n % 97}`, type: "agent" as const, onBehalfOf: "user-31" },
    riskTags: ["prod"],
    labels: { env: "prod", team: "support" },
    payload: { n, table: "orders", text: `please look at order ${n} again`, lines: [n, n + 1, n + 2] },
  };
}

async function verifyIn(path: string, what: "tree" | "state"): Promise<VerifySample> {
  const child: ChildProcess = fork(fileURLToPath(new URL("./verify-child.ts", import.meta.url)), [path, what]);
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the process that should verify ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  const [sample] = (await Promise.race([once(child, "message"), ended])) as [VerifySample];
  return sample;
}

/** Milliseconds of the timeline of one trace: the slowest in a hundred. */
async function timeTimelines(path: string, traces: readonly string[]): Promise<number> {
  const gate = await createGate({
    policy: { yaml: POLICY },
    store: await openSqliteStore(path),
    dispatch: answer,
  });
  const times: number[] = [];
  for (const traceId of traces) {
    const began = performance.now();
    const { entries } = await gate.audit.timeline(traceId);
    times.push(performance.now() - began);
    if (entries.length < 2) throw new Error("a trace has no timeline");
  }
  await gate.close();
  return quantile(times, 0.99);
}

interface Append {
  readonly withTree: number;
  readonly without: number;
}

const ROUNDS = 9;
const GROUP = 128;

/** CPU of one event, appended with the tree and by the same inserts alone: medians over rounds taken in turn. */
async function measureAppend(folder: string, count: number): Promise<Append> {
  const files = ["tree", "bare"].map((name) => join(folder, `append-${name}.db`));
  const [tree, bare] = (await Promise.all(files.map((file) => openConnection(file)))) as [Connection, Connection];
  const lanes = { tree: appendWithTree(tree, files[0] as string), bare: appendBare(bare) };
  const samples = { tree: [] as number[], bare: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const events = Array.from({ length: Math.floor(count / ROUNDS) }, (_, n) => eventOf(round * count + n));
    for (const lane of round % 2 === 0 ? (["tree", "bare"] as const) : (["bare", "tree"] as const)) {
      const before = process.cpuUsage();
      for (let from = 0; from < events.length; from += GROUP) lanes[lane](events.slice(from, from + GROUP));
      const { user, system } = process.cpuUsage(before);
      samples[lane].push((user + system) / events.length);
    }
  }
  tree.close();
  bare.close();
  for (const file of files) rmSync(file);
  return { withTree: median(samples.tree.slice(1)), without: median(samples.bare.slice(1)) };
}

function eventOf(n: number): SealedEvent {
  const facts = { trace_id: `trace-${n}`, job_id: `job-${n}`, tenant_id: "acme", topic: "job.svc7.read.row" };
  const more = { decision: { type: "ALLOW", rule_id: "read", reason: "r".repeat(200) }, job: "c".repeat(64) };
  return sealEvent("job.dispatching", 1_750_000_000_000 + n, { ...facts, ...more, owner: "o".repeat(36) });
}

function appendWithTree(connection: Connection, file: string): (events: readonly SealedEvent[]) => void {
  const ledger = openLedger(connection, file);
  return (events) => {
    connection.exec("BEGIN IMMEDIATE");
    ledger.begin();
    for (const event of events) ledger.append(event);
    ledger.end();
    connection.exec("COMMIT");
    ledger.committed();
  };
}

function appendBare(connection: Connection): (events: readonly SealedEvent[]) => void {
  const insert = connection.prepare(
    `INSERT INTO events (seq, at, type, trace_id, approval_id, bytes)
     VALUES (?, max(?, coalesce((SELECT at FROM events ORDER BY seq DESC LIMIT 1), 0)), ?, ?, ?, CAST(? AS BLOB))`,
  );
  let seq = 0;
  return (events) => {
    connection.exec("BEGIN IMMEDIATE");
    for (const { at, type, traceId, approvalId, text } of events) {
      seq += 1;
      insert.run(seq, at, type, traceId, approvalId, text);
    }
    connection.exec("COMMIT");
  };
}
