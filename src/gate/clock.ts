import { bootId } from "../store/owner.js";
import type { Ticks } from "../store/port.js";

/** The gate's time: read once a step and passed on. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. Never goes back, never stands still, and is never behind what was logged. */
  readonly wall: () => number;
  /** Milliseconds that only ever grow, for spans. */
  readonly monotonic: () => number;
  /**
   * Whole milliseconds for windows: the machine's monotonic clock, and what the first process on this boot added to it.
   * Setting the system's clock neither opens a window early nor keeps it shut, and all processes here tell the same.
   */
  readonly tick: () => number;
  /** Takes over a time that was logged: never behind it. */
  readonly learn: (at: number) => void;
  /** What this process would add, and for which boot; null where the time is injected or the system tells no boot. */
  readonly ticks: () => Ticks | null;
  /** Takes over what is added for all. */
  readonly agree: (tickOffset: number) => void;
  /** By how many milliseconds the system's clock was set since this was last asked; null where it was not. */
  readonly takeJump: () => number | null;
}

/** Whole milliseconds of the clock that all processes of a machine read alike, and that nobody can set. */
const reading = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/** From how many milliseconds on a step of the system's clock is a jump, and not the work of who keeps it right. */
const JUMP_MS = 5_000;

/**
 * Wall time that cannot be turned back: the highest of the system's clock, and of the latest known time plus what has
 * passed since by the monotonic clock. An injected clock is taken at its word, but held to never go back.
 */
export function createClock(now: (() => number) | undefined, latestLogged = 0): Clock {
  const monotonic = (): number => performance.now();
  let latest = latestLogged;
  if (now !== undefined) {
    const wall = (): number => {
      const told = Math.floor(now());
      // Also false for what is no number: a clock that fails stands still, and must not poison what was known.
      if (told > latest) latest = told;
      return latest;
    };
    const learn = (at: number): void => {
      latest = Math.max(latest, at);
    };
    return { wall, monotonic, learn, tick: wall, ticks: () => null, agree: () => undefined, takeJump: () => null };
  }
  let latestAt = monotonic();
  let offset = Date.now() - latestAt;
  let jump: number | null = null;
  const look = (): number => {
    const system = Date.now();
    const at = monotonic();
    const moved = system - at - offset;
    // There and back again comes to nothing, and is a jump all the same.
    if (Math.abs(moved) > JUMP_MS) jump = (jump ?? 0) + moved;
    offset = system - at;
    latest = Math.max(system, latest + (at - latestAt));
    latestAt = at;
    return Math.floor(latest);
  };
  let added = look() - reading();
  return {
    wall: look,
    monotonic,
    learn: (at) => {
      latest = Math.max(look(), at);
      added = Math.max(added, Math.floor(latest) - reading());
    },
    tick: () => reading() + added,
    ticks: () => {
      const boot = bootId();
      return boot === "" ? null : { boot, reading: reading(), offset: added };
    },
    agree: (tickOffset) => {
      added = tickOffset;
    },
    takeJump: () => {
      look();
      const taken = jump;
      jump = null;
      return taken === null ? null : Math.round(taken);
    },
  };
}
