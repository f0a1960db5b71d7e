import { resolve } from "node:path";
import { displayLiteral } from "../evidence/display.js";
import type { Json } from "../outcome.js";
import { storeErrorOf } from "../store/sqlite/driver.js";
import { type Examined, examineFile } from "../store/sqlite/examine.js";
import { readArguments } from "./arguments.js";
import { type Finding, findingsOf, type Surroundings, surroundingsOf } from "./doctor-findings.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { readPolicy } from "./open-policy.js";
import { count, inked, type Line, printLines, shownPath } from "./print.js";
import { storeOf } from "./read-store.js";
import { readVersion } from "./version.js";

export const DOCTOR_HELP = `usage: dispatch-gate doctor [options]

Looks at the database of a gate and at what is around it, and says what an operator should look at. Leaves everything as it is.

  --store FILE   the SQLite file of the gate; \`./dispatch-gate.db\` where nothing is said
  --policy FILE  says whether this policy is the one in force
  --json         one JSON document

  dispatch-gate doctor --policy policy.yaml

Shown are versions, pragmas, free space, the clock against the log's, the policy in force, the key, the log and its signature, whether
the gate is halted, the processes on it with their fail mode, the queue, jobs of which nobody knows how they ended, and spools.
Exit: 0 nothing to look at, 1 something is, 2 could not run.`;

/** What it takes. */
export const DOCTOR_SHAPE = {
  options: { store: "text", policy: "text" },
  operands: { least: 0, most: 0, name: "" },
} as const;

/** Examines a gate's database and what is around it. */
export async function doctor(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, DOCTOR_SHAPE);
  const shown = storeOf(given);
  const path = resolve(io.cwd, shown);
  const now = Date.now();
  const policy = given.text("policy");
  const asked = policy === undefined ? null : { file: policy, snapshot: (await readPolicy(io, policy)).snapshot };
  const examined = await examineFile(path, shown, now).catch((error: unknown) => {
    const { code, message, help } = storeErrorOf(error, shown);
    throw new CannotRun(code, message, help);
  });
  const around = surroundingsOf(path, examined);
  const findings = findingsOf({ examined, around, now, asked });
  const report = { shown, examined, around, now, findings, version: await readVersion() };
  if (given.has("json")) printJson(io, documentOf(report));
  else printLines(io.stdout, io.env, linesOf(report));
  return findings.length === 0 ? EXIT.fine : EXIT.findings;
}

interface Report {
  readonly shown: string;
  readonly version: string;
  readonly examined: Examined;
  readonly around: Surroundings;
  readonly now: number;
  readonly findings: readonly Finding[];
}

function linesOf({ shown, version, examined, around, now, findings }: Report): readonly Line[] {
  const { pragmas, policy, halt, queue, checkpoint } = examined;
  const verdict =
    findings.length === 0 ? inked("good", "nothing to look at") : inked("wait", count(findings.length, "finding"));
  const age = (at: number): string => `${Math.max(0, Math.round((now - at) / 1_000))} s ago`;
  const facts: readonly (readonly [name: string, said: string])[] = [
    ["versions", `dispatch-gate ${version}, Node ${process.version}, SQLite ${examined.version}`],
    [
      "pragmas",
      Object.entries(pragmas)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ],
    ["space", around.freeBytes === null ? "not known" : `${mebi(examined.bytes)} used, ${mebi(around.freeBytes)} free`],
    ["clock", examined.latestAt === 0 ? "nothing logged" : `last event ${age(examined.latestAt)}`],
    ["policy", policy === null ? "none" : `${policy.snapshot} (epoch ${policy.epoch})`],
    ["key", around.key === null ? "none beside it" : `${displayLiteral(around.key.name)}, mode ${around.key.mode}`],
    ["log", `${count(examined.events, "event")}, signed up to ${checkpoint?.size ?? 0}`],
    ["halted", halt?.halted === true ? `by ${displayLiteral(halt.by)}: ${displayLiteral(halt.reason)}` : "no"],
    ["gates", around.gates.length === 0 ? "none open" : around.gates.map(toldGate).join("; ")],
    [
      "queue",
      `${queue.pending} pending${queue.oldest === null ? "" : `, the oldest ${age(queue.oldest)}`}, ${queue.approved} approved`,
    ],
    ["jobs", `${examined.running} running, ${examined.unknown} unknown`],
    [
      "spools",
      around.spools.length === 0 ? "none" : around.spools.map(({ name, entries }) => `${name} (${entries})`).join(" "),
    ],
  ];
  return [
    [inked("strong", shownPath(shown)), ": ", verdict],
    ...facts.map(([name, said]): Line => [`  ${name.padEnd(9)}`, said]),
    ...findings.map(
      ({ code, message, help }): Line => [
        inked("wait", "  look"),
        `: ${message} [${code}]`,
        ...(help === undefined ? [] : [inked("faint", `  ${help}`)]),
      ],
    ),
  ];
}

function toldGate({ pid, failMode, state }: Surroundings["gates"][number]): string {
  return `${pid} fail mode ${failMode}, ${state}`;
}

function mebi(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

function documentOf({ shown, version, examined, around, now, findings }: Report): Json {
  const { pragmas, policy, halt, queue, checkpoint } = examined;
  return {
    command: "doctor",
    ok: findings.length === 0,
    path: shown,
    versions: { dispatch_gate: version, node: process.version, sqlite: examined.version },
    pragmas: { ...pragmas },
    bytes: examined.bytes,
    free_bytes: around.freeBytes,
    clock: { now, latest_logged: examined.latestAt },
    policy: policy === null ? null : { snapshot: policy.snapshot, epoch: policy.epoch },
    key: around.key === null ? null : { ...around.key },
    log: { events: examined.events, signed: checkpoint?.size ?? 0, signed_at: checkpoint?.at ?? null },
    halted: halt?.halted === true ? { by: halt.by, reason: halt.reason, at: halt.at, abort: halt.abort } : null,
    gates: around.gates.map(({ pid, failMode, state }) => ({ pid, fail_mode: failMode, state })),
    queue: { pending: queue.pending, oldest_since: queue.oldest, approved: queue.approved },
    jobs: { running: examined.running, unknown: examined.unknown },
    spools: around.spools.map(({ name, entries, lost }) => ({ name, entries, lost })),
    findings: findings.map(({ code, message, help }) => ({ code, message, ...(help === undefined ? {} : { help }) })),
  };
}
