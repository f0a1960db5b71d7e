import { explainAdmitted } from "../policy/policy.js";
import { toWire } from "../wire.js";
import { readArguments } from "./arguments.js";
import { EXIT, type Io, printJson } from "./io.js";
import { inked, inkOf, type Line, printLines } from "./print.js";
import { QUESTION_HELP, QUESTION_SHAPE, readQuestion } from "./question.js";
import { writeJob } from "./write-job.js";

export const EXPLAIN_HELP = `usage: dispatch-gate explain FILE --job JOB [options]

Says what a policy answers to one job, which rules matched, and what kept the nearest others from it. For operators: to an
agent it would teach the way round a rule.

${QUESTION_HELP}

  dispatch-gate explain policy.yaml --job '{ topic: job.agent.exec.run, risk_tags: [prod] }'`;

/** What it takes. */
export const EXPLAIN_SHAPE = QUESTION_SHAPE;

/** Explains one decision. Whatever the decision is, having one is 0. */
export async function explain(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, EXPLAIN_SHAPE);
  const { file, policy, job: admitted, derivedTags, declaredTags } = await readQuestion(io, given);
  const explanation = explainAdmitted(policy, admitted, derivedTags, declaredTags);
  const { id: _id, traceId: _traceId, annotations: _annotations, ...job } = admitted;
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
