// What `dispatch-gate serve` bears: allowed jobs that do nothing over loopback, each committed to the disk before and after it; first at
// a steady rate, then as fast as it answers. `npm run bench:serve`, or `-- --short`. Asks with h2load, which Debian has in
// `nghttp2-client`, Homebrew in `nghttp2`. Fails where an answer is not 200, or an answered job is not in the database.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { digits, left, right, table } from "../table.js";

const isShort = process.argv.includes("--short");
const SECONDS = isShort ? 10 : 60;
const RATE = 2_000;

/** So many that each asks only every 100 ms: an answer that takes less than that holds no request back. */
const CONNECTIONS = 200;

/** As fast as it answers: so many connections, each of which asks again as soon as it is answered. */
const BUSY_CONNECTIONS = 64;
const BUSY_JOBS = isShort ? 10_000 : 100_000;

/** Seconds that come before what is measured: code is compiled, and memory grows to what it will be. */
const WARM = 5;

const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "dispatch-gate-serve-"));
const entry = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** The longest of the `fsync`s of a bare loop that appends a page, in milliseconds. */
function longestFsync(seconds: number): number {
  const path = join(folder, "bare");
  const file = openSync(path, "w");
  const page = Buffer.alloc(4_096, 1);
  const end = performance.now() + seconds * 1_000;
  let longest = 0;
  while (performance.now() < end) {
    writeSync(file, page);
    const begun = performance.now();
    fsyncSync(file);
    longest = Math.max(longest, performance.now() - begun);
  }
  closeSync(file);
  rmSync(path);
  return longest;
}

/** What was asked and answered in one go. */
interface Load {
  readonly answered: number;
  readonly failed: number;
  /** Answers a second. */
  readonly rate: number;
  /** Milliseconds from when a request was sent until its answer was there, shortest first. */
  readonly latencies: readonly number[];
}

/** Has h2load ask, in a process of its own; what came of it is read from its log of each request. */
async function load(url: string, jobs: number, options: readonly string[]): Promise<Load> {
  const log = join(folder, "requests.tsv");
  rmSync(log, { force: true });
  const common = ["--h1", "-n", String(jobs), "-d", "job.json", "-H", "content-type: application/json"];
  const child = spawn("h2load", [...common, ...options, "--log-file", log, `${url}/api/v1/jobs`], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`h2load ended with ${code}`);
  // Microseconds since 1970 at its start, the status, microseconds until its end.
  const rows = readFileSync(log, "utf8").trimEnd().split("\n").map(readRow);
  const starts = rows.map(({ start }) => start);
  const seconds = (rows.reduce((end, row) => Math.max(end, row.start + row.took), 0) - lowest(starts)) / 1e6;
  const answered = rows.filter(({ status }) => status === 200);
  const latencies = answered.map(({ took }) => took / 1_000).sort((one, other) => one - other);
  return { answered: answered.length, failed: jobs - answered.length, rate: answered.length / seconds, latencies };
}

function readRow(line: string): { readonly start: number; readonly status: number; readonly took: number } {
  const [start = Number.NaN, status = Number.NaN, took = Number.NaN] = line.split("\t").map(Number);
  return { start, status, took };
}

/** `RATE` a second, evenly: the connections are opened two each millisecond, and each then asks ten times a second. */
const steady = (url: string, seconds: number): Promise<Load> =>
  load(url, RATE * seconds, [
    ...["-c", String(CONNECTIONS), "--rps", String(RATE / CONNECTIONS)],
    ...["--rate", "2", "--rate-period", "1ms"],
  ]);

const busy = (url: string): Promise<Load> => load(url, BUSY_JOBS, ["-c", String(BUSY_CONNECTIONS)]);

const lowest = (values: readonly number[]): number => values.reduce((least, value) => Math.min(least, value));

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Resident memory of a process in MiB, as Linux tells it. */
function residentOf(pid: number): number {
  const [, kib = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

async function succeeded(path: string): Promise<number> {
  const Driver = await loadDriver();
  const connection = new Driver(path, { timeout: 0, fileMustExist: true });
  const [row] = connection.prepare("SELECT count(*) AS n FROM jobs WHERE status = 'SUCCEEDED'").all() as {
    n: number;
  }[];
  connection.close();
  return row?.n ?? 0;
}

async function run(): Promise<void> {
  if (spawnSync("h2load", ["--version"]).status !== 0) {
    throw new Error("h2load is not installed: `apt-get install nghttp2-client`, or `brew install nghttp2`");
  }
  writeFileSync(
    join(folder, "policy.yaml"),
    'version: v1\nrules:\n  - { id: reads, match: { topics: ["job.*.read"] }, decision: allow }\n',
  );
  writeFileSync(join(folder, "nothing.mjs"), "export default () => null;\n");
  writeFileSync(
    join(folder, "job.json"),
    JSON.stringify({ topic: "job.tickets.read", payload: { ticket: 7, fields: ["title", "state"] } }),
  );
  const before = longestFsync(5);
  const args = ["--policy", "policy.yaml", "--store", "gate.db", "--dispatch", "nothing.mjs", "--port", "0", "--json"];
  const server = spawn(process.execPath, [entry, "serve", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
  const { url } = JSON.parse(said) as { readonly url: string };
  const warm = await steady(url, WARM);
  const resident: number[] = [];
  const timer = setInterval(() => resident.push(residentOf(server.pid ?? 0)), 1_000);
  const measured = await steady(url, SECONDS);
  clearInterval(timer);
  const fast = await busy(url);
  server.kill("SIGINT");
  await once(server, "exit");
  const after = longestFsync(5);
  const fsync = Math.max(before, after);
  const kept = await succeeded(join(folder, "gate.db"));
  const loads = [warm, measured, fast];
  const answered = loads.reduce((sum, one) => sum + one.answered, 0);
  const failed = loads.reduce((sum, one) => sum + one.failed, 0);
  const half = Math.floor(resident.length / 2);
  const highest = (part: readonly number[]): number => Math.max(0, ...part);
  const ms = (value: number): string => `${digits(value, 1)} ms`;
  const told = ({ latencies }: Load): string =>
    [0.5, 0.99, 0.999, 1].map((part) => ms(quantile(latencies, part))).join(", ");
  const rows = [
    ["steady: asked for", `${digits(RATE)} jobs/s over ${CONNECTIONS} connections for ${SECONDS} s`],
    ["steady: answered", `${digits(measured.rate)} jobs/s`],
    ["steady: latency: median, p99, p99.9, longest", told(measured)],
    ["longest fsync of a bare loop, before and after", `${ms(before)}, ${ms(after)}`],
    ["steady: p99 over that", `${ms(quantile(measured.latencies, 0.99) - fsync)} (target: at most 20 ms)`],
    [
      "steady: resident memory: highest of the first half, of the second",
      `${digits(highest(resident.slice(0, half)))} MiB, ${digits(highest(resident.slice(half)))} MiB`,
    ],
    [`as fast as it answers ${BUSY_CONNECTIONS} connections`, `${digits(fast.rate)} jobs/s`],
    ["as fast: latency: median, p99, p99.9, longest", told(fast)],
    ["not answered 200", String(failed)],
    ["answered, and in the database", `${digits(answered)}, ${digits(kept)}`],
  ];
  console.log(`${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores; Node ${process.versions.node}\n`);
  console.log(table([left("what"), right("measured")], rows));
  if (failed > 0 || kept < answered) process.exitCode = 1;
}

await run().finally(() => rmSync(folder, { recursive: true, force: true }));
