import { frontierBytes, type Hash } from "../../evidence/merkle.js";
import { growTiles } from "../../evidence/tiled-tree.js";
import type { LoggedEvent } from "../port.js";
import { type ReplayedJob, type ReplayState, type Shelf, waitsOn } from "../replay.js";
import type { ActivePolicy, ApprovalRow, CheckpointRow, HaltRow, JobRow, VaultRow, VoteRow } from "../rows.js";
import type { LogSource, Pages } from "./source.js";

/** What an in-memory store holds, as far as it is verified. */
export interface Held {
  readonly events: readonly LoggedEvent[];
  /** For each event, the highest time so far. */
  readonly times: readonly number[];
  readonly leaves: readonly Hash[];
  readonly checkpoints: readonly CheckpointRow[];
  readonly jobs: readonly JobRow[];
  readonly approvals: readonly ApprovalRow[];
  readonly votes: readonly VoteRow[];
  readonly policies: readonly ActivePolicy[];
  readonly halts: readonly HaltRow[];
  readonly values: readonly VaultRow[];
}

/** The log and the tables of an in-memory store. It keeps no tiles: they are made of its leaves. */
export function sourceOf(held: Held): LogSource {
  const { events, times, leaves, checkpoints, jobs, approvals, votes, policies, halts, values } = held;
  const tiles = new Map<string, { readonly root: Hash; readonly hashes: Uint8Array }>();
  const tree = growTiles(({ level, number, root, hashes }) => {
    tiles.set(`${level} ${number}`, { root, hashes: Buffer.concat(hashes) });
  });
  for (const leaf of leaves) tree.add(leaf);
  const hashOf = new Map(jobs.map(({ tenantId, id, hash }) => [`${id} ${tenantId}`, hash]));
  const isJob = (row: JobRow | VaultRow, tenantId: string, id: string): boolean =>
    row.tenantId === tenantId && ("jobId" in row ? row.jobId : row.id) === id;
  return {
    head: () => ({ size: leaves.length, frontier: frontierBytes(tree.frontier()) }),
    events: (after, limit) =>
      events.slice(after, after + limit).map(({ seq, type, traceId, approvalId, text }) => ({
        seq,
        at: times[seq - 1],
        type,
        trace_id: traceId,
        approval_id: approvalId,
        bytes: Buffer.from(text),
      })),
    tile: (level, number) => tiles.get(`${level} ${number}`),
    tileCount: () => tiles.size,
    checkpoints: (after, limit) =>
      checkpoints
        .filter(({ size }) => size > after)
        .sort((a, b) => a.size - b.size)
        .slice(0, limit),
    jobs: pagesOf(
      ["id", "tenant_id"],
      jobs.map((row) => ({
        id: row.id,
        tenant_id: row.tenantId,
        trace_id: row.traceId,
        status: row.status,
        owner: row.owner,
        approval_id: row.approvalId,
        reason: JSON.stringify(row.reason),
        commitment: row.commitment,
        erased_at: row.erasedAt,
        degraded: Number(row.degraded),
        result: row.status === "QUARANTINED" ? row.result : null,
      })),
    ),
    approvals: pagesOf(
      ["id"],
      approvals.map((row) => ({ id: row.id, read: () => row })),
    ),
    votes: pagesOf(
      ["approval_id", "number"],
      votes.map((row) => ({ approval_id: row.approvalId, number: row.number, read: () => row })),
    ),
    policies: pagesOf(["epoch"], policies),
    halts: pagesOf(
      ["number"],
      halts.map((row) => ({ number: row.number, read: () => row })),
    ),
    values: pagesOf(
      ["job_id", "tenant_id", "kind"],
      values.map(({ tenantId, jobId, kind, salt, value }) => {
        const hash = hashOf.get(`${jobId} ${tenantId}`) ?? null;
        return { job_id: jobId, tenant_id: tenantId, kind, salt, value, hash };
      }),
    ),
    has: {
      job: (tenantId, id) => jobs.some((row) => isJob(row, tenantId, id)),
      approval: (id) => approvals.some((row) => row.id === id),
      vote: (approvalId, number) => votes.some((row) => row.approvalId === approvalId && row.number === number),
      policy: (epoch) => policies.some((row) => row.epoch === epoch),
      halt: (number) => halts.some((row) => row.number === number),
      value: (tenantId, jobId, kind) => values.some((row) => isJob(row, tenantId, jobId) && row.kind === kind),
    },
  };
}

function pagesOf<Row extends object>(key: readonly string[], rows: readonly Row[]): Pages<Row> {
  const keyed = rows.map((row) => {
    const values = key.map((name): unknown => Reflect.get(row, name));
    return { row, place: JSON.stringify(values), sorts: values.map(sortable) };
  });
  keyed.sort((a, b) => compare(a.sorts, b.sorts));
  const places = new Map(keyed.map(({ place }, index) => [place, index]));
  return {
    key,
    page: (after, limit) => {
      const from = after === null ? 0 : (places.get(JSON.stringify(after)) ?? 0) + 1;
      return keyed.slice(from, from + limit).map(({ row }) => row);
    },
  };
}

/** Texts sort by their UTF-8, as in a database; numbers, which are never negative here, by their value. */
function sortable(value: unknown): Uint8Array {
  return Buffer.from(typeof value === "number" ? String(value).padStart(16, "0") : String(value));
}

function compare(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  for (const [index, part] of a.entries()) {
    const order = Buffer.compare(part, b[index] ?? new Uint8Array());
    if (order !== 0) return order;
  }
  return 0;
}

/** A replay in this process's memory. */
export function replayInMemory(): ReplayState {
  const jobs = shelf<ReplayedJob>();
  const waiting = new Map<string, Map<string, ReplayedJob>>();
  const ifWaiting = (job: ReplayedJob | null, then: (approvalId: string) => void): void => {
    const approvalId = job === null ? null : waitsOn(job);
    if (approvalId !== null) then(approvalId);
  };
  return {
    jobs: {
      ...jobs,
      put: (key, job) => {
        ifWaiting(jobs.get(key), (approvalId) => waiting.get(approvalId)?.delete(key));
        ifWaiting(job, (approvalId) => {
          const those = waiting.get(approvalId) ?? new Map<string, ReplayedJob>();
          waiting.set(approvalId, those.set(key, job));
        });
        jobs.put(key, job);
      },
    },
    waitingFor: (approvalId) => [...(waiting.get(approvalId)?.values() ?? [])],
    approvals: shelf(),
    votes: shelf(),
    policies: shelf(),
    halts: shelf(),
    values: shelf(),
  };
}

function shelf<Row>(): Shelf<Row> {
  const rows = new Map<string, Row>();
  return {
    get: (key) => rows.get(key) ?? null,
    put: (key, row) => void rows.set(key, row),
    count: () => rows.size,
    page: (after, limit) => {
      const all = [...rows];
      const from = after === null ? 0 : all.findIndex(([key]) => key === after) + 1;
      return all.slice(from, from + limit);
    },
  };
}
