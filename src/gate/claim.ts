import { canonicalize } from "../canonical.js";
import { commit, digest } from "../digest.js";
import { type Constrained, constrain } from "../dispatch/constrain.js";
import type { Chosen } from "../dispatch/dispatcher.js";
import { allowsHost } from "../dispatch/guard/network.js";
import { allowsPath } from "../dispatch/guard/path.js";
import { type Sources, sourcesOf } from "../dispatch/sources.js";
import {
  boundText,
  constraintFacts,
  decisionFacts,
  type EventFacts,
  jobFacts,
  sealEvent,
  sourceFacts,
} from "../evidence/event.js";
import type { Admission } from "../job/admit.js";
import type { AdmittedJob } from "../job/job.js";
import type { Constraints, Decision, Limit, Pool, Reason } from "../outcome.js";
import type { HostDetectors } from "../output/detectors.js";
import { decideAdmitted, type Policy } from "../policy/policy.js";
import { quoted } from "../policy/source.js";
import { foldIdentity } from "../store/approval-state.js";
import { ID_REUSED } from "../store/judge-claim.js";
import type { ClaimAnswer, ClaimedLimit, ClaimedPool, ClaimRequest, Verdict } from "../store/port.js";
import type { Recorded } from "../store/rows.js";
import { fingerprint, queueBounds, spansOf } from "./asking.js";
import type { Core, InForce } from "./core.js";
import { freshSalt, uuidv7 } from "./ids.js";
import { askerOf } from "./refusals.js";

/** What is asked of the store for one job. */
export interface Asking {
  readonly admission: Admission;
  /** Null when they could not be had: then nothing is decided, and `refusal` says why. */
  readonly derivedTags: readonly string[] | null;
  readonly chosen: Chosen;
  readonly intent: "dispatch" | "evaluate";
  /** Whether a request for approval may be opened for a job that has none. */
  readonly opens: boolean;
  /** Who submits, where that is not the actor. */
  readonly submitter: string | undefined;
  /** A refusal that is certain before the policy is asked; null when there is none. */
  readonly refusal: Reason | null;
  /** Monotonic time at which the gate's own time is over. */
  readonly deadline: number;
  /** Whether a refusal of it is to leave no record. */
  readonly canary: boolean;
}

/** What the store answered, with what was decided for it. */
export interface Asked {
  readonly answer: Recorded<Exclude<ClaimAnswer, { readonly status: "policy_changed" | "tags_known" }>>;
  /** The tags that were counted with, in the end. */
  readonly derivedTags: readonly string[];
  /** Folded ids of the actor, whom it acts for, and who submits. */
  readonly requesters: readonly string[];
  readonly decision: Decision | null;
  readonly constraints: Constraints;
  readonly enforcedBy: EnforcedBy;
  readonly inForce: InForce;
  /** The buckets of rate limits in which a claim took a place. */
  readonly buckets: readonly string[];
}

/** Who holds a run to what the gate itself cannot: names, by constraint. */
export type EnforcedBy = Extract<Constrained, { readonly ok: true }>["enforcedBy"];

/** How often another policy may come between before the gate gives up. */
export const ROUNDS = 3;

/** What the record of a refusal may wait for the store at least, in milliseconds, also when the deadline is what refused. */
const REFUSAL_WAIT_MS = 250;

/**
 * Decide, constrain, claim: under one policy from first to last. When the store says that another one came into
 * force in between, it is adopted and the job decided again; after three rounds the answer is null.
 */
export async function decideAndClaim(core: Core, asking: Asking): Promise<Asked | null> {
  const { admission } = asking;
  const salt = freshSalt();
  const commitment = commit(salt, admission.canonical);
  let { derivedTags } = asking;
  for (let round = 0; round < ROUNDS; round += 1) {
    const inForce = core.inForce();
    const decision =
      derivedTags === null
        ? null
        : decideAdmitted(inForce.policy, admission.job, derivedTags, core.settings.declaredTags);
    const concluded = conclude(core, asking, decision, inForce.policy);
    const request = claimRequest(core, asking, { decision, derivedTags, inForce, salt, commitment, ...concluded });
    const answer = await claimOrRunWithout(core, request);
    if (!asking.canary) countRefusal(core, asking, answer);
    if (answer.status === "policy_changed") await core.adopt();
    else if (answer.status === "tags_known") derivedTags = answer.derivedTags;
    else {
      const { constraints, enforcedBy } = concluded;
      const { requesters } = request.job;
      const buckets = request.limits.map(({ bucket }) => bucket);
      return {
        answer,
        derivedTags: derivedTags ?? [],
        requesters,
        decision,
        constraints,
        enforcedBy,
        inForce,
        buckets,
      };
    }
  }
  return null;
}

/** A refusal counts against its actor, written or not. */
function countRefusal({ refusals }: Core, { admission, submitter }: Asking, answer: ClaimAnswer): void {
  if (answer.status !== "refused" && answer.status !== "throttled" && answer.status !== "id_reused") return;
  const reason = answer.status === "id_reused" ? ID_REUSED : answer.job.reason;
  refusals.refused(askerOf(admission.job, submitter), reason, answer.counted === true);
}

/** The claim; or, in fail mode `open`, a job that runs without it where the store is away and the job may. */
async function claimOrRunWithout(core: Core, request: ClaimRequest): Promise<Recorded<ClaimAnswer>> {
  try {
    return await core.store.claim(request);
  } catch (error) {
    const claimed = core.degraded === null ? null : await core.degraded.claim(request, error);
    if (claimed === null) throw error;
    return claimed;
  }
}

interface Concluded {
  readonly verdict: Verdict;
  readonly constraints: Constraints;
  readonly sources: Sources;
  readonly enforcedBy: EnforcedBy;
}

/** What the decision comes to once the gate has looked at what it can enforce and whom it can call. */
function conclude(core: Core, asking: Asking, decision: Decision | null, policy: Policy): Concluded {
  if (decision === null) return refused(asking.refusal ?? INTERNAL);
  if (decision.type === "DENY" || decision.type === "THROTTLE") {
    return refused(ruleReason(decision), decision.type === "DENY" ? "DENIED" : "THROTTLED");
  }
  if (asking.refusal !== null) return refused(asking.refusal);
  const { job } = asking.admission;
  const { enforcers, name } = asking.chosen;
  const { maxRuntimeSec } = core.settings;
  const constrained = constrain({ decision, own: job.constraints, maxRuntimeSec, enforcers });
  if (!constrained.ok) return refused(unconstrained(decision, constrained));
  const missing = missingDetector(decision, core.settings.detectors);
  if (missing !== null) return refused(missing);
  const { constraints, enforcedBy } = constrained;
  const beyond = beyondLimits(job, constraints);
  if (beyond !== null) return refused(beyond);
  const sources = sourcesOf(policy, decision, { own: job.constraints, constraints });
  const verdict: Verdict =
    decision.type === "REQUIRE_APPROVAL" ? approval(core, decision, name, policy) : { kind: "permit" };
  return { verdict, constraints, sources, enforcedBy };
}

const NONE = Object.freeze({});

function refused(reason: Reason, status: "DENIED" | "THROTTLED" = "DENIED"): Concluded {
  return { verdict: { kind: "refuse", status, reason }, constraints: NONE, sources: NONE, enforcedBy: NONE };
}

/** What the job itself says it will touch, and may not. What it does not say its guard holds it to. */
function beyondLimits({ resources }: AdmittedJob, { paths, network }: Constraints): Reason | null {
  const path = resources.paths.find((each) => !allowsPath(paths, each, "any"));
  const beyond =
    path ?? (network === undefined ? undefined : resources.hosts.find((each) => !allowsHost(network, each)));
  if (beyond === undefined) return null;
  return {
    code: "resource_denied",
    message: `the job declares ${quoted(beyond)}, which its constraints do not allow`,
    help: "declare less, or ask for another policy",
  };
}

/** What its output would be looked at with, and this gate has not: nothing could leave, so nothing is done. */
function missingDetector({ obligations }: Decision, detectors: HostDetectors): Reason | null {
  for (const { ruleId, detect } of obligations.outputs) {
    for (const detector of detect) {
      if (typeof detector === "string" || "pattern" in detector || detectors.has(detector.detector)) continue;
      return {
        code: "detector_missing",
        message: `the gate has no detector ${quoted(detector.detector)}`,
        help: "give it to the gate under `detectors`",
        ruleId,
      };
    }
  }
  return null;
}

const INTERNAL: Reason = { code: "internal_error", message: "the job could not be decided" };

/** Why the policy said what it said. */
function ruleReason(decision: Decision): Reason {
  return { code: ruleCode(decision), message: decision.reason, ruleId: decision.ruleId };
}

function ruleCode({ ruleId, erred }: Decision): Reason["code"] {
  if (ruleId === "@default") return "no_rule_matched";
  if (ruleId === "@tags" || ruleId === "@tiers") return "tags_refused";
  return erred.includes(ruleId) ? "condition_error" : "rule_matched";
}

function unconstrained(decision: Decision, refused: Extract<Constrained, { readonly ok: false }>): Reason {
  const keys = refused.keys.map((key) => `\`${key}\``).join(", ");
  const { ruleId } = decision;
  if (refused.code === "constraint_conflict") {
    const help = "let the rules that match agree on something, or the job ask for less";
    return { code: refused.code, message: `the allow lists of ${keys} have nothing in common`, help, ruleId };
  }
  return {
    code: refused.code,
    message: `nothing here enforces ${keys}, which the constraints ask for`,
    help: "give the dispatcher an enforcer, or run the job where one is",
    ruleId,
  };
}

function approval(core: Core, decision: Decision, dispatcher: string, policy: Policy): Verdict {
  const spans = spansOf(decision, policy);
  return {
    kind: "approve",
    approvalId: uuidv7(core.clock.wall()),
    fingerprint: fingerprint(decision, dispatcher, spans),
    binding: core.settings.approvalBinding,
    requirements: decision.obligations.approvals,
    reason: { code: "approval_required", message: decision.reason, ruleId: decision.ruleId },
    ...spans,
    queue: queueBounds(policy, core.settings),
  };
}

interface Prepared extends Concluded {
  readonly decision: Decision | null;
  readonly derivedTags: readonly string[] | null;
  readonly inForce: InForce;
  readonly salt: string;
  readonly commitment: string;
}

function claimRequest(core: Core, asking: Asking, prepared: Prepared): ClaimRequest {
  const { admission, chosen, intent, opens, submitter, deadline } = asking;
  const { job } = admission;
  const { decision, derivedTags, verdict, inForce, salt, commitment } = prepared;
  const now = core.clock.wall();
  const facts: EventFacts = {
    constraints: constraintFacts(prepared.constraints),
    decision: decision === null ? null : decisionFacts(decision),
    dispatcher: boundText(chosen.name),
    epoch: inForce.epoch,
    owner: core.ownerId,
    // Spreads stand last: each key that is written after one costs as much as a small object.
    ...jobFacts(job, derivedTags ?? [], commitment),
    ...askedBy(prepared.sources),
    ...(submitter === undefined ? {} : { submitted_by: boundText(submitter) }),
  };
  const bound = decision === null || verdict.kind === "refuse" ? null : decision.obligations;
  return {
    now,
    tick: core.clock.tick(),
    ticks: core.settings.now === undefined,
    waitMs: Math.max(verdict.kind === "refuse" ? REFUSAL_WAIT_MS : 0, deadline - core.clock.monotonic()),
    owner: core.ownerId,
    epoch: inForce.epoch,
    snapshot: inForce.policy.snapshot,
    intent,
    opens,
    job: {
      tenantId: job.tenantId,
      id: job.id,
      traceId: job.traceId,
      hash: admission.hash,
      canonical: admission.canonical,
      annotations: canonicalize(job.annotations),
      salt,
      commitment,
      named: admission.named,
      requesters: requestersOf(job, submitter),
      // A tenant holds no space, so no two of these can be taken for each other.
      actorKey: `${job.tenantId} ${foldIdentity(job.actor?.id ?? submitter ?? "")}`,
    },
    dispatcher: chosen.name,
    // Neither a hash nor a tenant holds a space, so no two of these can be taken for each other.
    approvalKey: `${admission.hash} ${job.tenantId} ${chosen.name}`,
    derivedTags,
    verdict,
    limits: bound === null ? [] : bound.limits.map((limit) => bucketed(limit, job)),
    pools: bound === null ? [] : bound.pools.map(pooled),
    decision: decision === null ? null : decisionText(decision),
    constraints: JSON.stringify(prepared.constraints),
    facts,
    counted: asking.canary ? "all" : core.refusals.counted(askerOf(job, submitter)),
    dispatching: verdict.kind === "permit" && intent === "dispatch" ? sealEvent("job.dispatching", now, facts) : null,
  };
}

/** Who asked for what the run is held to, where anybody did: the gate's own default says nothing. */
function askedBy(sources: Sources): EventFacts {
  const says = Object.values(sources).some((by) => by.length !== 1 || by[0] !== "@gate");
  return says ? { constraints_by: sourceFacts(sources) } : {};
}

const texts = new WeakMap<Decision, string>();

/** A decision as JSON text. Decisions are frozen and shared by all jobs of a kind, so each is written once. */
function decisionText(decision: Decision): string {
  const known = texts.get(decision) ?? JSON.stringify(decision);
  texts.set(decision, known);
  return known;
}

/** Who asks for the job, as identities are compared: the actor, whom it acts for, and who submits. */
function requestersOf({ actor }: AdmittedJob, submitter: string | undefined): readonly string[] {
  if (actor === null && submitter === undefined) return [];
  const ids = [actor?.id, actor?.onBehalfOf, submitter].filter((id) => id !== undefined);
  return [...new Set(ids.map(foldIdentity))];
}

/** A job that lacks what a limit counts by shares one bucket with all others that lack it: it never escapes. */
function bucketed(limit: Limit, job: AdmittedJob): ClaimedLimit {
  const parts = limit.per.map((per) => [per, keyPart(per, job)]);
  const bucket = digest("bucket", canonicalize([limit.ruleId, ...parts]));
  const { ruleId, reason = "the rate limit has no room", windowSec } = limit;
  return { ruleId, reason, bucket, limit: limit.limit, windowMs: windowSec * 1_000 };
}

function pooled({ ruleId, maxConcurrent }: Pool): ClaimedPool {
  return { ruleId, maxConcurrent, reason: `as many jobs of the rule run as may: ${maxConcurrent}` };
}

function keyPart(per: string, job: AdmittedJob): string | null {
  if (per === "tenant") return job.tenantId;
  if (per === "actor") return job.actor?.id ?? null;
  if (per === "topic") return job.topic;
  const name = per.slice("label:".length);
  return Object.hasOwn(job.labels, name) ? (job.labels[name] ?? null) : null;
}
