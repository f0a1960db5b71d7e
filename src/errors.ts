/** One problem in a policy, with its place. */
export interface PolicyIssue {
  /** Stable name of the kind of problem, for programs. */
  readonly code: string;
  /** One line, lower case, user input in backticks. */
  readonly message: string;
  /** What to do about it. */
  readonly help?: string;
  /** JSON Pointer (RFC 6901) into the document; empty for the whole of it. */
  readonly path: string;
  /** 1-based; absent where there is no text (a document given as data, a file that cannot be read). */
  readonly line?: number;
  /** 1-based, in UTF-16 code units. */
  readonly column?: number;
  /** The imported file it stands in, from the policy's folder; absent: the policy's own. */
  readonly source?: string;
}

/** A policy that cannot be loaded. Nothing of it is in force; `issues` lists every problem found. */
export class PolicyError extends Error {
  static readonly code = "policy_invalid";
  readonly code = "policy_invalid";
  readonly issues: readonly PolicyIssue[];
  /** The file, where the policy came from one. */
  readonly source: string | null;

  constructor(issues: readonly PolicyIssue[], source: string | null = null) {
    super(describeIssues(issues, source));
    this.name = "PolicyError";
    this.issues = Object.freeze([...issues]);
    this.source = source;
  }
}

function describeIssues(issues: readonly PolicyIssue[], source: string | null): string {
  const lines = issues.map((issue) => {
    const place = issue.line === undefined ? issue.path : `${issue.line}:${issue.column ?? 1}`;
    const where = [issue.source ?? source, place].filter((part) => part !== null && part !== "").join(":");
    const help = issue.help === undefined ? "" : `\n    help: ${issue.help}`;
    return `  ${where === "" ? "" : `${where} `}${issue.message}${help}`;
  });
  const count = issues.length === 1 ? "1 problem" : `${issues.length} problems`;
  return `the policy cannot be loaded: ${count}\n${lines.join("\n")}`;
}

/** Why a store refused or failed. */
export type StoreErrorCode =
  | "store_path_invalid"
  | "store_unreachable"
  | "store_read_only"
  | "store_not_sqlite"
  | "store_newer"
  | "store_older"
  | "store_library_unsafe"
  | "store_driver_missing"
  | "store_busy"
  | "store_full"
  | "store_io"
  | "store_corrupt"
  | "store_head_changed"
  | "store_key_unusable"
  | "store_closed"
  | "store_failed";

/** A store that could not be opened, or could not do what it was asked. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly help: string | undefined;
  /**
   * True where nothing of the step was done for certain: it failed before its commit was asked for. False where that is not
   * known, which is what a store says that says nothing.
   */
  readonly nothingDone: boolean;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { help?: string | undefined; cause?: unknown; nothingDone?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "StoreError";
    this.code = code;
    this.help = options.help;
    this.nothingDone = options.nothingDone === true;
  }
}

const OUTAGES: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>(["store_unreachable", "store_full", "store_io"]);

/**
 * True where a store is away, and says nothing of what it holds: it cannot be reached, its disk is full or fails. Not where it
 * is only busy, damaged, swapped, or of another version.
 */
export function isOutage({ code }: StoreError): boolean {
  return OUTAGES.has(code);
}

/** A gate that could not prove that it denies: it was not opened. A fault of the package, of its files, or of what patches them. */
export class SelfTestError extends Error {
  readonly code = "self_test_failed";

  constructor(message: string) {
    super(`the gate did not prove that it denies: ${message}`);
    this.name = "SelfTestError";
  }
}

/** Why an approval call was refused. Documented in `docs/approvals.md`. */
export type ApprovalErrorCode =
  | "approval_unknown"
  | "approval_resolved"
  | "approval_rejected"
  | "approval_unreadable"
  | "approval_expired"
  | "approval_superseded"
  | "approval_policy_changed"
  | "approval_view_mismatch"
  | "approval_not_approved"
  | "approval_not_rejected"
  | "approver_invalid"
  | "approver_is_requester"
  | "approver_tenant_mismatch"
  | "approver_not_eligible"
  | "approver_view_required"
  | "approver_already_voted"
  | "canceller_not_requester"
  | "job_id_ambiguous";

/** An approval call that was refused. The request is as it was, but that one which no longer held may have been superseded. */
export class ApprovalError extends Error {
  readonly code: ApprovalErrorCode;
  readonly help: string | undefined;
  /** Where the request was superseded: the one that took its place, if any did. Null otherwise. */
  readonly approvalId: string | null;

  constructor(code: ApprovalErrorCode, message: string, options: { help?: string; approvalId?: string | null } = {}) {
    super(message);
    this.name = "ApprovalError";
    this.code = code;
    this.help = options.help;
    this.approvalId = options.approvalId ?? null;
  }
}

/** Why evidence could not be handed out, or private data not be erased. Documented in `docs/evidence.md`. */
export type EvidenceErrorCode =
  | "event_unknown"
  | "trace_unknown"
  | "checkpoint_unknown"
  | "log_changed"
  | "folder_not_empty"
  | "job_unknown"
  | "job_open"
  | "job_rejected"
  | "job_id_ambiguous";

/** A call about evidence that was refused. Nothing was changed. */
export class EvidenceError extends Error {
  readonly code: EvidenceErrorCode;
  readonly help: string | undefined;

  constructor(code: EvidenceErrorCode, message: string, options: { help?: string } = {}) {
    super(message);
    this.name = "EvidenceError";
    this.code = code;
    this.help = options.help;
  }
}

/** Why an output was not released. Documented in `docs/output.md`. */
export type OutputErrorCode =
  | "output_unknown"
  | "output_not_quarantined"
  | "output_not_kept"
  | "output_damaged"
  | "output_released"
  | "output_view_mismatch"
  | "output_is_requester"
  | "output_tenant_mismatch"
  | "output_not_eligible"
  | "approver_invalid"
  | "job_id_ambiguous";

/** The release of an output that was refused. Nothing of it was delivered. */
export class OutputError extends Error {
  readonly code: OutputErrorCode;
  readonly help: string | undefined;

  constructor(code: OutputErrorCode, message: string, options: { help?: string } = {}) {
    super(message);
    this.name = "OutputError";
    this.code = code;
    this.help = options.help;
  }
}

/** Why a guard refused. Documented in `docs/constraints.md`. */
export type GuardErrorCode =
  | "path_invalid"
  | "path_denied"
  | "url_invalid"
  | "host_denied"
  | "address_denied"
  | "host_unresolved"
  | "redirects_exceeded";

/** What a dispatch function asked its guard for, and may not have. Nothing was opened. */
export class GuardError extends Error {
  readonly code: GuardErrorCode;
  readonly help: string | undefined;

  constructor(code: GuardErrorCode, message: string, options: { help?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GuardError";
    this.code = code;
    this.help = options.help;
  }
}

/** Why a permit was refused. Documented in `docs/permits.md`. */
export type PermitErrorCode =
  | "permit_malformed"
  | "permit_signature_invalid"
  | "permit_audience_mismatch"
  | "permit_job_mismatch"
  | "permit_expired"
  | "permit_not_yet_valid"
  | "permit_replayed"
  | "permit_replay_unknown";

/** Which attempt of which job a permit is for. */
export interface PermitSubject {
  /** One for each attempt and never used again: what a replay store spends. 1 to 256 printable ASCII characters. */
  readonly permitId: string;
  readonly jobId: string;
  readonly tenantId: string;
  readonly traceId: string;
}

/** A permit that a worker must not act on. */
export class PermitError extends Error {
  readonly code: PermitErrorCode;
  readonly help: string | undefined;
  /** What the permit is for, where its signature holds; null where nothing that it says can be believed. */
  readonly subject: PermitSubject | null;

  constructor(
    code: PermitErrorCode,
    message: string,
    options: { help?: string | undefined; cause?: unknown; subject?: PermitSubject } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PermitError";
    this.code = code;
    this.help = options.help;
    this.subject = options.subject ?? null;
  }
}

const NO_EFFECT: unique symbol = Symbol.for("dispatch-gate.no-effect") as never;

/**
 * Thrown by a dispatch function to state that the attempt ended **without effect**.
 * Only then may the gate try again, as far as `max_retries` allows. Any other error ends the job.
 */
export class NoEffectError extends Error {
  readonly code = "no_effect";
  /** @internal */
  readonly [NO_EFFECT] = true;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "NoEffectError";
  }
}

/** True for a {@link NoEffectError}, also one made by another copy of this package. */
export function isNoEffectError(error: unknown): boolean {
  try {
    return typeof error === "object" && error !== null && Reflect.get(error, NO_EFFECT) === true;
  } catch {
    return false;
  }
}

/** Why a stream of output ends before its end. */
export type StreamErrorCode =
  | "dispatch_failed"
  | "output_quarantined"
  | "runtime_exceeded"
  | "stream_idle"
  | "stream_read"
  | "aborted";

/** Nothing more of a stream leaves. What it says was inspected; how the job ended is `stream.outcome`. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: StreamErrorCode;

  constructor(code: StreamErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
