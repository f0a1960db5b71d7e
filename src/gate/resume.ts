import { DEFAULT_DISPATCHER, type DispatchChoice } from "../dispatch/dispatcher.js";
import { readmit } from "../job/admit.js";
import type { JsonObject, Outcome } from "../outcome.js";
import type { StoredJob } from "../store/port.js";
import type { Core } from "./core.js";
import { evaluateAndDispatch } from "./line.js";
import { faultOutcome } from "./refusal.js";
import type { Entry } from "./submission.js";

/** The line once more for a job that the store knows, with the very bytes that were hashed. */
export async function resume(
  core: Core,
  jobId: string,
  choice: DispatchChoice | undefined,
  options: { readonly signal?: AbortSignal; readonly tenantId?: string },
): Promise<Outcome> {
  let dispatcher = DEFAULT_DISPATCHER;
  const enter = async (): Promise<Entry> => {
    const { jobs = [] } = await core.store.read({ kind: "job", id: jobId, tenantId: options.tenantId ?? null });
    const stored = jobs[0];
    if (stored === undefined) return unknownJob("there is no job of that id");
    if (jobs.length > 1) return unknownJob("several tenants have a job of that id; name the `tenantId`");
    dispatcher = stored.row.dispatcher;
    return reenter(stored);
  };
  return evaluateAndDispatch(core, {
    enter,
    choose: () => core.dispatchers.chooseFor(dispatcher, choice),
    intent: "dispatch",
    signal: options.signal,
  });
}

function reenter({ row, vault }: StoredJob): Entry {
  const canonical = vault.get("job");
  if (canonical === undefined) return unknownJob("the content of that job was erased");
  const annotations = JSON.parse(vault.get("annotations") ?? "{}") as JsonObject;
  const admission = readmit(canonical, { id: row.id, traceId: row.traceId, annotations });
  if (admission.hash !== row.hash) return unknownJob("the stored job is not the one that was hashed");
  return { ok: true, admission };
}

function unknownJob(message: string): Entry {
  return { ok: false, outcome: faultOutcome(null, { code: "job_unknown", message }) };
}
