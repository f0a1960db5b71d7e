import { type Approvals, createApprovals } from "./approvals.js";
import {
  createDispatchers,
  DEFAULT_DISPATCHER,
  type Dispatch,
  type DispatchChoice,
  isDispatcherName,
} from "./dispatch/dispatcher.js";
import { ApprovalError, PolicyError } from "./errors.js";
import { type Audit, createAudit } from "./gate/audit.js";
import { createClock } from "./gate/clock.js";
import { type Core, createCore, SETTLE_WAIT_MS } from "./gate/core.js";
import { uuidv7 } from "./gate/ids.js";
import { evaluate, evaluateAndDispatch } from "./gate/line.js";
import { type GateOptions, pageLimit, readOptions, refuseUnknown, type Settings } from "./gate/options.js";
import { outcomeOfRow } from "./gate/recorded.js";
import { enterJob, faultOutcome, note, refuseInvalid } from "./gate/refusal.js";
import type { Entry, Submission } from "./gate/submission.js";
import { admit, readmit } from "./job/admit.js";
import type { Job } from "./job/job.js";
import { loadPolicy } from "./load-policy.js";
import type { Decision, Evaluation, JsonObject, Outcome, OutcomeStatus } from "./outcome.js";
import { compilePolicy, decideAdmitted, isPolicy, type Policy, type PolicySource } from "./policy/policy.js";
import { describeOwner, isGone, RENEW_MS } from "./store/owner.js";
import { STORE, type Store, type StoredJob } from "./store/port.js";
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
  /** Refuses new jobs, waits for running ones, and lets go of the store if the gate opened it. */
  readonly close: () => Promise<void>;
}

/** The jobs that the store knows. */
export interface Jobs {
  /** The outcome of a job as recorded; null when the id is unknown. */
  readonly get: (jobId: string, options?: { readonly tenantId?: string }) => Promise<Outcome | null>;
  readonly list: (options?: {
    readonly status?: OutcomeStatus;
    readonly tenantId?: string;
    readonly after?: string;
    /** 1 to 1,000. Default 100. */
    readonly limit?: number;
  }) => Promise<{ readonly items: readonly Outcome[]; readonly next: string | null }>;
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
  if (typeof store === "object" && store !== null && store[STORE] === true) return store;
  throw new TypeError("`store` must be the path of an SQLite file, or a store");
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
    await Promise.allSettled([...core.running.values(), ...core.background]);
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
    return evaluateAndDispatch(core, submission(job, choice, options)) as Promise<Outcome<Output>>;
  };

  return Object.freeze({
    evaluateAndDispatch: async (job, dispatch, options) => call(job, dispatch, options),

    evaluate: async (job: Job, dispatch?: DispatchChoice) => {
      dispatchers.choose(dispatch);
      return evaluate(core, { ...submission(job, dispatch, {}), intent: "evaluate" });
    },

    decide: (job: Job) => {
      const admitted = admit(job, { jobId: "dry-run", traceId: "dry-run", maxJobBytes: settings.maxJobBytes });
      if (!admitted.ok) throw new TypeError(`${admitted.issue.path}: ${admitted.issue.message}`);
      return decideAdmitted(core.inForce().policy, admitted.admission.job, [], settings.declaredTags);
    },

    resume: async (jobId, dispatch, options = {}) => {
      if (typeof jobId !== "string" || jobId === "") throw new TypeError("`resume` needs a job id");
      checkCall(options, ["signal", "tenantId"]);
      dispatchers.choose(dispatch);
      return resume(core, jobId, dispatch, options) as Promise<Outcome<never>>;
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

/** The line once more for a job that the store knows, with the very bytes that were hashed. */
async function resume(
  core: Core,
  jobId: string,
  choice: DispatchChoice | undefined,
  options: CallOptions & { readonly tenantId?: string },
): Promise<Outcome> {
  let dispatcher = DEFAULT_DISPATCHER;
  const enter = async (): Promise<Entry> => {
    const { jobs = [] } = await core.store.read({ kind: "job", id: jobId, tenantId: options.tenantId ?? null });
    const stored = jobs[0];
    if (stored === undefined) return unknownJob("there is no job of that id");
    if (jobs.length > 1) return unknownJob("several tenants have a job of that id; name the `tenantId`");
    dispatcher = stored.row.dispatcher;
    return reenter(stored);
  };
  return evaluateAndDispatch(core, {
    enter,
    choose: () => core.dispatchers.chooseFor(dispatcher, choice),
    intent: "dispatch",
    signal: options.signal,
  });
}

function reenter({ row, vault }: StoredJob): Entry {
  const canonical = vault.get("job");
  if (canonical === undefined) return unknownJob("the content of that job was erased");
  const annotations = JSON.parse(vault.get("annotations") ?? "{}") as JsonObject;
  const admission = readmit(canonical, { id: row.id, traceId: row.traceId, annotations });
  if (admission.hash !== row.hash) return unknownJob("the stored job is not the one that was hashed");
  return { ok: true, admission };
}

function unknownJob(message: string): Entry {
  return { ok: false, outcome: faultOutcome(null, { code: "job_unknown", message }) };
}

function createJobs(core: Core): Jobs {
  const show = ({ row, approval, vault }: StoredJob): Outcome =>
    outcomeOfRow(row, approval, vault, core.clock.wall(), true);
  return {
    get: async (jobId, options = {}) => {
      refuseUnknown(options, ["tenantId"], "jobs.get");
      const { jobs = [] } = await core.store.read({ kind: "job", id: jobId, tenantId: options.tenantId ?? null });
      if (jobs.length > 1) {
        throw new ApprovalError("job_id_ambiguous", "several tenants have a job of that id", "name the `tenantId`");
      }
      return jobs[0] === undefined ? null : show(jobs[0]);
    },
    list: async (options = {}) => {
      refuseUnknown(options, ["status", "tenantId", "after", "limit"], "jobs.list");
      const { status = null, tenantId = null, after = null } = options;
      const page = await core.store.page({ kind: "jobs", status, tenantId, after, limit: pageLimit(options.limit) });
      return { items: (page.jobs ?? []).map(show), next: page.next };
    },
  };
}

async function recover(core: Core): Promise<number> {
  const { owners = [] } = await core.store.read({ kind: "owners" });
  const gone = owners.filter((owner) => owner.id !== core.ownerId && isGone(owner)).map(({ id }) => id);
  const now = core.clock.wall();
  const { jobs } = await core.store.recover({ now, waitMs: SETTLE_WAIT_MS, gone, owner: core.ownerId });
  return jobs.length;
}

/** Every few seconds: the lease, and what could not be recorded before. A store that is away is asked again next time. */
async function tend(core: Core): Promise<void> {
  try {
    await core.keepLease();
    await recordUnsettled(core);
  } catch {
    // Until the lease is renewed nothing is claimed, so there is nothing to do but to try again.
  }
}

async function recordUnsettled(core: Core): Promise<void> {
  for (const request of [...core.unsettled]) {
    try {
      await core.store.settle(request);
    } catch {
      return;
    }
    core.unsettled.splice(core.unsettled.indexOf(request), 1);
  }
}
