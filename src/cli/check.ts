import { resolve } from "node:path";
import { lint } from "../analysis/lint.js";
import { createUsage, type UsageReport } from "../analysis/usage.js";
import type { Policy } from "../policy/policy.js";
import { readArguments } from "./arguments.js";
import { checkJson, checkLines } from "./check-report.js";
import { placeIssues } from "./excerpt.js";
import { EXIT, type Io, printJson } from "./io.js";
import { locateFindings } from "./locate.js";
import { openPolicy } from "./open-policy.js";
import { printLines } from "./print.js";
import { readLog } from "./read-log.js";

export const CHECK_HELP = `usage: dispatch-gate check FILE [options]

Loads a policy and looks for what is wrong with it: dead and shadowed rules, refusals that are too narrow,
permissions that the asker can choose. Each finding is shown by a job that the engine was asked about.

  --against LOG          the SQLite file of a gate: what its recorded decisions say of this policy
  --declared-tags WORD   trusted (default) or restrict_only: what the gate is opened with
  --strict               findings of severity info count too
  --json                 one JSON document

  dispatch-gate check policy.yaml --declared-tags restrict_only
  dispatch-gate check policy.yaml --against dispatch-gate.db

Exit: 0 nothing found, 1 findings, 2 could not run.`;

/** What it takes. */
export const CHECK_SHAPE = {
  options: { against: "text", "declared-tags": ["trusted", "restrict_only"], strict: "switch" },
  operands: { least: 1, most: 1, name: "FILE" },
} as const;

/** Checks one policy. */
export async function check(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, CHECK_SHAPE);
  const [file = ""] = given.operands;
  const opened = await openPolicy(io, file);
  const strict = given.has("strict");
  if (!opened.ok) {
    const problems = await placeIssues(io, file, opened.problems);
    if (given.has("json")) printJson(io, checkJson({ file, strict, problems }));
    else printLines(io.stdout, io.env, checkLines({ file, strict, problems }));
    return EXIT.findings;
  }
  const { policy } = opened;
  const against = given.text("against");
  const usage = against === undefined ? null : await usageOf(io, policy, against);
  const declaredTags = given.text("declared-tags") === "restrict_only" ? "restrict_only" : "trusted";
  const report = lint(policy, { declaredTags });
  const places = await locateFindings(io, file, report.findings);
  const checked = { file, strict, policy, report, places, usage };
  if (given.has("json")) printJson(io, checkJson(checked));
  else printLines(io.stdout, io.env, checkLines(checked));
  const counts = report.findings.some(({ severity }) => strict || severity !== "info");
  return counts ? EXIT.findings : EXIT.fine;
}

async function usageOf(
  io: Io,
  policy: Policy,
  log: string,
): Promise<{ readonly log: string; readonly report: UsageReport }> {
  const usage = createUsage(policy);
  await readLog(resolve(io.cwd, log), log, usage.take);
  return { log, report: usage.report() };
}
