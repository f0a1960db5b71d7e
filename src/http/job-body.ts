import type { Job } from "../job/job.js";
import { JOB_FIELDS, JOB_FIELDS_BELOW } from "../job/spelling.js";
import { didYouMean } from "../nearest.js";
import type { Json, JsonObject } from "../outcome.js";
import { quoted } from "../policy/source.js";
import { HttpProblem } from "./problem.js";

/** A body as a job, its names those of the API; what the fields say is for the gate to check. Throws an {@link HttpProblem}. */
export function jobOf(body: JsonObject): Partial<Job> {
  const job = new Map<string, Json>();
  for (const [name, value] of Object.entries(body)) {
    const field = JOB_FIELDS.get(name);
    if (field === undefined) {
      const help = didYouMean(name, JOB_FIELDS.keys(), `fields: ${[...JOB_FIELDS.keys()].join(", ")}`);
      throw jobProblem(`a job has no field ${quoted(name)}`, help);
    }
    job.set(field, renamed(value, JOB_FIELDS_BELOW.get(name)));
  }
  return Object.fromEntries(job);
}

function renamed(value: Json, names: ReadonlyMap<string, string> | undefined): Json {
  if (names === undefined || typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const api = new Set(names.values());
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      // One spelling: the other one is a field that does not exist.
      if (api.has(name)) throw jobProblem(`a job has no field ${quoted(name)}`, "names are in `snake_case` here");
      return [names.get(name) ?? name, inner];
    }),
  );
}

/** What is wrong with a job. */
export function jobProblem(detail: string, help?: string): HttpProblem {
  return new HttpProblem({ status: 400, code: "job_invalid", detail, help });
}
