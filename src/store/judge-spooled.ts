import { sealEvent } from "../evidence/event.js";
import type { Change, ChangeAnswer, Spooled } from "./port.js";
import type { JobRow, Judgement, PolicyHead, Write } from "./rows.js";

/** What a store loads, inside the transaction, for what was done while it was away. */
export interface SpooledView {
  readonly active: PolicyHead | null;
  /** Of each job that the entries are of, its row by `tenantId` and id; null where it has none. */
  readonly jobs: (tenantId: string, id: string) => JobRow | null;
}

/**
 * Takes into the log what a gate did while the store was away, in its order. What is there already is left as it is, so that it
 * may be given more than once: a process may die between giving it and forgetting it.
 */
export function judgeSpooled(
  change: Extract<Change, { readonly kind: "spooled" }>,
  { active, jobs }: SpooledView,
): Judgement<ChangeAnswer> {
  const { now, entries, ended } = change;
  const writes: Write[] = [];
  /** Rows as these entries leave them. */
  const rows = new Map<string, JobRow>();
  for (const entry of entries) take(entry, { jobs, rows, writes });
  if (ended !== null) writes.push({ to: "events", event: sealEvent("gate.degraded", now, ended) });
  return { answer: { status: "done", active }, writes };
}

interface Taking extends Pick<SpooledView, "jobs"> {
  readonly rows: Map<string, JobRow>;
  readonly writes: Write[];
}

function take(entry: Spooled, { jobs, rows, writes }: Taking): void {
  const { tenantId, id } = entry.kind === "claim" ? entry.row : { ...entry.request, id: entry.request.jobId };
  const key = `${id} ${tenantId}`;
  const row = rows.get(key) ?? jobs(tenantId, id);
  if (entry.kind === "claim") {
    if (row !== null) return;
    rows.set(key, entry.row);
    writes.push({ to: "jobs", row: entry.row });
    for (const value of entry.vault) writes.push({ to: "vault", row: value });
    writes.push({ to: "events", event: entry.event });
    return;
  }
  const { status, reason, result, now: updatedAt, owner, vault, event } = entry.request;
  if (row === null || row.owner !== owner || row.erasedAt !== null) return;
  if (status !== null) {
    if (row.status !== "RUNNING" && row.status !== "UNKNOWN") return;
    rows.set(key, { ...row, status });
    writes.push({ to: "ended", tenantId, id, status, reason, result, updatedAt });
  }
  for (const value of vault) writes.push({ to: "vault", row: value });
  writes.push({ to: "events", event });
}
