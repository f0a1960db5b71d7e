import { type Approvals, createApprovals } from "./approvals.js";
import {
  createDispatchers,
  DEFAULT_DISPATCHER,
  type Dispatch,
  type DispatchChoice,
  isDispatcherName,
} from "./dispatch/dispatcher.js";
import { PolicyError } from "./errors.js";
import { type Audit, createAudit } from "./gate/audit.js";
import { createClock } from "./gate/clock.js";
import { type Core, createCore, SETTLE_WAIT_MS, track } from "./gate/core.js";
import { uuidv7 } from "./gate/ids.js";
import { createJobs, type Jobs } from "./gate/jobs.js";
import { evaluate, evaluateAndDispatch } from "./gate/line.js";
import { type GateOptions, readOptions, refuseUnknown, type Settings } from "./gate/options.js";
import { enterJob, note, refuseInvalid } from "./gate/refusal.js";
import { resume } from "./gate/resume.js";
import type { Submission } from "./gate/submission.js";
import { recordUnsettled, recover, tend } from "./gate/upkeep.js";
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
import { describeOwner, RENEW_MS } from "./store/owner.js";
import { isStore, type Store } from "./store/port.js";
import { openSqliteStore } from "./store/sqlite/store.js";

/** What a call may carry besides the job. */
export interface CallOptions {
  /** Before the dispatch: refuses the job (`aborted`). After it: is passed on to the dispatch function's own signal. */
  readonly signal?: AbortSignal;
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
    options?: CallOptions,
  ) => Promise<Outcome<Output>>;
  /** Decides, records, and opens an approval where one is needed; dispatches nothing. */
  readonly evaluate: (job: Job, dispatch?: DispatchChoice) => Promise<Evaluation>;
  /** What the policy in force says: nothing recorded, nothing consumed, no derived tags. Throws a `TypeError` for a job that is not valid. */
  readonly decide: (job: Job) => Decision;
  /**
   * Why {@link Gate.decide} says what it says: every matching rule, which one decided and what the others added, and of
   * the rules nearest to matching the first key that failed. For operators: never show it to an agent, it teaches a way
   * round. Throws a `TypeError` for a job that is not valid.
   */
  readonly explain: (job: Job) => Explanation;
  /** Runs an approved job, also after a restart and in another process. A job that is not approved is answered as it stands. */
  readonly resume: <Output = unknown>(
    jobId: string,
    dispatch?: DispatchChoice<Output>,
    options?: CallOptions & { readonly tenantId?: string },
  ) => Promise<Outcome<Output>>;
  /**
   * Puts a function behind the gate. `toJob` says what a call is; the function is handed the admitted job, and MUST use
   * that. With a name (its own, or `options.name`) it is a dispatcher of this gate, so that `resume` finds it.
   */
  readonly wrap: <Arguments extends unknown[], Output>(
    fn: Dispatch<Output>,
    toJob: (...args: Arguments) => Job,
    options?: { readonly name?: string },
  ) => Gated<Arguments, Output>;
  readonly jobs: Jobs;
  readonly approvals: Approvals;
  readonly audit: Audit;
  /** The policy in force as far as this process knows. */
  readonly policy: Policy;
  /**
   * Compiles a policy and makes it the one in force. Once this resolves nothing is claimed under an older one, in any
   * process on the store. Rejects with a `PolicyError` and changes nothing when the policy is not valid.
   */
  readonly reload: (policy: string | PolicySource | Policy) => Promise<Policy>;
  /** Ends the claims of processes that are gone as `UNKNOWN`. Also done on open. Answers how many. */
  readonly recover: () => Promise<number>;
  /**
   * Refuses new jobs, waits for running ones for up to 10 seconds, and lets go of the store if the gate opened it.
   * A job that runs longer is `UNKNOWN` from then on.
   */
  readonly close: () => Promise<void>;
}

/**
 * Opens a gate: loads the policy, opens the store, ends what dead processes left behind, and puts the policy in force.
 * Rejects with a `PolicyError` or a `StoreError` that says what to do, and leaves nothing half open.
 */
export async function createGate(options: GateOptions): Promise<Gate> {
  const settings = readOptions(options);
  const dispatchers = createDispatchers();
  if (settings.dispatch !== undefined) dispatchers.register(DEFAULT_DISPATCHER, settings.dispatch);
  for (const [name, dispatch] of settings.dispatchers) dispatchers.register(name, dispatch);
  const policy = settings.policy === undefined ? null : await readPolicy(settings.policy);
  const ownStore = typeof settings.store === "string";
  const store = await openStore(settings.store);
  try {
    return await openGate({ settings, dispatchers, policy, store, ownStore });
  } catch (error) {
    if (ownStore) await store.close();
    throw error;
  }
}

function readPolicy(policy: string | PolicySource | Policy): Policy | Promise<Policy> {
  if (isPolicy(policy)) return policy;
  return typeof policy === "string" ? loadPolicy(policy) : compilePolicy(policy);
}

async function openStore(store: string | Store): Promise<Store> {
  if (typeof store === "string") return openSqliteStore(store);
  if (isStore(store)) return store;
  throw new TypeError("`store` must be the path of an SQLite file, or a store made by `defineStore`");
}

interface Opening {
  readonly settings: Settings;
  readonly dispatchers: ReturnType<typeof createDispatchers>;
  readonly policy: Policy | null;
  readonly store: Store;
  readonly ownStore: boolean;
}

async function openGate({ settings, dispatchers, policy, store, ownStore }: Opening): Promise<Gate> {
  const { at = 0 } = await store.read({ kind: "time" });
  const clock = createClock(settings.now, at);
  const openedAt = clock.wall();
  const owner = describeOwner(uuidv7(openedAt), openedAt);
  let closed = false;
  const core = createCore({ settings, clock, store, dispatchers, owner, isClosed: () => closed });

  const facts = { owner: owner.id, pid: owner.pid, fail_mode: "closed", store: store.kind };
  await store.change({ kind: "open", now: openedAt, waitMs: SETTLE_WAIT_MS, owner, facts });
  await recover(core);
  if (policy !== null && settings.activate === "always") await core.activate(policy, "open");
  else await core.adopt();

  const beat = setInterval(() => void tend(core), RENEW_MS);
  beat.unref();

  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    clearInterval(beat);
    await quiet(core, CLOSE_WAIT_MS);
    await recordUnsettled(core);
    const left = { owner: owner.id, unsettled: core.unsettled.length };
    try {
      await store.change({ kind: "leave", now: clock.wall(), waitMs: SETTLE_WAIT_MS, owner: owner.id, facts: left });
    } finally {
      if (ownStore) await store.close();
    }
  };

  return surfaceOf(core, close);
}

/** How long closing waits for jobs that run, in milliseconds. What runs longer ends as `UNKNOWN`. */
const CLOSE_WAIT_MS = 10_000;

/** Resolves when all calls have an answer and all late results are recorded, or when the time for that is over. */
async function quiet(core: Core, waitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([Promise.allSettled(core.background), over]);
  clearTimeout(timer);
}

function surfaceOf(core: Core, close: () => Promise<void>): Gate {
  const { dispatchers, settings } = core;

  const submission = (job: unknown, choice: DispatchChoice | undefined, options: CallOptions): Submission => ({
    enter: () => enterJob(core, job),
    choose: () => dispatchers.choose(choice),
    intent: "dispatch",
    signal: options.signal,
  });

  const call = <Output>(
    job: unknown,
    choice: DispatchChoice<Output> | undefined,
    options: CallOptions = {},
  ): Promise<Outcome<Output>> => {
    checkCall(options, ["signal"]);
    // Wrong arguments are the host's mistake and are thrown before anything is recorded.
    dispatchers.choose(choice);
    return track(core, evaluateAndDispatch(core, submission(job, choice, options))) as Promise<Outcome<Output>>;
  };

  const dryRun = (job: Job): AdmittedJob => {
    const admitted = admit(job, { jobId: "dry-run", traceId: "dry-run", maxJobBytes: settings.maxJobBytes });
    if (!admitted.ok) throw new TypeError(`${admitted.issue.path}: ${admitted.issue.message}`);
    return admitted.admission.job;
  };

  return Object.freeze({
    evaluateAndDispatch: async (job, dispatch, options) => call(job, dispatch, options),

    evaluate: async (job: Job, dispatch?: DispatchChoice) => {
      dispatchers.choose(dispatch);
      return evaluate(core, { ...submission(job, dispatch, {}), intent: "evaluate" });
    },

    decide: (job: Job) => decideAdmitted(core.inForce().policy, dryRun(job), [], settings.declaredTags),

    explain: (job: Job) => explainAdmitted(core.inForce().policy, dryRun(job), [], settings.declaredTags),

    resume: async (jobId, dispatch, options = {}) => {
      if (typeof jobId !== "string" || jobId === "") throw new TypeError("`resume` needs a job id");
      checkCall(options, ["signal", "tenantId"]);
      dispatchers.choose(dispatch);
      return track(core, resume(core, jobId, dispatch, options)) as Promise<Outcome<never>>;
    },

    wrap: <Arguments extends unknown[], Output>(
      fn: Dispatch<Output>,
      toJob: (...args: Arguments) => Job,
      options: { readonly name?: string } = {},
    ): Gated<Arguments, Output> => {
      refuseUnknown(options, ["name"], "wrap");
      if (typeof fn !== "function" || typeof toJob !== "function") throw new TypeError("`wrap` takes two functions");
      const name = options.name ?? (isDispatcherName(fn.name) ? fn.name : "");
      const choice = name === "" ? fn : { name, dispatch: fn };
      if (name !== "") dispatchers.register(name, fn);
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
    approvals: createApprovals(core),
    audit: createAudit(core),

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

    recover: () => recover(core),
    close,
  } satisfies Gate);
}

function checkCall(options: object, known: readonly string[]): void {
  refuseUnknown(options, known, "a call");
  const { signal } = options as CallOptions;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError("`signal` must be an AbortSignal");
}

function rejection(error: PolicyError): { readonly count: number; readonly codes: readonly string[] } {
  return { count: error.issues.length, codes: [...new Set(error.issues.map(({ code }) => code))].slice(0, 32) };
}
