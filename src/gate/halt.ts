import { StoreError } from "../errors.js";
import { refuseUnknown } from "../refuse-unknown.js";
import { foldIdentity } from "../store/approval-state.js";
import type { Store } from "../store/port.js";
import type { HaltRow } from "../store/rows.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";

/** Who stops every gate on a store, and why. */
export interface HaltOptions {
  /** 1 to 256 characters; the host's word. */
  readonly by: string;
  /** 1 to 2,000 characters. Stands in the log as it is: no place for anything private. */
  readonly reason: string;
  /**
   * `"running"`: jobs that run are told to stop as well, through their signals, in every process. Default `"none"`: what was
   * dispatched goes on.
   */
  readonly abort?: "none" | "running";
}

/** Who lets the gates go on, and why. */
export type UnhaltOptions = Pick<HaltOptions, "by" | "reason">;

/** Claims are stopped. */
export interface Halt extends Required<HaltOptions> {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
}

/** The switch that stops every claim on the store, as one process sees it. */
export interface Halts {
  readonly halt: (options: HaltOptions) => Promise<Halt>;
  readonly unhalt: (options: UnhaltOptions) => Promise<void>;
  /** Null while claims are made. */
  readonly read: () => Promise<Halt | null>;
  /** True where this process stopped itself, and the store could not be told yet. */
  readonly isHaltedHere: () => boolean;
  /** The same, or where the store was halted when it was last looked at: for when it cannot be. */
  readonly isHaltedAsKnown: () => boolean;
  /** A job runs from now on: while any does, the switch is looked at. */
  readonly jobBegan: () => void;
  /** Looks at the switch, and tells what runs to stop where that was asked for. Tells the store what it was not told yet. */
  readonly look: () => Promise<unknown>;
  readonly close: () => void;
}

/** What a switch needs. */
export interface HaltParts {
  readonly store: Pick<Store, "change" | "read">;
  readonly now: () => number;
  readonly ownerId: string;
  /** What runs in this process. */
  readonly running: ReadonlyMap<string, { readonly stop: (reason: unknown) => void }>;
}

/** How often the switch is looked at while a job runs, in milliseconds. */
const LOOK_EVERY_MS = 100;

/** Makes the switch of one process. */
export function createHalts({ store, now, ownerId, running }: HaltParts): Halts {
  /** The last turn that this process saw: each is acted on once. */
  let seen: HaltRow | null = null;
  /** What the store could not be told yet. */
  let untold: HaltOptions | null = null;
  let timer: NodeJS.Timeout | undefined;
  let looking = false;

  const turn = async (halted: boolean, { by, reason, abort = "none" }: HaltOptions): Promise<HaltRow> => {
    const change = { halted, by, reason, abort, facts: { owner: ownerId } };
    await store.change({ kind: "halt", now: now(), waitMs: SETTLE_WAIT_MS, ...change });
    return lookOnce();
  };

  const lookOnce = async (): Promise<HaltRow> => {
    const { halt } = await store.read({ kind: "halt" });
    const turned = halt ?? NEVER;
    if (turned.number === seen?.number) return turned;
    seen = turned;
    if (turned.halted && turned.abort === "running") stopAll();
    return turned;
  };

  const stopAll = (): void => {
    const reason = new DOMException("the gate is halted", "AbortError");
    for (const { stop } of [...running.values()]) stop(reason);
  };

  const look = async (): Promise<HaltRow> => {
    if (untold === null) return lookOnce();
    const turned = await turn(true, untold);
    untold = null;
    return turned;
  };

  /** Never two at a time, and what fails is tried again with the next. */
  const lookAgain = (): void => {
    if (running.size === 0) {
      clearInterval(timer);
      timer = undefined;
      return;
    }
    if (looking) return;
    looking = true;
    const looked = (): void => {
      looking = false;
    };
    lookOnce().then(looked, looked);
  };

  return {
    look,
    halt: async (options) => {
      const checked = checkTurn(options, "halt", ["by", "reason", "abort"]);
      // Here at once, whatever the store says.
      untold = checked;
      if (checked.abort === "running") stopAll();
      const { by, reason, abort, at } = await turn(true, checked).catch((error: unknown) => {
        throw error instanceof StoreError ? onlyHere(error) : error;
      });
      untold = null;
      return { by, reason, abort, at };
    },
    unhalt: async (options) => {
      const checked = checkTurn(options, "unhalt", ["by", "reason"]);
      await turn(false, checked);
      untold = null;
    },
    read: async () => {
      const { halted, by, reason, abort, at } = await look();
      return halted ? { by, reason, abort, at } : null;
    },
    isHaltedHere: () => untold !== null,
    isHaltedAsKnown: () => untold !== null || seen?.halted === true,
    jobBegan: () => {
      if (timer !== undefined) return;
      timer = setInterval(lookAgain, LOOK_EVERY_MS);
      timer.unref();
    },
    close: () => {
      clearInterval(timer);
    },
  };
}

const NEVER: HaltRow = { number: 0, halted: false, by: "", reason: "", abort: "none", at: 0 };

function onlyHere({ code, message, cause }: StoreError): StoreError {
  return new StoreError(code, `this process is halted, and no other on the store: ${message}`, {
    help: "the store is told as soon as it answers; stop the other processes by hand if that cannot wait",
    cause,
  });
}

function checkTurn(options: HaltOptions, call: string, known: readonly string[]): HaltOptions {
  if (typeof options !== "object" || options === null) throw new TypeError(`\`${call}\` takes an object of options`);
  refuseUnknown(options, known, call);
  const { by, reason, abort = "none" } = options;
  if (typeof by !== "string" || by.length > 256 || foldIdentity(by) === "") {
    throw new TypeError("`by` must be 1 to 256 characters that can be seen");
  }
  if (typeof reason !== "string" || reason.length > 2_000 || reason.trim() === "") {
    throw new TypeError("`reason` must be 1 to 2000 characters that can be seen");
  }
  if (abort !== "none" && abort !== "running") throw new TypeError('`abort` must be one of "none", "running"');
  // A text that SQLite would store otherwise than it was given is stored as it will be read.
  return { by: by.toWellFormed(), reason: reason.toWellFormed(), abort };
}
