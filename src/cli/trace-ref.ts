import type { TimelineRef } from "../gate/timeline.js";
import type { Arguments } from "./arguments.js";
import { CannotRun } from "./io.js";

/** The options that name a trace by a job or a request in it. */
export const TRACE_OPTIONS = { job: "text", tenant: "text", approval: "text" } as const;

/** The one trace that is named, by its id or by an option; null where none is. @throws CannotRun where several are. */
export function traceRefOf(given: Arguments, traceId: string | undefined): Exclude<TimelineRef, string> | null {
  const [jobId, approvalId, tenantId] = [given.text("job"), given.text("approval"), given.text("tenant")];
  const named = [traceId, jobId, approvalId].filter((each) => each !== undefined);
  if (named.length > 1 || (tenantId !== undefined && jobId === undefined)) {
    throw new CannotRun("option_unexpected", "name one trace: by its id, `--job` (with `--tenant`) or `--approval`");
  }
  if (traceId !== undefined) return { traceId };
  if (approvalId !== undefined) return { approvalId };
  if (jobId === undefined) return null;
  return { jobId, ...(tenantId === undefined ? {} : { tenantId }) };
}
