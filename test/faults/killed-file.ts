import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "dispatch-gate";
import type { JsonObject } from "../../src/outcome.js";
import type { Go, HostSetup, Told } from "./children/kill-host.js";
import { type LoggedText, logFaults, mustHold, tellFaults, type Witnessed } from "./holds.js";
import { type Host, startHost } from "./host.js";
import { drawsOf } from "./random.js";
import { FaultFound, type Tally } from "./row.js";

/** The life of one file: processes work on it one after the other, and each is killed. */
export interface Life {
  /** The bundled host. */
  readonly host: string;
  /** An empty folder. */
  readonly folder: string;
  readonly seed: number;
  /** The kills, from this to before that. Those before `counted` are run and not counted. */
  readonly from: number;
  readonly to: number;
  readonly counted: number;
  /** Whether another process works on the file the while, and lives. */
  readonly survivor: boolean;
  readonly naive: boolean;
}

export const POLICY = `version: v1
queue: { max_pending: 100000, max_pending_per_actor: 100000, max_requests_per_actor: { limit: 1000000, window_sec: 1 } }
rules:
  - { id: read, match: { topics: ["read.*", "fail.*"] }, decision: allow }
  - { id: mail, match: { topics: ["mail.*"] }, decision: allow }
  - { id: often, match: { topics: ["mail.*"] }, decision: throttle, throttle: { limit: 20, window_sec: 1 } }
  - { id: pool, match: { topics: ["pool.*"] }, decision: allow_with_constraints, constraints: { max_concurrent: 2 } }
  - { id: pay, match: { topics: ["pay.*"] }, decision: require_approval, reason: a person looks }
  - { id: large, match: { topics: ["pay.large"] }, decision: require_approval, reason: two look, approval: { quorum: 2 } }
  - { id: drop, match: { topics: ["drop.*"] }, decision: deny }
`;

/** How many events a process makes durable at most before it is killed. */
const MOST_EVENTS = 40;

/** How many jobs of a dead process the next one asks for again. */
const AGAIN = 30;

/**
 * Runs the kills of one file. After each, the process that comes next tells the log before it does anything, and what the dead
 * one had acknowledged and effected is held against it; at the end the whole file is looked at. Throws a {@link FaultFound}.
 */
export async function liveThrough(life: Life): Promise<Tally> {
  const { folder, seed, from, to, counted } = life;
  mkdirSync(folder, { recursive: true });
  const [store, witness] = [join(folder, "gate.db"), join(folder, "witness.txt")];
  const setup: HostSetup = { store, witness, policy: POLICY, seed, naive: life.naive };
  const seen = createSeen(witness);
  const start = (): Host<Told> => startHost(life.host, [JSON.stringify(setup)], seen.tell);
  const tally = { kills: 0, "kills while opening": 0, "kills while closing": 0 };
  const hosts = new Set<Host<Told>>();
  const started = (): Host<Told> => {
    const host = start();
    hosts.add(host);
    return host;
  };
  let number = from;
  try {
    if (life.survivor) {
      const survivor = started();
      survivor.say(JSON.stringify({ number: -from - 1, after: 0, again: [], lanes: 2, restMs: 20 } satisfies Go));
      await survivor.heard("read");
    }
    let next = started();
    for (; number < to; number += 1) {
      const host = next;
      await host.heard("booted");
      seen.begin();
      // Started while this one works, so that half of its time is not waited for.
      if (number + 1 < to) next = started();
      const where = await killAtRandom(host, { number, seed, go: seen.go(number) });
      hosts.delete(host);
      if (number < counted) continue;
      tally.kills += 1;
      if (where !== "working") tally[`kills while ${where}`] += 1;
      const wrong = seen.faults();
      if (wrong.length > 0) throw new Error(tellFaults(wrong));
    }
    for (const host of hosts) await host.kill();
    const held = await mustHold(store, seen.witnessed());
    const wrong = seen.answerFaults();
    if (wrong.length > 0) throw new Error(tellFaults(wrong));
    return {
      ...tally,
      "acknowledged events": held.acknowledged,
      claims: held.claims,
      effects: held.effects,
      "claims of the dead": held.unknown,
      "jobs asked for again": seen.askedAgain(),
    };
  } catch (error) {
    throw new FaultFound(Math.min(number, to - 1), `after kill ${number}: ${(error as Error).message}`);
  } finally {
    for (const host of hosts) await host.kill();
  }
}

/** Lets a host work, and kills it at a moment that the seed draws: while it opens the file, works or closes it. */
async function killAtRandom(
  host: Host<Told>,
  { number, seed, go }: { readonly number: number; readonly seed: number; readonly go: Go },
): Promise<"opening" | "working" | "closing"> {
  const { fraction, below } = drawsOf(seed ^ 0x6b69_6c6c, number);
  host.say(JSON.stringify(go));
  let where: "opening" | "working" | "closing" = "opening";
  const phase = fraction();
  if (phase >= 0.2) {
    // So far by what it has done, and not by the clock, which says little on a machine that has other work.
    await host.heard("opened");
    await host.heard("event", below(MOST_EVENTS));
    where = "working";
  }
  if (phase >= 0.9) {
    await host.heard("read");
    host.say("close");
    await host.heard("closing");
    where = "closing";
  }
  await sleep(fraction() * (where === "working" ? 5 : 20));
  const code = await host.kill();
  // One that ended by itself was not killed: it failed, unless it was closing and done.
  if (code !== null && (code !== 0 || where !== "closing")) {
    throw new Error(`the process ended by itself with ${code}: ${host.errors()}`);
  }
  return where;
}

/** What was told and what was effected over a file's life. */
interface Seen {
  readonly tell: (told: Told) => void;
  /** To be called when all that are killed are dead, and before the next one opens the file. */
  readonly begin: () => void;
  readonly go: (number: number) => Go;
  /** What does not hold of the log as it was last read whole, if it was since `begin`. */
  readonly faults: () => readonly string[];
  /** What callers were told had ended, and never began. */
  readonly answerFaults: () => readonly string[];
  readonly witnessed: () => Witnessed;
  readonly askedAgain: () => number;
}

function createSeen(witness: string): Seen {
  const log: (LoggedText | undefined)[] = [];
  const acknowledged: string[] = [];
  const ends = new Map<string, "SUCCEEDED" | "FAILED">();
  const open = new Map<string, Job>();
  let before: Witnessed = {};
  let wasRead = false;
  let askedAgain = 0;
  const wrong: string[] = [];

  const effects = (): readonly { readonly jobId: string }[] => {
    const text = readFileSync(witness, "utf8");
    return text === ""
      ? []
      : text
          .trimEnd()
          .split("\n")
          .map((jobId) => ({ jobId }));
  };

  const took = (seq: number, text: string): void => {
    const known = log[seq - 1];
    if (known !== undefined && known.text !== text) wrong.push(`event ${seq} was another when it was read before`);
    const body = JSON.parse(text) as JsonObject;
    log[seq - 1] = { seq, text, body, type: body.type as LoggedText["type"] };
  };

  return {
    tell: (told) => {
      switch (told[0]) {
        case "event":
          acknowledged.push(told[1]);
          break;
        case "log":
          took(told[1], told[2]);
          break;
        case "asks":
          open.set(told[1].id ?? "", told[1]);
          break;
        case "outcome":
          if (told[2] === "SUCCEEDED" || told[2] === "FAILED") ends.set(told[1], told[2]);
          open.delete(told[1]);
          break;
        case "read":
          wasRead = true;
      }
    },
    begin: () => {
      before = { acknowledged: [...acknowledged], effects: effects() };
      wasRead = false;
    },
    go: (number) => {
      const again = [...open.values()].slice(-AGAIN);
      askedAgain += again.length;
      return { number, after: log.length, again, lanes: 6, restMs: 0 };
    },
    faults: () => {
      if (!wasRead) return wrong;
      const whole = Array.from(log).filter((event) => event !== undefined);
      return [...wrong, ...logFaults(whole, before)];
    },
    answerFaults: () => {
      const had = new Set(effects().map(({ jobId }) => jobId));
      return [...ends.keys()].filter((id) => !had.has(id)).map((id) => `job ${id} was answered, and had no effect`);
    },
    witnessed: () => ({
      acknowledged,
      effects: effects(),
      ends: [...ends].map(([jobId, status]) => ({ jobId, status })),
    }),
    askedAgain: () => askedAgain,
  };
}
