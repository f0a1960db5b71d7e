import { readdirSync, statfsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { openCheckpoint } from "../evidence/checkpoint.js";
import type { NoteKey } from "../evidence/note.js";
import { readPublicKey } from "../gate/key-file.js";
import { isGone } from "../store/owner.js";
import { readSpool } from "../store/spool.js";
import type { Examined } from "../store/sqlite/examine.js";

/** Something that an operator should look at. */
export interface Finding {
  readonly code: string;
  /** One line, lower case. */
  readonly message: string;
  readonly help?: string;
}

/** A process that has the gate open, as far as its row says. */
interface OpenGate {
  readonly pid: number;
  readonly failMode: "closed" | "open";
  readonly state: "alive" | "gone" | "lease over";
}

/** What is around a database, beside what stands in it. */
export interface Surroundings {
  readonly freeBytes: number | null;
  /** The public part, and the mode of the file in octal; null where there is none beside the database. */
  readonly key: { readonly name: string; readonly mode: string } | null;
  /** Whether that key signed the log last; null where there is no key, or nothing is signed. */
  readonly isKeyOfLog: boolean | null;
  /** Mode of the database's file in octal. */
  readonly mode: string;
  readonly gates: readonly OpenGate[];
  readonly spools: readonly { readonly name: string; readonly entries: number; readonly lost: number }[];
}

/** Looks at what is around a database. What cannot be looked at is told as not known. */
export function surroundingsOf(path: string, { owners, checkpoint }: Examined): Surroundings {
  const key = quietly(() => readPublicKey(`${path}.key`));
  const now = Date.now();
  return {
    freeBytes: quietly(() => {
      const { bavail, bsize } = statfsSync(dirname(path));
      return bavail * bsize;
    }),
    key: key === null ? null : { name: key.name, mode: modeOf(`${path}.key`) },
    isKeyOfLog: key === null || checkpoint === null ? null : isSignedBy(checkpoint.note, key),
    mode: modeOf(path),
    gates: owners.map((owner) => ({
      pid: owner.pid,
      failMode: owner.failMode,
      state: isGone(owner) ? "gone" : owner.leaseUntil > now ? "alive" : "lease over",
    })),
    spools: spoolsOf(path),
  };
}

function isSignedBy(note: string, key: NoteKey): boolean {
  return openCheckpoint(note, [key]) !== null;
}

function spoolsOf(path: string): Surroundings["spools"] {
  const begins = `${basename(path)}.spool.`;
  const names = quietly(() => readdirSync(dirname(path)).filter((name) => name.startsWith(begins))) ?? [];
  return names.map((name) => {
    const content = quietly(() => readSpool(join(dirname(path), name)));
    return { name, entries: content?.entries.length ?? 0, lost: content?.lost ?? 0 };
  });
}

function modeOf(path: string): string {
  return quietly(() => (statSync(path).mode & 0o777).toString(8)) ?? "unknown";
}

function quietly<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

/** Below this a gate writes no refusals any more where nobody says otherwise. */
const LOW_BYTES = 67_108_864;

/** How far the log's time may be ahead of the system's, in milliseconds. */
const AHEAD_MS = 5_000;

/** How long a log may stay unsigned, in milliseconds. */
const UNSIGNED_MS = 60_000;

interface Looked {
  readonly examined: Examined;
  readonly around: Surroundings;
  readonly now: number;
  /** The policy that was asked about. */
  readonly asked: { readonly file: string; readonly snapshot: string } | null;
}

/** What of it an operator should look at. */
export function findingsOf({ examined, around, now, asked }: Looked): readonly Finding[] {
  const { policy, halt, checkpoint, events, latestAt, pragmas, unknown } = examined;
  const spooled = around.spools.filter(({ entries, lost }) => entries + lost > 0);
  const gone = around.gates.filter(({ state }) => state !== "alive");
  const said: readonly (readonly [applies: boolean, finding: Finding])[] = [
    [
      halt?.halted === true,
      { code: "halted", message: "claims are stopped on this store", help: "`gate.unhalt` lets them go on" },
    ],
    [policy === null, { code: "policy_missing", message: "no policy is in force" }],
    [
      policy !== null && asked !== null && asked.snapshot !== policy.snapshot,
      {
        code: "policy_differs",
        message: "the policy in force is not the one that was asked about",
        help: "reload it, or look at who put another in force: `dispatch-gate events --type policy.activated`",
      },
    ],
    [
      around.freeBytes !== null && around.freeBytes < LOW_BYTES,
      { code: "space_low", message: "the disk is nearly full", help: "below 64 MiB refusals are not written any more" },
    ],
    [
      latestAt > now + AHEAD_MS,
      { code: "clock_behind", message: "the log's time is ahead of this system's clock", help: "set the clock" },
    ],
    [
      pragmas.journal_mode !== "wal",
      { code: "journal_mode", message: "the database is not in write-ahead mode", help: "open it with a gate" },
    ],
    [
      around.key === null,
      { code: "key_missing", message: "no signing key is beside the database", help: "look at where `keyFile` is" },
    ],
    [
      around.isKeyOfLog === false,
      { code: "key_differs", message: "the key beside the database did not sign the log last" },
    ],
    [
      !["600", "400", "unknown"].includes(around.mode),
      { code: "mode_wide", message: `others than its owner may use the database: mode ${around.mode}` },
    ],
    [
      checkpoint !== null && checkpoint.size < events && latestAt < now - UNSIGNED_MS,
      { code: "log_unsigned", message: "the log's last events were not signed within a minute" },
    ],
    [
      unknown > 0,
      {
        code: "jobs_unknown",
        message: `nobody knows how ${unknown} ${unknown === 1 ? "job" : "jobs"} ended`,
        help: "give the gate a `reconcile`",
      },
    ],
    [
      gone.length > 0,
      {
        code: "gates_gone",
        message: `${gone.length} of the processes on it are gone`,
        help: "the next gate, or `gate.recover()`, ends their claims",
      },
    ],
    [
      spooled.length > 0,
      {
        code: "spool_waiting",
        message: "records of jobs that ran without the store are not in the log yet",
        help: "open a gate on it, with the same `spool.path` where it has one",
      },
    ],
  ];
  return said.flatMap(([applies, finding]) => (applies ? [finding] : []));
}
