import { setImmediate as nextPhase } from "node:timers/promises";
import { StoreError } from "dispatch-gate";
import { defineStore, type Store } from "../../../src/store/port.js";

/** A step that waits until the schedule lets it go on. */
interface Waiting {
  readonly seat: number;
  readonly what: string;
  readonly goOn: () => void;
  readonly fail: (error: Error) => void;
}

/** Holds every step of several gates until it is its turn: one goes on at a time, and which one the schedule says. */
export interface Turns {
  /** Resolves when it is this step's turn; never for a seat that crashed. */
  readonly wait: (seat: number, what: string) => Promise<void>;
  /** The steps that wait, but those of seats that crashed. */
  readonly waiting: () => readonly { readonly seat: number; readonly what: string }[];
  /** Lets the step at that place of `waiting` go on. Resolves once everything stands still again. */
  readonly goOn: (place: number) => Promise<void>;
  /** Nothing of this seat goes on from now on. */
  readonly crash: (seat: number) => void;
  /** From now on steps do not wait, and those of seats that crashed fail: nothing of theirs reaches the store any more. */
  readonly end: () => void;
}

/** Makes turns in which nobody waits yet. */
export function createTurns(): Turns {
  const crashed = new Set<number>();
  let waiting: Waiting[] = [];
  let ended = false;
  return {
    wait: (seat, what) => {
      if (ended) return crashed.has(seat) ? Promise.reject(gone()) : Promise.resolve();
      return new Promise((goOn, fail) => waiting.push({ seat, what, goOn, fail }));
    },
    waiting: () => waiting.filter(({ seat }) => !crashed.has(seat)),
    goOn: (place) => {
      const next = waiting.filter(({ seat }) => !crashed.has(seat))[place];
      waiting = waiting.filter((each) => each !== next);
      next?.goOn();
      return standStill();
    },
    crash: (seat) => void crashed.add(seat),
    end: () => {
      ended = true;
      for (const { seat, goOn, fail } of waiting.splice(0)) {
        if (crashed.has(seat)) fail(gone());
        else goOn();
      }
    },
  };
}

/** All that follows from one step without another's turn runs within a phase of the loop, and what signs the log in the next. */
export async function standStill(): Promise<void> {
  await nextPhase();
  await nextPhase();
}

function gone(): StoreError {
  return new StoreError("store_closed", "the process of this gate is no more");
}

/**
 * The store as one gate has it: each verb waits for its turn to be done, and its answer for another turn to be heard. Between
 * the two the gate can crash with the step done and nobody told.
 */
export function storeInTurns(store: Store, turns: Turns, seat: number): Store {
  const inTurn =
    <Request, Answer>(verb: string, run: (request: Request) => Promise<Answer>) =>
    async (request: Request): Promise<Answer> => {
      await turns.wait(seat, verb);
      const answer = await run(request);
      await turns.wait(seat, `${verb} answered`);
      return answer;
    };
  return defineStore({
    kind: store.kind,
    claim: inTurn("claim", store.claim),
    settle: inTurn("settle", store.settle),
    vote: inTurn("vote", store.vote),
    change: inTurn("change", store.change),
    recover: inTurn("recover", store.recover),
    read: inTurn("read", store.read),
    page: inTurn("page", store.page),
    watch: store.watch,
    verify: store.verify,
    close: store.close,
  });
}
