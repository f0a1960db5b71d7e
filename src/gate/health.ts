import { StoreError } from "../errors.js";
import { within } from "./closing.js";
import type { Core } from "./core.js";
import type { Halt } from "./halt.js";

/** How a gate stands, as this process knows it. */
export interface Health {
  /**
   * `ok`: it takes jobs. `halted`: an operator stopped all claims. `degraded`: the store is away, and what the fail mode lets run
   * runs without it. `unavailable`: the store is away, and nothing runs. `closed`: the gate takes no jobs any more.
   */
  readonly status: "ok" | "halted" | "degraded" | "unavailable" | "closed";
  readonly failMode: "closed" | "open";
  /** Who stopped all claims, and why; null where nobody did, as far as is known. */
  readonly halt: Halt | null;
  /** Why the store is away, and since when (milliseconds since 1970-01-01T00:00:00Z); null where it answers. */
  readonly outage: { readonly code: string; readonly message: string; readonly since: number } | null;
  /** Jobs that run in this process now. */
  readonly running: number;
  /** True where so little of the disk is free that refusals are no longer written. */
  readonly diskLow: boolean;
  /** The policy in force, as far as this process knows. */
  readonly snapshot: string;
}

/** How long the store has to answer, in milliseconds, before it counts as one that does not. */
const ANSWER_MS = 1_000;

/** Asks the store for a sign of life, and says how the gate stands. Never rejects. */
export async function healthOf(core: Core): Promise<Health> {
  const asked = core.isClosed() ? { halt: null, outage: null } : await ask(core);
  const { halt, outage } = asked;
  return Object.freeze({
    status: statusOf(core, asked),
    failMode: core.settings.failMode,
    halt,
    outage,
    running: core.running.size,
    diskLow: core.refusals.isDiskLow(),
    snapshot: core.inForce().policy.snapshot,
  });
}

function statusOf(core: Core, { halt, outage }: Pick<Health, "halt" | "outage">): Health["status"] {
  if (core.isClosed()) return "closed";
  if (halt !== null || core.halts.isHaltedAsKnown()) return "halted";
  if (outage === null) return "ok";
  return core.settings.failMode === "open" ? "degraded" : "unavailable";
}

async function ask(core: Core): Promise<Pick<Health, "halt" | "outage">> {
  const known = core.outage.now();
  if (known !== null) return { halt: null, outage: outageOf(core, known) };
  try {
    let halt: Halt | null | undefined;
    const read = core.halts.read().then((turned) => {
      halt = turned;
    });
    await within(ANSWER_MS, read);
    if (halt !== undefined) return { halt, outage: null };
    throw new StoreError("store_busy", "the store does not answer");
  } catch (error) {
    return { halt: null, outage: outageOf(core, error) };
  }
}

function outageOf(core: Core, error: unknown): Health["outage"] {
  const { code, message } = error instanceof StoreError ? error : new StoreError("store_failed", String(error));
  return { code, message, since: core.outage.since() ?? core.clock.wall() };
}
