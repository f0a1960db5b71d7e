/** What may be carried as JSON: the only shape of data that a job may hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** The five answers a policy can give, from the most severe to the least: see {@link SEVERITY}. */
export type DecisionType = "ALLOW" | "DENY" | "REQUIRE_APPROVAL" | "THROTTLE" | "ALLOW_WITH_CONSTRAINTS";

/**
 * Lists that must all hold: a value is allowed when every inner list allows it.
 * One inner list a rule, so that meeting two rules never widens; an empty inner list allows nothing.
 */
export type AllowLists = readonly (readonly string[])[];

/** Limits on one run. An absent key does not limit; `0` and `[]` do. */
export interface Constraints {
  /** Seconds of wall time for all attempts together, greater than 0. */
  readonly maxRuntimeSec?: number;
  /** Further attempts after the first, an integer of 0 or more. */
  readonly maxRetries?: number;
  /** Largest output, in bytes of its canonical JSON, an integer of 0 or more. */
  readonly maxOutputBytes?: number;
  /** Absolute paths, compared by whole components. */
  readonly paths?: { readonly read?: AllowLists; readonly write?: AllowLists; readonly deny?: readonly string[] };
  /** Hosts, `*.host`, addresses or CIDR ranges, each with an optional `:port`. */
  readonly network?: { readonly allow?: AllowLists; readonly deny?: readonly string[] };
}

/** What an approver is. */
export type ApproverKind = "human" | "service";

/** How an approver's identity was established: the host vouches for it, or a signed token carries it. */
export type Assurance = "host" | "token";

/** One group of approvers that must be satisfied on its own: every key narrows who counts. */
export interface ApprovalRequirement {
  /** The rule that asks. */
  readonly ruleId: string;
  /** Distinct eligible approvers needed, an integer of 1 or more. */
  readonly quorum: number;
  /** An approver needs one of these. Absent: any role, or none. */
  readonly roles?: readonly string[];
  /** What may approve. */
  readonly kinds: readonly ApproverKind[];
  /** Whether a requester may vote. It counts only where every requirement of the request says so. */
  readonly allowSelf: boolean;
  /** Whether a vote counts only when it names the view that was shown. A rejection needs none. */
  readonly confirmView: boolean;
  /** The least that the approver's identity must rest on. Absent: whatever the host takes. */
  readonly assurance?: Assurance;
  /** Seconds that the request stays open, over 0; of several the least counts. Absent: the policy's `approvals.expires_in_sec`. */
  readonly expiresInSec?: number;
}

/** At most `limit` claims in any interval of `windowSec` seconds. */
export interface Limit {
  readonly ruleId: string;
  /** The rule's own words; absent where it gives none. */
  readonly reason?: string;
  /** Claims, an integer of 1 or more. */
  readonly limit: number;
  /** Seconds, greater than 0. */
  readonly windowSec: number;
  /** Whose claims count together: `tenant`, `actor`, `topic` or `label:NAME`. Empty: everybody's. */
  readonly per: readonly string[];
}

/** At most `maxConcurrent` jobs of one rule at a time. */
export interface Pool {
  readonly ruleId: string;
  /** An integer of 0 or more. */
  readonly maxConcurrent: number;
}

/** What is looked for in what comes back, and what is then done. */
export interface OutputRule {
  readonly ruleId: string;
  readonly detect: readonly Detector[];
  readonly action: "redact" | "quarantine";
}

/**
 * A set of detectors that ships with the gate, a pattern of the policy's own in RE2 syntax, found under its name, or a
 * detector that the host gives the gate.
 */
export type Detector =
  | "secrets"
  | "pii"
  | { readonly name: string; readonly pattern: string }
  | { readonly detector: string };

/** What could be asked for in place of what was refused. The gate never does it by itself. */
export interface Remediation {
  readonly ruleId: string;
  readonly title: string;
  readonly summary?: string;
  readonly replacementTopic?: string;
  readonly addLabels?: Readonly<Record<string, string>>;
  readonly removeLabels?: readonly string[];
}

/** What must hold before or while the job runs, from all matching rules together. */
export interface Obligations {
  readonly approvals: readonly ApprovalRequirement[];
  readonly limits: readonly Limit[];
  readonly pools: readonly Pool[];
  readonly outputs: readonly OutputRule[];
}

/** What a policy says of one job. Pure data, frozen. */
export interface Decision {
  readonly type: DecisionType;
  /** The rule that named the decision; `@default` when none did. */
  readonly ruleId: string;
  /** The rule's own words, or the gate's where the rule gives none. */
  readonly reason: string;
  /** SHA-256 of the policy that decided, in lower-case hex. */
  readonly snapshot: string;
  /** Ids of all rules that matched, in file order. */
  readonly matched: readonly string[];
  /** Those of `matched` of which a condition could not be told: their restrictions bind, their permissions do not. */
  readonly erred: readonly string[];
  readonly constraints: Constraints;
  readonly obligations: Obligations;
  /** Of all matching rules, in file order. */
  readonly remediations: readonly Remediation[];
}

/** Why an outcome is what it is: the closed list, documented in `docs/outcomes.md`. */
export type ReasonCode =
  | "rule_matched"
  | "no_rule_matched"
  | "condition_error"
  | "tags_refused"
  | "rate_limited"
  | "approval_required"
  | "approval_rejected"
  | "approval_expired"
  | "approval_cancelled"
  | "approval_used"
  | "approval_queue_full"
  | "concurrency_limited"
  | "constraint_conflict"
  | "resource_denied"
  | "approval_conflict"
  | "policy_changed"
  | "job_invalid"
  | "job_id_reused"
  | "job_unknown"
  | "job_running"
  | "constraint_unenforceable"
  | "dispatcher_missing"
  | "detector_missing"
  | "derive_tags_failed"
  | "store_unavailable"
  | "deadline_exceeded"
  | "aborted"
  | "gate_closed"
  | "gate_halted"
  | "internal_error"
  | "completed"
  | "dispatch_failed"
  | "runtime_exceeded"
  | "output_quarantined"
  | "stream_idle"
  | "stream_cancelled"
  | "settle_failed"
  | "owner_lost"
  | "effect_confirmed"
  | "effect_ruled_out";

/** A reason for people (`message`, `help`) and for programs (`code`). */
export interface Reason {
  readonly code: ReasonCode;
  /** One line, lower case, no final period. */
  readonly message: string;
  /** What to do about it, apart from the message. */
  readonly help?: string;
  readonly ruleId?: string;
}

/** Where an approval request stands. All but `pending` and `approved` are final. */
export type ApprovalState =
  | "pending"
  | "approved"
  | "rejected"
  | "revoked"
  | "cancelled"
  | "expired"
  | "superseded"
  | "consumed";

/** The approval of a job as its outcome shows it. It stays visible after it is resolved. */
export interface ApprovalSummary {
  readonly id: string;
  readonly state: ApprovalState;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly requestedAt: number;
  /** Milliseconds since 1970-01-01T00:00:00Z; when the request or, once approved, its use lapses. */
  readonly expiresAt: number;
}

/** Something that a detector found: never the thing itself. */
export interface Finding {
  /** Which pattern, for example `private_key`. */
  readonly kind: string;
  /** JSON Pointer (RFC 6901) to the value; ends in `#key` when a key, not a value, was found. */
  readonly path: string;
  /** Length of what was found, in UTF-16 code units. */
  readonly length: number;
  /**
   * 12 hex digits, the same for equal things found in one job, and different in every other unless the gate has a
   * `fingerprintKey`.
   */
  readonly fingerprint: string;
  /** The output rule that looked. */
  readonly ruleId: string;
  readonly action: "redact" | "quarantine";
}

/** An error of the dispatch function, inspected: secrets in its words are redacted. For the host: a model needs no more than the message. */
export interface OutcomeError {
  readonly name: string;
  /** At most 8,192 characters; what was cut is counted at its end. */
  readonly message: string;
  readonly code?: string;
  /** At most 8,192 characters. */
  readonly stack?: string;
  /** Its own properties that are plain JSON of at most 8,192 characters, 32 at most. */
  readonly properties?: Readonly<Record<string, Json>>;
  /** Those that an `AggregateError` gathers, 8 at most. */
  readonly errors?: readonly OutcomeError[];
  /** At most 5 deep. */
  readonly cause?: OutcomeError;
}

/**
 * The output of a job that runs, chunk by chunk, to be read once. Reading throws a `StreamError` where nothing more may
 * leave. Who stops reading ends the job's stream.
 */
export interface OutputStream extends AsyncIterable<unknown> {
  /** How the job ended, once it has: never rejects. */
  readonly outcome: Promise<Outcome>;
}

/** What every outcome says, whatever its status. */
export interface OutcomeBase {
  readonly jobId: string | null;
  readonly traceId: string | null;
  /** SHA-256 of the job's canonical bytes, lower-case hex; null when the job was not admitted. */
  readonly jobHash: string | null;
  /** Null when the gate could not come to one. */
  readonly decision: Decision | null;
  readonly approval?: ApprovalSummary;
  /** The limits the run was held to, from policy, job and gate together. Absent where nothing was dispatched. */
  readonly constraints?: Constraints;
  readonly reason: Reason;
  /** True when the effect may have happened. */
  readonly dispatched: boolean;
  /** True when the job ran without the store (fail mode `open` only). */
  readonly degraded: boolean;
  /** True when this is the recorded outcome of an earlier call. */
  readonly replayed: boolean;
}

/** What the caller of the gate gets back, always: a union on `status`. */
export type Outcome<Output = unknown> = OutcomeBase &
  (
    | { readonly status: "SUCCEEDED"; readonly output: Output; readonly findings: readonly Finding[] }
    | { readonly status: "FAILED"; readonly error: OutcomeError; readonly findings: readonly Finding[] }
    | { readonly status: "TIMED_OUT"; readonly error: OutcomeError; readonly findings: readonly Finding[] }
    | { readonly status: "QUARANTINED"; readonly quarantineId: string; readonly findings: readonly Finding[] }
    | { readonly status: "DENIED" }
    | {
        readonly status: "THROTTLED";
        /** Milliseconds after which room is sure to exist unless others take it; null: waiting does not help. */
        readonly retryAfterMs: number | null;
      }
    | { readonly status: "PENDING_APPROVAL" }
    | {
        readonly status: "RUNNING";
        /** What the function gives back, inspected, as it comes: where the caller asked for it with `stream: true`. */
        readonly stream?: OutputStream;
      }
    | { readonly status: "UNKNOWN" }
  );

/** Every status an outcome can have. */
export type OutcomeStatus = Outcome["status"];

/** What `gate.evaluate` answers: what would happen, recorded, with nothing dispatched. */
export interface Evaluation
  extends Pick<OutcomeBase, "jobId" | "traceId" | "jobHash" | "decision" | "approval" | "reason"> {
  readonly next: "dispatch" | "wait" | "retry" | "refused" | "finished";
}
