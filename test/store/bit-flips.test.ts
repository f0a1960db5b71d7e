import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { afterAll, expect, test } from "vitest";
import { StoreError } from "../../src/errors.js";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { verifyFile } from "../../src/store/sqlite/verify.js";
import type { VerifyAnswer } from "../../src/store/verify/problem.js";
import { cases, FULL_TIME } from "../scale.js";
import { lastColumns, type Range } from "./database-file.js";
import { closeWorld, drawFrom, logSigner, openWorld, takeStep } from "./verify-worlds.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const signer = logSigner();
const whole = { keys: [signer.key], state: true };

/** Longest that one verification of so small a file may take, in milliseconds. */
const MOST_MS = 20_000;

interface Made {
  readonly file: Buffer;
  /** Where the bytes of events stand. */
  readonly events: readonly Range[];
}

/** A log with events on pages of their own and across several, in a file without a write-ahead log. */
async function make(): Promise<Made> {
  const path = join(folder, "made.db");
  const store = await openSqliteStore(path);
  const world = await openWorld(store, signer);
  const draw = drawFrom(Number(process.env.SEED));
  for (let n = 0; n < 250; n += 1) await takeStep(world, draw);
  // Some that no page can hold.
  for (const length of [5_000, 20_000, 60_000]) {
    const facts = { by: "x".repeat(length) };
    await store.change({ kind: "note", type: "gate.opened", now: world.clock.now(), waitMs: 5_000, facts });
  }
  await signer.sign(store, world.clock.now());
  await closeWorld(world);
  const Database = await loadDriver();
  const connection = new Database(path, { timeout: 0, fileMustExist: true });
  connection.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
  const root = connection.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").get()?.rootpage as number;
  const texts = connection.prepare("SELECT bytes FROM events ORDER BY seq").all();
  connection.close();
  const file = readFileSync(path);
  const events = lastColumns(file, root);
  const found = Buffer.concat(events.map(([from, to]) => file.subarray(from, to)));
  // That the places are right is seen by what stands there.
  expect(found.equals(Buffer.concat(texts.map(({ bytes }) => bytes as Uint8Array)))).toBe(true);
  return { file, events };
}

/** What may be said of a file whose first page says that it is no gate's, or of no schema that is known. */
const REFUSED: ReadonlySet<string> = new Set([
  "store_not_sqlite",
  "store_path_invalid",
  "store_newer",
  "store_older",
  "store_corrupt",
]);

/** What verifying a file says: an answer, or the error that it is no gate's any more. */
async function verdict(path: string): Promise<VerifyAnswer | StoreError> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("the verification did not end")), MOST_MS);
  });
  try {
    return await Promise.race([verifyFile(path, whole), late]);
  } catch (error) {
    if (error instanceof StoreError && REFUSED.has(error.code)) return error;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

test("every flipped bit inside an event's bytes is told, and none anywhere crashes the verifier", {
  timeout: FULL_TIME * 2,
}, async () => {
  const { file, events } = await make();
  const path = join(folder, "flipped.db");
  writeFileSync(path, file);
  expect(await verdict(path)).toMatchObject({ problems: [], integrity: "ok" });

  const count = cases("bit flips", 40, 10_000);
  const draw = drawFrom(Number(process.env.SEED) + 1);
  const inside = (at: number): boolean => events.some(([from, to]) => at >= from && at < to);
  const missed: string[] = [];
  let [within, told, toldElsewhere] = [0, 0, 0];
  for (let n = 0; n < count; n += 1) {
    // Every second one among the events' bytes, the others anywhere.
    const [from, to] = n % 2 === 0 ? (events[draw(events.length)] as Range) : [0, file.length];
    const at = from + draw(to - from);
    const bit = draw(8);
    const flipped = Buffer.from(file);
    flipped[at] = (file[at] as number) ^ (1 << bit);
    writeFileSync(path, flipped);
    const said = await verdict(path);
    const isTold = said instanceof StoreError || said.problems.length > 0;
    if (inside(at)) {
      within += 1;
      if (isTold) told += 1;
      else missed.push(`bit ${bit} of byte ${at}`);
    } else if (isTold) toldElsewhere += 1;
  }
  console.info(
    `bit flips: ${told} of ${within} inside events' bytes told, ${toldElsewhere} of ${count - within} elsewhere, SEED=${process.env.SEED}`,
  );
  expect(missed).toEqual([]);
  expect(within).toBeGreaterThan(count / 3);
});
