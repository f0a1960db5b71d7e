import type { DecisionType } from "../outcome.js";

/** The document as it is after loading: defaults written out, shorthands spelt in full. Snake case, as in YAML. */
export interface PolicyDocument {
  readonly version: "v1";
  readonly combining: Combining;
  readonly default: "deny" | "require_approval";
  readonly rules: readonly RuleDocument[];
  /** Absent: none. */
  readonly outputs?: readonly OutputDocument[];
  readonly output_default: "secrets" | "none";
}

export type Combining = "most_restrictive" | "first_match";

export type RuleDecision = Lowercase<DecisionType>;

export interface RuleDocument {
  readonly id: string;
  readonly match: MatchDocument;
  readonly decision: RuleDecision;
  readonly reason?: string;
  readonly constraints?: ConstraintsDocument;
  readonly throttle?: { readonly limit: number; readonly window_sec: number; readonly per?: readonly string[] };
}

export interface OutputDocument {
  readonly id: string;
  readonly match: MatchDocument;
  readonly detect: readonly ("secrets" | "pii")[];
  readonly action: "redact" | "quarantine";
}

export interface MatchDocument {
  readonly topics?: readonly string[];
  /** The empty list: the job carries none. */
  readonly risk_tags?: readonly [] | TagsDocument;
  readonly tenants?: readonly string[];
  readonly actors?: readonly string[];
  readonly actor_types?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly requires?: readonly string[];
  readonly labels?: Readonly<Record<string, readonly string[] | { readonly absent: true }>>;
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
