import type { ApproverKind, Assurance, DecisionType, Remediation } from "../outcome.js";

/** The document as it is after loading: imports resolved, defaults written out, shorthands spelt in full. Snake case, as in YAML. */
export interface PolicyDocument {
  readonly version: "v1";
  readonly combining: Combining;
  readonly default: "deny" | "require_approval";
  /** The vocabulary, each with what it stands for. Absent: any tag may be used. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Every job carries exactly one of these. Absent: jobs need none. */
  readonly tiers?: readonly string[];
  /** How many requests may wait. Absent: the gate's own bounds. Not part of what a policy means: see `snapshot.ts`. */
  readonly queue?: QueueDocument;
  readonly approvals: ApprovalsDocument;
  readonly rules: readonly RuleDocument[];
  /** Absent: none. */
  readonly outputs?: readonly OutputDocument[];
  readonly output_default: "secrets" | "none";
}

export type Combining = "most_restrictive" | "first_match";

export type RuleDecision = Lowercase<DecisionType>;

export interface QueueDocument {
  readonly max_pending?: number;
  readonly max_pending_per_actor?: number;
  readonly max_requests_per_actor?: { readonly limit: number; readonly window_sec: number };
}

/** Seconds, all written out. */
export interface ApprovalsDocument {
  readonly expires_in_sec: number;
  readonly use_within_sec: number;
  readonly rejection_stands_sec: number;
}

export interface RuleDocument {
  readonly id: string;
  readonly match: MatchDocument;
  readonly decision: RuleDecision;
  readonly reason?: string;
  readonly approval?: ApprovalDocument;
  readonly constraints?: ConstraintsDocument;
  readonly throttle?: { readonly limit: number; readonly window_sec: number; readonly per?: readonly string[] };
  readonly remediations?: readonly RemediationDocument[];
}

/** Who may approve, and how. A key that is absent asks for nothing, but `quorum` (1), `kinds` (human) and `allow_self` (no). */
export interface ApprovalDocument {
  readonly quorum?: number;
  readonly roles?: readonly string[];
  readonly kinds?: readonly ApproverKind[];
  readonly expires_in_sec?: number;
  readonly allow_self?: boolean;
  readonly confirm_view?: boolean;
  readonly assurance?: Assurance;
}

export interface RemediationDocument {
  readonly title: string;
  readonly summary?: string;
  readonly replacement_topic?: string;
  readonly add_labels?: Remediation["addLabels"];
  readonly remove_labels?: readonly string[];
}

export interface OutputDocument {
  readonly id: string;
  readonly match: MatchDocument;
  readonly detect: readonly DetectDocument[];
  readonly action: "redact" | "quarantine";
}

/** A set of detectors that ships with the gate, a pattern of the policy's own (RE2 syntax), or a detector of the host's. */
export type DetectDocument =
  | "secrets"
  | "pii"
  | { readonly name: string; readonly pattern: string }
  | { readonly detector: string };

/** All keys must hold; an absent one does not constrain. */
export interface MatchDocument extends MatchKeys {
  /** The rule does not apply where this matches. */
  readonly unless?: MatchKeys;
}

export interface MatchKeys {
  readonly topics?: readonly string[];
  /** The empty list: the job carries none. */
  readonly risk_tags?: readonly [] | TagsDocument;
  readonly tenants?: readonly string[];
  readonly actors?: readonly string[];
  readonly actor_types?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly requires?: readonly string[];
  readonly labels?: Readonly<Record<string, readonly string[] | { readonly absent: true }>>;
  /** A condition in CEL. */
  readonly when?: string;
}

export interface TagsDocument {
  readonly any?: readonly string[];
  readonly all?: readonly string[];
  readonly none?: readonly string[];
}

export interface ConstraintsDocument {
  readonly max_runtime_sec?: number;
  readonly max_retries?: number;
  readonly max_output_bytes?: number;
  readonly max_concurrent?: number;
  readonly paths?: {
    readonly read?: readonly string[];
    readonly write?: readonly string[];
    readonly deny?: readonly string[];
  };
  readonly network?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
}
