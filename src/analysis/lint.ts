import type { DecidableJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import { isPolicy, type Policy } from "../policy/policy.js";
import type { FindingKind, LintReport } from "./finding.js";
import { studyOverlaps } from "./overlap.js";
import { studyReach, studyRedundant } from "./reach.js";
import { type Collected, createStudy, type Study } from "./study.js";
import { studyTrust } from "./trust.js";
import { studyOutputs, studyPermissions } from "./whole.js";
import { studyWords } from "./words.js";

/** Options of {@link lint}. */
export interface LintOptions {
  /** What the gate is opened with: whether declared tags may satisfy a permission. Default `"trusted"`. */
  readonly declaredTags?: "trusted" | "restrict_only" | undefined;
  /** Solver steps that one question may take, an integer of 1 or more. Default 100,000. A question that needs more is undecided. */
  readonly budget?: number | undefined;
}

const DEFAULT_BUDGET = 100_000;

/**
 * Finds what is wrong with a policy that loads: dead rules, refusals that are too narrow, permissions that the asker
 * can choose. Pure. Every finding comes with jobs that show it, confirmed by the engine; what the engine does not
 * confirm is undecided, and never a finding.
 *
 * @throws TypeError when the arguments are wrong.
 */
export function lint(policy: Policy, options: LintOptions = {}): LintReport {
  return study(policy, options, null);
}

/** The same for tests: a job of the solver's that the engine does not confirm is a bug in one of them, and throws. */
export function lintStrictly(policy: Policy, options: LintOptions = {}): LintReport {
  return study(policy, options, (ruleIds, message) => {
    throw new Error(`${ruleIds.join(", ")}: ${message}`);
  });
}

function study(policy: Policy, options: LintOptions, contradicted: Study["contradicted"] | null): LintReport {
  if (!isPolicy(policy)) throw new TypeError("not a compiled policy");
  const { declaredTags, budget } = readOptions(options);
  const collected: Collected = { findings: [], omitted: new Map<FindingKind, number>(), undecided: [] };
  const under = createStudy(
    policy,
    declaredTags,
    budget,
    collected,
    contradicted ?? ((ruleIds, message) => collected.undecided.push({ ruleIds, message })),
  );
  studyReach(under);
  studyRedundant(under);
  studyTrust(under, studyOverlaps(under));
  studyWords(under);
  studyOutputs(under);
  studyPermissions(under);
  const byPlace = new Intl.Collator("en", { numeric: true });
  return Object.freeze({
    findings: collected.findings.toSorted((a, b) => byPlace.compare(a.path, b.path)),
    omitted: collected.omitted,
    undecided: collected.undecided,
    reachable: new Map<string, DecidableJob>([...under.reached].map(([id, { job }]) => [id, job])),
  });
}

function readOptions(options: LintOptions): { declaredTags: "trusted" | "restrict_only"; budget: number } {
  if (typeof options !== "object" || options === null) throw new TypeError("the options of lint must be an object");
  for (const key of Object.keys(options)) {
    if (key === "declaredTags" || key === "budget") continue;
    const meant = nearest(key, ["declaredTags", "budget"]);
    const hint = meant === undefined ? "" : `: did you mean \`${meant}\`?`;
    throw new TypeError(`unknown option \`${key.slice(0, 64)}\`${hint}`);
  }
  const { declaredTags = "trusted", budget = DEFAULT_BUDGET } = options;
  if (declaredTags !== "trusted" && declaredTags !== "restrict_only") {
    throw new TypeError("`declaredTags` must be `trusted` or `restrict_only`");
  }
  if (!Number.isSafeInteger(budget) || budget < 1) throw new TypeError("`budget` must be a whole number of 1 or more");
  return { declaredTags, budget };
}
