import { gather } from "../dispatch/gather.js";
import type { WatchedGuard } from "../dispatch/guard.js";
import { type Ending, type Reader, type RunEnd, runAttempts } from "../dispatch/run.js";
import type { ChunkSource } from "../dispatch/source.js";
import { StreamError } from "../errors.js";
import { sealEvent } from "../evidence/event.js";
import type { Decision, Outcome } from "../outcome.js";
import { OUTPUT_CAPS } from "../output/plain.js";
import type { Looking } from "../output/scan.js";
import { decideAdmitted } from "../policy/policy.js";
import { ROUNDS } from "./claim.js";
import { type Claimed, rowFacts } from "./claimed.js";
import { type Core, track } from "./core.js";
import { outputRules } from "./output-rules.js";
import { passOn } from "./pass-on.js";
import { type Beside, inspect, type Seen, UNASKED, wasAsked } from "./seen.js";
import { prepareSettlement, record, recordLate, type Settlement, settleUnknown } from "./settle.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { lateFacts } from "./telemetry-facts.js";

/** Dispatch, inspect, settle. Rejects only when one of them fails; the caller turns that into `UNKNOWN`. */
export async function finish(core: Core, claimed: Claimed): Promise<Outcome> {
  const startedAt = core.clock.monotonic();
  const guards: WatchedGuard[] = [];
  let settlement: Settlement;
  let ended = true;
  try {
    const end = await dispatch(core, claimed, guards);
    ended = end.kind !== "timed_out";
    const last = guardsOf(guards, end.attempts.length);
    const seen = inspect(claimed, end, beside(core, claimed, last));
    const durationMs = core.clock.monotonic() - startedAt;
    settlement = prepareSettlement(core, claimed, { end, seen, durationMs, guards });
  } catch (error) {
    // Nothing that could be recorded is known, and the record says so: the job is not left looking as if it ran.
    await settleUnknown(core, claimed, ended);
    throw error;
  }
  await record(core, settlement.request);
  return settlement.outcome;
}

function dispatch(core: Core, claimed: Claimed, guards: WatchedGuard[]): Promise<RunEnd> {
  const { row, admission } = claimed;
  return runAttempts({
    job: admission.job,
    dispatch: claimed.dispatch,
    constraints: claimed.constraints,
    idempotencyKey: `${row.tenantId}/${row.id}`,
    permitFor: (attempt, leftMs) => {
      if (attempt > 1) return claimed.permitFor(attempt, leftMs);
      claimed.first.leftMs = leftMs;
      return claimed.firstPermit;
    },
    stopping: claimed.stopping,
    monotonic: core.clock.monotonic,
    isWithoutEffect: core.settings.isWithoutEffect,
    guards,
    mayRetry: (attempt, leftMs) => mayRetry(core, claimed, { attempt, leftMs }).catch(() => false),
    readStream: (source, by) => readStream(core, claimed, source, { by, guards }),
    watch: claimed.watch?.attempt ?? null,
    onCall: (called) => holdPlaces(core, claimed, called),
    onLate: (ending, attempt) => void track(core, late(core, claimed, { ending, attempt, guards })),
  });
}

/** Gathers a stream, or passes it on where the caller wants to read it as it comes. */
async function readStream(
  core: Core,
  claimed: Claimed,
  source: ChunkSource,
  { by, guards }: { readonly by: Reader; readonly guards: readonly WatchedGuard[] },
): Promise<Ending> {
  const { attempt, signal, stop } = by;
  const { onStream } = claimed;
  if (onStream === null) {
    const caps = { chunks: OUTPUT_CAPS.nodes, content: OUTPUT_CAPS.content };
    return { kind: "gathered", ...(await gather(source, signal, caps)) };
  }
  const ofAttempt = (): readonly WatchedGuard[] => guardsOf(guards, attempt);
  const streamed = await passOn(source, {
    looking: {
      ...looking(core, claimed),
      rules: () => outputRules(core, claimed),
      maxBytes: claimed.constraints.maxOutputBytes,
    },
    signal,
    stop,
    whyAborted: () =>
      isStoppedBy(claimed, signal)
        ? new StreamError("aborted", "the caller gave up")
        : new StreamError("runtime_exceeded", "the run time is over"),
    failure: (error) => {
      const seen = inspect(claimed, { kind: "threw", error }, beside(core, claimed, ofAttempt()));
      return { error: "error" in seen ? seen.error : UNASKED, findings: seen.findings };
    },
    idleMs: core.settings.streamIdleSec * 1_000,
    mayLeave: () => wasAsked(claimed, ofAttempt()),
    whyNot: UNASKED,
    onStart: onStream,
  });
  return { kind: "streamed", streamed };
}

function isStoppedBy({ stopping }: Claimed, signal: AbortSignal): boolean {
  const stopped = stopping.stopped();
  return stopped !== null && signal.reason === stopped.reason;
}

/** While a function runs that holds places in pools, its gate is not gone, also when nobody waits for it any more. */
function holdPlaces(core: Core, { decision }: Claimed, called: Promise<unknown>): void {
  if ((decision?.obligations.pools.length ?? 0) === 0) return;
  const ended = (): void => void core.pooled.delete(held);
  const held = called.then(ended, ended);
  core.pooled.add(held);
}

function guardsOf(guards: readonly WatchedGuard[], attempt: number): readonly WatchedGuard[] {
  return guards.filter((guard) => guard.attempt === attempt);
}

/** How an attempt ended that was no longer waited for. */
interface Late {
  readonly ending: Ending;
  readonly attempt: number;
  readonly guards: readonly WatchedGuard[];
}

/** Nobody waits for a late result any more, so nobody can be told that its record failed. */
async function late(core: Core, claimed: Claimed, came: Late): Promise<void> {
  try {
    const seen = lookedAt(core, claimed, came);
    await recordLate(core, claimed, seen, came.attempt);
    claimed.watch?.late(came.attempt, () => lateFacts(seen));
  } catch {
    // The outcome that counts was settled when the time was over.
  }
}

/** What came late, inspected; where that fails nothing of it is kept, but the record still says that the function ended. */
function lookedAt(core: Core, claimed: Claimed, { ending, attempt, guards }: Late): Seen {
  try {
    return inspect(claimed, ending, beside(core, claimed, guardsOf(guards, attempt)));
  } catch {
    return { status: "QUARANTINED", held: null, message: "what came late could not be inspected", findings: [] };
  }
}

/** Before each further attempt the policy in force is asked again; what it would now refuse or tighten is not run again. */
async function mayRetry(
  core: Core,
  claimed: Claimed,
  { attempt, leftMs }: { readonly attempt: number; readonly leftMs: number },
): Promise<boolean> {
  const { row, admission, derivedTags } = claimed;
  // Where nothing but the first attempt is on record, nothing but that is made.
  if (row.degraded) return false;
  // An owner whose lease ran out may have been given up by others: it begins nothing before they know better.
  await core.keepLease(Math.min(SETTLE_WAIT_MS, leftMs));
  for (let round = 0; round < ROUNDS; round += 1) {
    const { policy, epoch } = core.inForce();
    const same = policy.snapshot === claimed.inForce.policy.snapshot;
    const now = core.clock.wall();
    if (!same) {
      const decision = decideAdmitted(policy, admission.job, derivedTags, core.settings.declaredTags);
      // An approval was given under the policy that asked for it, and limits were taken under it: neither carries over.
      if (decision.type !== "ALLOW" && decision.type !== "ALLOW_WITH_CONSTRAINTS") return false;
      if (limitsText(decision) !== limitsText(claimed.decision)) return false;
    }
    const facts = { ...rowFacts(row), attempt, epoch, snapshot: policy.snapshot };
    const event = sealEvent("job.retried", now, facts);
    const waitMs = Math.min(SETTLE_WAIT_MS, leftMs);
    const hold = { tenantId: row.tenantId, jobId: row.id, owner: core.ownerId };
    const answer = await core.store.change({ kind: "retry", now, waitMs, epoch, ...hold, event });
    if (answer.status === "done") return true;
    if (answer.status !== "policy_changed") return false;
    await core.adopt();
  }
  return false;
}

/** All that a decision holds a run to. */
function limitsText(decision: Decision | null): string {
  return JSON.stringify([decision?.constraints, decision?.obligations.limits, decision?.obligations.pools]);
}

/** What an end is looked at with, now: the rules in force, and the guards of its attempt. */
function beside(core: Core, claimed: Claimed, guards: readonly WatchedGuard[]): Beside {
  return { rules: outputRules(core, claimed), guards, looking: looking(core, claimed) };
}

/** Milliseconds that one output may be looked at. */
const INSPECT_MS = 2_000;

/** How the outputs of a job are looked at: equal findings of one job have one fingerprint. */
function looking({ settings, clock }: Core, { fingerprint }: Claimed): Looking {
  const timer = (): (() => boolean) => {
    const startedAt = clock.monotonic();
    return () => clock.monotonic() - startedAt > INSPECT_MS;
  };
  return { fingerprint, detectors: settings.detectors, timer };
}
