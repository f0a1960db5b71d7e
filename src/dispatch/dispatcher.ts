import type { AdmittedJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import type { Constraints } from "../outcome.js";
import type { Permit } from "./permit.js";

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
}

/**
 * What really acts. It MUST use the job that it is handed: that is the frozen copy that was hashed, decided and
 * approved. Arguments it closes over were seen by nobody.
 */
export type Dispatch<Output = unknown> = (job: AdmittedJob, context: DispatchContext) => Output | Promise<Output>;

/** A dispatch function with the name that approvals are bound to. */
export interface NamedDispatch<Output = unknown> {
  readonly name: string;
  readonly dispatch: Dispatch<Output>;
}

/** How a caller says what shall act: a registered name, or a function (named `call`, unless it brings a name). */
export type DispatchChoice<Output = unknown> = string | Dispatch<Output> | NamedDispatch<Output>;

/** The dispatcher a job is for, and the function, if this process has it. */
export interface Chosen {
  readonly name: string;
  readonly dispatch: Dispatch | null;
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
  readonly register: (name: string, dispatch: Dispatch) => void;
  readonly has: (name: string) => boolean;
  readonly names: () => readonly string[];
}

/** Keeps dispatch functions by name. A name from outside is only ever looked up in a `Map`. */
export function createDispatchers(): Dispatchers {
  const known = new Map<string, Dispatch>();

  const named = (name: string): Chosen => {
    const dispatch = known.get(name);
    if (dispatch !== undefined) return { name, dispatch };
    const meant = nearest(name, known.keys());
    return meant === undefined
      ? { name, dispatch: null, help: "give createGate a dispatcher of that name, or pass a function" }
      : { name, dispatch: null, help: `did you mean \`${meant}\`?` };
  };

  const choose = (choice: DispatchChoice | undefined): Chosen => {
    if (choice === undefined) return named(DEFAULT_DISPATCHER);
    if (typeof choice === "string") return named(choice);
    if (typeof choice === "function") return { name: CALL, dispatch: choice };
    checkNamed(choice);
    return { name: choice.name, dispatch: choice.dispatch };
  };

  return {
    choose,
    chooseFor: (name, choice) => {
      const chosen = choice === undefined ? named(name) : choose(choice);
      if (chosen.name === name) return chosen;
      return { name, dispatch: null, help: `the job was made for dispatcher \`${name}\`, not for \`${chosen.name}\`` };
    },
    register: (name, dispatch) => {
      checkNamed({ name, dispatch });
      const before = known.get(name);
      if (before !== undefined && before !== dispatch) {
        throw new TypeError(`a dispatcher named \`${name}\` is registered already`);
      }
      known.set(name, dispatch);
    },
    has: (name) => known.has(name),
    names: () => [...known.keys()],
  };
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
