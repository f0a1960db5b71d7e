import type { Chosen } from "../dispatch/dispatcher.js";
import type { Admission } from "../job/admit.js";
import type { Decision, Evaluation, Outcome, Reason } from "../outcome.js";
import { HALTED, ID_REUSED } from "../store/judge-claim.js";
import type { ClaimAnswer } from "../store/port.js";
import { abandon, isClaimed } from "./abandon.js";
import { type Asked, decideAndClaim } from "./claim.js";
import { type Claimed, claimedBase, takeOver, unknownOutcome } from "./claimed.js";
import { type Core, jobKey, track } from "./core.js";
import { finish } from "./finish.js";
import { evaluationOf, outcomeOfRow, summarize } from "./recorded.js";
import { CLOSED, exceeded, FAILED_BEFORE, faultOutcome, POLICY_CHANGED, reasonOfFault } from "./refusal.js";
import type { Judged, Submission } from "./submission.js";
import { deriveTags, NONE } from "./tags.js";
import { decidedFacts, endFacts } from "./telemetry-facts.js";
import type { Watch } from "./watch.js";
import { watching } from "./watching.js";

/**
 * The line: admit, decide, constrain, claim | dispatch, inspect, settle.
 *
 * Two catches, divided by the call of the dispatch function. Whatever fails before it is a refusal and nothing has
 * run ({@link beforeDispatch}); whatever fails from it on leaves the output withheld and the answer `UNKNOWN`, since
 * the effect may have happened ({@link afterClaim}). Neither ever rejects.
 */
export function evaluateAndDispatch(core: Core, submission: Submission): Promise<Outcome> {
  return watching(core, submission, dispatchPass);
}

async function dispatchPass(core: Core, submission: Submission, watch: Watch | null): Promise<Outcome> {
  const streaming = submission.stream ? createStreaming() : null;
  const before = await beforeDispatch(core, submission, streaming, watch);
  switch (before.kind) {
    case "refused":
      if (isCounted(submission)) core.tally.ended(before.outcome);
      watch?.end((attempts) => endFacts(before.outcome, attempts));
      return before.outcome;
    case "ready":
      throw new TypeError("only an evaluation can be ready");
    case "claimed":
      return afterClaim(core, before.claimed, streaming);
  }
}

/** The first half of the line alone: decides, records, opens an approval; claims and dispatches nothing. */
export function evaluate(core: Core, submission: Submission): Promise<Evaluation> {
  return watching(core, submission, evaluationPass);
}

async function evaluationPass(core: Core, submission: Submission, watch: Watch | null): Promise<Evaluation> {
  const before = await beforeDispatch(core, submission, null, watch);
  if (before.kind === "claimed") throw new TypeError("an evaluation must not claim");
  const ended = before.kind === "ready" ? before.evaluation : before.outcome;
  watch?.end((attempts) => endFacts(ended, attempts));
  return before.kind === "ready" ? before.evaluation : evaluationOf(before.outcome);
}

type Before =
  | { readonly kind: "refused"; readonly outcome: Outcome }
  | { readonly kind: "ready"; readonly evaluation: Evaluation }
  | { readonly kind: "claimed"; readonly claimed: Claimed };

/**
 * The gate's own time, bounded whatever the store and the host do. Past the deadline the caller has an answer: nothing is
 * dispatched any more, and a claim that is made all the same is given up.
 */
async function beforeDispatch(
  core: Core,
  submission: Submission,
  streaming: Streaming | null,
  watch: Watch | null,
): Promise<Before> {
  const startedAt = core.clock.monotonic();
  const pass: Pass = {
    startedAt,
    deadline: startedAt + core.settings.deadlineMs,
    admission: null,
    waitsFor: "the store",
    over: false,
  };
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<Before>((resolve) => {
    timer = setTimeout(() => {
      pass.over = true;
      const silent = setTimeout(core.outage.silent, SILENT_MS);
      silent.unref();
      void judging.finally(() => clearTimeout(silent));
      // What goes on without its caller goes on before the gate is closed.
      void track(core, judging);
      resolve(refused(faultOutcome(pass.admission, exceeded(core, pass.waitsFor))));
    }, core.settings.deadlineMs);
  });
  const judging = judge(core, submission, { pass, streaming, watch });
  try {
    return await Promise.race([judging, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** A store that has not even given up so long after it was to is not asked job by job any more, in milliseconds. */
const SILENT_MS = 3_000;

/** One pass through the first half of the line. */
interface Pass {
  /** Monotonic time. */
  readonly startedAt: number;
  readonly deadline: number;
  admission: Admission | null;
  /** Whose answer is waited for. */
  waitsFor: "the store" | "deriveTags";
  /** The caller has an answer already. */
  over: boolean;
}

interface Beside {
  readonly pass: Pass;
  readonly streaming: Streaming | null;
  readonly watch: Watch | null;
}

async function judge(core: Core, submission: Submission, { pass, streaming, watch }: Beside): Promise<Before> {
  const { startedAt, deadline } = pass;
  let asked: Asked | null = null;
  try {
    if (core.isClosed()) return refused(faultOutcome(null, CLOSED));
    const entry = await submission.enter(watch?.traceId ?? null);
    if (!entry.ok) return refused(entry.outcome);
    const { admission } = entry;
    pass.admission = admission;
    const chosen = submission.choose();
    // While the store is away there is no lease to renew: it answers the claim with that, and is tried in the background.
    const renewing = core.outage.now() === null ? core.keepLease(deadline - core.clock.monotonic()) : undefined;
    if (renewing !== undefined) await renewing;
    const canary = submission.canary === true;
    pass.waitsFor = "deriveTags";
    const asksHost = core.settings.deriveTags !== undefined && !canary;
    const derived = asksHost ? await deriveTags(core, admission.job, deadline) : NONE;
    pass.waitsFor = "the store";
    const derivedTags = derived.ok ? derived.tags : null;
    const refusal = derived.ok ? refusalOf(submission, chosen, core.halts.isHaltedHere()) : derived.reason;
    const { intent, opens, submitter } = submission;
    const asking = { admission, derivedTags, chosen, intent, opens, submitter, refusal, deadline, canary };
    asked = await decideAndClaim(core, asking);
    if (asked === null) return refused(faultOutcome(admission, POLICY_CHANGED));
    if (isClaimed(asked) && (pass.over || core.clock.monotonic() >= deadline)) {
      const reason = exceeded(core, pass.waitsFor);
      await abandon(core, asked, reason);
      return refused(faultOutcome(admission, reason, asked.decision));
    }
    if (pass.over) return refused(faultOutcome(admission, exceeded(core, pass.waitsFor)));
    const onStream = streaming?.start ?? null;
    const judged = { admission, chosen, asked, signal: submission.signal, onStream, watch };
    const tookMs = core.clock.monotonic() - startedAt;
    if (isCounted(submission) && isNew(asked)) core.tally.decided(asked.decision, tookMs);
    watch?.decided(() => decidedFacts(judged, tookMs));
    return await readAnswer(core, judged);
  } catch (error) {
    if (asked !== null && isClaimed(asked)) await abandon(core, asked, FAILED_BEFORE);
    return refused(faultOutcome(pass.admission, reasonOfFault(core, error, deadline)));
  }
}

async function afterClaim(core: Core, claimed: Claimed, streaming: Streaming | null): Promise<Outcome> {
  const key = jobKey(claimed.row.tenantId, claimed.row.id);
  const running = finish(core, claimed)
    .catch(() => unknownOutcome(claimed))
    .then((outcome) => {
      core.running.delete(key);
      core.tally.ended(outcome);
      claimed.watch?.end((attempts) => endFacts(outcome, attempts));
      return outcome;
    });
  // Equal submissions that come meanwhile wait for this very call.
  core.running.set(key, { outcome: running, stop: claimed.stopping.stop });
  core.halts.jobBegan();
  if (streaming === null) return running;
  // The call is answered when its stream begins; the job goes on, and closing the gate waits for it.
  void track(core, running);
  return Promise.race([running, streaming.started.then((chunks) => streamingOutcome(claimed, chunks, running))]);
}

/** Nobody called for what the gate asks itself: a request decided again, and the job that proves that it denies. */
function isCounted({ intent, opens, canary }: Submission): boolean {
  return canary !== true && (opens || intent === "dispatch");
}

/** What was decided for this call, and not for an earlier one that it repeats. */
function isNew(asked: Asked): asked is Asked & { readonly decision: Decision } {
  const { status } = asked.answer;
  return asked.decision !== null && status !== "running" && status !== "finished" && status !== "id_reused";
}

/** Where the chunks of a stream come up, once there are any. */
interface Streaming {
  readonly started: Promise<AsyncIterable<unknown>>;
  readonly start: (chunks: AsyncIterable<unknown>) => void;
}

function createStreaming(): Streaming {
  let start: Streaming["start"] = () => undefined;
  const started = new Promise<AsyncIterable<unknown>>((resolve) => {
    start = resolve;
  });
  return { started, start };
}

const STREAMING: Reason = Object.freeze({ code: "job_running", message: "the job runs, and its output is passed on" });

function streamingOutcome(claimed: Claimed, chunks: AsyncIterable<unknown>, outcome: Promise<Outcome>): Outcome {
  const stream = Object.freeze({ outcome, [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator]() });
  return { ...claimedBase(claimed, claimed.row.updatedAt), status: "RUNNING", reason: STREAMING, stream };
}

function refused(outcome: Outcome): Before {
  return { kind: "refused", outcome };
}

/** Why a job that the policy may permit cannot be dispatched by this call. */
function refusalOf(submission: Submission, chosen: Chosen, halted: boolean): Reason | null {
  if (submission.signal?.aborted === true) {
    return { code: "aborted", message: "the caller gave up before the dispatch" };
  }
  if (submission.intent === "evaluate" || chosen.dispatch !== null) return halted ? HALTED : null;
  return {
    code: "dispatcher_missing",
    message: `this process has no dispatcher \`${chosen.name}\``,
    ...(chosen.help === undefined ? {} : { help: chosen.help }),
  };
}

async function readAnswer(core: Core, judged: Judged): Promise<Before> {
  const { admission, asked } = judged;
  const { answer, decision } = asked;
  const now = core.clock.wall();
  switch (answer.status) {
    case "claimed":
      return { kind: "claimed", claimed: takeOver(core, judged, answer) };
    case "ready": {
      const { job, approval } = answer;
      const base = { jobId: job.id, traceId: job.traceId, jobHash: job.hash, decision };
      const seen = approval === null ? {} : { approval: summarize(approval, now) };
      const reason: Reason = { code: "rule_matched", message: decision?.reason ?? "" };
      return { kind: "ready", evaluation: { ...base, ...seen, reason, next: "dispatch" } };
    }
    case "id_reused":
      return refused(faultOutcome(admission, ID_REUSED, decision));
    case "running":
    case "finished":
      return refused(await replay(core, answer, now));
    default:
      return refused({ ...outcomeOfRow(answer.job, answer.approval, new Map(), now, false), decision });
  }
}

/** A job that was claimed before is never run again: its call is joined, or its recorded outcome told. */
async function replay(
  core: Core,
  answer: Extract<ClaimAnswer, { readonly status: "running" | "finished" }>,
  now: number,
): Promise<Outcome> {
  const { id, tenantId } = answer.job;
  const call = answer.status === "running" ? core.running.get(jobKey(tenantId, id)) : undefined;
  if (call !== undefined) return { ...(await call.outcome), replayed: true };
  const { jobs } = await core.store.read({ kind: "job", id, tenantId });
  return outcomeOfRow(answer.job, answer.approval, jobs?.[0]?.vault ?? new Map(), now, true);
}
