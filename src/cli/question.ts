import type { AdmittedJob } from "../job/job.js";
import type { Policy } from "../policy/policy.js";
import { type Arguments, wordsOf } from "./arguments.js";
import { CannotRun, type Io } from "./io.js";
import { readPolicy } from "./open-policy.js";
import { readJob } from "./read-job.js";

/** What a command that asks a policy about one job takes. */
export const QUESTION_SHAPE = {
  options: { job: "text", derived: "text", "declared-tags": ["trusted", "restrict_only"] },
  operands: { least: 1, most: 1, name: "FILE" },
} as const;

/** The same, for people. */
export const QUESTION_HELP = `  --job JOB              a file (JSON or YAML), \`-\` for standard input, or JSON in place
  --derived TAG,TAG      tags that the host would derive for this job
  --declared-tags WORD   trusted (default) or restrict_only: whether declared tags may permit
  --json                 one JSON document`;

/** A policy, and the job that it is asked about. */
export interface Question {
  readonly file: string;
  readonly policy: Policy;
  readonly job: AdmittedJob;
  readonly derivedTags: readonly string[];
  readonly declaredTags: "trusted" | "restrict_only";
}

/** Reads what is asked. @throws CannotRun where the policy does not load, or the gate would not admit the job. */
export async function readQuestion(io: Io, given: Arguments): Promise<Question> {
  const [file = ""] = given.operands;
  const from = given.text("job");
  if (from === undefined) throw new CannotRun("option_missing", "`--job` is missing", "see `--help`");
  const policy = await readPolicy(io, file);
  const { admission, derivedTags } = await readJob(io, from, wordsOf(given, "derived"));
  const declaredTags = given.text("declared-tags") === "restrict_only" ? "restrict_only" : "trusted";
  return { file, policy, job: admission.job, derivedTags, declaredTags };
}
