import { refuseUnknown } from "../refuse-unknown.js";
import { type Core, jobKey } from "./core.js";

/** Tells the jobs of that id that run in this process to stop: of one tenant, or of all. False where none runs. */
export function abortJob({ running }: Core, jobId: string, options: { readonly tenantId?: string }): boolean {
  if (typeof jobId !== "string" || jobId === "") throw new TypeError("`abort` needs a job id");
  refuseUnknown(options, ["tenantId"], "abort");
  const { tenantId } = options;
  const begins = jobKey("", jobId);
  const found = [...running].filter(([key]) =>
    tenantId === undefined ? key.startsWith(begins) : key === jobKey(tenantId, jobId),
  );
  const reason = new DOMException("the job was aborted", "AbortError");
  for (const [, { stop }] of found) stop(reason);
  return found.length > 0;
}
