// What `dispatch-gate serve` bears: allowed jobs that do nothing, at a steady rate over loopback, each committed to the disk before and
// after it. `npm run bench:serve`, or `-- --short`. Fails where an answer is not 200, or an answered job is not in the database.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { digits, left, right, table } from "../table.js";

const SECONDS = process.argv.includes("--short") ? 10 : 60;
const RATE = 2_000;
const CONNECTIONS = 64;

/** Seconds that come before what is measured: code is compiled, and memory grows to what it will be. */
const WARM = 5;

const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "dispatch-gate-serve-"));
const entry = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const autocannon = fileURLToPath(import.meta.resolve("autocannon"));

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

interface Load {
  readonly latency: { readonly p50: number; readonly p99: number; readonly p99_9: number; readonly max: number };
  readonly requests: { readonly average: number };
  readonly "2xx": number;
  readonly non2xx: number;
  readonly errors: number;
  readonly timeouts: number;
}

/** The public load tool, in a process of its own. Where a request waits for its turn, that counts as its latency. */
async function load(url: string, seconds: number): Promise<Load> {
  const body = JSON.stringify({ topic: "job.tickets.read", payload: { ticket: 7, fields: ["title", "state"] } });
  const options = ["-c", CONNECTIONS, "-d", seconds, "-R", RATE, "-m", "POST", "-b", body].map(String);
  const child = spawn(
    process.execPath,
    [autocannon, ...options, "-H", "content-type: application/json", "--json", "--no-progress", `${url}/api/v1/jobs`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  return JSON.parse(await text(child.stdout)) as Load;
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
  writeFileSync(
    join(folder, "policy.yaml"),
    'version: v1\nrules:\n  - { id: reads, match: { topics: ["job.*.read"] }, decision: allow }\n',
  );
  writeFileSync(join(folder, "nothing.mjs"), "export default () => null;\n");
  const before = longestFsync(5);
  const args = ["--policy", "policy.yaml", "--store", "gate.db", "--dispatch", "nothing.mjs", "--port", "0", "--json"];
  const server = spawn(process.execPath, [entry, "serve", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
  const { url } = JSON.parse(said) as { readonly url: string };
  const warm = await load(url, WARM);
  const resident: number[] = [];
  const timer = setInterval(() => resident.push(residentOf(server.pid ?? 0)), 1_000);
  const measured = await load(url, SECONDS);
  clearInterval(timer);
  server.kill("SIGINT");
  await once(server, "exit");
  const after = longestFsync(5);
  const fsync = Math.max(before, after);
  const kept = await succeeded(join(folder, "gate.db"));
  const answered = warm["2xx"] + measured["2xx"];
  const failed = [warm, measured].reduce((sum, { non2xx, errors, timeouts }) => sum + non2xx + errors + timeouts, 0);
  const half = Math.floor(resident.length / 2);
  const highest = (part: readonly number[]): number => Math.max(0, ...part);
  const { latency, requests } = measured;
  const ms = (value: number): string => `${digits(value, 1)} ms`;
  const rows = [
    ["asked for", `${RATE} jobs/s over ${CONNECTIONS} connections for ${SECONDS} s`],
    ["answered", `${digits(requests.average)} jobs/s`],
    ["latency: median, p99, p99.9, longest", [latency.p50, latency.p99, latency.p99_9, latency.max].map(ms).join(", ")],
    ["longest fsync of a bare loop, before and after", `${ms(before)}, ${ms(after)}`],
    ["p99 over that", `${ms(latency.p99 - fsync)} (target: at most 20 ms)`],
    ["not answered 200", String(failed)],
    ["answered, and in the database", `${answered}, ${kept}`],
    [
      "resident memory: highest of the first half, of the second",
      `${digits(highest(resident.slice(0, half)))} MiB, ${digits(highest(resident.slice(half)))} MiB`,
    ],
  ];
  console.log(`${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores; Node ${process.versions.node}\n`);
  console.log(table([left("what"), right("measured")], rows));
  // A job that was taken up as the load ended has no answer that anybody counted.
  if (failed > 0 || kept < answered) process.exitCode = 1;
}

await run().finally(() => rmSync(folder, { recursive: true, force: true }));
