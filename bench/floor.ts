import { hash, randomFillSync } from "node:crypto";
import type { Job, Json } from "dispatch-gate";
import { type Connection, loadDriver } from "../src/store/sqlite/driver.js";
import { type Ledger, openLedger } from "../src/store/sqlite/ledger.js";
import { openSqliteStore } from "./built.js";

/** Something that takes jobs and makes commits. */
export interface Lane {
  /** Resolves when the job has run and everything about it is on the disk. */
  readonly run: (job: Job) => Promise<unknown>;
  /** Commits made so far. */
  readonly commits: () => number;
  readonly close: () => Promise<void>;
}

/**
 * The least that a durable gate could cost: straight-line code that judges, checks, copies and inspects nothing. It
 * canonicalises and hashes the job, writes the same rows into the same tables through the same statements (the schema,
 * with its indices and triggers, is the store's own, and so is the tree over the events), before the dispatch and after it, and
 * shares commits in the same way.
 */
export async function openFloor(path: string, dispatch: (job: Job) => Json, decision: string): Promise<Lane> {
  const connection = await connect(path);
  const ledger = openLedger(connection, path);
  const { claim, settle } = prepareWrites(connection, ledger);
  const { run: inCommit, count, end } = shareCommits(connection, ledger);
  const owner = uuid(Date.now());

  const run = async (job: Job): Promise<unknown> => {
    const canonical = canonicalize(contentOf(job));
    const jobHash = hash("sha256", `dispatch-gate/job/v1\0${canonical}`, "hex");
    const claimedAt = Date.now();
    const row: FloorRow = { id: uuid(claimedAt), traceId: random(16), jobHash, decision, owner, at: claimedAt };
    const salt = random(32);
    const commitment = hash("sha256", `dispatch-gate/value/v1\0${salt}\0${canonical}`, "hex");
    const intent = intentText(job, row, commitment);
    await inCommit(() => claim(row, commitment, salt, canonical, intent));

    const output = dispatch(job);

    const recorded = canonicalize(output);
    const outputSalt = random(32);
    const outputCommitment = hash("sha256", `dispatch-gate/value/v1\0${outputSalt}\0${recorded}`, "hex");
    const settledAt = Date.now();
    const ending = endingText(row, outputCommitment, settledAt);
    await inCommit(() => settle(row, outputSalt, recorded, ending, settledAt));
    return output;
  };

  return {
    run,
    commits: count,
    close: async () => {
      await end();
      connection.close();
    },
  };
}

interface FloorRow {
  readonly id: string;
  readonly traceId: string;
  readonly jobHash: string;
  readonly decision: string;
  readonly owner: string;
  readonly at: number;
}

/** The store makes the file and its schema; then this connection has it alone, set up as the store's is. */
async function connect(path: string): Promise<Connection> {
  const store = await openSqliteStore(path);
  await store.close();
  const Database = await loadDriver();
  const connection = new Database(path, { timeout: 0, fileMustExist: true });
  const pragmas = ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "wal_autocheckpoint = 0"];
  for (const pragma of [...pragmas, "secure_delete = ON"]) {
    connection.pragma(pragma, { simple: true });
  }
  return connection;
}

const JOB_COLUMNS =
  "id, tenant_id, trace_id, hash, status, owner, dispatcher, approval_id, decision, reason, constraints, result, commitment, created_at, updated_at";

const RUNNING = '{"code":"job_running","message":"the job is running"}';
const COMPLETED = '{"code":"completed","message":"the job ran"}';

interface Writes {
  readonly claim: (row: FloorRow, commitment: string, salt: string, canonical: string, event: string) => void;
  readonly settle: (row: FloorRow, salt: string, recorded: string, event: string, at: number) => void;
}

/** The statements of the store, as `src/store/sqlite/tables.ts` has them. */
function prepareWrites(connection: Connection, ledger: Ledger): Writes {
  const changed = JOB_COLUMNS.split(", ").slice(2);
  const putJob = connection.prepare(
    `INSERT INTO jobs (${JOB_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id, tenant_id) DO UPDATE SET ${changed.map((column) => `${column} = excluded.${column}`).join(", ")}`,
  );
  const endJob = connection.prepare(
    "UPDATE jobs SET status = ?, reason = ?, result = ?, updated_at = ? WHERE id = ? AND tenant_id = ?",
  );
  const putVault = connection.prepare(
    `INSERT INTO vault (job_id, tenant_id, kind, salt, value) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (job_id, tenant_id, kind) DO UPDATE SET salt = excluded.salt, value = excluded.value`,
  );
  const tenant = "acme";
  return {
    claim: ({ id, traceId, jobHash, decision, owner, at }, commitment, salt, canonical, event) => {
      putJob.run(
        id,
        tenant,
        traceId,
        jobHash,
        "RUNNING",
        owner,
        "default",
        null,
        decision,
        RUNNING,
        '{"maxRuntimeSec":900}',
        null,
        commitment,
        at,
        at,
      );
      putVault.run(id, tenant, "job", salt, canonical);
      ledger.append({ at, type: "job.dispatching", traceId, approvalId: null, text: event });
    },
    settle: ({ id, traceId }, salt, recorded, event, now) => {
      endJob.run("SUCCEEDED", COMPLETED, '{"findings":[]}', now, id, tenant);
      putVault.run(id, tenant, "output", salt, recorded);
      ledger.append({ at: now, type: "job.settled", traceId, approvalId: null, text: event });
    },
  };
}

interface Sharing {
  readonly run: (write: () => void) => Promise<void>;
  readonly count: () => number;
  readonly end: () => Promise<void>;
}

/** Writes that arrive in one turn share one commit, made in `setImmediate`; checkpoints as often as the store's. */
function shareCommits(connection: Connection, ledger: Ledger): Sharing {
  const begin = connection.prepare("BEGIN IMMEDIATE");
  const commit = connection.prepare("COMMIT");
  let waiting: { readonly write: () => void; readonly resolve: () => void }[] = [];
  let scheduled = false;
  let commits = 0;
  let sinceCheckpoint = 0;

  const checkpoint = (): void => {
    if (connection.open) connection.pragma("wal_checkpoint(PASSIVE)", { simple: true });
  };

  const flush = (): void => {
    scheduled = false;
    const group = waiting;
    waiting = [];
    begin.run();
    ledger.begin();
    for (const { write } of group) write();
    ledger.end();
    commit.run();
    ledger.committed();
    commits += 1;
    for (const { resolve } of group) resolve();
    sinceCheckpoint += group.length;
    if (sinceCheckpoint < 1_000) return;
    sinceCheckpoint = 0;
    setImmediate(checkpoint);
  };

  return {
    count: () => commits,
    run: (write) =>
      new Promise<void>((resolve) => {
        waiting.push({ write, resolve });
        if (scheduled) return;
        scheduled = true;
        setImmediate(flush);
      }),
    end: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

/** The hashed fields of a job with their defaults, in the order of their canonical text. */
function contentOf(job: Job): Json {
  return {
    actor: { ...job.actor },
    capability: null,
    constraints: {},
    labels: job.labels ?? {},
    payload: job.payload ?? null,
    requires: [],
    resources: { hosts: [], paths: [] },
    riskTags: job.riskTags ?? [],
    tenantId: job.tenantId ?? "",
    topic: job.topic,
  } as Json;
}

/** RFC 8785 text of a value that is trusted to be plain JSON. */
function canonicalize(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalize).join(",")}]`;
  const object = value as { readonly [key: string]: Json };
  let text = "";
  for (const key of Object.keys(object).sort()) {
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalize(object[key] as Json)}`;
  }
  return `{${text}}`;
}

/** The event of a claim. Its keys stand in canonical order already. */
function intentText(job: Job, row: FloorRow, commitment: string): string {
  return JSON.stringify({
    actor: { id: job.actor?.id, on_behalf_of: job.actor?.onBehalfOf, type: job.actor?.type },
    at: row.at,
    capability: null,
    constraints: { max_runtime_sec: 900 },
    decision: {
      approvals: [],
      erred: [],
      limits: [],
      matched: ["svc500-read"],
      outputs: [{ action: "redact", rule_id: "@output-default" }],
      reason: "Service 500 may be read on these terms",
      rule_id: "svc500-read",
      snapshot: row.jobHash,
      type: "ALLOW",
    },
    derived_tags: [],
    dispatcher: "default",
    epoch: 1,
    job: commitment,
    job_id: row.id,
    owner: row.owner,
    risk_tags: job.riskTags,
    tenant_id: job.tenantId,
    topic: job.topic,
    trace_id: row.traceId,
    type: "job.dispatching",
    v: 1,
  });
}

/** The event of a settle. */
function endingText(row: FloorRow, commitment: string, at: number): string {
  return JSON.stringify({
    approval_id: null,
    at,
    attempts: [{ attempt: 1, duration_ms: 0, ended: "returned" }],
    constraints: { max_runtime_sec: 900 },
    dispatched: true,
    duration_ms: 0,
    findings: [],
    job_id: row.id,
    output: commitment,
    quarantine_id: null,
    reason: { code: "completed", message: "the job ran" },
    status: "SUCCEEDED",
    tenant_id: "acme",
    trace_id: row.traceId,
    type: "job.settled",
    v: 1,
  });
}

const pool = Buffer.alloc(8_192);
let used = pool.length;

/** Random bytes in hex, drawn from the system a page at a time. */
function random(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}

function uuid(now: number): string {
  const time = now.toString(16).padStart(12, "0");
  const hex = random(10);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-8${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
