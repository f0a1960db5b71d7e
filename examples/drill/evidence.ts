import type { Json, Timeline, TimelineEntry } from "dispatch-gate";
import type { Fact, Result } from "./check.js";
import type { Site } from "./site.js";
import { readDatabase } from "./sqlite.js";
import { ROOM, SEARCHES } from "./steps/flood.js";
import { UPDATE } from "./steps/update-ticket.js";

/** Holds what one `timeline()` call tells against what happened, and against the bytes in the gate's file. */
export async function checkEvidence(
  { gatePath, traceId }: Pick<Site, "gatePath" | "traceId">,
  timeline: Timeline,
): Promise<readonly Result[]> {
  return [
    {
      step: "evidence: one trace",
      expected: "every step, in order",
      got: missing(timeline) || "every step, in order",
      disk: await bytesAreThose(gatePath, traceId, timeline),
    },
    await whoDecided(gatePath, timeline),
    await whatWasConstrained(gatePath, timeline),
  ];
}

const RAN = "job.dispatching job.settled";

/** What the timeline may tell of each job: event types in order, one after its like left out. */
const WAYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["read-tickets", [RAN]],
  [UPDATE, [`approval.requested approval.voted ${RAN}`, "approval.requested approval.voted"]],
  // What ends after its time is told as well, when it ends.
  ["build-report", [`${RAN} job.late`, RAN, "job.dispatching job.late job.settled"]],
  ["import-customers", ["job.dispatching job.retried job.settled"]],
  ["delete-workspace", ["job.refused"]],
  ["fetch-file", [RAN]],
]);

/** The jobs of which the timeline tells something else than it must; empty when there is none. */
function missing({ entries }: Timeline): string {
  const told = [...WAYS].filter(([id, ways]) => !ways.includes(wayOf(entries, id))).map(([id]) => id);
  const searches = Array.from({ length: SEARCHES }, (_, index) => wayOf(entries, `search-${index + 1}`));
  const ran = searches.filter((way) => way === RAN).length;
  const refused = searches.filter((way) => way === "job.refused").length;
  if (ran !== ROOM || refused !== SEARCHES - ROOM) told.push("the searches");
  return told.length === 0 ? "" : `otherwise told: ${told.join(", ")}`;
}

function wayOf(entries: readonly TimelineEntry[], jobId: string): string {
  const types = entries.filter(({ body }) => body.job_id === jobId).map(({ type }) => type);
  return types.filter((type, index) => type !== types[index - 1]).join(" ");
}

async function bytesAreThose(gatePath: string, traceId: string, { entries }: Timeline): Promise<Fact> {
  const texts = await readDatabase(gatePath, (database) =>
    database
      .prepare("SELECT bytes FROM events WHERE trace_id = ? ORDER BY seq")
      .all(traceId)
      .map(({ bytes }) => Buffer.from(bytes as Uint8Array).toString("utf8")),
  );
  const ok = texts.length > 0 && texts.join("\n") === entries.map(({ text }) => text).join("\n");
  return { found: `${texts.length} events, ${ok ? "byte for byte those" : "NOT those"} of gate.db`, ok };
}

/** The question an incident asks first: who approved what, and why. */
async function whoDecided(gatePath: string, { entries }: Timeline): Promise<Result> {
  const entry = entries.find(({ type }) => type === "approval.voted");
  const rows = await readDatabase(gatePath, (database) =>
    database.prepare("SELECT approver_id, vote FROM votes").all(),
  );
  const recorded = rows.map(({ approver_id, vote }) => `${approver_id}: ${vote}`).join(", ");
  return {
    step: "evidence: who and why",
    expected: recorded === "" ? "a vote" : recorded,
    got: entry === undefined ? "no vote" : `${field(entry.body.approver, "id")}: ${entry.body.vote}`,
    disk: { found: entry?.note == null ? "no note" : `the note says "${entry.note}"`, ok: entry?.note != null },
  };
}

async function whatWasConstrained(gatePath: string, { entries }: Timeline): Promise<Result> {
  const settled = entries.find(({ type, body }) => type === "job.settled" && body.job_id === "build-report");
  const constraints = settled?.body.constraints;
  const rows = await readDatabase(gatePath, (database) =>
    database.prepare("SELECT status FROM jobs WHERE id = 'build-report'").all(),
  );
  const status = String(rows[0]?.status ?? "gone");
  return {
    step: "evidence: constrained run",
    expected: "1 s, 1 retry, TIMED_OUT",
    got: `${field(constraints, "max_runtime_sec")} s, ${field(constraints, "max_retries")} retry, ${settled?.body.status}`,
    disk: { found: `gate.db has the job as ${status}`, ok: status === "TIMED_OUT" },
  };
}

function field(value: Json | undefined, key: string): string {
  if (typeof value !== "object" || value === null) return "no";
  const found = new Map<string, Json>(Object.entries(value)).get(key);
  return found === undefined ? "no" : String(found);
}
