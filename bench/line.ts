import { join } from "node:path";
import type { Gate, Job } from "dispatch-gate";
import type { SqliteStore } from "dispatch-gate/sqlite";
import { type Connection, loadDriver } from "../src/store/sqlite/driver.js";
import { compilePolicy, createGate, openSqliteStore } from "./built.js";
import { type Lane, openFloor } from "./floor.js";
import { median, medianRatio, quantile } from "./sample.js";
import { allowedService, answer, documentOf, jobOf, rulesOf, servicesOf } from "./workload.js";

/** What is measured beside each other, in the order of the table. */
export const LANES = ["gate", "gate, a commit a step", "floor", "two bare inserts"] as const;
export type LaneName = (typeof LANES)[number];

export const CALLERS = [1, 64] as const;
export type Callers = (typeof CALLERS)[number];

export interface LineRow {
  readonly lane: LaneName;
  readonly callers: Callers;
  readonly jobsPerSec: number;
  readonly cpuMicrosPerJob: number;
  readonly commitsPerJob: number;
  /** Milliseconds from submission to answer. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

export interface LineReport {
  readonly rows: readonly LineRow[];
  /** Commits a job of the gate at 64 callers: counted. */
  readonly commitsAt64: number;
  /** Jobs/s of the gate against itself with grouping off, at 64 callers: the median of pairs, like all that follow. */
  readonly groupingAt64: number;
  /** Latency of a lone caller against the floor's. */
  readonly loneLatency: number;
  /** Jobs/s against the floor's, at 64 callers. */
  readonly floorAt64: number;
  /** What the rows of one job are in the gate's file and in the floor's. */
  readonly rowsOfGate: string;
  readonly rowsOfFloor: string;
}

export interface LineOptions {
  readonly folder: string;
  readonly rounds: number;
  /** Milliseconds for which one sample submits jobs. */
  readonly sampleMs: number;
  /** Milliseconds for which each lane runs before the first sample, so that its code is compiled. */
  readonly warmUpMs: number;
}

const RULES = 1_000;

interface Sample {
  readonly jobsPerSec: number;
  readonly cpuMicrosPerJob: number;
  readonly commitsPerJob: number;
  readonly latencies: readonly number[];
}

/** Measures the whole line with durable commits on a real file: every lane in turn within each round, each on its own file. */
export async function measureLine({ folder, rounds, sampleMs, warmUpMs }: LineOptions): Promise<LineReport> {
  const paths = { gate: join(folder, "gate.db"), floor: join(folder, "floor.db") };
  const lanes: Readonly<Record<LaneName, Lane>> = {
    gate: await openGate(paths.gate, true),
    "gate, a commit a step": await openGate(join(folder, "ungrouped.db"), false),
    floor: await openFloor(paths.floor, answer, decisionText()),
    "two bare inserts": await openBare(join(folder, "bare.db")),
  };
  const samples = new Map<string, Sample[]>();
  const of = (lane: LaneName, callers: Callers): Sample[] => samples.get(`${lane} ${callers}`) ?? [];

  for (const callers of CALLERS) {
    for (const lane of LANES) await sample(lanes[lane], callers, warmUpMs / CALLERS.length);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const callers of CALLERS) {
      // Who goes first changes from round to round: what one leaves behind (garbage, dirty pages) falls on all alike.
      for (let turn = 0; turn < LANES.length; turn += 1) {
        const lane = LANES[(turn + round) % LANES.length] ?? "gate";
        const taken = await sample(lanes[lane], callers, sampleMs);
        samples.set(`${lane} ${callers}`, [...of(lane, callers), taken]);
      }
    }
  }
  for (const lane of LANES) await lanes[lane].close();

  const rate = (lane: LaneName, callers: Callers): number[] => of(lane, callers).map(({ jobsPerSec }) => jobsPerSec);
  const latency = (lane: LaneName): number[] => of(lane, 1).map(({ latencies }) => median(latencies));
  return {
    rows: CALLERS.flatMap((callers) => LANES.map((lane) => rowOf(lane, callers, of(lane, callers)))),
    commitsAt64: median(of("gate", 64).map(({ commitsPerJob }) => commitsPerJob)),
    groupingAt64: medianRatio(rate("gate", 64), rate("gate, a commit a step", 64)),
    loneLatency: medianRatio(latency("gate"), latency("floor")),
    floorAt64: medianRatio(rate("gate", 64), rate("floor", 64)),
    rowsOfGate: await describeRows(paths.gate),
    rowsOfFloor: await describeRows(paths.floor),
  };
}

function rowOf(lane: LaneName, callers: Callers, samples: readonly Sample[]): LineRow {
  const latencies = samples.flatMap((taken) => taken.latencies);
  return {
    lane,
    callers,
    jobsPerSec: median(samples.map(({ jobsPerSec }) => jobsPerSec)),
    cpuMicrosPerJob: median(samples.map(({ cpuMicrosPerJob }) => cpuMicrosPerJob)),
    commitsPerJob: median(samples.map(({ commitsPerJob }) => commitsPerJob)),
    medianMs: median(latencies),
    p99Ms: quantile(latencies, 0.99),
  };
}

const services = servicesOf(RULES);
let submitted = 0;

function nextJob(): Job {
  submitted += 1;
  return jobOf(submitted, allowedService(submitted * 7, services));
}

/** Submits jobs for a while with so many callers, each of whom waits for one answer before submitting the next. */
export async function sample(lane: Lane, callers: Callers, milliseconds: number): Promise<Sample> {
  const latencies: number[] = [];
  const commitsBefore = lane.commits();
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const call = async (): Promise<void> => {
    let now = performance.now();
    while (now - began < milliseconds) {
      await lane.run(nextJob());
      const ended = performance.now();
      latencies.push(ended - now);
      now = ended;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const jobs = latencies.length;
  return {
    jobsPerSec: jobs / seconds,
    cpuMicrosPerJob: (user + system) / jobs,
    commitsPerJob: (lane.commits() - commitsBefore) / jobs,
    latencies,
  };
}

async function openGate(path: string, groupCommit: boolean): Promise<Lane> {
  const store = await openSqliteStore(path, { groupCommit });
  const gate = await createGate({
    policy: { document: documentOf(rulesOf(RULES)) },
    store,
    dispatch: answer,
    deadlineMs: 60_000,
  });
  return laneOf(gate, store);
}

/** A gate on a store of its own as a lane: a job that does not succeed ends the bench. */
export function laneOf(gate: Gate, store: SqliteStore): Lane {
  return {
    run: async (job) => {
      const outcome = await gate.evaluateAndDispatch(job);
      if (outcome.status !== "SUCCEEDED") throw new Error(`a job ended ${outcome.status}: ${outcome.reason.message}`);
      return outcome.output;
    },
    commits: store.commits,
    close: async () => {
      await gate.close();
      await store.close();
    },
  };
}

/** What somebody without a gate would do to have a record of each job: one durable row before, one after. */
async function openBare(path: string): Promise<Lane> {
  const Database = await loadDriver();
  const connection = new Database(path, { timeout: 0, fileMustExist: false });
  connection.pragma("journal_mode = WAL", { simple: true });
  connection.pragma("synchronous = FULL", { simple: true });
  connection.exec("CREATE TABLE records (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT");
  const insert = connection.prepare("INSERT INTO records (at, bytes) VALUES (?, ?)");
  let commits = 0;
  return {
    run: async (job) => {
      insert.run(Date.now(), Buffer.from(JSON.stringify(job)));
      const output = answer();
      insert.run(Date.now(), Buffer.from(JSON.stringify(output)));
      commits += 2;
      return output;
    },
    commits: () => commits,
    close: async () => {
      connection.close();
    },
  };
}

/** The decision that the measured policy comes to, as the store keeps it. */
function decisionText(): string {
  const policy = compilePolicy({ document: documentOf(rulesOf(RULES)) });
  return JSON.stringify(policy.decide(jobOf(0, allowedService(services / 2, services))));
}

const SHAPES = [
  [
    "jobs",
    "SELECT count(*) AS n, sum(octet_length(decision) + octet_length(reason) + octet_length(constraints) + octet_length(result) + octet_length(id)) AS bytes FROM jobs",
  ],
  ["vault", "SELECT count(*) AS n, sum(octet_length(salt) + octet_length(value)) AS bytes FROM vault"],
  ["events", "SELECT count(*) AS n, sum(octet_length(bytes)) AS bytes FROM events WHERE type LIKE 'job.%'"],
] as const;

/** How many rows a job has in each table and how large they are: the floor is honest only if they are the gate's. */
async function describeRows(path: string): Promise<string> {
  const Database = await loadDriver();
  const connection: Connection = new Database(path, { timeout: 0, fileMustExist: true });
  try {
    const jobs = Number(connection.prepare("SELECT count(*) AS n FROM jobs").get()?.n);
    const parts = SHAPES.map(([name, sql]) => {
      const { n, bytes } = connection.prepare(sql).get() ?? {};
      return `${name} ${Number(n) / jobs} x ${Math.round(Number(bytes) / Number(n))} B`;
    });
    return parts.join(", ");
  } finally {
    connection.close();
  }
}
