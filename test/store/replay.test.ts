import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createMemoryStore } from "dispatch-gate/testing";
import { afterAll, expect, test } from "vitest";
import { cases, FULL_TIME } from "../scale.js";
import { closeWorld, drawFrom, logSigner, openWorld, takeStep, type World } from "./verify-worlds.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

const STORES: readonly (readonly [string, () => Store | Promise<Store>])[] = [
  ["in memory", createMemoryStore],
  ["on SQLite", () => openSqliteStore(join(folder, `${files++}.db`))],
];

const signer = logSigner();

/** Takes random steps, and verifies on the way: where the tables part from the log, the steps so far say how. */
async function walk(world: World, seed: number, steps: number): Promise<string | null> {
  const draw = drawFrom(seed);
  const taken: string[] = [];
  for (let n = 1; n <= steps; n += 1) {
    taken.push(await takeStep(world, draw));
    if (n % 50 !== 0) continue;
    await signer.sign(world.store, world.clock.now());
    const { problems, more, integrity, checkpoints } = await world.store.verify({ keys: [signer.key], state: true });
    const isWhole = problems.length + more === 0 && (integrity ?? "ok") === "ok" && checkpoints > 0;
    if (!isWhole) return `after ${n} steps: ${JSON.stringify(problems, null, 1)}\n${taken.slice(-60).join("\n")}`;
  }
  return null;
}

test.each(STORES)(
  "what the log comes to is what the tables hold, whatever was done, %s",
  { timeout: FULL_TIME },
  async (name, open) => {
    const count = cases(`replay of random steps, ${name}`, 2, 300);
    for (let n = 0; n < count; n += 1) {
      const seed = Number(process.env.SEED) + n;
      const world = await openWorld(await open(), signer);
      const parted = await walk(world, seed, 300);
      await closeWorld(world);
      expect(parted, `SEED=${process.env.SEED}, world ${n}`).toBeNull();
    }
  },
);

/** All that changes a table. */
const CHANGES = [
  "policy.activated",
  "job.refused",
  "job.dispatching",
  "job.settled",
  "job.late",
  "job.erased",
  "approval.requested",
  "approval.joined",
  "approval.voted",
  "approval.resolved",
  "approval.detached",
  "approval.lifted",
  "output.released",
  "gate.recovered",
  "gate.halted",
  "gate.unhalted",
] as const;

test("control: the random steps leave nothing out that changes a table", { timeout: FULL_TIME }, async () => {
  const world = await openWorld(createMemoryStore(), signer);
  const draw = drawFrom(7);
  const ways = ["a refusal that changes nothing", "a job that holds an approval", "a request in place of another"];
  const missing = new Set<string>([...CHANGES, ...ways]);
  let after: string | null = null;
  for (let n = 0; n < 2_500 && missing.size > 0; n += 1) {
    await takeStep(world, draw);
    const { events = [] } = await world.store.page({ kind: "events", after, limit: 1_000 });
    for (const { seq, type, body } of events) {
      after = String(seq);
      missing.delete(type);
      if (body.waits === true) missing.delete("a refusal that changes nothing");
      if (typeof body.holds === "string") missing.delete("a job that holds an approval");
      if (typeof body.supersedes === "string") missing.delete("a request in place of another");
    }
  }
  await closeWorld(world);
  expect([...missing]).toEqual([]);
});
