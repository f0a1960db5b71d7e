import type { Finding, LintReport, Severity, Witness } from "../analysis/finding.js";
import type { UsageReport } from "../analysis/usage.js";
import type { Json } from "../outcome.js";
import type { Policy } from "../policy/policy.js";
import type { Place } from "../policy/source.js";
import { issueJson, toWire } from "../wire.js";
import { issueLines, type PlacedIssue, placeOf } from "./excerpt.js";
import { count, type Ink, inked, inkOf, type Line, shownPath } from "./print.js";
import { usageLines } from "./usage-report.js";
import { writeJob } from "./write-job.js";

/** What a check came to: a policy that does not load, or what lint and the log say of one that does. */
export type Checked = { readonly file: string; readonly strict: boolean } & (
  | { readonly problems: readonly PlacedIssue[] }
  | {
      readonly policy: Policy;
      readonly report: LintReport;
      /** Where each finding stands, in their order. */
      readonly places: readonly Place[];
      /** What the log says, and its path as given; null where none was asked for. */
      readonly usage: { readonly log: string; readonly report: UsageReport } | null;
    }
);

interface Counts {
  readonly error: number;
  readonly warning: number;
  readonly info: number;
}

function countsOf(findings: readonly Finding[]): Counts {
  const of = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length;
  return { error: of("error"), warning: of("warning"), info: of("info") };
}

/** The document of `check --json`. */
export function checkJson(checked: Checked): Json {
  const { file, strict } = checked;
  if ("problems" in checked) {
    const problems = checked.problems.map(({ issue, file: where }) => issueJson(issue, where));
    return { command: "check", file, ok: false, problems, policy: null, findings: [], undecided: [], usage: null };
  }
  const { policy, report, places, usage } = checked;
  const findings = report.findings.map(({ witnesses, ...finding }, index) => ({
    ...finding,
    ...places[index],
    witnesses: witnesses.map(({ type, ...witness }) => ({ ...witness, decision: type })),
  }));
  const counts = countsOf(report.findings);
  return toWire({
    command: "check",
    file,
    ok: counts.error + counts.warning + (strict ? counts.info : 0) === 0,
    problems: [],
    policy: {
      snapshot: policy.snapshot,
      sourceHash: policy.sourceHash,
      combining: policy.document.combining,
      default: policy.document.default,
      rules: policy.ruleIds.length,
      reachable: policy.ruleIds.filter((id) => report.reachable.has(id)).length,
    },
    findings,
    omitted: [...report.omitted].map(([kind, number]) => ({ kind, count: number })),
    counts,
    undecided: report.undecided,
    usage: usage === null ? null : { log: usage.log, ...usage.report },
  });
}

/** A check for people. */
export function checkLines(checked: Checked): readonly Line[] {
  const { file } = checked;
  if ("problems" in checked) {
    const total = count(checked.problems.length, "problem");
    return [...issueLines(checked.problems), [], [inked("bad", `${shownPath(file)} cannot be loaded: ${total}`)]];
  }
  const { policy, report, places, usage } = checked;
  const findings = report.findings.flatMap((finding, index) => [
    ...findingLines(finding, placeOf(file, places[index] ?? {})),
    [],
  ]);
  const omitted = [...report.omitted].map(([kind, number]): Line => [`and ${number} more of the kind ${kind}`]);
  const undecided = report.undecided.flatMap(({ ruleIds, message }): readonly Line[] => [
    [
      inked("wait", "not decided"),
      ` ${ruleIds.map((id) => `\`${id}\``).join(", ")}${ruleIds.length === 0 ? "" : ": "}${message}`,
    ],
  ]);
  return [
    ...findings,
    ...omitted,
    ...undecided,
    ...(omitted.length + undecided.length > 0 ? [[]] : []),
    ...(usage === null ? [] : [...usageLines(usage.log, usage.report), []]),
    summaryLine(file, policy, report),
  ];
}

const INKS: Readonly<Record<Severity, Ink>> = { error: "bad", warning: "wait", info: "note" };

function findingLines({ severity, kind, message, help, witnesses }: Finding, place: string): readonly Line[] {
  return [
    [inked("strong", place), ": ", inked(INKS[severity], severity), `: ${message} `, inked("faint", `[${kind}]`)],
    ...witnesses.flatMap(witnessLines),
    ...(help === undefined ? [] : [["    ", inked("note", "help"), `: ${help}`]]),
  ];
}

function witnessLines({ job, derivedTags, type, ruleId }: Witness): readonly Line[] {
  return [
    ["    ", inked("faint", "job "), writeJob(job, derivedTags)],
    ["      ", inked(inkOf(type), type), ` by \`${ruleId}\``],
  ];
}

function summaryLine(file: string, policy: Policy, report: LintReport): Line {
  const { error, warning, info } = countsOf(report.findings);
  const reached = policy.ruleIds.filter((id) => report.reachable.has(id)).length;
  const rules = `${count(policy.ruleIds.length, "rule")}, ${reached} proved reachable`;
  const found = `${count(error, "error")}, ${count(warning, "warning")}, ${info} info`;
  const omitted = [...report.omitted.values()].reduce((sum, number) => sum + number, 0);
  const unlisted = omitted === 0 ? "" : `, and ${omitted} more that are not listed`;
  const undecided = report.undecided.length === 0 ? "" : `, ${report.undecided.length} not decided`;
  const ink = error > 0 ? "bad" : warning > 0 ? "wait" : "good";
  return [inked("strong", shownPath(file)), `: ${rules}; `, inked(ink, found), unlisted, undecided];
}
