import { DEFAULT_DISPATCHER, type DispatchChoice } from "../dispatch/dispatcher.js";
import type { Outcome } from "../outcome.js";
import type { Core } from "./core.js";
import { evaluateAndDispatch } from "./line.js";
import { faultOutcome } from "./refusal.js";
import { readBack } from "./stored-job.js";
import type { Entry } from "./submission.js";

/** The line once more for a job that the store knows, with the very bytes that were hashed. */
export async function resume(
  core: Core,
  jobId: string,
  choice: DispatchChoice | undefined,
  options: { readonly signal?: AbortSignal; readonly tenantId?: string; readonly stream?: boolean },
): Promise<Outcome> {
  let dispatcher = DEFAULT_DISPATCHER;
  const enter = async (): Promise<Entry> => {
    const { jobs = [] } = await core.store.read({ kind: "job", id: jobId, tenantId: options.tenantId ?? null });
    const stored = jobs[0];
    if (stored === undefined) return unknownJob("there is no job of that id");
    if (jobs.length > 1) return unknownJob("several tenants have a job of that id; name the `tenantId`");
    dispatcher = stored.row.dispatcher;
    const read = readBack(stored.vault, stored.row);
    return read.ok ? read : unknownJob(read.message);
  };
  return evaluateAndDispatch(core, {
    enter,
    choose: () => core.dispatchers.chooseFor(dispatcher, choice),
    intent: "dispatch",
    // Who asked may ask again by submitting; whoever resumes only goes on with what was asked.
    opens: false,
    submitter: undefined,
    signal: options.signal,
    stream: options.stream === true,
  });
}

function unknownJob(message: string): Entry {
  return { ok: false, outcome: faultOutcome(null, { code: "job_unknown", message }) };
}
