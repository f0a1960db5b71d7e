// Measures what the README of this folder claims, and prints it as Markdown. `--short` is for continuous integration:
// fewer and smaller samples. Either way only two ratios fail the run; targets that depend on the machine are printed.
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { type ConstrainedReport, measureConstrained } from "./constrained.js";
import { type DecideReport, measureDecide } from "./decide.js";
import { type EvidenceReport, measureEvidence } from "./evidence.js";
import { type LineReport, measureLine } from "./line.js";
import { type LockReport, measureLock } from "./lock.js";
import { digits, left, right, table } from "./table.js";

const short = process.argv.includes("--short");
const base = process.env.BENCH_DIR ?? tmpdir();

/** The type number of Linux's tmpfs (statfs(2)): a commit there costs nothing, and neither does it keep anything. */
const TMPFS = 0x01021994;

function describeMachine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const disk = statfsSync(base).type === TMPFS ? "IN MEMORY (set BENCH_DIR to a folder on a disk)" : "on a disk";
  return [
    `${first?.model.trim() ?? "unknown"}, ${cpus().length} cores, ${memory}`,
    `${process.platform} ${release()}, Node ${process.versions.node}`,
    `databases ${disk}`,
    `${new Date().toISOString().slice(0, 10)}${short ? ", short form" : ""}`,
  ].join("; ");
}

function lineTable({ rows }: LineReport): string {
  const columns = [
    right("callers"),
    left("what"),
    right("jobs/s"),
    right("CPU a job"),
    right("commits a job"),
    right("median"),
    right("p99"),
  ];
  return table(
    columns,
    rows.map(({ callers, lane, jobsPerSec, cpuMicrosPerJob, commitsPerJob, medianMs, p99Ms }) => [
      String(callers),
      lane,
      digits(jobsPerSec),
      `${digits(cpuMicrosPerJob)} µs`,
      digits(commitsPerJob, 3),
      `${digits(medianMs, 2)} ms`,
      `${digits(p99Ms, 2)} ms`,
    ]),
  );
}

function lockTable({ idle, held, holdMs }: LockReport): string {
  const row = (name: string, { p50, p99, max }: LockReport["idle"]): readonly string[] => [
    name,
    ...[p50, p99, max].map((value) => `${digits(value, 1)} ms`),
  ];
  const columns = [left("event-loop delay"), right("p50"), right("p99"), right("max")];
  return table(columns, [row("idle", idle), row(`lock held elsewhere for ${holdMs / 1_000} s, jobs coming`, held)]);
}

function constrainedTable({ rows }: ConstrainedReport): string {
  const columns = [
    right("callers"),
    left("what"),
    right("jobs/s"),
    right("CPU a job"),
    right("median"),
    right("jobs/s without, against this"),
  ];
  return table(
    columns,
    rows.map(({ callers, lane, jobsPerSec, cpuMicrosPerJob, medianMs, cost }) => [
      String(callers),
      lane,
      digits(jobsPerSec),
      `${digits(cpuMicrosPerJob)} µs`,
      `${digits(medianMs, 2)} ms`,
      `${digits(cost, 2)}×`,
    ]),
  );
}

interface Claim {
  readonly name: string;
  readonly measured: number;
  readonly decimals: number;
  readonly unit: string;
  readonly bound: "at most" | "at least";
  readonly target: number;
}

const holds = ({ measured, bound, target }: Claim): boolean =>
  bound === "at most" ? measured <= target : measured >= target;

interface Reports {
  readonly decide: DecideReport;
  readonly line: LineReport;
  readonly lock: LockReport;
  readonly evidence: EvidenceReport;
}

function claimsOf({ decide, line, lock, evidence }: Reports): readonly Claim[] {
  const ratio = { decimals: 2, unit: "×" } as const;
  const above = lock.held.p99 - lock.idle.p99;
  return [
    ...decide.claims.map(({ name, value, unit, bound, target }) => ({
      name,
      measured: value,
      decimals: 2,
      unit,
      bound,
      target,
    })),
    {
      name: "64 callers: commits a job",
      measured: line.commitsAt64,
      decimals: 3,
      unit: "",
      bound: "at most",
      target: 0.1,
    },
    {
      name: "64 callers: jobs/s against a commit a step",
      measured: line.groupingAt64,
      bound: "at least",
      target: 1.5,
      ...ratio,
    },
    {
      name: "64 callers: jobs/s against the floor",
      measured: line.floorAt64,
      bound: "at least",
      target: 0.6,
      ...ratio,
    },
    { name: "1 caller: median against the floor", measured: line.loneLatency, bound: "at most", target: 1.5, ...ratio },
    {
      name: "lock held elsewhere: loop delay p99 above idle",
      measured: above,
      decimals: 1,
      unit: " ms",
      bound: "at most",
      target: 10,
    },
    ...evidence.claims.map((claim) => ({ ...claim, bound: "at most" as const })),
  ];
}

function claimsTable(claims: readonly Claim[]): string {
  return table(
    [left("claim"), right("measured"), right("target"), left("holds")],
    claims.map((claim) => [
      claim.name,
      `${digits(claim.measured, claim.decimals)}${claim.unit}`,
      `${claim.bound} ${claim.target}${claim.unit}`,
      holds(claim) ? "yes" : "NO",
    ]),
  );
}

/** The two ratios that hold on every machine; anything else in these tables is a matter of the machine and its load. */
function faultsOf(decide: DecideReport, line: LineReport): readonly string[] {
  return [
    ...(decide.loopAtThousand < 1 ? ["decide is slower than a plain loop at 1,000 rules"] : []),
    ...(line.groupingAt64 < 1 ? ["sharing commits is slower than a commit a step at 64 callers"] : []),
  ];
}

const folder = mkdtempSync(join(base, "dispatch-gate-bench-"));
try {
  console.log(`${describeMachine()}\n`);

  const decide = await measureDecide({ short });
  console.log(`### decide\n\n${decide.markdown}\n`);

  const times = short
    ? { rounds: 5, sampleMs: 300, warmUpMs: 1_000 }
    : { rounds: 15, sampleMs: 1_000, warmUpMs: 4_000 };
  const line = await measureLine({ folder, ...times });
  console.log(`### evaluateAndDispatch, durable\n\n${lineTable(line)}\n`);
  console.log(`Rows a job, gate: ${line.rowsOfGate}\nRows a job, floor: ${line.rowsOfFloor}\n`);

  const constrained = await measureConstrained({ folder, rounds: short ? 3 : 9, sampleMs: short ? 300 : 1_000 });
  console.log(`### under constraints\n\n${constrainedTable(constrained)}\n`);

  const lock = await measureLock(folder, short ? 1_000 : 5_000);
  console.log(`### lock held elsewhere\n\n${lockTable(lock)}\n`);
  console.log(`Of ${lock.jobs} jobs submitted meanwhile, ${lock.succeeded} ran once the lock was free.\n`);

  const evidence = await measureEvidence(folder, short);
  console.log(`### evidence\n\n${evidence.markdown}\n`);

  console.log(`### claims\n\n${claimsTable(claimsOf({ decide, line, lock, evidence }))}`);
  const faults = faultsOf(decide, line);
  for (const fault of faults) console.error(`\nFAILED: ${fault}`);
  process.exitCode = faults.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
