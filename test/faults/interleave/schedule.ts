import { createGate, type Gate } from "dispatch-gate";
import { createFakeClock } from "dispatch-gate/testing";
import { defineStore, type Store } from "../../../src/store/port.js";
import type { LogSigner } from "../../store/verify-worlds.js";
import type { Draws } from "../random.js";
import { judge } from "./judge.js";
import { POLICIES, type Ruled } from "./rules.js";
import { type Asked, beginStep } from "./steps.js";
import { createTurns, standStill, storeInTurns } from "./turns.js";
import { createWitness } from "./witness.js";

/** What a schedule came to. */
export interface Ended {
  /** What happened, a line each, in order. */
  readonly told: readonly string[];
  /** What does not hold. */
  readonly wrong: readonly string[];
  readonly turns: number;
  readonly claims: number;
  readonly crashes: number;
}

interface Seat {
  gate: Gate | null;
  state: "opening" | "live" | "closing" | "closed" | "crashed";
}

/** How far the clock may move at once, in milliseconds: within a window, past it, past a lease, past a request. */
const MOVES = [1_000, 9_000, 21_000, 31_000, 61_000] as const;

/** More turns than any schedule takes: who has not ended by then never does. */
const MOST_TURNS = 5_000;

/** Makes the store of a schedule; it may let others come between by waiting for `pause`. */
export type OpenStore = (pause: () => Promise<void>) => Store;

/** The store itself is at no gate's seat, and does not crash. */
const NO_SEAT = -1;

/** One of so many schedules signs its log: signatures take most of the time, and a gate makes them beside all else. */
const SIGNED = 4;

/** The store to a gate that finds no log to sign. */
function unsigned(store: Store): Store {
  const read: Store["read"] = async (query) =>
    query.kind === "tree" ? { tree: { size: 0, root: "" } } : store.read(query);
  return defineStore({ ...store, read });
}

/**
 * One schedule of two gates on one store: which step of which gate is next, when the clock moves, who crashes, closes and comes
 * back, all drawn. The same draws are the same schedule.
 */
export async function runSchedule(open: OpenStore, log: LogSigner, draws: Draws): Promise<Ended> {
  const turns = createTurns();
  const store = open(() => turns.wait(NO_SEAT, "the store goes on"));
  const witness = createWitness(store);
  const clock = createFakeClock();
  const asked: Asked = { ids: [], outcomes: [], refusals: [] };
  const seats: Seat[] = [];
  const told: string[] = [];
  /** What was begun and has not ended, by the seat that does it. */
  const begun = new Map<Promise<void>, Seat>();
  const binding = draws.pick(["snapshot", "decision"] as const);
  const signs = draws.below(SIGNED) === 0;
  let [left, taken, crashes] = [8 + draws.below(12), 0, 0];

  const gateOn = (seat: number, policy: number | null): Promise<Gate> =>
    createGate({
      ...(policy === null ? { activate: "never" } : { policy: (POLICIES[policy] as Ruled).policy }),
      store: storeInTurns(signs ? witness.storeOf(seat) : unsigned(witness.storeOf(seat)), turns, seat),
      signer: log.signer,
      now: clock.now,
      approvalBinding: binding,
      dispatch: async ({ id }) => {
        witness.called(id);
        await turns.wait(seat, `${id} runs`);
        witness.ended(id);
        return id;
      },
    });

  const begin = (seat: Seat, what: string, done: Promise<void>): void => {
    told.push(`gate ${seats.indexOf(seat)} ${what}`);
    begun.set(done, seat);
    const ended = (): boolean => begun.delete(done);
    void done.then(ended, (error: unknown) => {
      // A gate that crashed while it opened is nobody's any more.
      if (seat.state !== "crashed") asked.refusals.push(`not an answer: ${String(error)}`);
      return ended();
    });
  };

  const openSeat = (policy: number | null): void => {
    const [seat, number]: [Seat, number] = [{ gate: null, state: "opening" }, seats.length];
    seats.push(seat);
    const opened = gateOn(number, policy).then((gate) => {
      seat.gate = gate;
      if (seat.state === "opening") seat.state = "live";
    });
    begin(seat, "opens", opened);
  };

  const closeSeat = (seat: Seat): void => {
    seat.state = "closing";
    const closed = seat.gate?.close() ?? Promise.resolve();
    const over = closed.then(() => {
      if (seat.state === "closing") seat.state = "closed";
    });
    begin(seat, "closes", over);
  };

  /** One of all that may happen next. */
  const next = async (): Promise<void> => {
    clock.advance(1);
    taken += 1;
    const waiting = turns.waiting();
    const live = seats.filter(({ state }) => state === "live");
    const luck = draws.below(100);
    if (left > 0 && luck < 4) {
      const ms = draws.pick(MOVES);
      told.push(`the clock moves by ${ms} ms`);
      clock.advance(ms);
      return;
    }
    if (left > 0 && luck < 5 && live.length > 0) {
      const seat = draws.pick(live);
      crashes += 1;
      seat.state = "crashed";
      turns.crash(seats.indexOf(seat));
      told.push(`gate ${seats.indexOf(seat)} crashes`);
      return openSeat(null);
    }
    if (left > 0 && luck < 6 && live.length > 1) {
      closeSeat(draws.pick(live));
      openSeat(draws.pick([null, 0]));
      return standStill();
    }
    if (left > 0 && live.length > 0 && (luck < 35 || waiting.length === 0)) {
      left -= 1;
      const seat = draws.pick(live);
      const { what, done } = beginStep(seat.gate as Gate, draws, asked);
      begin(seat, what, done);
      return standStill();
    }
    if (waiting.length === 0) return standStill();
    const place = draws.below(waiting.length);
    const { seat = NO_SEAT, what = "" } = waiting[place] ?? {};
    told.push(seat === NO_SEAT ? what : `gate ${seat}: ${what}`);
    await turns.goOn(place);
  };

  const isBusy = (): boolean => left > 0 || [...begun.values()].some(({ state }) => state !== "crashed");
  const untilStill = async (): Promise<void> => {
    const most = taken + MOST_TURNS;
    while (isBusy() && taken < most) await next();
    if (isBusy()) asked.refusals.push("not an answer: a call never ends");
  };

  openSeat(0);
  openSeat(0);
  await standStill();
  await untilStill();
  for (const seat of seats) if (seat.state === "live") closeSeat(seat);
  await standStill();
  await untilStill();
  turns.end();
  await standStill();
  clock.advance(MOVES[3]);
  const auditor = await gateOn(seats.length, null);
  await auditor.close();
  // Nothing that these do reaches the store: they only let go of what they hold in this process.
  const lost = seats.filter(({ state }) => state === "crashed");
  await Promise.allSettled([...begun.keys(), ...lost.map(({ gate }) => gate?.close())]);
  const wrong = [
    ...witness.wrong,
    ...(await judge(store, log, { witness, asked, crashed: seats.map(({ state }) => state === "crashed") })),
  ];
  await store.close();
  const claims = [...witness.jobs.values()].reduce((sum, seen) => sum + seen.claims, 0);
  return { told, wrong, turns: taken, claims, crashes };
}
