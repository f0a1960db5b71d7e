import type { DecidableJob } from "../job/job.js";
import type { DecisionType } from "../outcome.js";
import type { Answer } from "./oracle.js";

/** What lint can find. */
export type FindingKind =
  /**
   * No job can match the rule: its keys contradict each other, the vocabulary or the tiers, or `unless` takes all.
   * Of a permission under `restrict_only`: none can be permitted by it, though some may be restricted.
   */
  | "never_fires"
  /** `first_match`: earlier rules take every job that it matches. */
  | "unreachable"
  /** A permission of which every job is refused; under `first_match` a refusal of which some are permitted before it. */
  | "shadowed"
  /** A refusal that others make anyway. */
  | "redundant"
  /** A permission and a refusal meet, and neither holds the other. */
  | "opposite_overlap"
  /** A pattern that matches nothing where it stands: its rule's `unless` takes all its matches; or of an `unless`, none is the rule's. */
  | "pattern_matches_nothing"
  /** A pattern whose matches are all among those of others in its list. */
  | "pattern_redundant"
  /** An `unless` that no job of the rule matches. */
  | "exception_never_applies"
  /** A permission that is had by adding, omitting or changing declared tags or labels. */
  | "untrusted_permission"
  /** A limit that is counted by a label with any number of values. */
  | "per_choosable"
  /** A refusal that ends one segment below, where the permission around it goes further. */
  | "narrow_deny"
  /** A tag that stands once in the whole policy. */
  | "tag_used_once"
  /** A condition that says the same of every job. */
  | "condition_constant"
  /** Where no output rule matches, nothing is looked for. */
  | "output_default_none"
  /** No job at all is permitted, nor can be by an approval. */
  | "nothing_permitted";

export type Severity = "error" | "warning" | "info";

/** A job, and what the engine says of it. */
export interface Witness {
  readonly job: DecidableJob;
  /** Tags the host derives for this job. Present only under `restrict_only`, and where there are such. */
  readonly derivedTags?: readonly string[];
  readonly type: DecisionType;
  readonly ruleId: string;
}

/** One thing that lint found, shown by jobs. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** One line, lower case, ids in backticks. */
  readonly message: string;
  readonly help?: string;
  /** The rule, or output rule, it is about stands first. Empty: it is about the policy. */
  readonly ruleIds: readonly string[];
  /** JSON pointer into the normalised document. */
  readonly path: string;
  /** Confirmed by the engine before the finding is given. Empty only where no job is concerned. */
  readonly witnesses: readonly Witness[];
}

/** A question that has no answer here: not a finding, and not a proof of the contrary. */
export interface Undecided {
  /** The rule it is about stands first. */
  readonly ruleIds: readonly string[];
  readonly message: string;
}

export interface LintReport {
  /** In file order of what they are about. Of each kind at most 1,000. */
  readonly findings: readonly Finding[];
  /** How many more of a kind there are than are listed. */
  readonly omitted: ReadonlyMap<FindingKind, number>;
  readonly undecided: readonly Undecided[];
  /**
   * Rules proved to have their effect on some job, each with such a job: a permission permits it, a refusal or limit
   * applies to it. Under `restrict_only` the job may need derived tags.
   */
  readonly reachable: ReadonlyMap<string, DecidableJob>;
}

export function witnessOf({ job, derivedTags, decision }: Answer): Witness {
  const derived = derivedTags.length === 0 ? {} : { derivedTags };
  return { job, ...derived, type: decision.type, ruleId: decision.ruleId };
}

/** A finding about one rule, or output rule. */
export function reportOf(
  kind: FindingKind,
  severity: Severity,
  message: string,
  ruleId: string,
  path: string,
  answers: readonly Answer[],
): Finding {
  return { kind, severity, message, ruleIds: [ruleId], path, witnesses: answers.map(witnessOf) };
}

/** Ids for people: some of them, and how many more. */
export function list(ids: readonly string[], most = 3): string {
  const named = ids.slice(0, most).map((id) => `\`${id}\``);
  if (ids.length > most) return `${named.join(", ")} and ${ids.length - most} more`;
  const last = named.pop() ?? "";
  return named.length === 0 ? last : `${named.join(", ")} and ${last}`;
}
