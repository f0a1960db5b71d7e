import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { FaultFound } from "./row.js";
import { rows } from "./rows.js";

// The short form of the battery. `npm run test:faults` is the full one.
const seed = Number(process.env.SEED);
const TIME = 120_000;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-faults-"));
  folders.push(folder);
  return folder;
};

test("rows are told apart by their names", () => {
  const names = rows.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
});

for (const row of rows) {
  const { name, short, unit } = row;
  const missing = await row.missing();
  const skipped = missing === null ? "" : ` (skipped: ${missing})`;

  describe(row.title, () => {
    test.skipIf(missing !== null)(`holds in ${short} ${unit}${skipped}`, { timeout: TIME }, async () => {
      console.info(`${name}: ${short} ${unit}, SEED=${seed}`);
      try {
        console.info(name, await row.run({ seed, from: 0, to: short, scratch: scratch() }));
      } catch (error) {
        if (!(error instanceof FaultFound)) throw error;
        throw new Error(`npm run test:faults -- ${name} --seed ${seed} --case ${error.number}`, { cause: error });
      }
    });

    test.skipIf(missing !== null)(`control: ${row.control} breaks it${skipped}`, { timeout: TIME }, async () => {
      const broke = await row.runControl({ seed, from: 0, to: short, scratch: scratch() });
      console.info(`${name}: control: ${broke}`);
      expect(broke).not.toBe("");
    });
  });
}
