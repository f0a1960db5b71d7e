export type { ApprovalListOptions, Approvals } from "./approvals.js";
export { type DetectTagsOptions, detectTags } from "./detect-tags.js";
export {
  type CheckOptions,
  checkPermit,
  type VerifiedPermit,
  type VerifyOptions,
  verifyPermit,
} from "./dispatch/check-permit.js";
export type {
  Dispatch,
  DispatchChoice,
  DispatchContext,
  EnforcedDispatch,
  NamedDispatch,
} from "./dispatch/dispatcher.js";
export type { EnforceableKey, Enforcer } from "./dispatch/enforcer.js";
export type { GuardedFetch, GuardedInit } from "./dispatch/guard/fetch.js";
export type { Guard } from "./dispatch/guard.js";
export type { Permit, TokenOptions } from "./dispatch/permit.js";
export type { PermitJwk, PublicJwk } from "./dispatch/permit-key.js";
export { createReplayMemory, type ReplayMemoryOptions, type ReplayStore } from "./dispatch/replay.js";
export type { TraceHeaders } from "./dispatch/trace.js";
export {
  ApprovalError,
  type ApprovalErrorCode,
  EvidenceError,
  type EvidenceErrorCode,
  GuardError,
  type GuardErrorCode,
  isNoEffectError,
  NoEffectError,
  OutputError,
  type OutputErrorCode,
  PermitError,
  type PermitErrorCode,
  type PermitSubject,
  PolicyError,
  type PolicyIssue,
  SelfTestError,
  StoreError,
  type StoreErrorCode,
  StreamError,
  type StreamErrorCode,
} from "./errors.js";
export { displaySafe } from "./evidence/display.js";
export type { EventType } from "./evidence/event.js";
export type { TimelineEvent, TimelineEvents } from "./evidence/timeline-jobs.js";
export { timelineText } from "./evidence/timeline-text.js";
export type { Approval, ApprovalChange, ShownApproval, Vote } from "./gate/approval.js";
export type { DecideOptions, VoteOptions } from "./gate/approval-calls.js";
export type { ApproverInput } from "./gate/approver.js";
export type { Audit, AuditEvent, EventsOptions, EventsPage, SignedCheckpoint } from "./gate/audit.js";
export type { Bundled, BundleOptions } from "./gate/bundle.js";
export type { CheckpointRhythm } from "./gate/checkpoints.js";
export type { ApprovalRef } from "./gate/desk.js";
export type { DrainOptions } from "./gate/drain.js";
export type { EraseBeforeOptions, Erased, ErasedBefore, EraseOptions } from "./gate/erase.js";
export type { Exported, ExportOptions } from "./gate/export.js";
export type { Halt, HaltOptions, UnhaltOptions } from "./gate/halt.js";
export type { Health } from "./gate/health.js";
export type { GateEvent } from "./gate/hub.js";
export type { Jobs } from "./gate/jobs.js";
export type { Finding as ReconcileFinding, LostClaim, Reconcile } from "./gate/lost-claim.js";
export type { DerivedTags, GateOptions } from "./gate/options.js";
export type { OutputRef, Outputs, ReleasedOutput, ReleaseOptions } from "./gate/outputs.js";
export type { PermitCheck, Permits } from "./gate/permits.js";
export type { Receipt } from "./gate/receipt.js";
export type { QuarantinedOutput } from "./gate/show-output.js";
export type { ApprovalStats } from "./gate/stats.js";
export type { Histogram, Metrics } from "./gate/tally.js";
export type {
  Telemetry,
  TelemetryAttempt,
  TelemetryAttemptEnd,
  TelemetryCall,
  TelemetryDecided,
  TelemetryDecision,
  TelemetryEnd,
  TelemetryFindings,
  TelemetryLate,
  TelemetryOperation,
} from "./gate/telemetry.js";
export type { Timeline, TimelineEntry, TimelineRef } from "./gate/timeline.js";
export { type CallOptions, createGate, type Gate, type Gated, type SubmitOptions } from "./gate.js";
export type { Actor, ActorType, AdmittedJob, DecidableJob, Job, JobConstraints, JobResources } from "./job/job.js";
export { loadPolicy } from "./load-policy.js";
export { toModelText } from "./model-text.js";
export { type OpenApprovals, type OpenApprovalsOptions, openApprovals } from "./open-approvals.js";
export type {
  AllowLists,
  ApprovalRequirement,
  ApprovalState,
  ApprovalSummary,
  ApproverKind,
  Assurance,
  Constraints,
  Decision,
  DecisionType,
  Detector,
  Evaluation,
  Finding,
  Json,
  JsonObject,
  Limit,
  Obligations,
  Outcome,
  OutcomeError,
  OutcomeStatus,
  OutputRule,
  OutputStream,
  Pool,
  Reason,
  ReasonCode,
  Remediation,
} from "./outcome.js";
export type { HostDetector } from "./output/detectors.js";
export type { ExplainedRule, Explanation, NearMiss } from "./policy/explain.js";
export {
  type ApprovalSpans,
  type CompileOptions,
  compilePolicy,
  isPolicy,
  type Policy,
  type PolicySource,
  type QueueLimits,
} from "./policy/policy.js";
export { createSigner, type Signer, type SignerOptions } from "./signer.js";
export { defineStore, type EventFilter, type Store } from "./store/port.js";
export type { ProblemCode, VerifyAnswer, VerifyProblem } from "./store/verify/problem.js";
