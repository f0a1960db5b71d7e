import { type Approvals, createApprovals } from "./approvals.js";
import {
  createDispatchers,
  DEFAULT_DISPATCHER,
  type Dispatch,
  type DispatchChoice,
  isDispatcherName,
} from "./dispatch/dispatcher.js";
import type { Enforcer } from "./dispatch/enforcer.js";
import { createPermitKeys } from "./dispatch/permit-token.js";
import { PolicyError } from "./errors.js";
import { abortJob } from "./gate/abort.js";
import { queueBounds } from "./gate/asking.js";
import { type Audit, createAudit } from "./gate/audit.js";
import { CLOSE_WAIT_MS } from "./gate/closing.js";
import { track } from "./gate/core.js";
import { type DrainOptions, drain } from "./gate/drain.js";
import {
  type EraseBeforeOptions,
  type Erased,
  type ErasedBefore,
  type EraseOptions,
  erase,
  eraseBefore,
} from "./gate/erase.js";
import type { Halt, HaltOptions, UnhaltOptions } from "./gate/halt.js";
import { type Health, healthOf } from "./gate/health.js";
import { createJobs, type Jobs } from "./gate/jobs.js";
import { evaluate, evaluateAndDispatch } from "./gate/line.js";
import { type Opened, openCore } from "./gate/opening.js";
import { checkSignal, type GateOptions, readOptions } from "./gate/options.js";
import { createOutputs, type Outputs } from "./gate/outputs.js";
import { createPermits, type Permits } from "./gate/permits.js";
import { reconcile } from "./gate/reconcile.js";
import { enterJob, note, refuseInvalid } from "./gate/refusal.js";
import { resume } from "./gate/resume.js";
import { openSigner } from "./gate/signing.js";
import { openStore } from "./gate/store.js";
import type { Submission } from "./gate/submission.js";
import type { Metrics } from "./gate/tally.js";
import { recover } from "./gate/upkeep.js";
import { inPlace } from "./gate/wait.js";
import { admit } from "./job/admit.js";
import type { AdmittedJob, Job } from "./job/job.js";
import { loadPolicy } from "./load-policy.js";
import type { Decision, Evaluation, Outcome } from "./outcome.js";
import type { Explanation } from "./policy/explain.js";
import {
  compilePolicy,
  decideAdmitted,
  explainAdmitted,
  isPolicy,
  type Policy,
  type PolicySource,
} from "./policy/policy.js";
import { refuseUnknown } from "./refuse-unknown.js";
import { foldIdentity } from "./store/approval-state.js";

/** What a call may carry besides the job. */
export interface CallOptions {
  /** Before the dispatch: refuses the job (`aborted`). After it: is passed on to the dispatch function's own signal. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds to wait in place for an approval, 0 to 2,147,483,647. Default 0: a job that needs one is answered
   * `PENDING_APPROVAL` at once. It runs as soon as it is approved, by whatever process on the store.
   */
  readonly waitForApprovalMs?: number;
  /**
   * True: a stream (an async iterable or a web stream) that the dispatch function answers is passed on, inspected, as it comes.
   * The call is answered `RUNNING` with `stream` then. Default false: a stream is gathered, and inspected as a whole.
   */
  readonly stream?: boolean;
}

/** What a submission may carry besides the job. */
export interface SubmitOptions extends CallOptions {
  /** Who submits the job, where that is not its actor: may not vote on it either. 1 to 256 characters; the host's word. */
  readonly submitter?: string;
}

/** A function behind the gate: what it answers is always an outcome. */
export type Gated<Arguments extends unknown[], Output> = (...args: Arguments) => Promise<Outcome<Output>>;

/** A gate in this process, on one store. */
export interface Gate {
  /**
   * Decides, and if the policy permits runs the job: once, under its constraints, with its output inspected.
   * Never rejects for anything about the job, the policy or the store: those are outcomes.
   */
  readonly evaluateAndDispatch: <Output = unknown>(
    job: Job,
    dispatch?: DispatchChoice<Output>,
    options?: SubmitOptions,
  ) => Promise<Outcome<Output>>;
  /** Decides, records, and opens an approval where one is needed; dispatches nothing. */
  readonly evaluate: (
    job: Job,
    dispatch?: DispatchChoice,
    options?: Pick<SubmitOptions, "submitter">,
  ) => Promise<Evaluation>;
  /** What the policy in force says: nothing recorded, nothing consumed, no derived tags. Throws a `TypeError` for a job that is not valid. */
  readonly decide: (job: Job) => Decision;
  /**
   * Why {@link Gate.decide} says what it says: every matching rule, which one decided and what the others added, and of
   * the rules nearest to matching the first key that failed. For operators: never show it to an agent, it teaches a way
   * round. Throws a `TypeError` for a job that is not valid.
   */
  readonly explain: (job: Job) => Explanation;
  /**
   * Runs an approved job, also after a restart and in another process. A job that is not approved is answered as it stands;
   * no request is opened but in place of one that no longer holds.
   */
  readonly resume: <Output = unknown>(
    jobId: string,
    dispatch?: DispatchChoice<Output>,
    options?: CallOptions & { readonly tenantId?: string },
  ) => Promise<Outcome<Output>>;
  /** Runs every approved job whose dispatcher this process has, in the order of the queue. Answers their outcomes. */
  readonly drain: (options?: DrainOptions) => Promise<readonly Outcome[]>;
  /**
   * Puts a function behind the gate. `toJob` says what a call is; the function is handed the admitted job, and MUST use
   * that. With a name (its own, or `options.name`) it is a dispatcher of this gate, so that `resume` finds it.
   */
  readonly wrap: <Arguments extends unknown[], Output>(
    fn: Dispatch<Output>,
    toJob: (...args: Arguments) => Job,
    options?: { readonly name?: string; readonly enforcers?: readonly (string | Enforcer)[] },
  ) => Gated<Arguments, Output>;
  readonly jobs: Jobs;
  readonly approvals: Approvals;
  readonly outputs: Outputs;
  readonly audit: Audit;
  readonly permits: Permits;
  /**
   * Erases the private values of a job, with their salts: payload, labels, annotations, output, error and notes. The log stays
   * whole and still proves what happened. Rejects with an `EvidenceError` while the job is open (`job_open`), or a rejection of
   * it stands (`job_rejected`). The id stays spent.
   */
  readonly erase: (jobId: string, options?: EraseOptions) => Promise<Erased>;
  /**
   * The same for all jobs that have not changed since before a time (milliseconds since 1970-01-01T00:00:00Z): for keeping
   * private data for so long and no longer. Looks at every job; what is open keeps its values.
   */
  readonly eraseBefore: (at: number, options?: EraseBeforeOptions) => Promise<ErasedBefore>;
  /** The policy in force as far as this process knows. */
  readonly policy: Policy;
  /**
   * Compiles a policy and makes it the one in force. Once this resolves nothing is claimed under an older one, in any
   * process on the store. Rejects with a `PolicyError` and changes nothing when the policy is not valid.
   */
  readonly reload: (policy: string | PolicySource | Policy) => Promise<Policy>;
  /**
   * Stops every claim on the store, in every process, also after a restart, until it is let go on. This process stops at once;
   * once this resolves nobody claims. Rejects with a `StoreError` where the store could not be told: then only this process is
   * halted, and tells the store as soon as it answers.
   */
  readonly halt: (options: HaltOptions) => Promise<Halt>;
  /** Lets every gate on the store go on. Rejects with a `StoreError` where the store could not be told, and then nothing does. */
  readonly unhalt: (options: UnhaltOptions) => Promise<void>;
  /** Whether claims are stopped, by whom and why; null while they are made. */
  readonly halted: () => Promise<Halt | null>;
  /** How the gate stands: whether it takes jobs, and why not where it does not. Asks the store for a sign of life; never rejects. */
  readonly health: () => Promise<Health>;
  /** What this gate has counted since it was opened: decisions, outcomes, its own time. */
  readonly metrics: () => Metrics;
  /**
   * Tells a job that runs in this process to stop, through its signal: what comes of that is its function's own affair. False
   * where no such job runs here.
   */
  readonly abort: (jobId: string, options?: { readonly tenantId?: string }) => boolean;
  /**
   * Ends the claims of processes that are gone as `UNKNOWN`, and asks the host's `reconcile` about all that are. Answers how many
   * it ended. Also done on open, where the host is asked while the gate takes jobs already.
   */
  readonly recover: () => Promise<number>;
  /**
   * Refuses new jobs, waits for running ones for up to `waitMs` (0 to 2,147,483,647 milliseconds, default 10,000), signs the log,
   * and lets go of the store if the gate opened it. A job that runs longer is `UNKNOWN` from then on.
   */
  readonly close: (options?: { readonly waitMs?: number }) => Promise<void>;
}

/**
 * Opens a gate: loads the policy, opens the store, ends what dead processes left behind, and puts the policy in force.
 * Rejects with a `PolicyError` or a `StoreError` that says what to do, and leaves nothing half open.
 */
export async function createGate(options: GateOptions): Promise<Gate> {
  const settings = readOptions(options);
  const dispatchers = createDispatchers(settings.enforcers);
  const permitKeys = createPermitKeys(settings.permitKey);
  if (settings.dispatch !== undefined) dispatchers.register(DEFAULT_DISPATCHER, settings.dispatch);
  for (const [name, dispatch] of settings.dispatchers) dispatchers.register(name, dispatch);
  const policy = settings.policy === undefined ? null : await readPolicy(settings.policy);
  const ownStore = typeof settings.store === "string";
  const store = await openStore(settings.store, settings.failMode);
  try {
    const signer = openSigner(settings, store);
    const opened = await openCore({ settings, dispatchers, permitKeys, signer, policy, store, ownStore });
    return surfaceOf(opened);
  } catch (error) {
    if (ownStore) await store.close();
    throw error;
  }
}

function readPolicy(policy: string | PolicySource | Policy): Policy | Promise<Policy> {
  if (isPolicy(policy)) return policy;
  return typeof policy === "string" ? loadPolicy(policy) : compilePolicy(policy);
}

function surfaceOf({ core, reconsider, close }: Opened): Gate {
  const { dispatchers, settings } = core;

  const submission = (job: unknown, choice: DispatchChoice | undefined, options: SubmitOptions): Submission => ({
    enter: (traceId) => enterJob(core, job, traceId),
    choose: () => dispatchers.choose(choice),
    intent: "dispatch",
    opens: true,
    submitter: options.submitter,
    signal: options.signal,
    stream: options.stream === true,
  });

  /** Goes on with a job that waited, under the ids that it has by now. */
  const again =
    (choice: DispatchChoice | undefined, { signal, stream = false }: CallOptions, tenantId?: string) =>
    async (pending: Outcome): Promise<Outcome> => {
      const tenant = tenantId ?? (await tenantOf(pending));
      const named = {
        stream,
        ...(signal === undefined ? {} : { signal }),
        ...(tenant === undefined ? {} : { tenantId: tenant }),
      };
      return resume(core, pending.jobId ?? "", choice, named);
    };

  /** Two tenants may use one id: the request that a job waits for says whose it is. */
  const tenantOf = async ({ approval }: Outcome): Promise<string | undefined> => {
    const ids = approval === undefined ? [] : [approval.id];
    try {
      const { marks = [] } = await core.store.read({ kind: "approval_marks", ids });
      return marks[0]?.tenantId;
    } catch {
      // The line asks the store next, and says how it failed.
      return undefined;
    }
  };

  const call = <Output>(
    job: unknown,
    choice: DispatchChoice<Output> | undefined,
    options: SubmitOptions = {},
  ): Promise<Outcome<Output>> => {
    checkCall(options, ["signal", "waitForApprovalMs", "stream", "submitter"]);
    // Wrong arguments are the host's mistake and are thrown before anything is recorded.
    dispatchers.choose(choice);
    const { signal, waitForApprovalMs: waitMs = 0 } = options;
    const first = (): Promise<Outcome> => evaluateAndDispatch(core, submission(job, choice, options));
    if (waitMs === 0) return track(core, first()) as Promise<Outcome<Output>>;
    return track(core, inPlace(core, first, again(choice, options), { waitMs, signal })) as Promise<Outcome<Output>>;
  };

  const dryRun = (job: Job): AdmittedJob => {
    const admitted = admit(job, { jobId: "dry-run", traceId: "dry-run", maxJobBytes: settings.maxJobBytes });
    if (!admitted.ok) throw new TypeError(`${admitted.issue.path}: ${admitted.issue.message}`);
    return admitted.admission.job;
  };

  return Object.freeze({
    evaluateAndDispatch: async (job, dispatch, options) => call(job, dispatch, options),

    evaluate: async (job: Job, dispatch?: DispatchChoice, options: Pick<SubmitOptions, "submitter"> = {}) => {
      checkCall(options, ["submitter"]);
      dispatchers.choose(dispatch);
      return evaluate(core, { ...submission(job, dispatch, options), intent: "evaluate" });
    },

    decide: (job: Job) => decideAdmitted(core.inForce().policy, dryRun(job), [], settings.declaredTags),

    explain: (job: Job) => explainAdmitted(core.inForce().policy, dryRun(job), [], settings.declaredTags),

    resume: async (jobId, dispatch, options = {}) => {
      if (typeof jobId !== "string" || jobId === "") throw new TypeError("`resume` needs a job id");
      checkCall(options, ["signal", "tenantId", "waitForApprovalMs", "stream"]);
      dispatchers.choose(dispatch);
      const { signal, tenantId, waitForApprovalMs: waitMs = 0 } = options;
      const first = (): Promise<Outcome> => resume(core, jobId, dispatch, options);
      if (waitMs === 0) return track(core, first()) as Promise<Outcome<never>>;
      const go = inPlace(core, first, again(dispatch, options, tenantId), { waitMs, signal });
      return track(core, go) as Promise<Outcome<never>>;
    },

    drain: async (options = {}) => {
      checkDrain(options);
      return track(core, drain(core, options));
    },

    wrap: <Arguments extends unknown[], Output>(
      fn: Dispatch<Output>,
      toJob: (...args: Arguments) => Job,
      options: { readonly name?: string; readonly enforcers?: readonly (string | Enforcer)[] } = {},
    ): Gated<Arguments, Output> => {
      refuseUnknown(options, ["name", "enforcers"], "wrap");
      if (typeof fn !== "function" || typeof toJob !== "function") throw new TypeError("`wrap` takes two functions");
      const name = options.name ?? (isDispatcherName(fn.name) ? fn.name : "");
      const { enforcers = [] } = options;
      if (name === "" && enforcers.length > 0) throw new TypeError("`wrap` needs a name where it has `enforcers`");
      const choice = name === "" ? fn : { name, dispatch: fn, enforcers };
      if (name !== "") dispatchers.register(name, { dispatch: fn, enforcers });
      return async (...args) => {
        let job: Job;
        try {
          job = toJob(...args);
        } catch {
          const issue = { path: "", message: "the arguments could not be made into a job" };
          return refuseInvalid(core, null, issue) as Promise<Outcome<never>>;
        }
        return call(job, choice);
      };
    },

    jobs: createJobs(core),
    approvals: createApprovals({
      store: core.store,
      hub: core.hub,
      now: core.clock.wall,
      assurance: "host",
      reconsider,
      isClosed: core.isClosed,
      capacity: async () => queueBounds(core.inForce().policy, settings).maxPending,
    }),
    outputs: createOutputs(core),
    audit: createAudit(core),
    permits: createPermits(core),

    erase: async (jobId, options) => track(core, erase(core, jobId, options)),

    eraseBefore: async (at, options) => track(core, eraseBefore(core, at, options)),

    get policy() {
      return core.inForce().policy;
    },

    reload: async (source) => {
      try {
        const policy = await readPolicy(source);
        await core.activate(policy, "reload");
        return core.inForce().policy;
      } catch (error) {
        if (error instanceof PolicyError) await note(core, "policy.rejected", rejection(error));
        throw error;
      }
    },

    halt: (options) => core.halts.halt(options),
    unhalt: (options) => core.halts.unhalt(options),
    halted: () => core.halts.read(),
    health: () => healthOf(core),
    metrics: () => core.tally.read(),
    abort: (jobId, options = {}) => abortJob(core, jobId, options),

    recover: async () => {
      const ended = await recover(core);
      await track(core, reconcile(core));
      return ended;
    },

    close: async (options = {}) => {
      refuseUnknown(options, ["waitMs"], "close");
      const { waitMs = CLOSE_WAIT_MS } = options;
      if (!(waitMs >= 0 && waitMs <= MAX_TIMER_MS)) {
        throw new TypeError(`\`waitMs\` must be a number from 0 to ${MAX_TIMER_MS}`);
      }
      return close(waitMs);
    },
  } satisfies Gate);
}

function checkCall(options: object, known: readonly string[]): void {
  refuseUnknown(options, known, "a call");
  const { signal, waitForApprovalMs, stream, submitter } = options as SubmitOptions;
  if (stream !== undefined && typeof stream !== "boolean") throw new TypeError("`stream` must be a boolean");
  checkSignal(signal);
  if (waitForApprovalMs !== undefined && !(waitForApprovalMs >= 0 && waitForApprovalMs <= MAX_TIMER_MS)) {
    throw new TypeError(`\`waitForApprovalMs\` must be a number from 0 to ${MAX_TIMER_MS}`);
  }
  if (submitter !== undefined && (typeof submitter !== "string" || submitter.length > 256 || isBlank(submitter))) {
    throw new TypeError("`submitter` must be 1 to 256 characters that can be seen");
  }
}

function checkDrain(options: DrainOptions): void {
  refuseUnknown(options, ["signal", "concurrency", "limit", "leave"], "drain");
  const { signal, concurrency = 1, limit = 1, leave = () => false } = options;
  if (typeof leave !== "function") throw new TypeError("`leave` must be a function");
  checkSignal(signal);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 256) {
    throw new TypeError("`concurrency` must be an integer from 1 to 256");
  }
  if (!Number.isInteger(limit) || limit < 1) throw new TypeError("`limit` must be an integer of 1 or more");
}

function isBlank(identity: string): boolean {
  return foldIdentity(identity) === "";
}

/** The longest that a timer of Node can run, in milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

function rejection(error: PolicyError): { readonly count: number; readonly codes: readonly string[] } {
  return { count: error.issues.length, codes: [...new Set(error.issues.map(({ code }) => code))].slice(0, 32) };
}
