import type { Decision, DecisionType, JsonObject, Remediation } from "../outcome.js";
import { decideAdmitted } from "../policy/policy.js";
import { quoted } from "../policy/source.js";
import { toWire } from "../wire.js";
import { readArguments } from "./arguments.js";
import { EXIT, type Io, printJson } from "./io.js";
import { inked, inkOf, type Line, printLines } from "./print.js";
import { QUESTION_HELP, QUESTION_SHAPE, readQuestion } from "./question.js";

export const DECIDE_HELP = `usage: dispatch-gate decide FILE --job JOB [options]

Says in one line what a policy answers to one job: the decision, the rule, why, under which constraints, and what could be
asked for instead. Nothing is run or recorded.

${QUESTION_HELP}

  dispatch-gate decide policy.yaml --job '{ "topic": "job.tickets.read.one" }' && echo it may run

Exit: 0 the job may run (ALLOW, ALLOW_WITH_CONSTRAINTS), 1 it may not (DENY, REQUIRE_APPROVAL, THROTTLE), 2 could not run.`;

/** What it takes. */
export const DECIDE_SHAPE = QUESTION_SHAPE;

const MAY_RUN: ReadonlySet<DecisionType> = new Set(["ALLOW", "ALLOW_WITH_CONSTRAINTS"]);

/** Decides one job. MUST show no more than a refused agent may know: why a rule did or did not match is for `explain`. */
export async function decide(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, DECIDE_SHAPE);
  const { file, policy, job, derivedTags, declaredTags } = await readQuestion(io, given);
  const decision = decideAdmitted(policy, job, derivedTags, declaredTags);
  const { type, ruleId, reason, constraints, remediations } = decision;
  const ok = MAY_RUN.has(type);
  if (given.has("json")) {
    const told = { type, ruleId, reason, constraints, remediations };
    printJson(io, toWire({ command: "decide", file, ok, decision: told }));
  } else printLines(io.stdout, io.env, [lineOf(decision)]);
  return ok ? EXIT.fine : EXIT.findings;
}

function lineOf({ type, ruleId, reason, constraints, remediations }: Decision): Line {
  const limits = Object.entries(toWire(constraints) as JsonObject).map(
    ([key, value]) => `${key} ${JSON.stringify(value)}`,
  );
  const instead = remediations.map(insteadOf).join("; ");
  return [
    inked(inkOf(type), type),
    ` by ${quoted(ruleId)}: ${reason}`,
    ...(limits.length === 0 ? [] : [`, under ${limits.join(", ")}`]),
    ...(instead === "" ? [] : [`; instead: ${instead}`]),
  ];
}

function insteadOf({ title, replacementTopic }: Remediation): string {
  return replacementTopic === undefined ? title : `${title} (${quoted(replacementTopic)})`;
}
