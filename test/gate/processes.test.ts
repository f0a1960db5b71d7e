import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test } from "vitest";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { forkChild } from "../child.js";
import { ALLOW_ALL, ASK_ALL, DENY_ALL, freshFolder, open } from "./open.js";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A real process of its own that runs one of the scripts in test/children. */
function start(script: string, ...args: readonly string[]): ChildProcess {
  const child = forkChild(script, args);
  children.push(child);
  return child;
}

function heard(child: ChildProcess, matches: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the child ended with ${code}`));
    const listen = (message: unknown): void => {
      if (!matches(message)) return;
      child.off("message", listen);
      child.off("exit", ended);
      resolve(message);
    };
    child.on("message", listen);
    child.once("exit", ended);
  });
}

describe("a process killed with SIGKILL inside the dispatch function", () => {
  test("leaves decision and intent on disk, and the next gate calls the job UNKNOWN and never runs it again", async () => {
    const store = join(freshFolder(), "gate.db");
    const child = start("killed", store, ALLOW_ALL.yaml);
    await heard(child, (message) => message === "inside");
    child.kill("SIGKILL");
    await once(child, "exit");

    let calls = 0;
    const gate = await open({ policy: ALLOW_ALL, store, dispatch: () => ++calls });
    const { entries } = await gate.audit.timeline("t-1");
    expect(entries.map(({ type }) => type)).toEqual(["job.dispatching", "gate.recovered"]);
    expect(entries[0]?.body).toMatchObject({ decision: { type: "ALLOW", rule_id: "all" }, job_id: "j-1" });
    const job = { id: "j-1", topic: "job.a", payload: { amount: 5 } };
    expectOutcome(await gate.evaluateAndDispatch(job), {
      status: "UNKNOWN",
      code: "owner_lost",
      dispatched: true,
      replayed: true,
    });
    expectOutcome(await gate.resume("j-1"), { status: "UNKNOWN" });
    expect(calls).toBe(0);
  });
});

describe("two processes that race to resume one approval", () => {
  const ROUNDS = 200;

  test(`dispatch it once, in each of ${ROUNDS} rounds`, { timeout: 120_000 }, async () => {
    const store = join(freshFolder(), "gate.db");
    const asking = { yaml: `${ASK_ALL.yaml}queue: { max_requests_per_actor: { limit: 1000, window_sec: 1 } }\n` };
    const gate = await open({ policy: asking, store, dispatch: () => "never here" });
    const racers = [start("racer", store, asking.yaml), start("racer", store, asking.yaml)];
    const { ran } = await race(racers, ROUNDS, async (round) => {
      const id = `j-${round}`;
      await gate.evaluateAndDispatch({ id, topic: "job.a", payload: round });
      await gate.approvals.approve({ jobId: id }, { by: { id: "ann" } });
      return id;
    });
    expect(ran.length).toBe(ROUNDS);
    expect(new Set(ran).size).toBe(ROUNDS);
  });

  test("control: reading first and writing then dispatches some of them twice", { timeout: 120_000 }, async () => {
    const path = join(freshFolder(), "naive.db");
    const Database = await loadDriver();
    const connection: Connection = new Database(path, { timeout: 5_000, fileMustExist: false });
    connection.exec("PRAGMA journal_mode = WAL; CREATE TABLE approvals (id TEXT PRIMARY KEY, used INTEGER NOT NULL)");
    const insert = connection.prepare("INSERT INTO approvals VALUES (?, 0)");
    const racers = [start("naive-racer", path), start("naive-racer", path)];
    const { ran } = await race(racers, ROUNDS, async (round) => {
      insert.run(`j-${round}`);
      return `j-${round}`;
    });
    connection.close();
    expect(ran.length).toBeGreaterThan(new Set(ran).size);
  });
});

/** Tells both racers at once which job to resume, round by round, and gathers what they ran. */
async function race(
  racers: readonly ChildProcess[],
  rounds: number,
  prepare: (round: number) => Promise<string>,
): Promise<{ readonly ran: readonly string[] }> {
  const ran: string[] = [];
  for (const racer of racers) {
    racer.on("message", (message) => {
      const { ran: id } = message as { readonly ran?: string };
      if (id !== undefined) ran.push(id);
    });
  }
  await Promise.all(racers.map((racer) => heard(racer, (message) => message === "ready")));
  for (let round = 0; round < rounds; round += 1) {
    const id = await prepare(round);
    const done = racers.map((racer) => heard(racer, (message) => (message as { done?: string }).done === id));
    for (const racer of racers) racer.send({ resume: id });
    await Promise.all(done);
  }
  return { ran };
}

describe("a policy that one process reloads", () => {
  test("stops claims under the older one in every process, from the moment reload resolves", async () => {
    const store = join(freshFolder(), "gate.db");
    const gate = await open({ store, policy: ALLOW_ALL });
    const worker = start("worker", store, ALLOW_ALL.yaml);
    await heard(worker, (message) => message === "ready");
    let runs = 0;
    let latest = 0;
    worker.on("message", (message) => {
      const { ran, at } = message as { readonly ran?: number; readonly at?: number };
      if (ran !== undefined) [runs, latest] = [ran, at ?? 0];
    });
    while (runs < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    await gate.reload(DENY_ALL);
    const resolved = Date.now();
    await heard(worker, (message) => typeof (message as { denied?: number }).denied === "number");
    expect(latest).toBeLessThanOrEqual(resolved);
    const types = await typesAfterReload(gate);
    expect(types).not.toContain("job.dispatching");
    expect(types).toContain("job.refused");
  });
});

type Gate = Awaited<ReturnType<typeof open>>;

async function everyEvent(gate: Gate) {
  const all = [];
  let after: string | undefined;
  for (;;) {
    const page = await gate.audit.events({ limit: 1_000, ...(after === undefined ? {} : { after }) });
    all.push(...page.items);
    if (page.next === null) return all;
    after = page.next;
  }
}

async function typesAfterReload(gate: Gate): Promise<readonly string[]> {
  const all = await everyEvent(gate);
  const at = all.findIndex(({ type, body }) => type === "policy.activated" && body.by === "reload");
  return all.slice(at + 1).map(({ type }) => type);
}
