import { type Block, covers, readBlock } from "./block.js";
import { list, witnessOf } from "./finding.js";
import type { Answer } from "./oracle.js";
import { anyPoint, askAt, attempt, nearestMiss } from "./reach.js";
import { search } from "./search.js";
import { isExact, isRefused, type Study } from "./study.js";

/** Output rules that match no job, and jobs of which the output is not looked at. */
export function studyOutputs(study: Study): void {
  const { outputs = [], output_default } = study.document;
  const blocks = outputs.map(({ match }) => readBlock(match, "restriction", study.trust));
  for (const [number, { id }] of outputs.entries()) reportDeadOutput(study, id, blocks[number] as Block, number);
  if (output_default === "none") reportUninspected(study, blocks);
}

function reportDeadOutput(study: Study, id: string, block: Block, number: number): void {
  const point = attempt(() => search(study.solver, [block], () => undefined));
  const miss = point === null ? nearestMiss(study, block) : undefined;
  if (point === undefined || (point === null && miss === undefined)) {
    study.undecided([id], "the budget of the question is spent");
  }
  if (miss === undefined) return;
  const answer = askAt(study, miss.point);
  if (answer.decision.obligations.outputs.some((output) => output.ruleId === id)) {
    study.contradicted([id], "the engine matches an output rule that is proved to match nothing");
    return;
  }
  study.report({
    kind: "never_fires",
    severity: "error",
    message: `the output rule \`${id}\` matches no job: ${miss.why}`,
    ruleIds: [id],
    path: `/outputs/${number}/match`,
    witnesses: [witnessOf(answer)],
  });
}

function reportUninspected(study: Study, blocks: readonly Block[]): void {
  const grants = study.rules.filter((rule) => rule.part === "grant" && study.reached.has(rule.id));
  const isOpen = (answer: Answer): boolean =>
    !isRefused(answer.decision) && answer.decision.obligations.outputs.length === 0;
  const known = grants.map((rule) => study.reached.get(rule.id) as Answer).find(isOpen);
  const point =
    known ??
    attempt(() => search(study.solver, [], (at) => blocks.find((block) => isExact(block) && covers(block, at))));
  // Every job has an output rule: then the default says nothing.
  if (point === null) return;
  if (point === undefined) {
    study.undecided([], "the budget of the question is spent");
    return;
  }
  const answer = "decision" in point ? point : askAt(study, point);
  study.report({
    kind: "output_default_none",
    severity: "warning",
    message: "what comes back is not looked at where no output rule matches: `output_default` is `none`",
    help: "leave it out: then secrets are redacted",
    ruleIds: [],
    path: "/output_default",
    witnesses: [witnessOf(answer)],
  });
}

/** No job is permitted, nor held for an approval. Only where that is proved of every permission. */
export function studyPermissions(study: Study): void {
  if (study.document.default !== "deny") return;
  const grants = study.rules.filter((rule) => rule.part === "grant");
  const proved = new Set(study.dead);
  if (!grants.every((rule) => proved.has(rule))) return;
  const ids = grants.map((rule) => rule.id);
  const answer = askAt(study, anyPoint(study));
  if (!isRefused(answer.decision)) {
    study.contradicted(ids, "the engine permits a job, and no permission is proved to permit any");
    return;
  }
  study.report({
    kind: "nothing_permitted",
    severity: "error",
    message:
      ids.length === 0
        ? "the policy permits nothing: no rule does"
        : `the policy permits nothing: ${list(ids)} never ${ids.length === 1 ? "does" : "do"}`,
    ruleIds: ids,
    path: "/rules",
    witnesses: [witnessOf(answer)],
  });
}
