import type { DecidableJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import { isPolicy, type Policy } from "../policy/policy.js";
import type { FindingKind, LintReport } from "./finding.js";
import { BudgetSpent, createLedger, type Ledger } from "./meter.js";
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
  /**
   * Steps that the whole run may take, an integer of 1 or more. Default 40,000,000. What is left when they are spent is
   * undecided, and counted in one entry that names no rule.
   */
  readonly runBudget?: number | undefined;
}

const DEFAULT_BUDGET = 100_000;
const DEFAULT_RUN_BUDGET = 40_000_000;

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
  const { declaredTags, budget, runBudget } = readOptions(options);
  const ledger = createLedger(budget, runBudget);
  const collected: Collected = { findings: [], omitted: new Map<FindingKind, number>(), undecided: [] };
  const under = createStudy(
    policy,
    declaredTags,
    ledger,
    collected,
    contradicted ?? ((ruleIds, message) => collected.undecided.push({ ruleIds, message })),
  );
  for (const part of [studyReach, studyRedundant, studyMeetings, studyWords, studyOutputs, studyPermissions]) {
    whileAffordable(ledger, () => part(under));
  }
  if (ledger.isSpent()) {
    const message = `the budget of the run is spent: ${ledger.givenUp()} questions or more were left open`;
    collected.undecided.push({ ruleIds: [], message });
  }
  const byPlace = new Intl.Collator("en", { numeric: true });
  return Object.freeze({
    findings: collected.findings.toSorted((a, b) => byPlace.compare(a.path, b.path)),
    omitted: collected.omitted,
    undecided: collected.undecided,
    reachable: new Map<string, DecidableJob>([...under.reached].map(([id, { job }]) => [id, job])),
  });
}

function studyMeetings(under: Study): void {
  studyTrust(under, studyOverlaps(under));
}

/** A part of the study that cannot go on without an answer ends there; single questions are given up one by one. */
function whileAffordable(ledger: Ledger, part: () => void): void {
  try {
    part();
  } catch (error) {
    if (!(error instanceof BudgetSpent) || !ledger.isSpent()) throw error;
    ledger.giveUp();
  }
}

const OPTIONS = ["declaredTags", "budget", "runBudget"];

interface Settings {
  readonly declaredTags: "trusted" | "restrict_only";
  readonly budget: number;
  readonly runBudget: number;
}

function readOptions(options: LintOptions): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError("the options of lint must be an object");
  for (const key of Object.keys(options)) {
    if (OPTIONS.includes(key)) continue;
    const meant = nearest(key, OPTIONS);
    const hint = meant === undefined ? "" : `: did you mean \`${meant}\`?`;
    throw new TypeError(`unknown option \`${key.slice(0, 64)}\`${hint}`);
  }
  const { declaredTags = "trusted", budget = DEFAULT_BUDGET, runBudget = DEFAULT_RUN_BUDGET } = options;
  if (declaredTags !== "trusted" && declaredTags !== "restrict_only") {
    throw new TypeError("`declaredTags` must be `trusted` or `restrict_only`");
  }
  for (const [name, steps] of [
    ["budget", budget],
    ["runBudget", runBudget],
  ] as const) {
    if (!Number.isSafeInteger(steps) || steps < 1)
      throw new TypeError(`\`${name}\` must be a whole number of 1 or more`);
  }
  return { declaredTags, budget, runBudget };
}
