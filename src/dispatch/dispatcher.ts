import type { AdmittedJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import type { Constraints } from "../outcome.js";
import type { Enforcer } from "./enforcer.js";
import type { Guard } from "./guard.js";
import type { Permit } from "./permit.js";
import type { TraceHeaders } from "./trace.js";

/** What a dispatch function is told besides the job. */
export interface DispatchContext {
  /** Aborted when the run time is over, or when the caller gave up. A function that ignores it is not waited for. */
  readonly signal: AbortSignal;
  readonly permit: Permit;
  /** What is enforced on this run. */
  readonly constraints: Constraints;
  /** 1 for the first. */
  readonly attempt: number;
  /** The same for all attempts of one job, and for no other job. */
  readonly idempotencyKey: string;
  readonly traceId: string;
  /** Of this attempt, to hand on to workers as headers. Frozen; empty where the gate has no `telemetry`. */
  readonly trace: TraceHeaders;
  /** Answers with paths and connections that the constraints of this run permit, and refuses others. */
  readonly guard: Guard;
}

/**
 * What really acts. It MUST use the job that it is handed: that is the frozen copy that was hashed, decided and
 * approved. Arguments it closes over were seen by nobody.
 */
export type Dispatch<Output = unknown> = (job: AdmittedJob, context: DispatchContext) => Output | Promise<Output>;

/** A dispatch function with whoever holds it to what the gate cannot. */
export interface EnforcedDispatch<Output = unknown> {
  readonly dispatch: Dispatch<Output>;
  /**
   * `"guard"`: this function does all its input and output through `ctx.guard`. Or the name of one of the gate's
   * `enforcers`, or one of its own. Default: nobody, so jobs under `paths` or `network` are refused.
   */
  readonly enforcers?: readonly (string | Enforcer)[];
}

/** A dispatch function with the name that approvals are bound to. */
export interface NamedDispatch<Output = unknown> extends EnforcedDispatch<Output> {
  readonly name: string;
}

/** How a caller says what shall act: a registered name, or a function (named `call`, unless it brings a name). */
export type DispatchChoice<Output = unknown> = string | Dispatch<Output> | NamedDispatch<Output>;

/** The dispatcher a job is for, and the function, if this process has it. */
export interface Chosen {
  readonly name: string;
  readonly dispatch: Dispatch | null;
  readonly enforcers: readonly Enforcer[];
  readonly help?: string;
}

/** The name of the dispatcher given as `dispatch` to `createGate`. */
export const DEFAULT_DISPATCHER = "default";

/** The name of a function given with a call. */
const CALL = "call";

const NAME = /^[\x21-\x7e]{1,128}$/;

/** The dispatch functions that a process has, by name. */
export interface Dispatchers {
  readonly choose: (choice: DispatchChoice | undefined) => Chosen;
  /** For a job that was made for a dispatcher already: never answers with another one. */
  readonly chooseFor: (name: string, choice: DispatchChoice | undefined) => Chosen;
  /** Throws a `TypeError` when the name is taken by another function. */
  readonly register: (name: string, dispatch: Dispatch | EnforcedDispatch) => void;
  readonly has: (name: string) => boolean;
  readonly names: () => readonly string[];
}

interface Registered {
  readonly dispatch: Dispatch;
  readonly enforcers: readonly Enforcer[];
}

/** The gate's own: what is asked of it is counted, and a run that asked nothing is not believed. */
const GUARD: Enforcer = Object.freeze({ name: "guard", enforces: Object.freeze(["paths", "network"] as const) });
const NOBODY: readonly Enforcer[] = Object.freeze([]);

/** Keeps dispatch functions by name, and who holds them to what. A name from outside is only ever looked up in a `Map`. */
export function createDispatchers(enforcers: readonly Enforcer[] = []): Dispatchers {
  const known = new Map<string, Registered>();
  const enforcing = new Map(enforcers.map((enforcer) => [enforcer.name, checkEnforcer(enforcer)]));
  if (enforcing.has(GUARD.name)) throw new TypeError("the name `guard` is the gate's own; choose another");
  enforcing.set(GUARD.name, GUARD);

  const resolve = (enforcer: string | Enforcer): Enforcer => {
    if (typeof enforcer !== "string") return checkEnforcer(enforcer);
    const found = enforcing.get(enforcer);
    if (found !== undefined) return found;
    const meant = nearest(enforcer, enforcing.keys());
    throw new TypeError(
      `there is no enforcer \`${enforcer}\`${meant === undefined ? "" : `: did you mean \`${meant}\`?`}`,
    );
  };

  const read = (given: Dispatch | EnforcedDispatch): Registered => {
    if (typeof given === "function") return { dispatch: given, enforcers: NOBODY };
    const { dispatch, enforcers: named = [] } = given;
    if (!Array.isArray(named)) throw new TypeError("`enforcers` must be a list");
    return { dispatch, enforcers: named.length === 0 ? NOBODY : Object.freeze(named.map(resolve)) };
  };

  const named = (name: string): Chosen => {
    const registered = known.get(name);
    if (registered !== undefined) return { name, ...registered };
    const meant = nearest(name, known.keys());
    const help =
      meant === undefined
        ? "give createGate a dispatcher of that name, or pass a function"
        : `did you mean \`${meant}\`?`;
    return { name, dispatch: null, enforcers: NOBODY, help };
  };

  const choose = (choice: DispatchChoice | undefined): Chosen => {
    if (choice === undefined) return named(DEFAULT_DISPATCHER);
    if (typeof choice === "string") return named(choice);
    if (typeof choice === "function") return { name: CALL, dispatch: choice, enforcers: NOBODY };
    checkNamed(choice);
    return { name: choice.name, ...read(choice) };
  };

  return {
    choose,
    chooseFor: (name, choice) => {
      const chosen = choice === undefined ? named(name) : choose(choice);
      if (chosen.name === name) return chosen;
      const help = `the job was made for dispatcher \`${name}\`, not for \`${chosen.name}\``;
      return { name, dispatch: null, enforcers: NOBODY, help };
    },
    register: (name, given) => {
      const registered = read(given);
      checkNamed({ name, dispatch: registered.dispatch });
      const before = known.get(name);
      if (before !== undefined && before.dispatch !== registered.dispatch) {
        throw new TypeError(`a dispatcher named \`${name}\` is registered already`);
      }
      known.set(name, registered);
    },
    has: (name) => known.has(name),
    names: () => [...known.keys()],
  };
}

function checkEnforcer(enforcer: unknown): Enforcer {
  const { name, enforces } = (enforcer ?? {}) as Partial<Enforcer>;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new TypeError("an enforcer's name must be 1 to 128 printable ASCII characters without spaces");
  }
  const keys: readonly unknown[] = Array.isArray(enforces) ? enforces : [];
  const known = keys.every((key) => key === "paths" || key === "network");
  if (typeof enforces === "function" || (Array.isArray(enforces) && known)) return { name, enforces } as Enforcer;
  throw new TypeError(
    `the enforcer \`${name}\` must say what it \`enforces\`: a list of \`paths\` and \`network\`, or a function`,
  );
}

/** True for what may name a dispatcher. */
export function isDispatcherName(name: string): boolean {
  return NAME.test(name) && name !== CALL;
}

function checkNamed(choice: unknown): asserts choice is NamedDispatch {
  const { name, dispatch } = (choice ?? {}) as Partial<NamedDispatch>;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new TypeError("a dispatcher's name must be 1 to 128 printable ASCII characters without spaces");
  }
  if (name === CALL) throw new TypeError("the name `call` is for functions passed with a call; choose another");
  if (typeof dispatch !== "function") throw new TypeError(`the dispatcher \`${name}\` must be a function`);
}
