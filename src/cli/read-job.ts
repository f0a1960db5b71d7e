import { type Admission, admit, DEFAULT_MAX_JOB_BYTES } from "../job/admit.js";
import { TAG } from "../job/fields.js";
import { JOB_FIELDS, JOB_FIELDS_BELOW } from "../job/spelling.js";
import type { Json, JsonObject } from "../outcome.js";
import { isMap } from "../policy/report.js";
import { quoted } from "../policy/source.js";
import { CannotRun, type Io } from "./io.js";
import { readText } from "./read-text.js";
import { yamlValue } from "./yaml-value.js";

/** A job as somebody wrote it down, let in by the gate's own rules. */
export interface WrittenJob {
  readonly admission: Admission;
  /** What the host would derive, sorted: `derived_tags` of the job, and those of the command line. */
  readonly derivedTags: readonly string[];
}

/** Reads a job from a file, from standard input (`-`) or from the argument itself (JSON). @throws CannotRun with what is wrong with it. */
export async function readJob(io: Io, given: string, derived: readonly string[]): Promise<WrittenJob> {
  const inline = given.trimStart().startsWith("{");
  const shown = inline ? "the job" : quoted(given);
  const text = inline ? given : await readText(io, given);
  const value = yamlValue(text, { shown, what: "a job", code: "job_invalid" });
  if (value === undefined || !isMap(value)) throw new CannotRun("job_invalid", `${shown} must be a map`);
  const { derived_tags: own, ...job } = camelCase(value);
  const derivedTags = [...new Set([...tagsOf(own), ...derived])].sort();
  const stray = derivedTags.find((tag) => !TAG.test(tag));
  if (stray !== undefined) {
    throw new CannotRun("job_invalid", `the derived tag ${quoted(stray)} must be 1 to 64 of a-z, 0-9, _ and -`);
  }
  const context = { jobId: "explained", traceId: "explained", maxJobBytes: DEFAULT_MAX_JOB_BYTES };
  const admitted = admit(job, context);
  if (admitted.ok) return { admission: admitted.admission, derivedTags };
  const { path, message, help } = admitted.issue;
  throw new CannotRun("job_invalid", `the gate does not admit this job: ${message} (at ${quoted(path)})`, help);
}

function tagsOf(value: Json | undefined): readonly string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((tag) => typeof tag === "string")) return value as readonly string[];
  throw new CannotRun("job_invalid", "`derived_tags` must be a list of tags");
}

const CAMEL: ReadonlyMap<string, string> = new Map([...JOB_FIELDS, ["derivedTags", "derived_tags"]]);

/** The gate's own keys as the API spells them, whichever spelling they came in; the caller's keys are left alone. */
function camelCase(job: JsonObject): JsonObject {
  const below = (key: string, value: Json): Json => {
    const names = JOB_FIELDS_BELOW.get(key);
    return names !== undefined && isMap(value) ? rename(value, names, (_, inner) => inner) : value;
  };
  return rename(job, CAMEL, below);
}

function rename(
  map: JsonObject,
  names: ReadonlyMap<string, string>,
  read: (key: string, value: Json) => Json,
): JsonObject {
  const renamed = new Map<string, Json>();
  for (const [key, value] of Object.entries(map)) {
    const name = names.get(key) ?? key;
    if (renamed.has(name)) throw new CannotRun("job_invalid", `${quoted(key)} is given twice, in two spellings`);
    renamed.set(name, read(key, value));
  }
  return Object.fromEntries(renamed);
}
