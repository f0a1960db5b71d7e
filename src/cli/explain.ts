import { explainAdmitted } from "../policy/policy.js";
import { type Arguments, readArguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { openPolicy } from "./open-policy.js";
import { inked, inkOf, type Line, printLines } from "./print.js";
import { readJob } from "./read-job.js";
import { toWire } from "./wire.js";
import { writeJob } from "./write-job.js";

export const EXPLAIN_HELP = `usage: dispatch-gate explain FILE --job JOB [options]

Says what a policy answers to one job, which rules matched, and what kept the nearest others from it.

  --job JOB              a file (JSON or YAML), \`-\` for standard input, or JSON in place
  --derived TAG,TAG      tags that the host would derive for this job
  --declared-tags WORD   trusted (default) or restrict_only: whether declared tags may permit
  --json                 one JSON document`;

/** What it takes. */
export const EXPLAIN_SHAPE = {
  options: { job: "text", derived: "text", "declared-tags": ["trusted", "restrict_only"] },
  operands: { least: 1, most: 1, name: "FILE" },
} as const;

/** Explains one decision. Whatever the decision is, having one is 0. */
export async function explain(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, EXPLAIN_SHAPE);
  const [file = ""] = given.operands;
  const from = given.text("job");
  if (from === undefined)
    throw new CannotRun("option_missing", "`--job` is missing", "see `dispatch-gate explain --help`");
  const opened = await openPolicy(io, file);
  if (!opened.ok) {
    const [first] = opened.problems;
    const help = `see \`dispatch-gate check ${file}\``;
    throw new CannotRun("policy_invalid", `the policy cannot be loaded: ${first?.message ?? "it has problems"}`, help);
  }
  const { admission, derivedTags } = await readJob(io, from, derivedOf(given));
  const declaredTags = given.text("declared-tags") === "restrict_only" ? "restrict_only" : "trusted";
  const explanation = explainAdmitted(opened.policy, admission.job, derivedTags, declaredTags);
  const { id: _id, traceId: _traceId, annotations: _annotations, ...job } = admission.job;
  if (given.has("json")) {
    const { text: _text, ...facts } = explanation;
    printJson(io, toWire({ command: "explain", file, ok: true, job, derivedTags, declaredTags, ...facts }));
    return EXIT.fine;
  }
  const [answer = "", ...rest] = explanation.text.split("\n");
  const lines: Line[] = [
    [inked("faint", writeJob(job, derivedTags))],
    [inked(inkOf(explanation.decision.type), answer)],
    ...rest.map((line) => [line]),
  ];
  printLines(io.stdout, io.env, lines);
  return EXIT.fine;
}

function derivedOf(given: Arguments): readonly string[] {
  const tags = (given.text("derived") ?? "").split(",").map((tag) => tag.trim());
  return tags.filter((tag) => tag !== "");
}
