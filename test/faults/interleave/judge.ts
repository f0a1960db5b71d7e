import type { LoggedEvent, Store, StoredJob } from "../../../src/store/port.js";
import type { LogSigner } from "../../store/verify-worlds.js";
import type { Asked } from "./steps.js";
import type { Witness } from "./witness.js";

/** What a schedule left. */
export interface Left {
  readonly witness: Witness;
  readonly asked: Asked;
  /** By seat. */
  readonly crashed: readonly boolean[];
}

/** Says what does not hold of a store after a schedule: log, tables, what callers were told, and what ran. */
export async function judge(store: Store, log: LogSigner, left: Left): Promise<readonly string[]> {
  const { problems } = await store.verify({ keys: [log.key], state: true });
  const { events = [] } = await store.page({ kind: "events", after: null, limit: 1_000 });
  const { jobs = [] } = await store.page({ kind: "jobs", status: null, tenantId: null, after: null, limit: 1_000 });
  return [
    ...problems.map(({ code, message }) => `verify: ${code}: ${message}`),
    ...left.asked.refusals.filter((code) => code.startsWith("not an answer")),
    ...ofLog(events, left.witness),
    ...ofJobs(jobs, left),
    ...ofOutcomes(left),
  ];
}

/** The log alone says that nothing was claimed twice, nor an approval used twice, nor anything under an older policy. */
function ofLog(events: readonly LoggedEvent[], { jobs }: Witness): readonly string[] {
  const wrong: string[] = [];
  const claimed = new Set<string>();
  const used = new Set<string>();
  let epoch = 0;
  events.forEach(({ seq, type, body, approvalId }, index) => {
    if (seq !== index + 1) wrong.push(`event ${seq} stands at place ${index + 1}`);
    if (type === "policy.activated") epoch = Number(body.epoch);
    if (type !== "job.dispatching") return;
    const id = String(body.job_id);
    if (claimed.has(id)) wrong.push(`the log claims job ${id} twice`);
    claimed.add(id);
    if (body.epoch !== epoch) wrong.push(`the log claims job ${id} under epoch ${String(body.epoch)}, not ${epoch}`);
    if (approvalId !== null && used.has(approvalId)) wrong.push(`the log uses approval ${approvalId} twice`);
    if (approvalId !== null) used.add(approvalId);
  });
  for (const [id, { calls }] of jobs) {
    if (calls > 0 && !claimed.has(id)) wrong.push(`job ${id} ran, and the log knows no claim of it`);
  }
  return wrong;
}

/** How the jobs stand is how they ended. */
function ofJobs(stored: readonly StoredJob[], { witness, crashed }: Left): readonly string[] {
  const rows = new Map(stored.map(({ row }) => [row.id, row]));
  const wrong: string[] = [];
  for (const [id, { calls, seat }] of witness.jobs) {
    const status = rows.get(id)?.status ?? "missing";
    const should = crashed[seat] === true ? ["SUCCEEDED", "UNKNOWN"] : ["SUCCEEDED"];
    if (!should.includes(status))
      wrong.push(`job ${id}, claimed by gate ${seat} and called ${calls} times, is ${status}`);
    if (status === "SUCCEEDED" && calls !== 1) wrong.push(`job ${id} is SUCCEEDED after ${calls} calls`);
  }
  for (const [id, { status }] of rows) {
    if (status === "RUNNING") wrong.push(`job ${id} is RUNNING, and nobody is left who runs it`);
    if (status === "SUCCEEDED" && !witness.jobs.has(id)) wrong.push(`job ${id} is SUCCEEDED without a claim`);
  }
  return wrong;
}

/** Nobody was told what was not so. */
function ofOutcomes({ asked, witness }: Left): readonly string[] {
  const wrong: string[] = [];
  const first = new Set<string>();
  for (const { jobId, status, dispatched, replayed, reason } of asked.outcomes) {
    const id = jobId ?? "";
    const seen = witness.jobs.get(id);
    const told = `job ${id} was told ${status} (${reason.code})`;
    if (status === "SUCCEEDED" && seen?.calls !== 1) wrong.push(`${told} after ${seen?.calls ?? 0} calls`);
    if (status === "SUCCEEDED" && !replayed && first.has(id)) wrong.push(`${told} as the first, twice`);
    if (status === "SUCCEEDED" && !replayed) first.add(id);
    if (dispatched && seen === undefined) wrong.push(`${told} as dispatched, and never was claimed`);
    if (!dispatched && ["SUCCEEDED", "UNKNOWN", "RUNNING"].includes(status)) wrong.push(`${told} as not dispatched`);
  }
  return wrong;
}
