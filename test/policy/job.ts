import { admit } from "../../src/job/admit.js";
import type { AdmittedJob, Job } from "../../src/job/job.js";

/** An admitted job, the way the gate makes one. */
export function admitted(job: Job): AdmittedJob {
  const result = admit(job, { jobId: "j", traceId: "t", maxJobBytes: 1_048_576 });
  if (!result.ok) throw new Error(result.issue.message);
  return result.admission.job;
}
